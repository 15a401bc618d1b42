"""Pure: ready facts and fakes, for our own tests and those of projects that build on crosstasks.

::

    facts()        an amd64 Linux machine: docker, rustup with the standard library of the machine only
    arm64_facts()  the same on arm64, emulating nothing
    bare_facts()   no engine and no rustup: Python alone
    config()       a configuration, as crosstasks.toml would say it
    FakeRunner     programs that answer from a table
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from .catalog.ingredients import Toolchain
from .config import configuration
from .config.documents import Document, Problems
from .config.read import Reader
from .core.errors import ToolMissing
from .core.steps import About, Absent, Done, Env, Failure, Question
from .facts import Facts
from .facts.builders import Builder, Builders
from .facts.debian import Debian
from .facts.emulation import Emulation
from .facts.engine import Engine, LocalImage
from .facts.host import Host
from .facts.inventory import Inventory
from .facts.lock import Lock
from .facts.registry import RegistryImage
from .facts.rustup import Rustup
from .project.manifest import Package
from .project.repository import Repository

AMD64: Final = "x86_64-unknown-linux-gnu"
ARM64: Final = "aarch64-unknown-linux-gnu"

BOOKWORM: Final = Debian(
    suite="bookworm",
    rust={"1.96.0": ("amd64", "arm64"), "1.85.0": ("amd64", "arm64", "armhf", "i386", "s390x", "ppc64el", "mips64el")},
    source=("1.96.0", "1.85.0"),
)
"""What Debian 12 offers of Rust, as an answer to the question ``debian``."""


def toolchain(release: str = "1.96.0", host: str = AMD64, *, home: str = "/home/user/.rustup", **changes: Any) -> Toolchain:
    """Return a toolchain of rustup that has the standard library of its own host only."""
    name = f"{release}-{host}"
    ready = {"name": name, "path": f"{home}/toolchains/{name}", "release": release, "host": host, "standard": (host,), "glibc": "2.17"}
    return Toolchain(**{**ready, **changes})


def image(ref: str, platform: str = "linux/amd64", **changes: Any) -> LocalImage:
    """Return an image that the engine holds."""
    return LocalImage(**{"ref": ref, "id": "sha256:" + "1" * 64, "platform": platform, **changes})


def served(ref: str, *platforms: str, **changes: Any) -> RegistryImage:
    """Return what a registry says of a reference: as of cross's images, an index that serves amd64."""
    ready = {"ref": ref, "digest": "sha256:" + "2" * 64, "platforms": platforms or ("linux/amd64",), "index": True}
    return RegistryImage(**{**ready, **changes})


def facts(
    *,
    images: Mapping[str, LocalImage | Absent] | None = None,
    registry: Mapping[str, RegistryImage | Absent] | None = None,
    failures: Sequence[Failure] = (),
    **changes: Any,
) -> Facts:
    """Return what is known of an amd64 Linux machine before the network is asked.

    Args:
        images: answers to whether the engine holds an image, by reference.
        registry: answers of registries, by reference.
        failures: routes that failed.
        changes: other answers by question, with ``_`` for ``-``; None: nobody asked.
    """
    by_name: dict[Any, Any] = {**_machine(AMD64, "x86_64"), **{name.replace("_", "-"): answer for name, answer in changes.items()}}
    if unknown := set(by_name).difference(get_args(About)):
        raise TypeError(f"no question is about {', '.join(sorted(unknown))}")
    answers: dict[Question, Any] = {Question(name): answer for name, answer in by_name.items() if answer is not None}
    answers |= {Question("image", ref): answer for ref, answer in (images or {}).items()}
    answers |= {Question("registry", ref): answer for ref, answer in (registry or {}).items()}
    return Facts(answers=answers, failures=tuple(failures))


def arm64_facts(**changes: Any) -> Facts:
    """Return the same of an arm64 machine; *changes* as of ``facts``."""
    return facts(**{**_machine(ARM64, "aarch64"), **changes})


