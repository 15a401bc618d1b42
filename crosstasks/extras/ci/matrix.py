"""Pure: the jobs of a CI service, and its file: a template here, ``<provider>.yml``, that does nothing but call the sessions."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, get_args

from msgspec import Struct
from msgspec.structs import replace

from ...catalog import targets
from ...catalog.pins import pins
from ...catalog.targets import Target
from ...config.session_cache import session_name
from ...core.about import PACKAGE
from ...core.errors import ConfigError, NoRoute
from ...core.steps import Refused, Verb
from ...planning.plan import Plan
from ...planning.route import Isolation, Route
from ...reporting import progress
from . import runners
from .runners import Platform, Project, Provider

LABELS: Final[Mapping[Provider, Mapping[str, str]]] = {
    "github": {
        "linux/amd64": "ubuntu-24.04",
        "linux/arm64": "ubuntu-24.04-arm",
        "macos/amd64": "macos-15-intel",
        "macos/arm64": "macos-15",
    },
    "gitlab": {
        "linux/amd64": "saas-linux-small-amd64",
        "linux/arm64": "saas-linux-small-arm64",
        "macos/arm64": "saas-macos-medium-m1",
    },
}
"""What each service calls its runners: docs.github.com, "GitHub-hosted runners"; docs.gitlab.com, "Hosted runners"."""


class _Rule(NamedTuple):
    """Which targets a platform is best for, and why."""

    platform: Platform
    fits: Callable[[Target], bool]
    why: str


RULES: Final[Sequence[_Rule]] = (
    _Rule("linux/arm64", lambda row: row.platform == "linux/arm64" and bool(row.packages), "image and tests are native on arm64"),
    _Rule("linux/arm64", lambda row: row.platform == "linux/arm64" and bool(row.zig), "it needs no image, and tests are native on arm64"),
    _Rule("macos/arm64", lambda row: row.os in {"macos", "ios"} and row.arch != "x86_64", "only a Mac has Apple's SDK"),
    _Rule("macos/amd64", lambda row: row.os == "macos", "only a Mac has Apple's SDK"),
    _Rule("linux/amd64", lambda row: row.arch in {"x86_64", "i686", "i586"} and row.os == "linux", "image and tests are native on amd64"),
    _Rule("linux/amd64", lambda _row: True, "cross's images are for amd64, and so are not emulated"),
)
"""The first that fits is asked first; of the last one only what has a container there stays there."""

OTHERS: Final[Sequence[Platform]] = ("linux/amd64", "linux/arm64", "macos/arm64", "macos/amd64")
"""Where else a job may be done: the cheapest first (docs.github.com, "Actions runner pricing")."""


class Job(Struct, frozen=True, kw_only=True):
    """One job: one target, and one of its packages if they are kept apart.

    Attributes:
        runner: the label of the machine; *platform* is what that is, and *why* the reason for it.
        route: that the plan takes there, as far as it is known beforehand.
        session: Nox's; *command* calls it.
        tags: of that session.
        glibc: the newest one that artifacts may need, empty if the configuration says nothing.
        isolation: where build scripts run there.
        cache_key: of the cache of what provisioning makes, the same for all jobs of a platform.
        cargo_key: changes with Cargo.lock, for a cache of dependencies.
    """

    target: str
    alias: str
    verb: Verb
    platform: Platform
    runner: str
    why: str
    session: str
    command: str
    tags: tuple[str, ...]
    route: str = ""
    glibc: str = ""
    isolation: Isolation = "container"
    package: str = ""
    cache_key: str = ""
    cargo_key: str = ""


def job(target: Target, verb: Verb, project: Project) -> Job | Refused:
    """Return the job of a target on the platform that does it natively, or else fastest, of those that can do it at all.

    No platform is guessed to be able: the plan is made for it. Where none is, the refusal has the reason of the best one; a machine that
    the user names for the target is the user's to know.

    Raises:
        ConfigError: a runner is given for what is neither a platform nor a target.
    """
    user_labels = labels(project.config.ci_runners)
    choice = _choose(target, verb, project, user_labels)
    if isinstance(choice, Refused):
        return choice
    platform, route, why = choice
    alias = targets.alias(target)
    session = session_name(project.prefix, verb, alias)
    return Job(
        target=target.triple,
        alias=alias,
        verb=verb,
        platform=platform,
        runner=user_labels.get(target.triple) or user_labels.get(platform) or LABELS[project.provider][platform],
        why=why,
        route=route.name if route else "",
        session=session,
        command=f"nox -s {session}",
        tags=("cross", verb, *target.tags),
        glibc=project.config.target(target.triple).glibc,
        isolation=route.isolation if route else "container" if target.container else "host",
        cache_key=f"crosstasks-{platform.replace('/', '-')}-{project.provision}",
        cargo_key=f"cargo-{project.cargo}" if project.cargo else "",
    )


def _choose(target: Target, verb: Verb, project: Project, user_labels: Mapping[str, str]) -> tuple[Platform, Route | None, str] | Refused:
    """Choose the platform, with the route there as far as it is known, and why it is that one."""
    best = next(rule for rule in RULES if rule.fits(target))
    platforms = [
        platform for platform in dict.fromkeys((best.platform, *OTHERS)) if platform in LABELS[project.provider] or platform in user_labels
    ]
    reasons: list[str] = []
    for platform in platforms:
        planned = runners.plan_on(platform, target, verb, project)
        if isinstance(planned, Plan):
            break
        reasons.append(planned.reason if isinstance(planned, NoRoute) else (planned.why or planned.what).partition("\n")[0])
    else:
        if target.triple in user_labels:
            return best.platform, None, "its runner is named"
        return Refused(name=f"{verb} {target.triple}", why=reasons[0])
    if platform != best.platform:
        asked = best.platform in platforms
        why = f"no machine of {best.platform} can do it" if asked else f"`ci-runners` names none for {best.platform}"
        return platform, planned.route, why
    if best != RULES[-1] or planned.route.isolation != "host":
        return platform, planned.route, best.why
    elsewhere = runners.plan_on("linux/arm64", target, verb, project)
    if isinstance(elsewhere, Plan):
        return "linux/arm64", elsewhere.route, "it needs no image, and so no amd64"
    return platform, planned.route, "only amd64 can do it"


def by_package(whole: Job, packages: Sequence[str]) -> tuple[Job, ...]:
    """Return a job for each of the *packages*; the job itself if there are none."""
    return tuple(replace(whole, package=name, command=f"{whole.command} -- -p {name}") for name in packages) or (whole,)


def labels(texts: Sequence[str]) -> Mapping[str, str]:
    """Return the labels that the user gives, by platform and triple; the later ones win.

    Raises:
        ConfigError: one is not ``<platform or target>=<label>``.
    """
    result: dict[str, str] = {}
    for text in texts:
        name, _, label = text.partition("=")
        if not label:
            raise ConfigError(f"{text!r} names no runner", hint="it is linux/arm64=<label>, or aarch64=<label> for one target")
        result[name if name in get_args(Platform) else targets.find(name).triple] = label
    return result


def catalogue_hash() -> str:
    """Return the hash of what this crosstasks knows and installs: the catalogue and the pins."""
    return digest(*((PACKAGE / "catalog" / name).read_bytes() for name in ("targets.toml", "pins.toml")))


def digest(*parts: bytes) -> str:
    """Return a short hash of several texts, that tells where each ends."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:16]


