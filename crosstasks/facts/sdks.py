"""Look: kits of others that lie on this machine, which nobody may hand on: Microsoft's CRT and SDK, Android's NDK."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from ..core import files
from ..core.looking import BaseFacts, Look
from ..core.steps import Absent, Question

XWIN: Final = "XWIN_CACHE_DIR"
"""Where cargo-xwin keeps what it has fetched from Microsoft (its README, "Customization")."""

NDK: Final = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT")
"""What names the folder of an NDK (developer.android.com, "Use the NDK with other build systems")."""


class Xwin(Struct, frozen=True, kw_only=True):
    """Microsoft's CRT and SDK, as cargo-xwin lays them out below *folder*; *arches* are those that are whole, by its names of them."""

    folder: str
    arches: tuple[str, ...] = ()


class Ndk(Struct, frozen=True, kw_only=True):
    """An NDK.

    Attributes:
        folder: of it; *programs* that of its compilers for this machine.
        levels: the API levels that there is a compiler for, by the name that these begin with: ``aarch64-linux-android``.
    """

    folder: str
    programs: str
    levels: Mapping[str, tuple[int, ...]] = {}


class Sdks(Struct, frozen=True, kw_only=True):
    """What is here, or why it is not."""

    xwin: Xwin | Absent
    ndk: Ndk | Absent


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Sdks:
    """Look where the variables say; cargo-xwin's other place is in our cache."""
    return Sdks(xwin=_xwin(look), ndk=_ndk(look))


def _xwin(look: Look) -> Xwin | Absent:
    folder = Path(look.environ.get(XWIN) or look.cache / "xwin")
    arches = marked_arches(files.read(folder / "xwin" / "DONE"))
    return Xwin(folder=str(folder), arches=tuple(arch for arch in arches if (folder / "xwin" / "crt" / "lib" / arch).is_dir()))


def marked_arches(text: str) -> tuple[str, ...]:
    """Pure: return the architectures that cargo-xwin notes on the first line of its mark, when all is unpacked."""
    return tuple(text.partition("\n")[0].split())


_COMPILER: Final = re.compile(r"(?P<name>[a-z0-9_]+-linux-android(?:eabi)?)(?P<level>\d+)-clang")


def _ndk(look: Look) -> Ndk | Absent:
    name = next((name for name in NDK if look.environ.get(name)), "")
    if not name:
        return Absent(f"neither {' nor '.join(NDK)} names an NDK")
    folder = Path(look.environ[name])
    system = "darwin" if look.platform().system == "darwin" else "linux"
    programs = folder / "toolchains" / "llvm" / "prebuilt" / f"{system}-x86_64" / "bin"  # of an arm64 Mac's as well
    try:
        by_compiler = levels(path.name for path in programs.iterdir())
    except OSError as error:
        return Absent(f"{name} names no NDK for {system}: {programs}: {error.strerror}")
    if not by_compiler:
        return Absent(f"{name} names no NDK: no compiler is in {programs}")
    return Ndk(folder=str(folder), programs=str(programs), levels=by_compiler)


def levels(names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Pure: return the API levels by compiler, of the names of files such as ``armv7a-linux-androideabi21-clang``."""
    by_compiler: dict[str, set[int]] = {}
    for match in filter(None, (_COMPILER.fullmatch(name) for name in names)):
        by_compiler.setdefault(match["name"], set()).add(int(match["level"]))
    return {name: tuple(sorted(numbers)) for name, numbers in sorted(by_compiler.items())}
