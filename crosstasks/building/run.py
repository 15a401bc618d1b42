"""Act: build or test along a route whose ingredients are all there, in a target folder that begins with the host programs of another's.

Build scripts, proc-macros and all that they are made of do not depend on the target, only on what the image itself is:

::

    target/crosstasks/.cross-<base>-<key>/debug/               of the host: taken over from a folder of the same base
    target/crosstasks/.cross-<base>-<key>/<triple>/debug/      of the target: its own

Whether a file still serves is cargo's to say, by its fingerprint, as if it had built in this folder all along: in the container the
folder has the same name, and times are kept. One folder for all would do as well, but sessions would wait for cargo's lock.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from ..catalog import targets
from ..clients import process
from ..core import cache, files, versions
from ..core.errors import CrosstasksError, DiskFull, EngineFailed
from ..core.results import Container
from ..core.steps import NEXTEST, RUNNING, TESTING
from ..facts.engine import Engine
from ..provisioning import cache_check
from ..reporting import ci, streams
from . import arguments, commands, dependencies, environment, guard
from .artifacts import CargoOutput, Messages, host_paths, universal
from .commands import STARTERS

if TYPE_CHECKING:
    from ..config.configuration import TargetConfig
    from ..context import Context
    from ..core.steps import Absent, Done, Env, Say, Verb
    from ..planning.plan import Plan
    from ..planning.route import Route
    from ..project.repository import Repository


LOCKS: Final = ".cargo*lock"
"""What cargo locks while it builds: one file in the folder of each profile, or two in newer versions."""


def seed(target_dir: Path, engine: Engine | Absent, say: Say) -> None:
    """Make the folder *target_dir*, if there is none, from what others of its base hold; without such, or in doubt, nothing is made.

    Args:
        target_dir: named as by ``run.folder``.
        engine: it must have the kernel of this machine: elsewhere cargo's lock is not seen from here.
        say: told if something is taken over.
    """
    base = target_dir.name.rpartition("-")[0]
    here = isinstance(engine, Engine) and not (engine.apart or engine.remote or engine.desktop)
    if target_dir.exists() or "-" not in base or not (here and sys.platform.startswith("linux")):
        return
    # it only saves time: a folder that another took away, or a full disk, is the build's own to meet
    with suppress(OSError, NotImplementedError):
        # a container wrote all below: a lock that is a pipe would be waited for, and a folder that is a link leads elsewhere
        profiles = {lock.parent for lock in target_dir.parent.glob(f"{base}-*/*/{LOCKS}") if _is_lock(lock)}
        if profiles:
            with cache.lock(target_dir.parent / "seeding", say):
                _take_over(sorted(profiles, key=lambda profile: profile.stat().st_mtime, reverse=True), target_dir, say)


def _is_lock(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode) and not path.parent.is_symlink() and not path.parent.parent.is_symlink()


def _take_over(profiles: Sequence[Path], target_dir: Path, say: Say) -> None:
    """Copy the host's folders of each profile, of each the one that was built in last."""
    with files.draft_folder(target_dir) as draft:
        for profile in profiles:
            if not (draft / profile.name).exists():
                _copy(profile, draft / profile.name)
        if any(draft.iterdir()) and not target_dir.exists():
            draft.chmod(0o755)
            draft.rename(target_dir)
            say("build scripts and proc-macros that were compiled for another target are taken over")


def _copy(profile: Path, to: Path) -> None:
    """Copy the folder of a profile unless cargo is at work in it; without its locks, and what only serves to compile a crate again."""
    import fcntl

    with ExitStack() as locks:
        for lock in filter(_is_lock, profile.glob(LOCKS)):
            file = locks.enter_context(lock.open("rb"))
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        ignored = shutil.ignore_patterns("incremental", LOCKS)
        # only here: what build scripts write may have such names as well
        shutil.copytree(profile, to, symlinks=True, ignore=lambda folder, names: ignored(folder, names) if folder == str(profile) else ())


