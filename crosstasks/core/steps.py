"""Pure: the values that pass between the stages, and the shape of what reaches the outside."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

Env: TypeAlias = Mapping[str, str | None]
"""Changes to the environment of a program: a value to set, None to take the variable away."""

Verb: TypeAlias = Literal["build", "test", "check", "clippy", "doc", "run", "bench", "nextest", "nextest-archive"]
"""What cargo is asked to do; ``nextest-archive`` packs the tests for the machine that can run them."""

RUNNING: Final[frozenset[Verb]] = frozenset({"test", "run", "bench", "nextest"})
"""What starts programs of the target."""

TESTING: Final[frozenset[Verb]] = frozenset({"test", "bench", "nextest", "nextest-archive"})
"""What needs dependencies of tests."""

NEXTEST: Final[frozenset[Verb]] = frozenset({"nextest", "nextest-archive"})
"""What cargo-nextest does."""

Say: TypeAlias = Callable[[str], None]
"""Tell the user one line of progress."""


class Step(Struct, frozen=True, kw_only=True):
    """One thing to do, and why. Each kind is a class of its own, whose fields are all that doing it takes."""

    why: str

    def __str__(self) -> str:
        """Return the step in one line: what is done, and with what."""
        shown = (f"{name}={_as_text(value)}" for name in self.__struct_fields__ if name != "why" and (value := getattr(self, name)))
        return " ".join((type(self).__name__, *shown))


class Command(Step, frozen=True, kw_only=True):
    """Run a program: *argv*, with changes to its environment, in a folder (ours if empty)."""

    argv: tuple[str, ...]
    env: Env = {}
    cwd: str = ""

    def __str__(self) -> str:
        """Return the step as a line ready to paste into a shell."""
        changed = [f"{key}={shlex.quote(value)}" for key, value in self.env.items() if value is not None]
        removed = [f"-u {key}" for key, value in self.env.items() if value is None]
        prefix = ["env", *removed, *changed] if changed or removed else []
        return " ".join([*prefix, shlex.join(self.argv)])


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return shlex.quote(value) if isinstance(value, str) else str(value)


class Done(Struct, frozen=True, kw_only=True):
    """What a program answered. *err* is the tail of its standard error if it was streamed."""

    argv: tuple[str, ...]
    code: int
    out: str = ""
    err: str = ""


class Absent(Struct, frozen=True):
    """A fact, or a part of a route, that there is not, and *why*; *hint* is what the user can do."""

    why: str
    hint: str = ""


About: TypeAlias = Literal[
    "host",  # facts.host: Host
    "engine",  # facts.engine: Engine
    "image",  # facts.engine: LocalImage; subject is the reference
    "registry",  # facts.registry: RegistryImage; subject is the reference; network
    "emulation",  # facts.emulation: Emulation
    "emulation-test",  # facts.probes: EmulationTest; subject is the platform; a program is run
    "shared",  # facts.probes: SharedFolder; subject is "project" or "cache"; a program is run
    "rustup",  # facts.rustup: Rustup
    "rust-channel",  # facts.rustup: Channel; subject is its name: 1.95.0, stable, nightly-2026-10-30; network
    "debian",  # facts.debian: Debian, what its archive offers of Rust; subject is architectures, all if empty; network
    "packages",  # facts.debian: MissingPackages; subject is suite, architecture and names; network
    "builders",  # facts.builders: Builders
    "repository",  # project.repository: Repository
    "lock",  # facts.lock: Lock
    "sdks",  # facts.sdks: Sdks, kits of others on this machine
    "inventory",  # facts.inventory: Inventory, what earlier calls put into our cache
]


class Question(Struct, frozen=True, order=True):
    """Something a route still has to know."""

    about: About
    subject: str = ""


class Runner(Protocol):
    """The door to programs. ``process.run`` is the real one, ``testing.FakeRunner`` the other."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Env = {},
        cwd: str = "",
        timeout: float | None = None,
        stdin: bytes | None = None,
    ) -> Done:
        """Run *argv* to its end with its output captured.

        Args:
            argv: the program and its arguments; never a shell string.
            env: changes to our own environment.
            cwd: the folder to run in; ours if empty.
            timeout: seconds until the program and its children are ended.
            stdin: what the program reads; nothing if None.

        Raises:
            ToolMissing: the program is not there.
            TimedOut: *timeout* passed.
            Interrupted: the user ended it.
        """
        ...


class Refused(Struct, frozen=True, kw_only=True):
    """A way that is not possible, and why."""

    name: str
    why: str
    hint: str = ""


class Diagnostic(Struct, frozen=True, kw_only=True):
    """What the compiler says of one place: *path* is relative to the workspace, or absolute; empty if it names none."""

    level: str
    message: str
    code: str = ""
    path: str = ""
    line: int = 0
    end_line: int = 0
    column: int = 0


class Failure(Struct, frozen=True, kw_only=True):
    """A route that failed, and the step that did; it becomes a fact, and neither is tried again in this call."""

    route: str
    what: str
    step: Step | None = None
    code: int = 1
