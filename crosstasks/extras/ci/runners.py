"""Pure: what the machines of CI services are, and so which of them can do a job: the plan is made as if it were made there.

What is assumed of such a machine, and of the network there: the engine that its service gives it, with no image yet; cargo on PATH where
the service says so; rustup's server, with what Rust is said to have for every target; cross's registry, with its images for amd64; and
what the user names (a mirror, an image) for the machine's own platform. Nothing is emulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ...catalog import machines, targets
from ...catalog.ingredients import MOVING
from ...catalog.targets import Target
from ...config.configuration import Config
from ...core.errors import CrosstasksError
from ...core.steps import Absent, Question, Verb
from ...facts import Facts
from ...facts.builders import Builder, Builders
from ...facts.debian import MissingPackages
from ...facts.emulation import Emulation
from ...facts.engine import INSTALL, Engine
from ...facts.host import Host
from ...facts.inventory import Inventory
from ...facts.lock import Lock
from ...facts.probes import SharedFolder
from ...facts.registry import RegistryImage
from ...facts.rustup import Channel
from ...facts.sdks import Sdks, Xwin
from ...planning import plan, request
from ...planning.plan import Plan
from ...project.repository import Repository

Provider: TypeAlias = Literal["github", "gitlab"]
Platform: TypeAlias = Literal["linux/amd64", "linux/arm64", "macos/amd64", "macos/arm64"]


class Project(NamedTuple):
    """What the jobs of one repository depend on.

    Attributes:
        config: its ``ci-runners`` win over our labels.
        prefix: of the sessions, as ``register()`` has it.
        provision, cargo: the hashes in the keys of caches, of what is provided and of Cargo.lock; the latter empty without one.
    """

    config: Config
    repository: Repository | Absent
    lock: Lock | Absent
    provider: Provider = "github"
    prefix: str = ""
    provision: str = ""
    cargo: str = ""


GLIBC: Final[Mapping[Provider, str]] = {"github": "2.39", "gitlab": "2.41"}
"""Of Ubuntu 24.04, and of Debian 13 in the image that GitLab's jobs run in (``gitlab.yml``)."""

TRIPLES: Final[Mapping[str, str]] = {"linux": "unknown-linux-gnu", "macos": "apple-darwin"}

STABLE: Final = "1.96.0"
"""What stands for the newest release, whatever that is when a job runs."""


def facts(platform: Platform, project: Project) -> Facts:
    """Return what is known there before the network is asked; only Linux machines have an engine, which at GitLab is a service beside."""
    provider = project.provider
    system, _, word = platform.partition("/")
    arch, linux = machines.arch(word), system == "linux"
    engine = Engine(kind="docker", command="docker", version="", arch=arch, remote=provider == "gitlab")
    # github.com/actions/runner-images; GitLab's jobs run in an image of Python's
    rust = (Builder(kind="cargo", path="cargo", version=STABLE),) if provider == "github" else ()
    answers: dict[Any, Any] = {
        "host": Host(
            os="linux" if linux else "macos",
            arch=arch,
            triple=f"{arch}-{TRIPLES[system]}",
            libc="gnu" if linux else "",
            glibc=GLIBC[provider] if linux else "",
            ci=provider,
        ),
        "engine": engine if linux else Absent(f"no container engine is on a machine of {provider} for {platform}", INSTALL),
        "emulation": Emulation(),
        "rustup": Absent("whether rustup is there does not matter: toolchains are our own"),
        "builders": Builders(programs=rust),
        "repository": project.repository,
        "lock": project.lock,
        "inventory": Inventory(home="/cache/rustup", tools_home="/cache/tools"),
    }
    return Facts(answers={Question(about): answer for about, answer in answers.items()})


def _answer(question: Question, platform: str) -> Any:
    subject = question.subject
    match question.about:
        case "registry":
            more = () if subject.startswith("ghcr.io/cross-rs/") or not platform else (platform,)
            return RegistryImage(ref=subject, digest=f"sha256:{'0' * 64}", platforms=("linux/amd64", *more), index=True)
        case "rust-channel":
            release = STABLE if subject == "stable" else f"{subject}-2026-10-30" if subject in MOVING else subject
            release = f"{release}.0" if release.count(".") == 1 else release
            standard = tuple(row.triple for row in targets.builtin().values() if not row.build_std)
            hosts = tuple(f"{arch}-{rest}" for arch in ("x86_64", "aarch64") for rest in TRIPLES.values())
            return Channel(release=release, hosts=hosts, standard=standard, source=True)
        case "packages":
            suite, architecture, *_ = subject.split()
            return MissingPackages(suite=suite, architecture=architecture)
        case "sdks":
            return Sdks(xwin=Xwin(folder="/cache/xwin"), ndk=Absent("no NDK is counted on there"))
        case "shared":
            return SharedFolder(folder=subject)
        case _:
            return Absent("it is not known before the job runs")


def plan_on(platform: Platform, target: Target, verb: Verb, project: Project) -> Plan | CrosstasksError:
    """Return the plan that a job would make on a platform, or why it could make none."""
    known = facts(platform, project)
    target_request = request.make(target, verb, known, project.config)
    while True:
        try:
            result = plan.make(target_request, known)
        except CrosstasksError as error:
            return error
        if isinstance(result, Plan):
            return result
        engine_platform = known.engine.platform if isinstance(known.engine, Engine) else ""
        known = known.with_({question: _answer(question, engine_platform) for question in result})
