"""Pure: whether what `packages` names is there, before an image is built with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalog import recipes
from ..core.errors import ConfigError
from ..facts.packages import Lacking, question
from .image_names import Wanted, suite

if TYPE_CHECKING:
    from ..config import Config
    from ..facts import Facts
    from .ingredients import Open


def there(wanted: Wanted, facts: Facts, config: Config) -> Open:
    """
    Return what has to be asked of apt; nothing if all is known, and there.

    Where apt could not be asked, building the image says so.

    Raises:
        ConfigError: no package is called so; nothing that is tried next would have it either.
    """
    names: dict[str, list[str]] = {}
    triple = wanted.target.triple
    for name in config.target(triple).packages:
        native = name.endswith(recipes.NATIVE)
        architecture = recipes.DEBIAN_ARCH[wanted.platform] if native else wanted.target.debian
        names.setdefault(architecture, []).append(name.removesuffix(recipes.NATIVE))
    asked = [question(suite(facts, config), architecture, found) for architecture, found in names.items()]
    if unknown := tuple(one for one in asked if one not in facts.answers):
        return unknown
    problems = [problem for one in asked for problem in _problems(facts.answers[one])]
    if problems:
        what = f"`packages` of {triple} ({config.source('packages', triple)}) names what cannot be had"
        hint = f"packages.debian.org finds names; `{recipes.NATIVE}` behind one means a program of the image"
        raise ConfigError(what, problems=problems, hint=hint)
    return ()


def _problems(found: object) -> list[str]:
    if not isinstance(found, Lacking):
        return []
    no = f"{found.suite} has no package"
    return [f"{no} {name!r} for {found.architecture}{f', perhaps {likely!r}' if likely else ''}" for name, likely in found.names.items()]


__all__ = ["there"]
