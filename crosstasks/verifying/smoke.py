"""Act: start a released program, on the host, in an image, or under an emulator, whichever can; and end all of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import Struct

from ..catalog.targets import OCI_ARCH, Target, catalogue, default_image, variable
from ..clients import engines
from ..context import Context
from ..core import files, versions
from ..core.errors import CrosstasksError, EngineFailed, TimedOut, ToolMissing
from ..facts.engine import Engine
from .checks import Answer, Subject, Unchecked

INSIDE: Final = "/smoke"
"""Where a container sees the program's folder, which it cannot write to."""

CLOSED: Final = (
    *("--rm", "--init", "--network=none", "--read-only", "--tmpfs=/tmp:exec", "--cap-drop=ALL"),
    *("--security-opt=no-new-privileges", "--pids-limit=256", "--env=HOME=/tmp", "--workdir=/tmp"),
)
"""A program that only tells its version needs nothing of this."""


class Start(Struct, frozen=True, kw_only=True):
    """How a program is started: *argv* before its own arguments, *run* the label of its container, empty if it has none."""

    how: str
    argv: tuple[str, ...]
    command: str = ""
    run: str = ""


Way: TypeAlias = Callable[[Subject, Target, "Context"], Start | str]
"""Where a program can be started, or why it cannot."""


def on_host(subject: Subject, target: Target, context: Context) -> Start | str:
    """Start it as it is."""
    host, artifact = context.facts.host, subject.artifact
    old = artifact.static and host.arch == "x86_64" and target.arch in {"i586", "i686"}
    if target.os != host.os or not (target.arch == host.arch or old):
        return f"this host is {host.triple}"
    if artifact.glibc and (host.libc != "gnu" or versions.numbers(artifact.glibc) > versions.numbers(host.glibc)):
        return f"it needs glibc {artifact.glibc}, and this host has {host.glibc or 'none'}"
    if artifact.interpreter and not Path(artifact.interpreter).exists():
        return f"this host has no {artifact.interpreter}"
    return Start(how="on this host", argv=(str(subject.path),))


def in_image(subject: Subject, target: Target, context: Context) -> Start | str:
    """Start it in an image that the engine holds and that runs the target's programs."""
    engine = context.facts.engine
    if not isinstance(engine, Engine):
        return "no container engine answers"
    if engine.remote:
        return "the engine is on another machine, and cannot see the program"
    match = _image(subject, target, engine, context)
    if match is None:
        needs = f" with glibc {subject.artifact.glibc}" if subject.artifact.glibc else ""
        return f"the engine holds no image that runs programs of {target.triple}{needs}"
    image, runner = match
    run = files.unique_name()
    labels = (f"--label={label}" for label in engines.labels(run))
    mount = f"--volume={subject.path.parent}:{INSIDE}:ro{',z' if engine.selinux else ''}"
    argv = (engine.command, "run", *CLOSED, *labels, mount, "--entrypoint=", image["Id"], *runner, f"{INSIDE}/{subject.path.name}")
    # what people know an image by: the name that it was built with, or a tag
    name = _labels(image).get("crosstasks.image") or next(iter(image.get("RepoTags") or ()), image["Id"])
    return Start(how=f"in {name}", argv=argv, command=engine.command, run=run)


def _image(subject: Subject, target: Target, engine: Engine, context: Context) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return an image and the runner in it: the target's own, or for a static program one of the same architecture."""
    client = engines.EngineClient(engine.command, context.run)
    alike = [
        t for t in catalogue().values() if (t.machine, t.bits, t.endian, t.os) == (target.machine, target.bits, target.endian, target.os)
    ]
    for other in (target, *(alike if subject.artifact.static else ())):
        for image in _images(client, other, context, subject.artifact.glibc):
            runner = _runner(image, other, engine)
            if runner is not None:
                return image, runner
    return None


def _images(client: engines.EngineClient, target: Target, context: Context, glibc: str) -> list[dict[str, Any]]:
    """Return what the engine says of a target's images that it holds: configured, cross's own, and built here; none that is too old."""
    libc_by_ref = {default_image(target, flavour): image.glibc_floor for flavour, image in target.images.items()}
    refs = dict.fromkeys(filter(None, (context.config.target(target.triple).image, *libc_by_ref)))
    try:
        by_name = [image for ref in refs if not _older(libc_by_ref.get(ref, ""), glibc) and (image := client.image(ref))]
        images = [*by_name, *client.images(f"crosstasks.target={target.triple}")]
    except (EngineFailed, ToolMissing):
        return []
    return [image for image in images if not _older(_labels(image).get("crosstasks.libc", ""), glibc)]


def _older(glibc: str, required: str) -> bool:
    return bool(glibc and required) and versions.numbers(glibc) < versions.numbers(required)


def _labels(image: Mapping[str, Any]) -> Mapping[str, str]:
    return (image.get("Config") or {}).get("Labels") or {}


def _runner(image: Mapping[str, Any], target: Target, engine: Engine) -> tuple[str, ...] | None:
    """Return what an image's variables name as cargo's runner; nothing for its own architecture; None if it runs none."""
    if image.get("Architecture") != OCI_ARCH.get(engine.arch):
        return None
    name = f"CARGO_TARGET_{variable(target.triple)}_RUNNER="
    runners = [text.removeprefix(name) for text in (image.get("Config") or {}).get("Env") or () if text.startswith(name)]
    if runners:
        return tuple(shlex.split(runners[0]))
    return () if image.get("Architecture") == OCI_ARCH.get(target.arch) and target.os == engine.os else None


def under_emulator(subject: Subject, target: Target, context: Context) -> Start | str:
    """Start a static program under QEMU: one that is not would need the target's libraries."""
    emulation, host = context.facts.emulation, context.facts.host
    if target.os != host.os:
        return f"no emulator runs programs for {target.os}"
    entry, program = emulation.running(target.arch), emulation.programs.get(target.arch)
    if not subject.artifact.static:
        return "an emulator alone has not the libraries that it needs"
    if program:
        return Start(how=f"by {Path(program).name}", argv=(program, str(subject.path)))
    if entry:
        return Start(how=f"by the kernel, through {entry.name}", argv=(str(subject.path),))
    return f"no emulator of {target.arch} is here"


WAYS: Final[tuple[Way, ...]] = (on_host, in_image, under_emulator)
"""In this order; a new way is one row."""


def smoke(subject: Subject, target: Target, context: Context) -> Answer:
    """Start a program with the configured arguments: it shall end well, and in time."""
    if subject.library:
        return Unchecked("it is a library")
    reasons = []
    for way in WAYS:
        match way(subject, target, context):
            case Start() as start:
                return _answer(start, target, context)
            case reason:
                reasons.append(reason)
    return Unchecked("; ".join(dict.fromkeys(reasons)))


def _answer(start: Start, target: Target, context: Context) -> Answer:
    options = context.config.target(target.triple)
    shown = shlex.join(options.verify_smoke)
    try:
        with engines.reap_containers(start.command, start.run, context.run) if start.run else nullcontext():
            done = context.run((*start.argv, *options.verify_smoke), timeout=options.verify_timeout)
    except TimedOut:
        return (f"did not end within {options.verify_timeout:g} s when started with {shown} {start.how}",)
    except CrosstasksError as error:
        return (f"cannot be started {start.how}: {error.what}{f': {error.why}' if error.why else ''}",)
    if done.code == 0:
        return ()
    words = (done.err.strip() or done.out.strip()).splitlines()[-3:]
    return (f"exited with {done.code} when started with {shown} {start.how}{': ' if words else ''}{' | '.join(words)}",)
