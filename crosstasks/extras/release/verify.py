"""Act: look at every file of the packages of a release, and tell of each promise whether it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from ...building import dependencies
from ...core.errors import CrosstasksError, VerificationFailed
from ...facts.rustup import Rustup
from ...verifying.checks import CHECKS, Answer, Promise, Subject, Unchecked
from ...verifying.smoke import smoke
from ...verifying.verify import inspect
from ..packaging import packages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ...catalog.targets import Target
    from ...context import Work
    from ..packaging.packages import Package

State = Literal["ok", "failed", "unchecked", "off"]

SMOKE_HINT: Final = "`verify-smoke` in crosstasks.toml is what programs are started with"


class Finding(Struct, frozen=True, kw_only=True):
    """What one check says of one file.

    Attributes:
        package: the archive's name; *member*: the file in it, empty for the archive itself.
        state: ``ok``, ``failed``; ``unchecked`` with the reason in *why*; ``off``: the configuration leaves it out.
        problems: what is wrong, in words.
    """

    package: str
    member: str = ""
    target: str
    check: str
    state: State
    problems: tuple[str, ...] = ()
    why: str = ""
    hint: str = ""


def examine(dist: Path, work: Work, triples: Collection[str] = ()) -> tuple[Finding, ...]:
    """
    Check every file of every package.

    Args:
        dist: the folder of the packages.
        work: with the facts host, engine, emulation and repository.
        triples: the targets whose packages are checked; empty: all.

    Raises:
        NothingSelected: there is no package.
    """
    return tuple(finding for package in packages.listed(dist, triples) for finding in _package(package, work))


def _package(package: Package, work: Work) -> Iterator[Finding]:
    work.say(f"verifying {package.path.name}")
    try:
        with packages.unpacked(package) as files:
            wrong = packages.problems(package, files)
            subjects = tuple(_subjects(files))
            wrong += () if subjects else ("holds no program and no library",)
            yield _archive(package, wrong)
            for subject in subjects:
                yield from _file(package, subject, work)
    except VerificationFailed as error:
        yield _archive(package, (f"{error.what}: {error.why}",))


def _archive(package: Package, wrong: tuple[str, ...]) -> Finding:
    state: State = "failed" if wrong else "ok"
    return Finding(package=package.path.name, target=package.target.triple, check="package", state=state, problems=wrong)


def _subjects(files: Collection[Path]) -> Iterator[Subject]:
    """Give the files that are programs or libraries, or pretend to be: a script and a text are none."""
    for path in files:
        artifact = inspect(path)
        pretends = path.stat().st_mode & 0o111 and path.read_bytes()[:2] != b"#!"
        if artifact.format or pretends:
            parts = path.parts[path.parts.index("package") + 2 :] or (path.name,)
            yield Subject(member="/".join(parts), path=path, artifact=artifact)


def _file(package: Package, subject: Subject, work: Work) -> Iterator[Finding]:
    target = package.target
    own = work.config.target(target.triple)
    promise = _promise(target, work)
    for name, check in CHECKS.items():
        answer = None if name in own.verify_skip else check.find(subject, promise)
        yield _finding(package, subject, name, answer, check.hint)
        if name == "format" and answer:
            return  # what else its headers say was not asked for
    yield _finding(package, subject, "smoke", None if "smoke" in own.verify_skip else smoke(subject, target, work), SMOKE_HINT)


def _finding(package: Package, subject: Subject, check: str, answer: Answer | None, hint: str) -> Finding:
    state: State
    problems: tuple[str, ...] = ()
    why = ""
    match answer:
        case None:
            state = "off"
        case Unchecked(why=why):
            state = "unchecked"
        case problems:
            state = "failed" if problems else "ok"
    return Finding(
        package=package.path.name,
        member=subject.member,
        target=package.target.triple,
        check=check,
        state=state,
        problems=problems,
        why=why,
        hint=hint if state == "failed" else "",
    )


def folders(work: Work) -> Mapping[str, str]:
    """Return the folders of this machine that no released file may name."""
    repository = work.repository
    named = {
        str(Path.home()): "the home folder",
        work.environ.get("HOME", ""): "the home folder",
        str(work.cache): "the cache of crosstasks",
        str(dependencies.user_home(work.environ)): "cargo's home",
        repository.root: "the project's folder",
        repository.target_directory: "the target folder",
    }
    return {folder: what for folder, what in named.items() if folder}


def _promise(target: Target, work: Work) -> Promise:
    glibc = work.config.target(target.triple).glibc
    return Promise(target=target, glibc=glibc, folders=folders(work), built=built(target, work), standard=standard(target, work))


def built(target: Target, work: Work) -> tuple[Path, ...]:
    """Return the folders with what was linked into the target's programs, of every builder and profile."""
    ours = Path(work.repository.target_directory) / "crosstasks"
    return tuple(sorted(ours.glob(f".*/{target.triple}/*")))


def standard(target: Target, work: Work) -> Mapping[str, Path]:
    """Return the folders with a target's standard library, by release of Rust: the user's, and those of ours."""
    rustup = work.facts.rustup
    theirs = rustup.toolchains if isinstance(rustup, Rustup) else ()
    held = {
        folder.release: Path(folder.path, "lib", "rustlib", target.triple, "lib") for folder in (*work.facts.provided.toolchains, *theirs)
    }
    return {release: path for release, path in held.items() if path.is_dir()}


def failed(findings: Collection[Finding]) -> CrosstasksError | None:
    """Return the error of what does not hold, each file with its problems; None if all is well."""
    wrong = [finding for finding in findings if finding.state == "failed"]
    if not wrong:
        return None
    lines = [f"{'/'.join(filter(None, (row.package, row.member)))} {problem}" for row in wrong for problem in row.problems]
    hints = dict.fromkeys(row.hint for row in wrong if row.hint)
    return VerificationFailed("not every package is what its target promises", why="\n".join(lines), hint="; ".join(hints))
