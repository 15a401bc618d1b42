"""Pure: the files of CI services, which do nothing but call the sessions. Each is a template here, ``<provider>.yml``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ...catalog.pins import pins
from ...core.errors import ConfigError
from .matrix import Job, Provider, shipped

MARK: Final = "Written by `crosstasks ci.generate --provider"
"""What the first line of a file of ours holds: no other is written over."""

NOX: Final = "nox>=2025.10.16"
GITHUB_JOBS: Final = 256
"""The most that one matrix may hold (docs.github.com, "Running variations of jobs in a workflow")."""

PROVIDING: Final = ("crosstasks.lock", "rust-toolchain.toml", "rust-toolchain")
"""Files beside the configuration that what is provided depends on."""


def _below(folder: str) -> str:
    return "" if folder == "." else f"{folder}/"


class Layout(NamedTuple):
    """Where things lie, below the top of the git repository.

    Attributes:
        folder: of the Rust repository; *config* is the file in it.
        sessions: the folder of the noxfile, which may be further up.
    """

    folder: str = "."
    config: str = "crosstasks.toml"
    sessions: str = "."

    @property
    def under(self) -> str:
        """Return the folder as what paths below it begin with."""
        return _below(self.folder)

    @property
    def name(self) -> str:
        """Return what tells one of several Rust repositories: its folder, and nothing for the only one."""
        return "" if self.folder == "." else self.folder.replace("/", "-")


class _Service(NamedTuple):
    """A service: where its file is put, by the name of the Rust repository, and how jobs and files are written in it."""

    path: Callable[[str], str]
    jobs: Callable[[Sequence[Job]], str]
    files: Callable[[Sequence[str]], str]


def text(provider: Provider, all_jobs: Sequence[Job], layout: Layout, *, minutes: int, install: str) -> str:
    """
    Return the file of a service.

    Args:
        provider: whose file.
        all_jobs: the jobs.
        layout: of the repository.
        minutes: after which a job is ended.
        install: what pip installs before Nox is called.

    Raises:
        ConfigError: there are more jobs than the service takes.
    """
    service = SERVICES[provider]
    template = Path(__file__).with_name(f"{provider}.yml").read_text("utf-8")
    words = {
        "mark": f"{MARK}",
        "minutes": str(minutes),
        "name": f"crosstasks {layout.name}".strip(),
        "sessions": json.dumps(layout.sessions) if layout.sessions != "." else ".",
        "report": f"{_below(layout.sessions)}crosstasks-report.json",
        "under": layout.under,
        "shipped": shipped(),
        "install": install,
        "include": service.jobs(all_jobs) if provider == "github" else "",
        "provision": service.files([f"{layout.under}{name}" for name in (layout.config, *PROVIDING)]),
        **{name: f"{name}@{pin.rev}  # {pin.tag}" for name, pin in pins().actions.items()},
    }
    body = _filled(template, words)
    return body if provider == "github" else f"{body}{service.jobs(all_jobs)}"


def _filled(template: str, words: Mapping[str, str]) -> str:
    return re.sub(r"@([a-z/-]+)@", lambda match: words[match[1]], template)


def _github_jobs(all_jobs: Sequence[Job]) -> str:
    if len(all_jobs) > GITHUB_JOBS:
        why = f"{len(all_jobs)} jobs, and a matrix of GitHub holds {GITHUB_JOBS}"
        raise ConfigError("this is too much for one workflow", why=why, hint="`ci-verbs` and --target choose less")
    rows = (
        {"session": job.session, "runner": job.runner, "target": job.target, "platform": job.platform.replace("/", "-")} for job in all_jobs
    )
    return "\n".join(f"          - {{ {', '.join(f'{key}: {json.dumps(value)}' for key, value in row.items())} }}" for row in rows)


def _github_files(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _gitlab_jobs(all_jobs: Sequence[Job]) -> str:
    return "".join(map(_gitlab_job, all_jobs))


def _gitlab_job(job: Job) -> str:
    system = ".crosstasks-linux" if job.platform.startswith("linux/") else ".crosstasks"
    words = {"SESSION": job.session, "TRIPLE": job.target, "PLATFORM": job.platform.replace("/", "-")}
    words |= {"CROSSTASKS_MEMBERS": job.package} if job.package else {}
    name = f"{job.session}:{job.package}" if job.package else job.session
    variables = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in words.items())
    return f"\n{name}:\n  extends: {system}\n  tags: [{json.dumps(job.runner)}]\n  variables:\n{variables}"


def _gitlab_files(names: Sequence[str]) -> str:
    return "\n".join(f"        - {name}" for name in names[:2])  # GitLab takes two


SERVICES: Final[Mapping[Provider, _Service]] = {
    "github": _Service(lambda name: f".github/workflows/crosstasks{'-' if name else ''}{name}.yml", _github_jobs, _github_files),
    "gitlab": _Service(lambda name: f".gitlab/crosstasks-{name}.yml" if name else ".gitlab-ci.yml", _gitlab_jobs, _gitlab_files),
}


def ours(content: str) -> bool:
    """Tell whether a file was written by us."""
    return MARK in content.partition("\n")[0]


def difference(there: str, expected: str, name: str) -> str:
    """Return how a file differs from what it should be, empty if it does not."""
    lines = difflib.unified_diff(there.splitlines(), expected.splitlines(), name, f"{name}, as it would be written", lineterm="")
    return "\n".join(lines)
