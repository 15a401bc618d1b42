"""Look: what a container of the engine is tried for: whether foreign programs run in it, and whether it sees our folders.

The program is a few instructions that end with a code of its own, in an image that holds nothing else; nothing is pulled. Of a folder
it is tried whether a container sees the program there; then it is removed.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from ..catalog.targets import ARCHES
from ..core import files, looking
from ..core.errors import CrosstasksError
from ..core.looking import BaseFacts, Look
from ..core.steps import Absent, Done, Question
from .engine import Engine, words
from .host import Host

CODE: Final = 42
"""What the program ends with; engines and kernels say 1, 125, 126, 127, or 128 and a signal."""

LIFE: Final = looking.Life(positive=600)

PATIENCE: Final = 60.0
"""Seconds for loading and running it; an emulator on a busy machine takes its time."""


PROGRAMS: Final[Mapping[str, tuple[str, int]]] = {
    # exit(42): instructions as they lie in memory, and e_flags of the ELF header; numbers of exit are those of the kernel's own unistd.h
    "x86_64": ("bf2a000000 b83c000000 0f05", 0),  # mov edi, 42; mov eax, 60; syscall
    "aarch64": ("400580d2 a80b80d2 010000d4", 0),  # mov x0, #42; mov x8, #93; svc #0
    "armv7": ("2a00a0e3 0170a0e3 000000ef", 0x5000400),  # mov r0, #42; mov r7, #1; svc #0
    "i686": ("bb2a000000 b801000000 cd80", 0),  # mov ebx, 42; mov eax, 1; int 0x80
    "riscv64gc": ("1305a002 9308d005 73000000", 0),  # li a0, 42; li a7, 93; ecall
    "s390x": ("a729002a a7190001 0a00", 0),  # lghi %r2, 42; lghi %r1, 1; svc 0
    "powerpc64le": ("2a006038 01000038 02000044", 2),  # li 3, 42; li 0, 1; sc
    "mips64el": ("2a000424 c2130224 0c000000", 0x80000007),  # li $4, 42; li $2, 5058; syscall
    "loongarch64": ("04a88002 0b748102 00002b00", 0x43),  # li $a0, 42; li $a7, 93; syscall 0
}

PLATFORMS: Final[Mapping[str, str]] = {f"linux/{ARCHES[name].oci}": name for name in PROGRAMS}
"""The platforms that can be proven, and Rust's name of their architecture."""


class EmulationTest(Struct, frozen=True, kw_only=True):
    """The engine ran a program of this platform."""

    platform: str


def program(arch: str) -> bytes:
    """Return a static ELF file that ends with ``CODE``: the header, one segment, the instructions."""
    from elftools.elf.enums import ENUM_E_MACHINE

    (instructions, flags), machine = PROGRAMS[arch], ARCHES[arch]
    text = bytes.fromhex(instructions)
    wide = machine.bits == 64
    order = "<" if machine.endian == "little" else ">"
    header, segment = (64, 56) if wide else (52, 32)
    base, start = 0x10000, header + segment
    size = start + len(text)
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1)) + bytes(9)
    word = "Q" if wide else "I"
    sizes = (header, segment, 1, 64 if wide else 40, 0, 0)
    fields = struct.pack(f"{order}HHI3{word}I6H", 2, ENUM_E_MACHINE[machine.machine], 1, base + start, header, 0, flags, *sizes)
    load, rwx, page = 1, 5, 0x10000
    if wide:
        table = struct.pack(f"{order}II6Q", load, rwx, 0, base, base, size, size, page)
    else:
        table = struct.pack(f"{order}8I", load, 0, base, base, size, size, rwx, page)
    return ident + fields + table + text


