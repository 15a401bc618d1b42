"""Act: tell a failure that damaged files of ours explain, and take them out of the cache, so that the next call makes them anew.

To compare a toolchain takes a second, so it is only done after a failure that suggests damage; no ordinary error of a compiler does.
What the patterns know was seen: bytes were flipped, and pages zeroed, in every kind of file that a toolchain has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core import cache, files
from ..core.errors import ToolDamaged, without_colours
from ..facts import inventory

if TYPE_CHECKING:
    from ..context import Context
    from ..planning.route import Route

SYMPTOMS: Final = (
    r"exited with (-(4|6|7|11)|13[2459])$",  # cargo itself: SIGILL, SIGABRT, SIGBUS, SIGSEGV, and as a container's code
    r"`(?>[^`\s]*?(rustc|rustdoc|cargo|zig)\b)[^`]*+` \((signal: (4|6|7|11)\b|exit status: 127|never executed)",
    r"rustc interrupted by SIG|internal compiler error|the compiler unexpectedly panicked",
    r"(?<!exec sh failed: )[Ee]xec format error|error while loading shared libraries|symbol lookup error|Inconsistency detected by ld\.so",
    r"its interpreter or loader is missing",
    r"found invalid metadata files|can't find crate for `(std|core|alloc)`",
    r"crate `(std|core|alloc)` required to be available in \w+ format, but was not found",
    # of the standard library the linker has nothing to say where it is whole
    (
        r"^(?>[^\n]*?/rustlib/\S)(?=[^\n]*\.(?:rlib|o|a)\b)"
        r"[^\n]*(error adding|undefined reference|not recognized|malformed|corrupt|truncated|bad )"
    ),
    r"/rustlib/[^\s(]{1,100}\.rlib\([^\s()]{1,100}\): in function|in archive \S{0,200}/rustlib/",
)


def suspicious(output: str) -> str:
    """Pure: return the line in which a failed program suggests that its files are damaged; empty if there is none."""
    plain = without_colours(output)
    match = re.search("|".join(f"(?:{pattern})" for pattern in SYMPTOMS), plain, re.MULTILINE)
    return plain[plain.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0].strip() if match else ""


def check_after_failure(route: Route, output: str, context: Context) -> ToolDamaged | None:
    """Compare our files if the *output* of a program suggests damage, and take out what is damaged; None if nothing of ours is."""
    try:
        if line := suspicious(output):
            check(route, context, line)
    except ToolDamaged as error:
        return error
    return None


def check(route: Route, context: Context, line: str = "") -> None:
    """Compare with their checksums the toolchains of a route, and its program; *line* as of ``intact``.

    Raises:
        ToolDamaged: one differs, and has been taken out.
    """
    tool = (str(Path(route.tool.path).parent.parent),) if route.tool else ()
    for path in dict.fromkeys((route.toolchain.path, route.host_toolchain.path, *tool)):
        with intact(Path(path), context, (route.target,), line):
            pass


@contextmanager
def intact(folder: Path, context: Context, triples: Sequence[str], line: str = "") -> Iterator[None]:
    """Compare a folder with what was installed, and hold its lock: nothing is added to it meanwhile. One that is not ours is left alone.

    Args:
        folder: of a tool or a toolchain.
        context: for our cache.
        triples: the targets whose standard libraries are compared, beside the host's.
        line: the output that suggested damage, if there is any.

    Raises:
        ToolDamaged: it differed, and has been taken out.
    """
    lock, aside = _places(folder, context.cache)
    if not lock:
        yield
        return
    with cache.lock(lock, context.say):
        others = inventory.unused(inventory.toolchain(folder), triples)
        wrong = cache.describe(cache.changed_files(folder, but=others))
        if line and folder.is_dir() and not (folder / cache.ALL).is_file():
            wrong = "an older crosstasks made it, and noted no checksums"
        if wrong:
            files.remove_folder(folder, aside)
            raise ToolDamaged(
                f"{folder.name} in the cache was damaged, and has been removed",
                why=f"{wrong}: {line}" if line else wrong,
                hint=f"{AGAIN[context.config.offline]}; if that happens often, the disk or the memory may be failing",
            )
        yield


AGAIN: Final = {
    False: "call again: it is made anew",
    True: "`tools.provision --from` the bundle that brought it, or call once without `offline`: it is made anew",
}


def _places(folder: Path, place: Path) -> tuple[Path | None, Path]:
    """Return what the lock of a folder of the cache is named after, None if it is another's, and where whoever makes it anew sweeps."""
    if folder.parent == place / "rustup" / "toolchains":
        lock = place / "rustup" / "making" / folder.name
        return lock, lock.with_name(f"{lock.name}.damaged")
    return folder if folder.parent == place / "tools" else None, folder.with_name(f".{folder.name}.damaged")
