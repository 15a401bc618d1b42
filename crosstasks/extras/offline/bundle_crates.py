"""Act: collect the dependencies of a workspace, and put them into a CARGO_HOME."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ...building import dependencies
from ...core.errors import BuildFailed, ConfigError
from ...provisioning import toolchain
from . import bundle_archive

if TYPE_CHECKING:
    from ...context import Work
    from ...planning.route import Route

PARTS: Final = ("registry/cache/", "registry/index/", "git/db/")
"""Of a CARGO_HOME, what cannot be made anew from the rest."""

DRAFT: Final = ".crates-"
"""How our own CARGO_HOME for it begins, in our cache."""

SETTINGS: Final = ("config.toml", "config", "credentials.toml", "credentials")
"""What cargo reads of the user's CARGO_HOME; it is lent while fetching, and never enters the bundle."""


def collect(routes: Sequence[Route], work: Work, write: Callable[[bytes], object]) -> None:
    """
    Write what Cargo.lock names for these routes, and what building their standard library from source needs.

    All is fetched into a CARGO_HOME of its own, so that it is that and no more. The cargo is that of the first route.

    Raises:
        BuildFailed: a dependency cannot be had.
    """
    theirs = dependencies.user_home(work.environ)
    with tempfile.TemporaryDirectory(dir=work.cache, prefix=DRAFT) as draft:
        home = Path(draft)
        for name in SETTINGS:
            if (theirs / name).is_file():
                (home / name).symlink_to(theirs / name)
        _fetch(routes, work, home)
        bundle_archive.pack(home, write, keep=_wanted)


def _wanted(name: str) -> bool:
    return f"{name}/".startswith(PARTS) and not name.rpartition("/")[2].startswith(".package-cache")


def _fetch(routes: Sequence[Route], work: Work, home: Path) -> None:
    own = Path(routes[0].own.path)
    root = Path(work.repository.root)
    flags = [word for route in routes for word in ("--target", route.target)]
    locked = ("--locked",) if (root / "Cargo.lock").exists() else ()
    env = {"CARGO_HOME": str(home), "RUSTC": str(own / "bin" / "rustc"), "CARGO_TERM_COLOR": "never", "RUSTUP_TOOLCHAIN": None}
    work.say(f"fetching the dependencies of {root.name}")
    done = work.run((str(own / "bin" / "cargo"), "fetch", *locked, *flags), env=env, cwd=str(root))
    if done.code:
        hint = "`cargo fetch --locked` in the repository says the same"
        raise BuildFailed("the dependencies cannot be fetched", why=done.err.strip(), hint=hint)
    for place in {Path(route.toolchain.path) for route in routes if route.build_std}:
        toolchain.fetch_library(place, own=own, cargo_home=str(home), run=work.run, say=work.say)


def put(content: IO[bytes], work: Work) -> None:
    """
    Put what a bundle has into the user's CARGO_HOME, file by file; cargo itself checks every crate against Cargo.lock.

    Raises:
        ConfigError: a path leads elsewhere, or is a link: what a later bundle puts behind it would be elsewhere.
    """
    theirs = dependencies.user_home(work.environ)
    theirs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=theirs, prefix=".crosstasks-") as draft:
        names = [name for name in bundle_archive.unpack(content, Path(draft), "crates.tar.gz") if name.startswith(PARTS)]
        links = [name for name in names if Path(draft, name).is_symlink()]
        if links:
            raise ConfigError(f"the bundle's crates hold the link {links[0]!r}", why="cargo keeps none", hint="the bundle is not trusted")
        for name in names:
            place = theirs / name
            place.parent.mkdir(parents=True, exist_ok=True)
            Path(draft, name).replace(place)
