"""Act: register an emulator with the kernel of the engine, and take it out again; only if the user agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..catalog import recipes
from ..catalog.ingredients import Recipe
from ..catalog.targets import ARCHES
from ..clients import engines
from ..core import files
from ..core.errors import EmulationFailed
from ..core.steps import Absent, Question
from ..facts import probes
from ..facts.emulation import MOUNT, is_mounted
from ..facts.probes import PLATFORMS, EmulationTest
from ..planning.emulators import DOES, Source
from ..reporting import streams
from . import image

if TYPE_CHECKING:
    from ..catalog.ingredients import RegisterEmulator
    from ..context import Context
    from ..core.steps import Done

PATIENCE: Final = 120.0
"""Seconds for the container that registers."""

MOUNT_PRIVILEGES: Final = ("--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--security-opt", "label=disable")
"""
What mounting the kernel's table takes: that, and nothing else that is privileged. tonistiigi/binfmt's page says ``--privileged``; its
source (cmd/binfmt/main.go) mounts the table where it is not, and writes to it.
"""

PACKAGES: Final = ("qemu-user-static", "binfmt-support")


def qemu(platform: str) -> str:
    """Return QEMU's name of a platform's architecture."""
    return ARCHES[PLATFORMS[platform]].qemu


def entry(platform: str) -> str:
    """Return the name that an emulator has in the kernel's table, as everyone else gives it."""
    return f"qemu-{qemu(platform)}"


def line(platform: str) -> str:
    r"""Return what registers an emulator: programs by class, byte order, kind and machine of their ELF header, with the flag F.

    The kernel reads ``\x``: Documentation/admin-guide/binfmt-misc.rst. Bytes that programs may have otherwise are masked away:
    the system ABI and the padding behind it, and that a program may be position-independent.
    """
    header = probes.program(PLATFORMS[platform])[:20]
    either = 0xFE  # 2 is a program, 3 one that is position-independent
    little = header[5] == 1
    kind = bytes((either, 0xFF)) if little else bytes((0xFF, either))
    mask = b"\xff" * 7 + bytes(9) + kind + b"\xff\xff"
    return f":{entry(platform)}:M:0:{_escape(header)}:{_escape(mask)}:/usr/bin/qemu-{qemu(platform)}-static:F"


def _escape(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def install(step: RegisterEmulator, context: Context) -> None:
    """Register an emulator, and prove that it runs the platform's programs.

    Raises:
        EmulationFailed: the user does not agree, it could not be registered, or what was registered does not work.
    """
    platform = step.platform
    if step.ask and not streams.confirm(f"{platform} programs are to be emulated: {DOES[step.source]}. Do it?"):
        raise EmulationFailed(f"emulation of {platform} was not set up: you did not agree", hint='emulation = "never" asks no more')
    context.say(f"setting up emulation of {platform}: {DOES[step.source]}")
    _mount(context)
    SOURCES[step.source](context, step)
    check_runs(context, platform)


def _may_vanish(context: Context) -> bool:
    """Tell whether what a container registers may go with it: the engine's kernel is this machine's, and nobody holds its table."""
    elsewhere = context.engine.remote or context.engine.desktop
    return not elsewhere and context.look.platform().system == "linux" and not is_mounted(context.look.root)


def _mount(context: Context) -> None:
    """Mount the kernel's table, as most machines do at their start, if we may; where we may not, the test tells whether it matters."""
    if _may_vanish(context) and context.facts.emulation.root:
        done = context.run(MOUNT, timeout=PATIENCE)
        context.say(f"`{' '.join(MOUNT)}`: {done.err.strip() or 'what is registered would else go with the container'}")


def check_runs(context: Context, platform: str) -> None:
    """Run a program of the platform, or fail."""
    question = Question("emulation-test", platform)
    test = probes.ask(context.look, question, context.facts)
    if not isinstance(test, EmulationTest) and _may_vanish(context):
        why = f"{test.why}: nothing mounts the kernel's table here, so on Linux 6.7 and later it goes with the container that did"
        hint = f"`sudo {' '.join(MOUNT)}`, then again"
        raise EmulationFailed(f"what runs {platform} programs was registered, and is gone again", why=why, hint=hint)
    if not isinstance(test, EmulationTest):
        raise EmulationFailed(f"{platform} is registered, and its programs do not run", why=test.why, hint="`crosstasks emulation.status`")


def _from_image(context: Context, step: RegisterEmulator) -> None:
    platform, ref = step.platform, step.ref
    name = qemu(platform)
    for action, value in (("--uninstall", entry(platform)), ("--install", platform.split("/")[1])):
        done = context.run((*_container(context), *MOUNT_PRIVILEGES, ref, action, value), timeout=PATIENCE)
    if done.code:
        raise _failure(f"the pinned image did not register an emulator of {name}", done)


def _from_build(context: Context, step: RegisterEmulator) -> None:
    done = _run_script(context, step.platform, step.recipe, line(step.platform))
    if done.code:
        raise _failure(f"a container did not register an emulator of {step.platform}", done)


def _run_script(context: Context, platform: str, recipe: Recipe | Absent | None, recorded: str) -> Done:
    """Run binfmt.sh in the image that is built here."""
    if not isinstance(recipe, Recipe):
        why, hint = (recipe.why, recipe.hint) if recipe else ("", "")
        raise EmulationFailed(f"no image with an emulator of {platform} can be built", why=why, hint=hint)
    image.provide(recipe, context)
    script = Path(__file__).with_name("binfmt.sh").read_bytes()
    argv = (*_container(context), "--interactive", *MOUNT_PRIVILEGES, recipe.tag, "sh", "-s", entry(platform), recorded)
    return context.run(argv, stdin=script, timeout=PATIENCE)


def _container(context: Context) -> tuple[str, ...]:
    labels = (f"--label={label}" for label in engines.labels(files.unique_name()))
    return (context.engine.command, "run", "--rm", "--pull", "never", "--network", "none", *labels)


def _from_package(context: Context, _step: RegisterEmulator) -> None:
    done = context.run(("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES), env={"DEBIAN_FRONTEND": "noninteractive"})
    if done.code:
        raise _failure(f"apt-get did not install {' and '.join(PACKAGES)}", done)


def _failure(what: str, done: Done) -> EmulationFailed:
    why = done.err.strip()[-1000:] or done.out.strip()[-1000:]
    return EmulationFailed(what, why=why, hint='another source may: `crosstasks emulation.install --source build`; or emulation = "never"')


SOURCES: Final[Mapping[Source, Callable[[Context, RegisterEmulator], None]]] = {
    "image": _from_image,
    "build": _from_build,
    "package": _from_package,
}


def uninstall(context: Context, platform: str) -> None:
    """Take the emulator of a platform out of the kernel's table; a package that registered it does so again at the next start.

    Raises:
        EmulationFailed: the kernel did not let it go.
    """
    probes.forget(context.look, Question("emulation-test", platform), context.facts)
    path = context.look.root / "proc/sys/fs/binfmt_misc" / entry(platform)
    try:
        path.write_text("-1", "utf-8")
    except OSError:  # it is not mounted here, or we are not root, or the engine is elsewhere
        recipe = recipes.emulator(qemu(platform), context.engine.platform)
        done = _run_script(context, platform, recipe, "")
        if done.code:
            raise _failure(f"{entry(platform)} was not taken out of the kernel's table", done) from None
