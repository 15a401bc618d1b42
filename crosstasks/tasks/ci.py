"""Tasks: matrix and ci.generate."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, get_args

import msgspec
from msgspec.structs import replace

from ..catalog import targets
from ..config import documents
from ..config.session_cache import FILE
from ..core import files
from ..core.errors import ConfigError, NothingSelected
from ..core.steps import Question, Refused
from .call import Call, Task

if TYPE_CHECKING:
    from ..context import Context
    from ..extras.ci.matrix import Job, Layout
    from ..extras.ci.runners import Provider


def matrix(call: Call) -> None:
    """List one job for every target: the runner, the session, its command, its glibc and the keys of its caches."""
    from ..extras.ci import matrix

    context = _looked(call.selected(call.verb))
    form = call["format"]
    jobs = _jobs(call, context, "gitlab" if form == "gitlab" else "github")
    match form:
        case "github":
            print(msgspec.json.encode({"include": jobs}).decode())  # noqa: T201 - one line, as $GITHUB_OUTPUT wants it
        case "gitlab":
            top, layout = _layout(context)
            print(matrix.workflow("gitlab", jobs, layout, minutes=context.config.ci_minutes, install=_install(top, layout)), end="")  # noqa: T201
        case _:
            call.show({"jobs": jobs}, lambda: matrix.text(jobs))


def generate(call: Call) -> int:
    """Write the workflow of a CI service, which calls the sessions; with --check show how it differs, and change nothing."""
    from ..extras.ci import matrix

    context = _looked(call.context())
    provider = _provider(call["provider"])
    top, layout = _layout(context)
    path = top / (call["output"] or layout.path(provider))
    expected = matrix.workflow(
        provider, _jobs(call, context, provider), layout, minutes=context.config.ci_minutes, install=_install(top, layout)
    )
    there = path.read_text("utf-8") if path.exists() else ""
    if call["check"]:
        difference = matrix.difference(there, expected, str(path.relative_to(top) if path.is_relative_to(top) else path))
        if difference:
            print(difference)  # noqa: T201
            hint = "`crosstasks ci.generate` without --check writes it anew"
            print(f"error: the file differs from what would be written\nhint: {hint}", file=sys.stderr)  # noqa: T201
        return 1 if difference else 0
    if there and not matrix.is_ours(there):
        hint = "--output names another file; GitLab's can be named in `include: local:`"
        raise ConfigError(f"{path} was not written by crosstasks, and is left as it is", hint=hint)
    if there != expected:
        files.write(path, expected)
        path.chmod(0o644)
    print(path)  # noqa: T201
    return 0


def _provider(name: str) -> Provider:
    from ..extras.ci.runners import Provider

    if name not in get_args(Provider):
        raise ConfigError(f"--provider is {' or '.join(get_args(Provider))}, not {name!r}")
    return cast("Provider", name)


def _looked(context: Context) -> Context:
    """Ask what jobs depend on: the repository and its lock."""
    from .. import pipeline

    return pipeline.look(context, (Question("repository"), Question("lock")))


def _jobs(call: Call, context: Context, provider: Provider) -> tuple[Job, ...]:
    from .. import pipeline
    from ..extras.ci import changes, matrix, runners
    from ..facts import lock

    config = replace(context.config, ci_runners=(*context.config.ci_runners, *(call["runner"] or ())))
    verbs = (call.verb,) if "verb" in call.options else config.ci_verbs
    packages = context.repository.packages if call["packages"] else ()
    provision, cargo = _hashes(context)
    project = runners.Project(config, context.repository, lock.lock(context.facts), provider, call["prefix"], provision, cargo)
    jobs: list[Job] = []
    for verb in verbs:
        for triple in pipeline.select((), context):
            match matrix.job(targets.catalogue()[triple], verb, project):
                case Refused(name=name, why=why):
                    context.say(f"no job: no Linux or macOS machine of {provider}, and no runner that is named, can {name}: {why}")
                case job:
                    options = config.target(triple)
                    jobs += matrix.by_package(job, [package.name for package in packages if changes.is_chosen(package.name, options)])
    if not jobs:
        hint = "`ci-runners` names another for a target, or for a platform such as macos/amd64"
        raise NothingSelected(f"no Linux or macOS machine of {provider} can do any of these jobs", hint=hint)
    return tuple(jobs)


def _hashes(context: Context) -> tuple[str, str]:
    """Return what the keys of caches hold: hashes of what is provided, and of Cargo.lock; the latter empty without one."""
    from ..extras.ci import matrix

    top, layout = _layout(context)
    contents = [path.read_bytes() if (path := top / name).is_file() else b"" for name in layout.provision]
    lock = Path(context.repository.root, "Cargo.lock")
    return matrix.digest(matrix.catalogue_hash().encode(), *contents), matrix.digest(lock.read_bytes()) if lock.is_file() else ""


def _install(top: Path, layout: Layout) -> str:
    """Return what pip, called at the top, installs in a job: nox, and crosstasks if the noxfile does not list it for Nox to install."""
    from ..extras.ci import matrix
    from ..extras.maintenance import scaffold

    noxfile = top / layout.sessions / "noxfile.py"
    if noxfile.is_file() and scaffold.has_header(noxfile.read_text("utf-8")):
        return f'"{matrix.NOX}"'
    return f'"{matrix.NOX}" {(scaffold.present(top) or scaffold.index()).pip}'


def _layout(context: Context) -> tuple[Path, Layout]:
    """Return the top of the git repository, and where things lie below it."""
    from ..extras.ci import matrix
    from ..facts import lock
    from ..project.manifest import NAMES

    top = documents.top(context.root)
    top = top if (top / ".git").exists() else context.root
    folders = [folder for folder in (context.root, *context.root.parents) if folder.is_relative_to(top)]
    repository, config = context.repository, Path(context.config.place or context.root / FILE)
    places = (Path(repository.target_directory), Path(repository.root, "target"))  # a variable names the first for this machine only
    provision = (config, config.with_name(lock.FILE), *(folder / name for folder in folders for name in NAMES))
    return top, matrix.Layout(
        folder=_below(context.root, top),
        sessions=_below(next((folder for folder in folders if (folder / "noxfile.py").exists()), context.root), top),
        target=_below(next((place for place in places if place.is_relative_to(top)), context.root / "target"), top),
        provision=tuple(_below(path, top) for path in provision),
    )


def _below(path: Path, top: Path) -> str:
    return Path(os.path.relpath(path, top)).as_posix()


TASKS: Final[Mapping[str, Task]] = {
    "ci.matrix": Task(
        matrix, ("target", "verb", "format", "changed_since", "packages", "prefix", "runner"), ("text", "json", "github", "gitlab")
    ),
    "ci.generate": Task(generate, ("provider", "check", "output", "target", "prefix")),
}
