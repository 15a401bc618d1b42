"""What cargo says that it built: its JSON messages, the paths in them, and copies at places that do not change.

``Messages``, ``localise`` and ``fat`` are pure; ``universal`` and ``stable`` write.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..catalog.targets import Target
from ..clients import process
from ..core import files
from ..core.errors import VerificationFailed
from ..core.steps import Diagnostic

INSIDE: Final = "/target"
"""Where cross mounts the target folder, and so what its cargo writes in messages."""

ARTIFACT_KINDS: Final = frozenset({"bin", "example", "cdylib", "dylib", "staticlib"})
"""The kinds that are copied: who asked for tests or benches wants to run them, not to ship them."""

_SHARED: Final = (".so", ".dylib", ".dll", ".wasm")
_STATIC: Final = (".a", ".lib")
_IMPORT: Final = (".dll.a", ".dll.lib")


class Product(Struct, frozen=True, kw_only=True):
    """One file that cargo built of a package; its *path* is that of whoever ran cargo, a container's too."""

    path: str
    kind: str


class CargoOutput(Struct, frozen=True, kw_only=True):
    """What cargo told.

    Attributes:
        products: programs, tests among them, and then the shared and static libraries of packages that lie in a folder, as a
            workspace's members do.
        at_work: cargo has compiled something, or has come to an end; what fails then is not the fault of a route.
        success: how cargo says that the build ended; None: it did not say.
        diagnostics: its errors and warnings that did, each once.
    """

    products: tuple[Product, ...] = ()
    at_work: bool = False
    success: bool | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


class _Target(Struct):
    name: str
    kind: tuple[str, ...]
    crate_types: tuple[str, ...] = ()


class _Profile(Struct):
    test: bool = False


class _Artifact(Struct, tag_field="reason", tag="compiler-artifact"):
    package_id: str
    target: _Target
    profile: _Profile
    filenames: tuple[str, ...] = ()
    executable: str | None = None
    fresh: bool = False


class _Code(Struct):
    code: str = ""


class _Span(Struct):
    file_name: str
    line_start: int
    line_end: int
    column_start: int
    is_primary: bool = False


class _Diagnostic(Struct):
    level: str
    message: str = ""
    rendered: str | None = None
    code: _Code | None = None
    spans: tuple[_Span, ...] = ()


class _Message(Struct, tag_field="reason", tag="compiler-message"):
    message: _Diagnostic


class _Script(Struct, tag_field="reason", tag="build-script-executed"):
    package_id: str


class _Finished(Struct, tag_field="reason", tag="build-finished"):
    success: bool


_DECODER: Final = msgspec.json.Decoder(_Artifact | _Message | _Script | _Finished)


