"""Act: check every file of the packages of a release, as a table for people; build the same commit again, and compare byte for byte."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ...building import dependencies
from ...clients import git
from ...context import Context
from ...core.errors import ConfigError, CrosstasksError, VerificationFailed
from ...core.steps import Done
from ...facts.rustup import Rustup
from ...reporting import report
from ...reporting.progress import align
from ...verifying.checks import CHECKS, NO_PROMISE, Answer, Promise, Subject, Unchecked
from ...verifying.smoke import smoke
from ...verifying.verify import inspect
from ..packaging import contents
from ..packaging.contents import Difference, Package, differences
from .dist import artifacts, part, promised_glibc

if TYPE_CHECKING:
    Packager: TypeAlias = Callable[[Path], None]
    "Build the Rust repository in a folder, and package it into the one that ``DIST`` names."

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

    @property
    def place(self) -> str:
        """Return the file, as people are told of it."""
        return "/".join(filter(None, (self.package, self.member)))

    @property
    def lines(self) -> list[str]:
        """Return what is wrong, each with the file."""
        return [f"{self.place} {problem}" for problem in self.problems]


def examine(dist: Path, context: Context, triples: Collection[str] = ()) -> tuple[Finding, ...]:
    """Check every file of every package.

    Args:
        context: with the facts host, engine, emulation and repository.
        triples: the targets whose packages are checked; empty: all.

    Raises:
        NothingSelected: there is no package.
    """
    packages = contents.find_packages(dist, triples)
    one_of = {package.target.triple: package for package in packages}
    promises = {triple: promise(package, context) for triple, package in one_of.items()}
    return tuple(finding for package in packages for finding in _package(package, promises[package.target.triple], context))


def _package(package: Package, promised: Promise, context: Context) -> Iterator[Finding]:
    context.say(f"verifying {package.path.name}")
    try:
        with contents.unpack(package.path, context.cache) as folder:
            wrong = contents.problems(package, folder)
            subjects = tuple(_subjects(folder))
            wrong += () if subjects else ("holds no program and no library",)
            yield _finding(package, "", "package", wrong)
            for subject in subjects:
                yield from _file(package, subject, promised, context)
    except VerificationFailed as error:
        yield _finding(package, "", "package", (f"{error.what}: {error.why}",))


def _subjects(folder: Path) -> Iterator[Subject]:
    """Give the files that are programs or libraries, or pretend to be: a script and a text are none."""
    for path in contents.regular_files(folder):
        artifact = inspect(path)
        pretends = path.stat().st_mode & stat.S_IXUSR and path.read_bytes()[:2] != b"#!"
        if artifact.format or pretends:
            parts = path.relative_to(folder).parts[1:] or (path.name,)
            yield Subject(member="/".join(parts), path=path, artifact=artifact)


def _file(package: Package, subject: Subject, promised: Promise, context: Context) -> Iterator[Finding]:
    options = context.config.target(promised.target.triple)
    for name, check in CHECKS.items():
        answer = None if name in options.verify_skip else check.find(subject, promised)
        yield _finding(package, subject.member, name, answer, check.hint)
        if name == "format" and answer:
            return  # what else its headers say was not asked for
    answer = None if "smoke" in options.verify_skip else smoke(subject, promised.target, context)
    yield _finding(package, subject.member, "smoke", answer, SMOKE_HINT)


def _finding(package: Package, member: str, check: str, answer: Answer | None, hint: str = "") -> Finding:
    row = Finding(package=package.path.name, member=member, target=package.target.triple, check=check, state="off")
    match answer:
        case None:
            return row
        case Unchecked(why=why):
            return replace(row, state="unchecked", why=why)
        case ():
            return replace(row, state="ok")
        case problems:
            return replace(row, state="failed", problems=problems, hint=hint)


def folders(context: Context) -> Mapping[str, str]:
    """Return the folders of this machine that no released file may name."""
    repository = context.repository
    named = {
        str(Path.home()): "the home folder",
        context.environ.get("HOME", ""): "the home folder",
        str(context.cache): "the cache of crosstasks",
        str(dependencies.user_home(context.environ)): "cargo's home",
        repository.root: "the project's folder",
        repository.target_directory: "the target folder",
    }
    return {folder: what for folder, what in named.items() if folder}


def promise(package: Package, context: Context) -> Promise:
    """Return what is asked of a package's target, and what its files may be linked from, of every builder, profile and release of Rust."""
    target, rustup = package.target, context.facts.rustup
    theirs = rustup.toolchains if isinstance(rustup, Rustup) else ()
    libraries = {
        folder.release: Path(folder.path, "lib", "rustlib", target.triple, "lib")
        for folder in (*context.facts.inventory.toolchains, *theirs)
    }
    return Promise(
        target=target,
        glibc=promised_glibc(part(package.path.parent, target.triple), target.triple, context.config),
        folders=folders(context),
        libraries=tuple(sorted(Path(context.repository.target_directory, "crosstasks").glob(f".*/{target.triple}/*"))),
        standard={release: path for release, path in libraries.items() if path.is_dir()},
    )