def text(all_jobs: Sequence[Job]) -> str:
    """Return the jobs as a table for people; packages have a column if there are any."""
    rows = [
        ("session", "package", "runner", "route", "glibc", "why"),
        *((job.session, job.package, job.runner, job.route or "-", job.glibc or "-", job.why) for job in all_jobs),
    ]
    columns = [column for column in zip(*rows, strict=True) if column[0] != "package" or any(column[1:])]
    return progress.align(zip(*columns, strict=True))


MARK: Final = "Written by `crosstasks ci.generate --provider"
"""What the first line of a file of ours holds: no other is written over."""

NOX: Final = "nox>=2025.10.16"
GITHUB_JOBS: Final = 256
"""The most that one matrix may hold (docs.github.com, "Running variations of jobs in a workflow")."""


class Layout(NamedTuple):
    """Where things lie, below the top of the git repository.

    Attributes:
        folder: of the Rust repository.
        sessions: the folder of the noxfile, which may be further up.
        target: cargo's target folder, which is the workspace's.
        provision: files that what is provided depends on: the configuration, its lock, and where a toolchain file may be.
    """

    folder: str = "."
    sessions: str = "."
    target: str = "target"
    provision: tuple[str, ...] = ("crosstasks.toml", "crosstasks.lock", "rust-toolchain", "rust-toolchain.toml")

    @property
    def name(self) -> str:
        """Return what tells one of several Rust repositories: its folder, and nothing for the only one."""
        return "" if self.folder == "." else self.folder.replace("/", "-")

    def path(self, provider: Provider) -> str:
        """Return where the file of a service is put."""
        if provider == "github":
            return f".github/workflows/{'-'.join(filter(None, ('crosstasks', self.name)))}.yml"
        return f".gitlab/crosstasks-{self.name}.yml" if self.name else ".gitlab-ci.yml"