class Messages:
    """Read cargo's standard output (``--message-format=json-render-diagnostics``) as it comes."""

    def __init__(self, other: Callable[[bytes], None] = process.to_stderr) -> None:
        """Hand what is no message of cargo (a line of rustup or of cross) to *other*, line by line; the compiler's words go to stderr."""
        self._other = other
        self._diagnostics: dict[Diagnostic, None] = {}
        self._rest = b""
        self._programs: dict[str, Product] = {}
        self._libraries: dict[str, Product] = {}
        self._compiled = False
        self._success: bool | None = None

    def feed(self, chunk: bytes) -> None:
        """Take what was read; a line may come in pieces."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line, b"\n")

    def result(self) -> CargoOutput:
        """Return what was told up to now; a last line without an end is taken as one."""
        rest, self._rest = self._rest, b""
        if rest:
            self._line(rest, b"")
        return CargoOutput(
            products=(*self._programs.values(), *self._libraries.values()),
            at_work=self._compiled or self._success is not None,
            success=self._success,
            diagnostics=tuple(self._diagnostics),
        )

    def _line(self, line: bytes, end: bytes) -> None:
        if not line.startswith(b"{"):
            self._other(line + end)
            return
        try:
            message = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a program may print JSON of its own
            self._other(line + end)
            return
        match message:
            case _Artifact():
                self._compiled = self._compiled or not message.fresh
                self._programs.update((product.path, product) for product in _programs(message))
                self._libraries.update((product.path, product) for product in _libraries(message))
            case _Message(message=diagnostic):
                self._compiled = self._compiled or diagnostic.level.startswith("error")
                self._note(diagnostic)
            case _Finished(success=success):
                self._success = success
            case _:  # a build script ran; it may have been kept from the last time
                pass

    def _note(self, diagnostic: _Diagnostic) -> None:
        if diagnostic.rendered:
            process.to_stderr(diagnostic.rendered.encode())
        if diagnostic.level.startswith("error") or (diagnostic.level == "warning" and diagnostic.spans):
            self._diagnostics[_diagnostic(diagnostic)] = None


def _diagnostic(diagnostic: _Diagnostic) -> Diagnostic:
    level = "error" if diagnostic.level.startswith("error") else diagnostic.level
    code = diagnostic.code.code if diagnostic.code else ""
    span = next((span for span in diagnostic.spans if span.is_primary), None)
    place: dict[str, Any] = {}
    if span:
        place = {"path": span.file_name, "line": span.line_start, "end_line": span.line_end, "column": span.column_start}
    return Diagnostic(level=level, message=diagnostic.message, code=code, **place)


def _programs(message: _Artifact) -> Iterator[Product]:
    """Give a program's files: Emscripten's is a script, and the module beside it."""
    if not message.executable:
        return
    target = message.target
    kind = "test" if message.profile.test and target.kind[0] not in {"test", "bench"} else target.kind[0]
    modules = [path for path in message.filenames if path.endswith(".wasm") and path != message.executable]
    for path in (message.executable, *modules):
        yield Product(path=path, kind=kind)


def _libraries(message: _Artifact) -> Iterator[Product]:
    types = message.target.crate_types
    if message.executable or "path+file://" not in message.package_id:
        return
    shared = next((kind for kind in ("cdylib", "dylib") if kind in types), "")
    for path in message.filenames:
        kind = shared if path.endswith(_SHARED) else "staticlib" if path.endswith(_STATIC) and "staticlib" in types else ""
        if kind and not path.endswith(_IMPORT):
            yield Product(path=path, kind=kind)


def localise(path: str, mounts: Mapping[str, str]) -> str:
    """Return a path of a container as the host has it: *mounts* are container prefixes and what is mounted there."""
    fitting = (inside for inside in mounts if path == inside or path.startswith(f"{inside.rstrip('/')}/"))
    inside = max(fitting, key=len, default=None)
    if inside is None:
        return path
    rest = path[len(inside) :].strip("/")
    return os.path.join(mounts[inside], *rest.split("/")) if rest else mounts[inside]  # noqa: PTH118


def host_paths(output: CargoOutput, places: Mapping[str, str]) -> CargoOutput:
    """Return the same with paths of this machine: *places* are as for ``localise``."""
    return replace(output, products=tuple(replace(product, path=localise(product.path, places)) for product in output.products))


CPUS: Final[Mapping[str, tuple[int, int]]] = {"aarch64": (0x0100000C, 0), "x86_64": (0x01000007, 3)}
"""What Apple calls a machine: its type, and the subtype that stands for all of its processors (xnu: ``osfmk/mach/machine.h``)."""

PAGE: Final = 14
"""A part begins at a multiple of arm64's pages of 2**14 bytes, as ``lipo`` has it for that machine; x86_64's are smaller."""


def fat(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """Return one universal file of several (``mach-o/fat.h``: a header, and a row for each part, big-endian).

    Args:
        parts: the architecture of each, as Rust names it, and its whole content, which is not changed: a signature stays good.
    """
    offset, rows, body = 8 + 20 * len(parts), b"", b""
    for arch, content in parts:
        body += bytes(-(offset + len(body)) % (1 << PAGE))
        rows += struct.pack(">5I", *CPUS[arch], offset + len(body), len(content), PAGE)
        body += content
    return struct.pack(">II", 0xCAFEBABE, len(parts)) + rows + body


def universal(output: CargoOutput, target_dir: Path, target: Target) -> CargoOutput:
    """Join what cargo output for each part of a universal target, and put it where cargo would have put it for the target.

    Raises:
        VerificationFailed: one part has a program or library that another has not.
    """
    by_name: dict[str, dict[str, Product]] = {}
    for product in output.products:
        triple, _, name = product.path.removeprefix(f"{target_dir}/").partition("/")
        if product.kind in ARTIFACT_KINDS:
            by_name.setdefault(name, {})[triple] = product
    return replace(output, products=tuple(_join(name, of_part, target_dir, target) for name, of_part in by_name.items()))


def _join(name: str, of_part: Mapping[str, Product], target_dir: Path, target: Target) -> Product:
    if lacking := [triple for triple in target.parts if triple not in of_part]:
        raise VerificationFailed(f"{name} is not joined", why=f"it was not built for {' and '.join(lacking)}")
    contents = []
    for triple in target.parts:
        with _readable(Path(of_part[triple].path), str(target_dir)) as handle, open(handle, "rb", closefd=False) as file:
            contents.append((triple.partition("-")[0], file.read()))
    path = target_dir / target.triple / name
    with files.draft(path) as file:
        file.write(fat(contents))
        os.fchmod(file.fileno(), 0o755)
    return replace(of_part[target.parts[0]], path=str(path))


def to_keep(output: CargoOutput, target_dir: str) -> tuple[Path, ...]:
    """Return the files that are worth keeping, where cargo put them.

    Args:
        output: what cargo told; paths below ``/target`` are cross's. A build script can write such messages as well.
        target_dir: cargo's target folder on the host.

    Raises:
        VerificationFailed: a file that cargo told of is not there, does not lie below the target folder, or is no regular file.
    """
    paths = tuple(Path(localise(product.path, {INSIDE: target_dir})) for product in output.products if product.kind in ARTIFACT_KINDS)
    for path in paths:
        with _readable(path, target_dir):
            pass
    return paths


@contextmanager
def _readable(path: Path, target_dir: str) -> Iterator[int]:
    try:
        with files.open_file(target_dir, files.path_parts(str(path), target_dir)) as handle:
            yield handle
    except files.AstrayError as error:
        why = f"{error}: a build script may have put it there, or a target folder is set in .cargo/config.toml"
        raise VerificationFailed(f"{path} is not an artifact", why=why) from error
    except FileNotFoundError as error:
        why = f"cargo says that it built it, and {error.strerror}"
        raise VerificationFailed(f"{path} is not there", why=why, hint="is a target folder set in .cargo/config.toml?") from error


def stable(paths: Iterable[Path], target_dir: str, out: Path, triple: str) -> tuple[Path, ...]:
    """Copy files to ``crosstasks/<triple>/<profile>/``, where they are found whichever route built them.

    Args:
        paths: as ``to_keep`` returns them; hand in only what was verified: nothing else may be found at the stable place.
        target_dir: cargo's target folder on the host.
        out: the folder that ``crosstasks`` lies in; what lies below it may be what a container left.
        triple: the target, which is a folder below *target_dir*.
    """
    return tuple(_copy(path, target_dir, out, triple) for path in paths)


def _copy(path: Path, target_dir: str, out: Path, triple: str) -> Path:
    base = Path(target_dir) / triple
    names = ("crosstasks", triple, *(path.relative_to(base).parts if path.is_relative_to(base) else (path.name,)))
    with _readable(path, target_dir) as handle:
        try:
            files.copy_beneath(handle, out, names)
        except files.AstrayError as error:
            raise VerificationFailed(f"{out.joinpath(*names)} is not written", why=str(error), hint="remove it") from error
    return out.joinpath(*names)