def error_of(findings: Collection[Finding]) -> CrosstasksError | None:
    """Return the error of what does not hold, each file with its problems; None if all is well."""
    wrong = [finding for finding in findings if finding.state == "failed"]
    if not wrong:
        return None
    lines = [line for row in wrong for line in row.lines]
    hints = dict.fromkeys(row.hint for row in wrong if row.hint)
    return VerificationFailed("not every package is what its target promises", why="\n".join(lines), hint="; ".join(hints))


SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("ok", "32"),
    "failed": ("FAILED", "1;31"),
    "unchecked": ("-", "2"),
    "off": ("off", "2"),
}


def text(findings: Sequence[Finding]) -> str:
    """Return the table of all packages, and below it what is wrong and why something was not checked."""
    names = tuple(dict.fromkeys(row.check for row in findings))
    files: dict[tuple[str, str], dict[str, Finding]] = {}
    for row in findings:
        files.setdefault((row.package, row.member), {})[row.check] = row
    count = Counter(member for _, member in files)
    lines: list[tuple[str, ...]] = [("file", *names)]
    for (package, member), rows in files.items():
        label = f"{package if count[member] > 1 else ''}  {member}" if member else package
        signs = (SIGNS[rows[name].state] if name in rows else ("", "") for name in names)
        lines.append((label, *(report.paint(style, word, sys.stdout) if word else "" for word, style in signs)))
    wrong = (line for row in findings for line in row.lines)
    unknown: dict[str, str] = {}
    for row in findings:
        if row.state == "unchecked" and (row.check == "smoke" or row.why == NO_PROMISE):
            unknown.setdefault(f"{row.check} not checked: {row.why}", row.place)
    return "\n".join((align(lines), *wrong, *(f"{place}: {why}" for why, place in unknown.items())))


def differences_text(differences: Sequence[Difference]) -> str:
    """Return in lines how a second build differs from the first."""
    return "\n".join(map(str, differences)) or "a second build of the same commit gives the same packages, byte for byte"


def again(dist: Path, context: Context, package: Packager, triples: Collection[str] = ()) -> tuple[Difference, ...]:
    """Build HEAD in a work tree of its own, which is removed afterwards, and return how its packages differ from those in *dist*.

    Args:
        package: builds and packages, as it was done the first time.
        triples: the targets whose packages are compared; empty: all.

    Raises:
        ConfigError: this is no git repository, or what is there is not what was committed.
        CrosstasksError: the second build failed.
    """
    clean(context)
    with worktree(context) as tree, _apart(tree):
        below = _git(context, "rev-parse", "--show-prefix").out.strip()
        package(tree / below)
        return differences(dist, tree.with_name("dist"), context.cache, triples)


def product_names(dist: Path) -> tuple[str, ...]:
    """Return the names of what the archives in a folder are of, as the first build has listed them; nothing if it has not."""
    return tuple(dict.fromkeys(row.product for row in artifacts(dist) if row.product))


@contextmanager
def _apart(tree: Path) -> Iterator[None]:
    """Let the second build touch nothing of the first: the user's folders may be the same wherever it is called.

    The variables name cargo's target folder and the folder of archives, over all that configurations say.
    """
    variables = {"CARGO_TARGET_DIR": str(tree / "target"), "CROSSTASKS_RELEASE_DIST": str(tree.with_name("dist"))}
    theirs = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
        os.environ.update(theirs)


def clean(context: Context) -> None:
    """Refuse a work tree that is not what was committed.

    Raises:
        ConfigError: it is not, or there is none.
    """
    changed = _git(context, "status", "--porcelain", "--untracked-files=no").out.splitlines()
    if changed:
        why = "\n".join(changed[:10])
        raise ConfigError("--rebuild builds the last commit, and the working tree differs from it", why=why, hint="commit or stash them")


@contextmanager
def worktree(context: Context) -> Iterator[Path]:
    """Give a folder with what HEAD holds, and its submodules; git forgets it afterwards."""
    with TemporaryDirectory(prefix="crosstasks-worktree-") as place, ExitStack() as stack:
        tree = Path(place, "tree")
        _add_worktree(context, context.root, tree, stack)
        yield tree


def _add_worktree(context: Context, folder: Path, tree: Path, stack: ExitStack) -> None:
    """Let a repository check out its HEAD, and each submodule in it its own: what was fetched once is there, without the network."""
    top = Path(_git(context, "rev-parse", "--show-toplevel", folder=folder).out.rstrip("\n"))
    _git(context, "worktree", "add", "--detach", "--quiet", str(tree), "HEAD", folder=folder)
    stack.callback(_git, context, "worktree", "remove", "--force", str(tree), folder=folder)
    for path in git.submodules(tree):
        if (top / path / ".git").exists():  # one that was not fetched was no part of the first build either
            _add_worktree(context, top / path, tree / path, stack)


def _git(context: Context, *words: str, folder: Path | None = None) -> Done:
    folder = folder or context.root
    done = git.ask(folder, context.run, *words)
    if done.code:
        raise ConfigError(f"git {words[0]} fails in {folder}", why=done.err.strip(), hint="a release is built from a git repository")
    return done