def archive(platform: str, tag: str) -> bytes:
    """Return an image of *platform* that holds the program alone, as ``docker load`` and ``podman load`` read it."""
    system, machine, *variant = platform.split("/")
    layer = _tar({"program": program(PLATFORMS[platform])})
    config = {
        "architecture": machine,
        "os": system,
        **({"variant": variant[0]} if variant else {}),
        "config": {"Entrypoint": ["/program"], "Labels": {"crosstasks.image": tag, "crosstasks.proof": platform}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    text = json.dumps(config).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer/layer.tar"]}]).encode()
    return _tar({name: text, "layer/layer.tar": layer, "manifest.json": manifest})


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def ask(look: Look, question: Question, facts: BaseFacts) -> EmulationTest | Absent:
    """Have the engine run the program; that it did is kept for ten minutes, that it did not is asked anew."""
    engine = facts["engine"]
    if isinstance(engine, Absent):
        return engine
    if question.subject not in PLATFORMS:
        return Absent(f"crosstasks cannot test {question.subject}", f"it can test {', '.join(PLATFORMS)}")

    def test() -> EmulationTest | Absent:
        done = run(look, engine, question.subject)
        return done if isinstance(done, Absent) else read(question.subject, done)

    return looking.cached_answer(look, _subject(look, engine, question.subject), EmulationTest, LIFE, test)


def forget(look: Look, question: Question, facts: BaseFacts) -> None:
    """Forget the result of a test, because something changed."""
    if isinstance(facts["engine"], Engine):
        looking.forget(look, _subject(look, facts["engine"], question.subject))


def _subject(look: Look, engine: Engine, platform: str) -> str:
    boot = files.read(look.root / "proc/sys/kernel/random/boot_id").strip()  # what is registered does not outlive this start of the machine
    return f"proof {platform} {engine.command} {engine.endpoint} {engine.context} {engine.version} {boot}"


def run(look: Look, engine: Engine, platform: str, *options: str) -> Done | Absent:
    """Run the program in a container with more *options* of ``docker run``, or say why there is no image of it."""
    name = f"crosstasks-proof-{files.unique_name()}"
    tag = f"crosstasks/proof:{name.rpartition('-')[2]}"
    loaded = look.run((engine.command, "load"), stdin=archive(platform, tag), timeout=PATIENCE)
    if loaded.code:
        return Absent(f"the engine does not take an image of {platform}: {words(loaded)}")
    image = f"{engine.program.prefix}{tag}"
    labels = (f"--label={label}" for label in look.labels())  # else nobody would know it, if we were killed
    argv = ("run", "--rm", "--name", name, *labels, "--platform", platform, "--pull", "never", "--network", "none", *options, image)
    try:
        return look.run((engine.command, *argv), timeout=PATIENCE)
    except BaseException:  # also Ctrl-C, which an engine that does not answer must not hide
        with suppress(CrosstasksError):
            look.run((engine.command, "rm", "--force", name), timeout=PATIENCE)
        raise
    finally:
        look.run((engine.command, "rmi", "--force", image), timeout=PATIENCE)


def read(platform: str, done: Done) -> EmulationTest | Absent:
    """Read how the program ended."""
    if done.code == CODE:
        return EmulationTest(platform=platform)
    if "exec format error" in done.err.lower():
        return Absent(f"the engine's kernel does not run {platform} programs", f"`crosstasks emulation.install --platform {platform}`")
    return Absent(f"a {platform} program did not run: {words(done)}")


PLACES: Final = ("project", "cache")
"""What is mounted into every container; the subjects of the question."""

INSIDE: Final = "/shared"

HINTS: Final[Mapping[str, str]] = {
    "colima": "share it: `colima stop`, then `colima start --mount {folder}:w`",
    "Docker Desktop": "share it: Settings, Resources, File sharing",
    "Rancher Desktop": "share it: `mounts` in override.yaml of its lima",
    "lima": "share it: `mounts` in its lima.yaml",
    "podman machine": "share it: `podman machine init --volume {folder}:{folder}` makes a machine with it",
}


class SharedFolder(Struct, frozen=True, kw_only=True):
    """A container saw a file that we had written there."""

    folder: str


def doubtful(engine: Engine, host: Host) -> bool:
    """Tell whether it has to be tried: the engine may be in a machine of its own, or we in a container that cross cannot look into.

    On another machine nothing is mounted.
    """
    return (engine.apart or bool(engine.desktop) or bool(host.container)) and not engine.remote and not maps_folders(engine, host)


def maps_folders(engine: Engine, host: Host) -> bool:
    """Tell whether cross finds the folders of the container that we are in: it can with one driver only."""
    return engine.store == "overlay2" and not engine.remote and host.container not in {"", "unknown"}


def ask_shared(look: Look, question: Question, facts: BaseFacts) -> SharedFolder | Absent:
    """Try it; that it is shared is kept for ten minutes, that it is not is asked anew."""
    engine, repository = facts["engine"], facts["repository"]
    if isinstance(engine, Absent):
        return engine
    if isinstance(repository, Absent):
        return repository
    folder = look.cache if question.subject == "cache" else Path(repository.target_directory) / "crosstasks"
    subject = f"shared {folder} {engine.command} {engine.endpoint} {engine.context} {engine.version}"
    return looking.cached_answer(look, subject, SharedFolder, LIFE, lambda: _try(look, engine, folder))


def _try(look: Look, engine: Engine, folder: Path) -> SharedFolder | Absent:
    if engine.platform not in PLATFORMS:
        return SharedFolder(folder=str(folder))  # there is no program to try it with
    file = folder / f".shared-{files.unique_name()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(program(PLATFORMS[engine.platform]))
        file.chmod(0o755)
        # a mount, unlike a volume, is refused where its folder is not there
        mount = f"--mount=type=bind,source={folder},target={INSIDE}"
        # cross has its mounts labelled anew, which takes its time
        unlabelled = ("--security-opt=label=disable",) if engine.selinux else ()
        done = run(look, engine, engine.platform, *unlabelled, mount, "--entrypoint", f"{INSIDE}/{file.name}")
    except OSError as error:
        raise CrosstasksError(f"{folder} cannot be written", why=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            file.unlink()
    if isinstance(done, Absent):
        return done
    return SharedFolder(folder=str(folder)) if done.code == CODE else _not_shared(engine, folder, words(done).partition(" Run 'docker")[0])


def _not_shared(engine: Engine, folder: Path, output: str) -> Absent:
    where = f"it runs in the machine of {engine.desktop}" if engine.desktop else "it is in a machine of its own, or we are in a container"
    hint = HINTS.get(engine.desktop, "let the engine have it at the same path").format(folder=folder)
    why = f"the engine does not see {folder}: {where}, and its container says: {output}"
    return Absent(why, f"{hint}; or `CROSS_REMOTE=1` has all copied to it; zigbuild needs no engine")
