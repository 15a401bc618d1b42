"""Pure: the jobs of a CI service: for each target the runner that builds it natively, the session, and the keys of its caches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from ...catalog import targets
from ...core.about import PACKAGE
from ...core.errors import ConfigError
from ...core.steps import Verb
from ...planning.route import Isolation
from ...reporting import tables

if TYPE_CHECKING:
    from ...catalog.targets import Target
    from ...config.configuration import Config

Provider: TypeAlias = Literal["github", "gitlab"]
Platform: TypeAlias = Literal["linux/amd64", "linux/arm64", "macos/amd64", "macos/arm64", "windows/amd64", "windows/arm64"]

LABELS: Final[Mapping[Provider, Mapping[str, str]]] = {
    "github": {
        "linux/amd64": "ubuntu-24.04",
        "linux/arm64": "ubuntu-24.04-arm",
        "macos/amd64": "macos-15-intel",
        "macos/arm64": "macos-15",
        "windows/amd64": "windows-2025",
        "windows/arm64": "windows-11-arm",
    },
    "gitlab": {
        "linux/amd64": "saas-linux-small-amd64",
        "linux/arm64": "saas-linux-small-arm64",
        "macos/amd64": "saas-macos-medium-m1",
        "macos/arm64": "saas-macos-medium-m1",
        "windows/amd64": "saas-windows-medium-amd64",
        "windows/arm64": "saas-windows-medium-amd64",
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
    _Rule("macos/arm64", lambda row: row.os in {"macos", "ios"} and row.arch == "aarch64", "only a Mac has Apple's SDK"),
    _Rule("macos/amd64", lambda row: row.os == "macos", "only a Mac has Apple's SDK"),
    _Rule("windows/arm64", lambda row: row.libc == "msvc" and row.arch == "aarch64", "only Windows has Microsoft's linker"),
    _Rule("windows/amd64", lambda row: row.libc == "msvc", "only Windows has Microsoft's linker"),
    _Rule("linux/amd64", lambda row: row.arch in {"x86_64", "i686", "i586"} and row.os == "linux", "image and tests are native on amd64"),
    _Rule("linux/amd64", lambda _row: True, "cross's images are for amd64, and so are not emulated"),
)
"""The first that fits holds."""


class Job(Struct, frozen=True, kw_only=True):
    """One job: one target, and one of its packages if they are kept apart.

    Attributes:
        runner: the label of the machine; *platform* is what that is, and *why* the reason for it.
        session: Nox's; *command* calls it.
        tags: of that session.
        glibc: the newest one that artifacts may need, empty if the configuration says nothing.
        isolation: where build scripts run, if the machine has an engine: ``host`` where no container serves the target, or is asked for.
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
    glibc: str = ""
    isolation: Isolation = "container"
    package: str = ""
    cache_key: str = ""
    cargo_key: str = ""


class Hashes(Struct, frozen=True, kw_only=True):
    """What the keys of caches hold: *provision* what is provided, *cargo* the dependencies."""

    provision: str
    cargo: str = ""


def place(target: Target) -> tuple[Platform, str]:
    """Return the platform that builds a target natively, or else fastest, and the reason."""
    rule = next(rule for rule in RULES if rule.fits(target))
    return rule.platform, rule.why


def jobs(
    config: Config,
    triples: Sequence[str],
    verbs: Sequence[Verb],
    hashes: Hashes,
    *,
    provider: Provider = "github",
    prefix: str = "",
    packages: Sequence[str] = (),
) -> tuple[Job, ...]:
    """
    Return the jobs, in the order of verbs and targets.

    Args:
        config: its ``ci-runners`` win over our labels.
        triples: triples.
        verbs: ``build``, ``test``.
        hashes: for the keys of caches.
        provider: whose labels are wanted.
        prefix: of the sessions, as ``register()`` has it.
        packages: one job for each of these of the workspace, and each target; a job builds the whole if there are none.

    Raises:
        ConfigError: a runner is given for what is neither a platform nor a target.
    """
    labels = {**LABELS[provider], **runners(config.ci_runners)}
    return tuple(
        _job(targets.catalogue()[triple], verb, package, config, hashes, labels=labels, prefix=prefix)
        for verb in verbs
        for triple in triples
        for package in packages or ("",)
    )


def _job(row: Target, verb: Verb, package: str, config: Config, hashes: Hashes, *, labels: Mapping[str, str], prefix: str) -> Job:
    platform, why = place(row)
    session = "-".join(filter(None, (prefix, "cross" if verb == "build" else f"cross-{verb}", targets.alias(row))))
    return Job(
        target=row.triple,
        alias=targets.alias(row),
        verb=verb,
        platform=platform,
        runner=labels.get(row.triple) or labels[platform],
        why=why,
        session=session,
        command=f"nox -s {session} -- -p {package}" if package else f"nox -s {session}",
        tags=("cross", verb, *row.tags),
        glibc=config.target(row.triple).glibc,
        isolation="container" if row.containerised and config.target(row.triple).builder in {"auto", "cross"} else "host",
        package=package,
        cache_key=f"crosstasks-{platform.replace('/', '-')}-{hashes.provision}",
        cargo_key=f"cargo-{hashes.cargo}" if hashes.cargo else "",
    )


def runners(texts: Sequence[str]) -> Mapping[str, str]:
    """
    Return the labels that the user gives, by platform and triple; the later ones win.

    Raises:
        ConfigError: one is not ``<platform or target>=<label>``.
    """
    labels: dict[str, str] = {}
    for text in texts:
        name, _, label = text.partition("=")
        if not label:
            raise ConfigError(f"{text!r} names no runner", hint="it is linux/arm64=<label>, or aarch64=<label> for one target")
        labels[name if name in LABELS["github"] else targets.find(name).triple] = label
    return labels


def shipped() -> str:
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
        ("session", "package", "runner", "glibc", "why"),
        *((job.session, job.package, job.runner, job.glibc or "-", job.why) for job in all_jobs),
    ]
    columns = [column for column in zip(*rows, strict=True) if column[0] != "package" or any(column[1:])]
    return tables.aligned(zip(*columns, strict=True))