class Run(Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes:
        code: cargo's exit code.
        output: what cargo told of; it is in *target_dir* now.
        at_work: cargo has begun to compile, or came to an end: what failed then is not the fault of the route.
        error: what cross, or a full disk, made of it, if it was not cargo's own end.
        err: its last words.
        container: the one that it ran in, as the engine told.
    """

    code: int
    output: CargoOutput
    target_dir: str
    at_work: bool = False
    error: CrosstasksError | None = None
    err: str = ""
    container: Container | None = None


def run(plan: Plan, words: Sequence[str], context: Context) -> Run:
    """Run cargo along the plan's route.

    Args:
        plan: with no steps left.
        words: for cargo, behind the subcommand.

    Raises:
        CrosstasksError: the dependencies or the guard failed, or the user ended it. What cargo or cross say is in the result.
    """
    dependencies.fetch(plan.route, context)
    target_dir = folder(plan.route, context.repository)
    seed(target_dir, context.facts.engine, context.say)
    target_dir.mkdir(parents=True, exist_ok=True)
    messages = Messages(*((_to_stdout,) if plan.verb in RUNNING else ()))
    with STARTERS[plan.route.builder](plan.route, target_dir, context) as invocation:
        done = _call(plan, words, invocation, target_dir, messages, context)
        container = invocation.container()
        error: CrosstasksError | None = None
        if done.code:
            text = _text(done, messages)
            error = _full(plan, done) or cache_check.check_after_failure(plan.route, text, context) or invocation.failure(done)
    output = host_paths(messages.result(), invocation.places)
    if plan.verb != "build":  # programs that are built to be tested are not for keeping
        output = replace(output, products=())
    if not done.code:
        output = universal(output, target_dir, plan.request.target) if plan.request.target.parts else output
        error = _doubt(plan, output, words, container)
    return Run(
        code=done.code,
        output=output,
        target_dir=str(target_dir),
        at_work=output.at_work or (plan.verb != "build" and bool(WORK.search(done.err))),
        error=error,
        err=done.err,
        container=container,
    )


def _call(
    plan: Plan, words: Sequence[str], invocation: commands.Invocation, target_dir: Path, messages: Messages, context: Context
) -> Done:
    """Call cargo as often as the target has parts, until one fails."""
    route, target = plan.route, plan.request.target
    form = "" if plan.verb in NEXTEST else _form(context)
    folders = (*(_folders(route, target_dir, context) if context.extra.remap else ()), *_library(route, context))
    flag_env, flag_arguments = environment.add_flags(
        target.triples,
        (*environment.link_flags(route), *environment.remap_flags(folders)),
        context.repository.rustflags,
        context.environ,
    )
    handed, behind = past_cross(words) if route.builder == "cross" and not route.remote else (words, {})
    # the parts of a universal target do not run on the same oldest macOS
    for triples in tuple((part,) for part in target.parts) or (target.triples,):
        done = process.stream(
            (
                *invocation.program,
                *subcommand(plan),
                *ours(plan, context.repository, form, triples),
                *cargo_options(plan.request.options, words, plan.verb),
                *unwinding(plan, arguments.before_separator(words)),
                *flag_arguments,
                *invocation.arguments,
                *handed,
            ),
            env={**environment.deployment(route.builder, triples[0], context.environ), **invocation.env, **flag_env, **behind},
            cwd=context.repository.root,
            timeout=context.config.timeout or None,
            on_out=messages.feed if plan.verb == "build" or form else None,
            on_err=process.to_stderr,
            owner=invocation.owner,
        )
        if done.code:
            break
    return done


def past_cross(words: Sequence[str]) -> tuple[Sequence[str], Env]:
    """Return what cross may read of the arguments, and the variable by which the rest, from ``--`` on, gets past it (guard.py)."""
    before = arguments.before_separator(words)
    behind = words[len(before) :]
    return before, {guard.BEHIND: shlex.join(behind)} if behind else {}


ASIDE: Final = frozenset({"-h", "--help", "--unit-graph", "--build-plan"})
"""Arguments with which cargo builds nothing, and says so in no message."""


def _doubt(plan: Plan, output: CargoOutput, words: Sequence[str], container: Container | None) -> EngineFailed | None:
    """Return what speaks against a build that ended well: nothing saw its container, or the last message of cargo is missing."""
    route = plan.route
    if route.isolation == "container" and container is None:
        why = f"{route.builder} ended well, and the engine knows of no container of this run: it may have called the host's cargo"
        hint = f"is {route.program or route.builder} what it says? `cross = ` with another flavour takes another program"
        return EngineFailed(f"{route.target} was built in no container", why=why, hint=hint)
    if plan.verb == "build" and output.success is None and not ASIDE & set(words):
        # an engine may have let go of the container's output
        why = f"{route.builder} ended well, but cargo did not say that its build had"
        return EngineFailed("cargo's output was cut off", why=why, hint="run it again; `docker events` tells what the engine did")
    return None


def _text(done: Done, messages: Messages) -> str:
    """Return what cargo and the compiler said, some of it perhaps as messages, and how it ended."""
    diagnostics = (f"{diagnostic.level}: {diagnostic.message}" for diagnostic in messages.result().diagnostics)
    return "\n".join((*diagnostics, done.err, f"cargo exited with {done.code}"))


def _full(plan: Plan, done: Done) -> CrosstasksError | None:
    """Tell a full disk from other ends of a build; a test may print what it likes."""
    message = "" if plan.verb in RUNNING else cache.full_line(done.err)
    return DiskFull(f"{plan.target}: a disk is full", why=message, hint=cache.HINT) if message else None


WORK: Final = re.compile(r"^(?:\x1b\[[0-9;]*+m|[ \t])*+(?:Checking|Compiling|Documenting|Finished|Running|Doc-tests)\b", re.MULTILINE)
"""How cargo shows that it has begun to work: tests give no messages that could be read."""


def _folders(route: Route, target_dir: Path, context: Context) -> tuple[tuple[str, str], ...]:
    """Return the folders of this machine that the compiler sees, and what programs shall call them; the last that fits counts.

    In a container of 0.2.x all but the project have fixed names: nothing of the machine is in the flags, and so in no hash of cargo's.
    """
    if route.builder == "cross" and route.flavour != "git":
        root = context.repository.root
        there = guard.path_remaps(str(target_dir), root) if route.remote else ()
        return ((root if context.repository.around.folders else "/project", "/source"), *there)
    homes = (
        (dependencies.home(context),)
        if route.builder == "cross"
        else (dependencies.user_home(context.environ), dependencies.host_home(context))
    )
    cargo = ((str(home), "/cargo") for home in homes)
    return (context.repository.root, "/source"), (route.toolchain.path, "/rust"), *cargo, (str(target_dir), "/target")


def _library(route: Route, context: Context) -> tuple[tuple[str, str], ...]:
    """Return what programs shall call the source of the standard library where it is installed: what they call it where it is not.

    rustc names such a file by where it lies if it is there, and panics say so: a source that another project wanted would change programs.
    """
    commit = commands.commit(route, context) if route.toolchain.library else ""
    fixed = route.builder == "cross" and route.flavour != "git"
    places = ("/rust", *([f"{guard.COPIES}/rust"] if route.remote else [])) if fixed else (route.toolchain.path,)
    return tuple((f"{place}/lib/rustlib/src/rust", f"/rustc/{commit}") for place in places) if commit else ()


def _form(context: Context) -> str:
    """Return what lets cargo hand the compiler's messages to us, who print them; empty leaves that to cargo."""
    if not ci.wants_diagnostics(context.environ):
        return ""
    return "json-diagnostic-rendered-ansi" if streams.has_colour(sys.stderr, context.environ) else "json"


def _to_stdout(line: bytes) -> None:
    """Write where the program itself would have."""
    with open(1, "wb", closefd=False) as out:
        out.write(line)


def folder(route: Route, repository: Repository) -> Path:
    """Return where a route builds: a folder of its own per builder and image.

    Build scripts and proc-macros are host programs: shared with another image, or with the host, they fail with
    ``GLIBC_2.29 not found`` (cross-rs/cross#724). If images do not differ in that, the names of their folders begin alike (``seed``).
    """
    image = route.image
    of_image = (image.compilers or f"{image.ref}\0{image.digest}", image.platform) if image else (route.glibc_floor,)
    parts = (route.builder, *of_image)
    # cargo compares times, and those of another machine are its own
    parts = (*parts, "remote") if route.remote else parts
    base = _key(6, image.base, image.platform) if image and image.base and not route.remote else ""
    return Path(repository.target_directory) / "crosstasks" / f".{route.builder}-{base}{'-' if base else ''}{_key(12, *parts)}"


def _key(length: int, *parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


ARCHIVE: Final = "nextest.tar.zst"
"""The file that ``nextest-archive`` makes, in the target folder, and then beside the target's artifacts."""


def keep_archive(target_dir: str, place: Path, triple: str) -> Path:
    """Move the packed tests to where they stay, ``crosstasks/<triple>/nextest.tar.zst`` in the workspace's target folder."""
    path = place / "crosstasks" / triple / ARCHIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(target_dir, ARCHIVE).replace(path)


def subcommand(plan: Plan) -> tuple[str, ...]:
    """Return cargo's subcommand as the builder calls it; linters and the documentation link nothing, and zig has compilers for them.

    What is ``test`` to cross is ``nextest`` to the cargo in the container (guard.py).
    """
    if plan.verb in NEXTEST:
        return ("test" if plan.route.builder == "cross" else "nextest", "run" if plan.verb == "nextest" else "archive")
    is_zigbuild = plan.route.builder == "zigbuild" and plan.verb == "build" and not targets.find(plan.target).zig_alone
    return ("zigbuild",) if is_zigbuild else (plan.verb,)


def ours(plan: Plan, repository: Repository, form: str = "", triples: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the arguments of cargo that are ours to set; *form* is that of its messages, if it is another, *triples* what is built."""
    route = plan.route
    target = targets.catalogue()[route.target]
    # cargo-nextest looks for the target's own configuration, and its cargo adds the version
    suffix = f".{route.glibc_floor}" if route.builder == "zigbuild" and route.glibc_floor and plan.verb not in NEXTEST else ""
    file = target.specification
    if file and route.builder == "cross":
        file = repository.cross_name(target.triple)
    names = [file] if file else [f"{triple}{suffix}" for triple in triples or target.triples]
    listed = [word for name in names for word in ("--target", name)]
    if repository.lock:
        listed.append("--locked")
    if plan.verb == "build" or form:
        listed.append(f"--message-format={form or 'json-render-diagnostics'}")
    if route.build_std:
        listed.append(f"-Zbuild-std={'std,panic_abort' if target.std else 'core,alloc'}")
    if target.specification and needs_spec_flag(route.toolchain.release):
        listed.append("-Zjson-target-spec")
    if plan.verb == "nextest-archive":
        place = "/target" if route.builder == "cross" and route.flavour != "git" else str(folder(route, repository))
        listed.append(f"--archive-file={place}/{ARCHIVE}")
    return tuple(listed)


def needs_spec_flag(release: str) -> bool:
    """Tell whether cargo takes a target in JSON only if it is told so: since 1.95, which began in February 2026 (rust-lang/cargo#16557)."""
    channel, _, day = release.partition("-")
    return day >= "2026-02-01" if channel in {"nightly", "beta"} else versions.numbers(release) >= (1, 95)


def cargo_options(options: TargetConfig, words: Sequence[str], verb: Verb = "build") -> tuple[str, ...]:
    """Return what the configuration says of packages, features and profile; arguments that speak of the same win."""
    profile = "--cargo-profile" if verb in NEXTEST else "--profile"  # cargo-nextest has profiles of its own
    flags = {word.partition("=")[0] for word in words}
    listed: list[str] = []
    if not flags & {"-p", "--package", "--workspace", "--all"}:
        listed += [f"--package={name}" for name in options.members]
        listed += ["--workspace", *(f"--exclude={name}" for name in options.exclude)] if options.exclude and not options.members else []
    if options.profile and not flags & {profile, "--release", "-r"}:
        listed.append(f"{profile}={options.profile}")
    if not flags & {"-F", "--features", "--all-features", "--no-default-features"}:
        listed += [] if options.default_features else ["--no-default-features"]
        listed += [f"--features={','.join(options.features)}"] if options.features else []
    return tuple(listed)


INHERITED: Final[Mapping[str, str]] = {"test": "dev", "bench": "release"}
"""Cargo's profiles whose panic strategy cannot be set, and those that they have it from."""


def unwinding(plan: Plan, words: Sequence[str]) -> tuple[str, ...]:
    """Return what lets the programs beside tests unwind as the tests do, whatever the manifest says.

    Cargo compiles the library for both, and links the tests with the two of them (rust-lang/cargo#7359).
    """
    route, verb = plan.route, plan.verb
    if verb not in TESTING or not route.build_std or not targets.catalogue()[route.target].std:
        return ()
    option = "--cargo-profile" if verb in NEXTEST else "--profile"
    named = [word.removeprefix(f"{option}=") for word in words if word.startswith(f"{option}=")]
    named += [following for word, following in pairwise(words) if word == option]
    release = verb == "bench" or {"--release", "-r"} & set(words)
    profile = next(iter(named), "release" if release else plan.request.options.profile or "dev")
    return "--config", f'profile.{INHERITED.get(profile, profile)}.panic="unwind"'
