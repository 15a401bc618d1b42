"""Pure: what is asked of one target, decided once and handed on: planning takes a request and facts, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ..catalog import recipes
from ..catalog.ingredients import MOVING
from ..catalog.machines import MACHINES
from ..catalog.targets import Target, catalogue
from ..core import versions
from ..core.steps import RUNNING, Absent, Verb
from ..facts import lock

if TYPE_CHECKING:
    from ..catalog.ingredients import Recipe
    from ..config.configuration import Config, TargetConfig
    from ..facts import Facts
    from ..facts.lock import LockRow


CHANNEL: Final = re.compile(r"(?P<name>stable|(?:nightly|beta)(?:-\d{4}-\d\d-\d\d)?|\d+\.\d+(?:\.\d+)?)(?P<host>-[a-z][a-z0-9_]*-.+)?")
"""What rust-toolchain.toml may name: a channel, perhaps with the triple of a host, which is ours to decide."""

ALWAYS: Final = frozenset({"rustc", "cargo", "rust-std"})
"""Components that every toolchain has."""

OF_VERB: Final[Mapping[Verb, tuple[str, ...]]] = {"clippy": ("clippy",)}
"""Components that a verb cannot do without."""


@dataclass(frozen=True, kw_only=True)
class RustRequest:
    """Which Rust is asked for, of one target.

    Attributes:
        target: whose standard library it needs.
        release: the release, how it begins, or the channel; empty for any.
        minimum: the oldest that will do, ``rust-version`` of the workspace; empty for any.
        source: where the locked toolchain is from, ``rustup`` or ``debian``; empty if none is locked.
        build_std: the standard library is compiled, though somebody may ship it (``build-std = "always"``).
        components, profile, more: of rust-toolchain.toml; *more* are its targets.
        tools: components that the verb needs, whatever that file names.
    """

    target: Target
    release: str = ""
    minimum: str = ""
    source: str = ""
    build_std: bool = False
    components: tuple[str, ...] = ()
    profile: str = ""
    more: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def accepts(self, release: str) -> bool:
        """Tell whether a release is the one that is asked for, and not older than ``rust-version``; a channel is always new enough."""
        if release.startswith(MOVING):
            return not self.release or release == self.release or (self.release in MOVING and release.startswith(f"{self.release}-"))
        pinned = not self.release or release == self.release or release.startswith(f"{self.release}.")
        return pinned and versions.numbers(release) >= versions.numbers(self.minimum)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of one target in one call.

    Attributes:
        options: what holds for the target; *config*: what holds for the whole call.
        rust: the Rust that is asked for, or why there is none.
        lock_row: the row of crosstasks.lock that holds here.
        recipes: what an image built here is made of, by platform, or why there is none.
        lean: an image that is built here for this may do without the emulator: nothing of the target's is started.
        container_options: those by which the user names what only a route with a container has; a route without it is refused.
        strict: the first failed step ends the work.
    """

    target: Target
    verb: Verb
    options: TargetConfig
    config: Config
    rust: RustRequest | Absent
    lock_row: LockRow | None = None
    recipes: Mapping[str, Recipe | Absent] = field(default_factory=dict)
    lean: bool = False
    container_options: tuple[str, ...] = ()
    strict: bool = False

    @property
    def promise(self) -> str:
        """Return the newest glibc that artifacts need by whatever route: what is configured, else that of images built here.

        Empty if the target has none.
        """
        glibc = self.target.libc == "gnu" and self.target.os == "linux"
        return self.options.glibc or (recipes.SUITES.get(self.config.base, "") if glibc else "")

    def origin(self, option: str) -> str:
        """Return where the value of an option is from, as users know it."""
        return self.config.source(option, self.target.triple)

    @property
    def needs_debian(self) -> bool:
        """Tell whether only an image that is built here holds what the user names."""
        return bool({"packages", "base"} & set(self.container_options))

    def without(self, name: str, what: str) -> Absent | None:
        """Refuse a route that does not have *what* the user names; *name* is the route's."""
        if not self.container_options:
            return None
        option = self.container_options[0]
        key = option.replace("_", "-")
        builder = "" if option in OF_TARGET else f', or say `builder = "{name}"`'
        return Absent(f"`{key}` is configured ({self.origin(option)}), and {what}", f"leave `{key}` out{builder}")

    def unlike_lock(self, **fields: str) -> Absent | None:
        """Refuse what differs from the lock before anything is asked for it; *fields* are those of ``LockRow``."""
        for name, value in fields.items() if self.lock_row else ():
            if (row_value := getattr(self.lock_row, name)) != value:
                return Absent(lock.differs(name, row_value, value), lock.HINT)
        return None


