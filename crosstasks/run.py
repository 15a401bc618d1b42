"""Act: build or test along a route whose ingredients are all there."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from msgspec import Struct

from . import dependencies, docker_api, environment, guard, process, report
from .artifacts import Built, Messages
from .endings import Marks, explain
from .errors import CrosstasksError
from .facts.repository import Repository
from .facts.rustup import Toolchain as Folder
from .owners import abandoned
from .plan import Plan
from .routes import Route
from .steps import Done, Env
from .targets import find

if TYPE_CHECKING:
    from .config import TargetConfig
    from .work import Work

INSIDE: Final = "/target"
"""Where cross mounts the target folder (0.2.x and main: docker/local.rs)."""


class Ran(Struct, frozen=True, kw_only=True):
    """How a run ended: cargo's exit *code*, what was *built* in *target_dir*, and what cross made of it, if it was not cargo."""

    code: int
    built: Built
    target_dir: str
    seconds: float
    error: CrosstasksError | None = None


class Started(Struct, frozen=True, kw_only=True):
    """A program ready to be called: what comes before the subcommand, its environment, and what its end means."""

    program: tuple[str, ...]
    env: Env
    ending: Callable[[Done], CrosstasksError | None] = lambda _done: None
    owner: process.Owner | None = None


def run(plan: Plan, arguments: Sequence[str], work: Work) -> Ran:
    """
    Run cargo's ``build`` or ``test`` along the plan's route.

    Args:
        plan: with no steps left.
        arguments: for cargo, behind the subcommand.

    Raises:
        CrosstasksError: the dependencies or the guard failed, or the user ended it. What cargo or cross say is in the result.
    """
    begun = time.monotonic()
    route = plan.route
    dependencies.fetch(route, work)
    target_dir = folder(route, work.repository)
    target_dir.mkdir(parents=True, exist_ok=True)
    messages = Messages()
    with STARTERS[route.builder](route, target_dir, work) as started:
        argv = (
            *started.program,
            *subcommand(plan),
            *ours(plan, work.repository),
            *configured(work.config.target(route.target), arguments),
            *arguments,
        )
        done = process.stream(
            argv,
            env=started.env,
            cwd=work.repository.root,
            timeout=work.config.timeout or None,
            on_out=messages.feed if plan.verb == "build" else None,
            on_err=_to_stderr,
            owner=started.owner,
        )
        error = started.ending(done) if done.code else None
    seconds = time.monotonic() - begun
    return Ran(code=done.code, built=messages.result(), target_dir=str(target_dir), seconds=seconds, error=error)


def _to_stderr(chunk: bytes) -> None:
    sys.stderr.buffer.write(chunk)
    sys.stderr.buffer.flush()


def folder(route: Route, repository: Repository) -> Path:
    """
    Return where a route builds: a folder of its own per builder and image.

    Build scripts and proc-macros are host programs: shared with another image, or with the host, they fail with
    ``GLIBC_2.29 not found`` (cross-rs/cross#724).
    """
    image = route.image
    parts = (route.builder, image.ref, image.digest, image.platform) if image else (route.builder, route.libc)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return Path(repository.target_directory) / "crosstasks" / f".{route.builder}-{key}"


def subcommand(plan: Plan) -> tuple[str, ...]:
    """Return cargo's subcommand as the builder calls it."""
    return ("zigbuild",) if plan.route.builder == "zigbuild" and plan.verb == "build" else (plan.verb,)


def ours(plan: Plan, repository: Repository) -> tuple[str, ...]:
    """Return the arguments of cargo that are ours to set."""
    route = plan.route
    suffix = f".{route.libc}" if route.builder == "zigbuild" and route.libc else ""
    listed = ["--target", f"{route.target}{suffix}"]
    if repository.lock:
        listed.append("--locked")
    if plan.verb == "build":
        listed.append("--message-format=json-render-diagnostics")
    if route.build_std:
        listed.append("-Zbuild-std=std,panic_abort")
    return tuple(listed)