def bare_facts(**changes: Any) -> Facts:
    """Return the same of a machine that has no engine and no Rust; *changes* as of ``facts``."""
    nothing = {
        "host": Host(os="linux", arch="x86_64", triple=AMD64, libc="gnu", glibc="2.36"),
        "engine": Absent("no container engine is here: neither docker nor podman is on PATH", "start docker, or install podman"),
        "rustup": Absent("rustup is not on PATH"),
        "builders": Builders(),
    }
    return facts(**{**nothing, **changes})


def _machine(triple: str, arch: str) -> dict[str, Any]:
    installed = toolchain(host=triple)
    cargo = Builder(kind="cargo", path="/home/user/.cargo/bin/cargo", version="1.96.0")
    return {
        "host": Host(os="linux", arch=arch, triple=triple, libc="gnu", glibc="2.36", apt=True, suite="bookworm"),
        "engine": Engine(kind="docker", command="/usr/bin/docker", version="20.10.24", arch=arch, store="overlay2"),
        "emulation": Emulation(),
        "rustup": Rustup(
            command="/home/user/.cargo/bin/rustup",
            version="1.29.0",
            home="/home/user/.rustup",
            toolchains=(installed,),
            active=installed.name,
        ),
        "builders": Builders(programs=(cargo,)),
        "repository": repository(),
        "lock": Lock(),
        "inventory": Inventory(home="/cache/rustup", tools_home="/cache/tools"),
    }


def repository(**changes: Any) -> Repository:
    """Return a repository of one package, ``hello``, that sets nothing for cargo or cross."""
    ready = {
        "root": "/project",
        "manifest": "/project/Cargo.toml",
        "target_directory": "/project/target",
        "packages": (Package(name="hello", version="0.1.0", manifest="/project/Cargo.toml", binaries=("hello",)),),
        "lock": True,
    }
    return Repository(**{**ready, **changes})


def config(*targets: str, **options: Any) -> configuration.Config:
    """Return the configuration that crosstasks.toml would make.

    Args:
        targets: triples or aliases; aarch64 if none is named.
        options: of the top level, with ``_`` for ``-``; ``target`` and ``release`` are tables with keys as in the file.

    Raises:
        ConfigError: it would be wrong in the file as well.
    """
    problems = Problems(None, Path())
    reading = Reader(problems, Path())
    raw = {"version": 1, "targets": list(targets or ("aarch64",))}
    content = raw | {name.replace("_", "-"): value for name, value in options.items()}
    reading.file(Document(path=Path("crosstasks.toml"), raw=content))
    problems.fail()
    return configuration.of(reading)


class FakeRunner:
    """A ``steps.Runner`` whose programs answer from a table.

    Attributes:
        calls: every argv that was run, in order; *envs* and *folders* are what each was given.
    """

    def __init__(self, answers: Mapping[Sequence[str], Done | str] | None = None) -> None:
        """Keep the answers: by argv, a Done, or the text of a program that prints it and ends well."""
        self._answers = {tuple(argv): answer for argv, answer in (answers or {}).items()}
        self.calls: list[tuple[str, ...]] = []
        self.envs: list[Env] = []
        self.folders: list[str] = []

    def __call__(
        self, argv: Sequence[str], *, env: Env = {}, cwd: str = "", timeout: float | None = None, stdin: bytes | None = None
    ) -> Done:
        """Answer as the table says.

        Raises:
            ToolMissing: the table has no program of that name.
            AssertionError: it has, but not with these arguments.
        """
        del timeout, stdin
        command = tuple(argv)
        self.calls.append(command)
        self.envs.append(env)
        self.folders.append(cwd)
        if command in self._answers:
            answer = self._answers[command]
            return Done(argv=command, code=0, out=answer) if isinstance(answer, str) else answer
        if any(row[0] == command[0] for row in self._answers):
            raise AssertionError(f"the table has no answer to {shlex.join(command)!r}")
        raise ToolMissing(f"{command[0]} is not here")


__all__ = [
    "AMD64",
    "ARM64",
    "BOOKWORM",
    "FakeRunner",
    "arm64_facts",
    "bare_facts",
    "config",
    "facts",
    "image",
    "repository",
    "served",
    "toolchain",
]
