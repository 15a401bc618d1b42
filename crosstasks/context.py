"""What every acting stage is given: the configuration, the facts, where things lie, and the clients."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from .catalog.machines import MACHINES
from .clients import debian
from .config.configuration import Config
from .core import cache, files
from .core.errors import ConfigError, EngineFailed
from .core.looking import Look
from .core.steps import About, Absent, Question, Runner, Say
from .facts import Facts
from .facts.builders import Builders
from .facts.emulation import Emulation
from .facts.engine import Engine
from .project.repository import Repository


@dataclass(frozen=True, kw_only=True)
class Extra:
    """What a release, or a shell, adds to every build.

    Attributes:
        remap: let no program hold the names of this machine's folders.
        env: variables that the build is given, in a container too.
        wrapper: the program cargo-auditable; empty without it.
        instead: what a container runs in place of ``cargo test``, with the arguments of that.
    """

    remap: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    wrapper: str = ""
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What one call of crosstasks works with.

    Attributes:
        root: the folder that the Rust repository is looked for in.
        cache: our cache folder.
        environ: the user's environment.
        run: runs programs.
        say: tells one line of progress.
        extra: what a release, or a shell, adds.
        facts: what is known by now.
    """

    config: Config
    root: Path
    cache: Path
    environ: Mapping[str, str]
    run: Runner
    say: Say
    look: Look
    facts: Facts
    extra: Extra = Extra()

    @property
    def repository(self) -> Repository:
        """Return the Rust repository, or fail because there is none."""
        match self.facts.repository:
            case Absent(why=why, hint=hint):
                raise ConfigError("there is no Rust repository here", why=why, hint=hint)
            case repository:
                return repository

    @property
    def engine(self) -> Engine:
        """Return the engine, or fail because it does not answer."""
        match self.facts.engine:
            case Absent(why=why, hint=hint):
                raise EngineFailed("no container engine answers", why=why, hint=hint)
            case engine:
                return engine

    def debian_archive(self, suite: str) -> debian.Archive:
        """Return a suite of Debian's archive."""
        return debian_archive(self.cache, self.config, suite, self.say)


def look_of(place: Path, folder: Path, config: Config, environ: Mapping[str, str], run: Runner, **clients: Any) -> Look:
    """Return what looking is lent: what the configuration of *place* says of it, our cache *folder*, and the *clients*."""
    return Look(
        run=run,
        environ=environ,
        cwd=place,
        cache=folder,
        home=Path(environ.get("HOME") or Path.home()),
        engine=config.engine,
        config_place=config.place,
        offline=config.offline,
        timeout=config.network_timeout,
        debian_mirror=" ".join(filter(None, (config.debian_mirror, config.debian_keyring))),
        **clients,
    )


def clients(folder: Path, config: Config, say: Say) -> dict[str, Any]:
    """Return the clients by the names that ``Look`` has for them; *folder* is our cache. Each imports what it needs when it is called."""

    def registry(ref: str, engine: Any, timeout: float) -> object:
        from .clients import registry_api

        return registry_api.look(ref, engine, timeout)

    def fetch(url: str, timeout: float) -> str:
        from .clients import registry_api

        return registry_api.fetch_text(url, timeout)

    def versions(suite: str, packages: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[str, ...]]:
        lists = _archive_with_lists(folder, config, suite, [architecture for _, architecture in packages], say)
        return {(name, architecture): lists.versions(name, architecture) for name, architecture in packages}

    def lacking(suite: str, architecture: str, names: Sequence[str]) -> Mapping[str, str]:
        return _archive_with_lists(folder, config, suite, [architecture], say).lacking(names, architecture)

    def labels() -> Sequence[str]:
        from .clients import engines

        return engines.labels(files.unique_name())

    asked = {"registry": registry, "fetch": fetch, "debian_versions": versions, "debian_missing": lacking}
    return {**asked, "terminal": _terminal, "labels": labels}


def debian_archive(folder: Path, config: Config, suite: str, say: Say) -> debian.Archive:
    """Return a suite of Debian's archive, or of the configured mirror's, with lists and packages in our cache, which is *folder*."""
    keyring = str(Path(config.place).parent / Path(config.debian_keyring).expanduser()) if config.debian_keyring else ""
    hints = debian.fetch.of_apt()
    web = debian.fetch.Web(config.network_timeout)
    return debian.Archive(folder / "debian", suite, say=say, mirror=config.debian_mirror, keyring=keyring, hints=hints, web=web)


def _archive_with_lists(folder: Path, config: Config, suite: str, architectures: Sequence[str], say: Say) -> debian.Archive:
    """Return a suite of Debian's archive, with lists of these architectures."""
    cache.prepare(folder)
    cache.roomy(folder, cache.LISTS * len(set(architectures)))
    lists = debian_archive(folder, config, suite, say)
    lists.update(sorted(set(architectures)))
    return lists


def _terminal() -> bool:
    """Tell whether the user can be asked."""
    return all(bool(getattr(stream, "isatty", lambda: False)()) for stream in (sys.stdin, sys.stderr))


def on_platform(context: Context, platform: str) -> Context:
    """Return the call as if it were made on a machine of *platform* that has an engine, no rustup, and nothing on PATH.

    What Debian's archive offers is what its image and toolchain would be made of. Another platform than these is a ConfigError.
    """
    if platform not in MACHINES:
        raise ConfigError(f"--platform is {' or '.join(MACHINES)}, not {platform!r}")
    machine = MACHINES[platform]
    engine = context.facts.engine
    ready = Engine(kind="docker", command="docker", version="", arch=machine.arch)
    answers: dict[About, Any] = {
        "host": structs.replace(context.facts.host, os="linux", libc="gnu", arch=machine.arch, triple=machine.triple),
        "engine": structs.replace(engine, arch=machine.arch, os="linux") if isinstance(engine, Engine) else ready,
        "rustup": Absent(f"it is not known what a machine of {platform} has"),
        "builders": Builders(),
        "emulation": Emulation(),
    }
    return replace(context, facts=context.facts.with_({Question(about): fact for about, fact in answers.items()}))