def configured(own: TargetConfig, arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what the configuration says of packages, features and profile; arguments that speak of the same win."""
    asked = {argument.partition("=")[0] for argument in arguments}
    listed: list[str] = []
    if not asked & {"-p", "--package", "--workspace", "--all"}:
        listed += [f"--package={name}" for name in own.members]
        listed += ["--workspace", *(f"--exclude={name}" for name in own.exclude)] if own.exclude and not own.members else []
    if own.profile and not asked & {"--profile", "--release", "-r"}:
        listed.append(f"--profile={own.profile}")
    if not asked & {"-F", "--features", "--all-features", "--no-default-features"}:
        listed += [] if own.default_features else ["--no-default-features"]
        listed += [f"--features={','.join(own.features)}"] if own.features else []
    return tuple(listed)


def _call(target_dir: Path, work: Work, **more: object) -> environment.Call:
    colour = report.coloured(sys.stderr, work.environ)
    width = shutil.get_terminal_size().columns if colour and sys.stderr.isatty() else 0
    return environment.Call(target_dir=str(target_dir), colour=colour, width=width, path=work.environ.get("PATH", os.defpath), **more)  # type: ignore[arg-type]


@contextmanager
def _cross(route: Route, target_dir: Path, work: Work) -> Iterator[Started]:
    run_id = uuid4().hex[:12]
    place = work.cache / "runs" / run_id
    theirs = dependencies.user_home(work.environ)
    guarding = _guard(route, str(place), str(theirs), work.repository)
    call = _call(
        target_dir,
        work,
        guard=str(place),
        cargo_home=str(dependencies.home(work)),
        user_cargo_home=str(theirs),
        rustup_home=str(Path(route.toolchain.path).parent.parent),
        labels=docker_api.labels(run_id),
    )
    env = environment.cross(
        route,
        call,
        engine=work.engine,
        host=work.facts.host,
        repository=work.repository,
        config=work.config.target(route.target),
        environ=work.environ,
    )
    assert route.tool is not None  # noqa: S101
    # what an earlier call left because it was killed, and its helper as well
    docker_api.EngineDoor(work.engine.command, work.run).sweep()
    for left in (path for path in place.parent.glob("*") if abandoned(path)):
        shutil.rmtree(left, ignore_errors=True)
    with guard.guarded(guarding), docker_api.ending(work.engine.command, run_id) as end:
        yield Started(
            program=(route.tool.path,),
            env={**env, **guard.variables(guarding, call.path)},
            ending=lambda done: explain(guard.marks(str(place)), done.code, done.err),
            owner=end,
        )


def _guard(route: Route, place: str, theirs: str, repository: Repository) -> guard.Guard:
    toolchain = route.toolchain
    folder = Folder(
        name=toolchain.name,
        path=toolchain.path,
        release=toolchain.release,
        host=toolchain.host,
        targets=toolchain.standard,
        source=route.build_std,
    )
    return guard.Guard(
        folder=place,
        cargo=f"{route.own.path}/bin/cargo",
        rustc=f"{route.own.path}/bin/rustc",
        toolchain=folder,
        locked=repository.lock,
        offline=True,
        cargo_home=theirs,
        sysroot=toolchain.path,
        target=route.target,
    )


@contextmanager
def _zigbuild(route: Route, target_dir: Path, work: Work) -> Iterator[Started]:
    assert route.tool is not None  # noqa: S101
    tool = Path(route.tool.path)
    env = environment.host(route, _call(target_dir, work), work.repository, work.environ)
    zig = tool.parent.parent / "ziglang" / "zig"
    if zig.exists():
        env = {**env, "CARGO_ZIGBUILD_ZIG_PATH": str(zig)}
    yield Started(program=(str(tool),), env=env)


@contextmanager
def _cargo(route: Route, target_dir: Path, work: Work) -> Iterator[Started]:
    env = environment.host(route, _call(target_dir, work), work.repository, work.environ)
    yield Started(program=(f"{route.own.path}/bin/cargo",), env=env)


STARTERS: Final[Mapping[str, Callable[[Route, Path, Work], AbstractContextManager[Started]]]] = {
    "cross": _cross,
    "zigbuild": _zigbuild,
    "cargo": _cargo,
}

__all__ = ["Marks", "Ran", "find", "folder", "run"]