def workflow(provider: Provider, all_jobs: Sequence[Job], layout: Layout, *, minutes: int, install: str) -> str:
    """Return the file of a service.

    Args:
        minutes: after which a job is ended.
        install: what pip, at the top, installs before Nox is called.

    Raises:
        ConfigError: there are more jobs than the service takes.
    """
    template = Path(__file__).with_name(f"{provider}.yml").read_text("utf-8")
    if provider == "github":
        include, provision = _github_jobs(all_jobs), ", ".join(f"'{name}'" for name in layout.provision)
    else:  # it takes two files
        include, provision = "\n".join(map(_gitlab_job, all_jobs)), "\n".join(f"        - {name}" for name in layout.provision[:2])
    words = {
        "mark": MARK,
        "minutes": str(minutes),
        "name": f"crosstasks {layout.name}".strip(),
        "sessions": json.dumps(layout.sessions) if layout.sessions != "." else ".",
        "report": str(PurePosixPath(layout.sessions, "crosstasks-report.json")),
        "target": layout.target,
        "shipped": catalogue_hash(),
        "install": install,
        "include": include.rstrip("\n"),
        "provision": provision,
        **{name: f"{name}@{pin.rev}  # {pin.tag}" for name, pin in pins().actions.items()},
    }
    return re.sub(r"@([a-z/-]+)@", lambda match: words[match[1]], template)


def _github_jobs(all_jobs: Sequence[Job]) -> str:
    if len(all_jobs) > GITHUB_JOBS:
        why = f"{len(all_jobs)} jobs, and a matrix of GitHub holds {GITHUB_JOBS}"
        raise ConfigError("there are too many jobs for one workflow", why=why, hint="`ci-verbs` and --target choose less")
    rows = (
        {"session": job.session, "runner": job.runner, "target": job.target, "platform": job.platform.replace("/", "-")} for job in all_jobs
    )
    return "\n".join(f"          - {{ {', '.join(f'{key}: {json.dumps(value)}' for key, value in row.items())} }}" for row in rows)


def _gitlab_job(job: Job) -> str:
    system = ".crosstasks-linux" if job.platform.startswith("linux/") else ".crosstasks"
    words = {"SESSION": job.session, "TRIPLE": job.target, "PLATFORM": job.platform.replace("/", "-")}
    words |= {"CROSSTASKS_MEMBERS": job.package} if job.package else {}
    name = f"{job.session}:{job.package}" if job.package else job.session
    variables = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in words.items())
    return f"{name}:\n  extends: {system}\n  tags: [{json.dumps(job.runner)}]\n  variables:\n{variables}"


def is_ours(content: str) -> bool:
    """Tell whether a file was written by us."""
    return MARK in content.partition("\n")[0]


def difference(there: str, expected: str, name: str) -> str:
    """Return how a file differs from what it should be, empty if it does not."""
    lines = difflib.unified_diff(there.splitlines(), expected.splitlines(), name, f"{name}, as it would be written", lineterm="")
    return "\n".join(lines)
