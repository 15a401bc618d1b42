"""What every acting stage is given: the configuration, the facts, where things lie, and the doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .config import Config
from .core.errors import ConfigError, EngineFailed
from .core.steps import Absent, Runner, Say
from .facts import Facts, Look
from .facts.engine import Engine
from .project.repository import Repository


@dataclass(frozen=True, kw_only=True)
class Extra:
    """What a release adds to every build.

    Attributes:
        remap: let no program hold the names of this machine's folders.
        env: variables that the build is given, in a container too.
        wrapper: the program cargo-auditable; empty without it.
    """

    remap: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    wrapper: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One call of crosstasks.

    Attributes:
        root: the folder that the Rust repository is looked for in.
        cache: our cache folder.
        environ: the user's environment.
        run: the door to programs.
        say: tells one line of progress.
        extra: what a release adds.
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