def make(target: Target, verb: Verb, facts: Facts, config: Config, *, lean: bool = False) -> Request:
    """Decide what is asked of a target. Needs the facts host, engine and repository; without the lock nothing is locked.

    Args:
        lean: the verb alone counts, and nothing is provided for others; a lock, a bundle and a mirror are for all of them.
    """
    options, lock_row = config.target(target.triple), lock.row(facts, target.triple)
    return Request(
        target=target,
        verb=verb,
        options=options,
        config=config,
        rust=_rust(target, verb, options, facts, config),
        lock_row=lock_row,
        lean=lean and verb not in RUNNING and lock_row is None,
        recipes={platform: _recipe(target, platform, options, config) for platform in _platforms(facts, options)},
        container_options=tuple(_container_options(options, config)),
        strict=config.is_strict(facts.host.ci, lock=bool(lock.lock(facts).target)),
    )


OF_TARGET: Final = ("image", "packages", "pre_build")
OF_ALL: Final = ("base", "engine", "cross")


def _container_options(options: TargetConfig, config: Config) -> Iterator[str]:
    """Give the options that the user has set, and that only a container keeps.

    A `builder` that is named is one decision for the target: of what is said for all targets it leaves what it cannot use. What is to be
    taken when a flavour of cross is not possible says `fallback`, if that is set.
    """
    yield from (name for name in OF_TARGET if getattr(options, name))
    if options.builder in {"auto", "cross"}:
        ignored = "cross" if _is_set("fallback", options, config) else ""
        yield from (name for name in OF_ALL if name != ignored and _is_set(name, options, config))


def _is_set(name: str, options: TargetConfig, config: Config) -> bool:
    """Tell whether an option is set to something, and not left as it is."""
    return config.source(name, options.triple) != "default" and config.value(name, options.triple) not in {"", "auto"}


def _rust(target: Target, verb: Verb, options: TargetConfig, facts: Facts, config: Config) -> RustRequest | Absent:
    """Take the release of the lock, if it is what the configuration or rust-toolchain.toml pins; else what these say."""
    repository = facts.settings
    pin = config.toolchain or repository.channel
    if repository.toolchain_path and not config.toolchain:
        why = f"rust-toolchain.toml names a toolchain by its path, {repository.toolchain_path}, which no container and no other machine has"
        return Absent(why, "`toolchain` in crosstasks.toml names a release or a channel instead")
    channel = CHANNEL.fullmatch(pin)
    if pin and not channel:
        hint = 'name a release such as "1.85.0" or a channel such as "nightly" in rust-toolchain.toml, or as `toolchain` in crosstasks.toml'
        return Absent(f"{pin!r} is neither a release nor a channel of Rust", hint)
    release = "" if channel is None or channel["name"] == "stable" else channel["name"]
    request = RustRequest(
        target=target,
        release=release,
        minimum=repository.rust_version,
        build_std=target.build_std or options.build_std == "always",
        components=tuple(name for name in repository.components if name not in ALWAYS),
        profile=repository.profile,
        more=tuple(triple for triple in repository.targets if triple in catalogue() and triple != target.triple),
        tools=OF_VERB.get(verb, ()),
    )
    lock_release, source = lock.release(facts)
    if not (lock_release and request.accepts(lock_release)):
        return request  # what is configured wins, and the plan then says that the lock differs
    return replace(request, release=lock_release, source=source)


def _platforms(facts: Facts, options: TargetConfig) -> Iterator[str]:
    """Give the platforms that an image could be built for: the engine's own, and the one that it may emulate."""
    if facts.platform in MACHINES:
        yield facts.platform
    if facts.platform not in {"", "linux/amd64"} and options.emulation != "never":
        yield "linux/amd64"


def _recipe(target: Target, platform: str, options: TargetConfig, config: Config) -> Recipe | Absent:
    if options.pre_build:
        return Absent("`pre-build` runs in cross's own images, and an image built here has no apt: use `packages`")
    return recipes.recipe(target, platform, config.base, packages=options.packages, moment=recipes.moment(config.debian_mirror))
