"""What every part of a release is given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final, get_args

from ...clients import git
from ...clients.git import Git
from ...config.documents import likely
from ...config.options import ReleasePart
from ...context import Context
from ...core.errors import ConfigError
from ..packaging import product
from ..packaging.product import Crate, Product

PARTS: Final = get_args(ReleasePart)


@dataclass(frozen=True, kw_only=True)
class ReleaseContext:
    """One release.

    Attributes:
        context: with the repository known.
        git: the commit that is released.
        crates: its cargo packages, and *products* what there are archives of.
        skip: the parts that are left out.
        snapshot: this is no release, but a look at what one would be.
    """

    context: Context
    git: Git
    crates: tuple[Crate, ...]
    products: tuple[Product, ...]
    skip: frozenset[str] = frozenset()
    snapshot: bool = False

    @property
    def root(self) -> Path:
        """Return the root of the cargo workspace."""
        return Path(self.context.repository.root)

    @property
    def dist(self) -> Path:
        """Return the folder of archives."""
        return self.root / self.context.config.release.dist

    @property
    def tags(self) -> tuple[str, ...]:
        """Return the tags of this release, each once."""
        return tuple(dict.fromkeys(crate.tag for crate in self.crates))

    @property
    def version(self) -> str:
        """Return the version, or that of each package where they differ."""
        versions = dict.fromkeys(crate.version for crate in self.crates)
        return next(iter(versions)) if len(versions) == 1 else ", ".join(f"{crate.name} {crate.version}" for crate in self.crates)


def look(context: Context, *, packages: Sequence[str] = (), skip: Sequence[str] = (), snapshot: bool = False) -> ReleaseContext:
    """Put together what is released: *packages*, else those that are configured; *skip* names parts beside those of the configuration.

    The context's repository is known.

    Raises:
        ConfigError: no repository, no commit, no such package, or no such part to skip.
    """
    options = context.config.release
    left_out = frozenset(options.skip) | parts_to_skip(skip)
    root = Path(context.repository.root)
    state = git.look(
        root,
        context.run,
        without=(root / options.dist, Path(context.repository.target_directory), *_publish_folders(root, options.directory)),
    )
    crates = product.crates(context.repository, options, packages)
    result = product.products(crates, options)
    if snapshot:
        result = tuple(product.snapshot(one, state.commit, dirty=bool(state.dirty)) for one in result)
    return ReleaseContext(context=context, git=state, crates=crates, products=result, skip=left_out, snapshot=snapshot)


def _publish_folders(root: Path, template: str) -> tuple[Path, ...]:
    """Return the folder to publish to, if it is set, as far as it is the same for every version."""
    fixed = tuple(takewhile(lambda part: "{" not in part, Path(template).expanduser().parts))
    return (Path(os.path.normpath(root.joinpath(*fixed))),) if fixed else ()


def parts_to_skip(words: Sequence[str]) -> frozenset[str]:
    """Return the parts to leave out; a word may hold several, with commas between them.

    Raises:
        ConfigError: there is no such part; the error lists all.
    """
    parts = [part for word in words for part in word.replace(",", " ").split()]
    problems = [f"no part of a release is called {part!r}{likely(part, PARTS)}" for part in parts if part not in PARTS]
    if problems:
        raise ConfigError("--skip is wrong", problems=problems, hint=f"there are {', '.join(PARTS)}")
    return frozenset(parts)
