"""Act: how each builder is started: cross behind the guard, cargo-zigbuild, and cargo itself."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from ..catalog.targets import find, variable
from ..clients import engines, git, network, process
from ..clients.engines import is_abandoned
from ..core import cache, files, looking
from ..core.errors import ConfigError, CrosstasksError, EngineFailed
from ..core.results import Container
from ..core.steps import Absent, Done, Env
from ..facts import engine
from ..reporting import streams
from . import arguments, dependencies, environment, guard, outcome
from .outcome import explain

if TYPE_CHECKING:
    from ..context import Context
    from ..planning.route import Route

# without the second, nothing but the configuration of CARGO_HOME is copied
REMOTE: Final[Env] = {"CROSS_REMOTE": "1", "CROSS_REMOTE_COPY_REGISTRY": "1", "CROSS_CONTAINER_OPTS": ""}
"""What cross is told for an engine elsewhere; ``guard.remote_program`` knows the options that ``docker exec`` would be given."""


class Invocation(Struct, frozen=True, kw_only=True):
    """A program ready to be called.

    Attributes:
        program: what comes before the subcommand.
        failure: what an end that is not cargo's own means.
        arguments: what cargo is told besides.
        places: which folders here those are that cargo names, where it runs on another machine.
        container: what the engine says of its container, once it has ended.
    """

    program: tuple[str, ...]
    env: Env
    failure: Callable[[Done], CrosstasksError | None] = lambda _done: None
    owner: process.Owner | None = None
    arguments: tuple[str, ...] = ()
    places: Mapping[str, str] = {}
    container: Callable[[], Container | None] = lambda: None


def _common(target_dir: Path, context: Context) -> dict[str, Any]:
    """Return what of a call does not depend on the builder."""
    colour = streams.has_colour(sys.stderr, context.environ)
    width = shutil.get_terminal_size().columns if colour and sys.stderr.isatty() else 0
    return {"target_dir": str(target_dir), "colour": colour, "width": width}


@contextmanager
def _cross(route: Route, target_dir: Path, context: Context) -> Iterator[Invocation]:
    run_id = files.unique_name()
    folder = context.cache / "runs" / run_id
    home = dependencies.home(context)
    call = environment.Call(
        cargo_home=str(folder / "home" if route.remote else home),
        user_cargo_home=str(dependencies.user_home(context.environ)),
        labels=engines.labels(run_id),
        certificates=bool(network.authorities(context.environ)),
        **_common(target_dir, context),
    )
    env = environment.cross(route, call, context)
    client = engines.EngineClient(context.engine.command, context.run)
    run_guard = _guard(route, str(folder), context)
    if route.remote:
        run_guard, env = _remote_guard(run_guard, env["CROSS_CONTAINER_OPTS"] or "", context), {**env, **REMOTE}
    else:
        run_guard = replace(run_guard, engine=guard.engine_program(_mounts(route, str(folder), target_dir, call, context)))
    for other in filter(is_abandoned, folder.parent.glob("*")):
        shutil.rmtree(other, ignore_errors=True)
    with (
        _sweep(client, context),
        guard.active(run_guard),
        engines.reap_containers(context.engine.command, run_id) as owner,
        outcome.Witness(context.engine, client, run_id, folder / guard.CONTAINER) as witness,
    ):
        if route.remote:
            _copy_to_engine(route, run_guard, call, context)
        else:
            shutil.copytree(home, folder / "home")
        yield Invocation(
            container=witness.container,
            program=(route.program,),
            env={**env, **guard.variables(run_guard, context.environ.get("PATH", os.defpath))},
            failure=lambda done: explain(outcome.marks(str(folder)), done.code, done.err) or _engine_failure(done, route, context),
            owner=owner,
            places=guard.places(str(target_dir), context.repository.root) if route.remote else {},
        )


READ_ONLY: Final = (".git", ".cargo")
"""What programs of the host take orders from, whoever calls them: a container that could write it would give them."""


def read_only(root: Path, *more: str) -> tuple[str, ...]:
    """Return the names in a workspace that no container is to write, of those that are there; *more* likewise, if they lie in it."""
    inside = (name for name in more if not Path(name).is_absolute() and ".." not in Path(name).parts)
    names = (*READ_ONLY, *inside, *(f"{folder}/.git" for folder in git.submodules(root)))
    # a link would be followed where it is mounted
    return tuple(name for name in names if (root / name).exists() and not (root / name).is_symlink())


def _mounts(route: Route, folder: str, target_dir: Path, call: environment.Call, context: Context) -> guard.Mounts:
    repository = context.repository
    volumes = environment.user_volumes(route.target, repository, context.environ)
    return guard.Mounts(
        engine=context.engine.command,
        kind=context.engine.kind,
        cache=str(context.cache),
        home=call.cargo_home,
        run=folder,
        root=repository.root,
        target_dir=str(target_dir),
        target=repository.target_directory,
        read_only=read_only(Path(repository.root), context.config.release.dist),
        volumes=tuple(os.path.realpath(place) for volume in volumes if (place := _folder(volume, context.environ))),
        instead=context.extra.instead or ("cargo nextest" if route.nextest else ""),
    )


def _folder(volume: str, environ: Mapping[str, str]) -> str:
    name, equals, folder = volume.partition("=")
    return folder if equals else environ.get(name, "")


def _remote_guard(run_guard: guard.Guard, options: str, context: Context) -> guard.Guard:
    """Return the guard for an engine on another machine, whose ``docker run`` has these *options*."""
    copier = guard.remote_program(
        context.engine.command,
        f"{options} {shlex.quote(f'--cidfile={run_guard.folder}/{guard.CONTAINER}')}",
        host=run_guard.toolchain.host,
    )
    # 0.2.x names the container after it, and ends one of the same name: two builds of a target must not end each other
    name = f"{Path(run_guard.folder).name}-{guard.CROSS_HOST}"
    alias = f"{run_guard.folder}/{name}"
    return replace(run_guard, engine=copier, toolchain=replace(run_guard.toolchain, name=name, path=alias), sysroot=alias)


def _copy_to_engine(route: Route, run_guard: guard.Guard, call: environment.Call, context: Context) -> None:
    """Make what is copied to the engine: the toolchain by another name, and a CARGO_HOME with the crates that the build needs."""
    # cross copies no folder that is marked so: what was built is not needed there
    files.write(Path(context.repository.target_directory, "crosstasks", "CACHEDIR.TAG"), cache.TAG)
    Path(run_guard.sysroot).symlink_to(route.toolchain.path)
    dependencies.carry(Path(call.cargo_home), route, context)


@contextmanager
def _sweep(client: engines.EngineClient, context: Context) -> Iterator[None]:
    """Remove what an earlier call left because it was killed, and its helper as well: beside the build, which need not wait."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        sweeping = pool.submit(client.sweep)
        yield
        if error := sweeping.exception():
            context.say(f"what an earlier call may have left was not removed: {error}")


CARGO_FAILED: Final = 101

CONNECTION_LOST: Final = ("error during connect", "error waiting for container", "unexpected EOF", "Cannot connect to the Docker daemon")
"""How an engine's command says that the engine let go of it, though another may answer by now."""


def _engine_failure(done: Done, route: Route, context: Context) -> EngineFailed | None:
    """Tell a build that was ended by its engine's end from one that failed, which cargo itself tells with a code of its own."""
    if done.code == CARGO_FAILED:
        return None
    what = f"the container engine went away while {route.target} was built"
    if line := next((line for line in done.err.splitlines() if any(words in line for words in CONNECTION_LOST)), ""):
        return EngineFailed(what, why=line.strip(), hint="call again; what was compiled is kept")
    state = engine.read(context.look, context.engine.command)
    return EngineFailed(what, why=state.why, hint="start it again; what was compiled is kept") if isinstance(state, Absent) else None


COMPILER_QUESTIONS: Final = ("-vV", "--print target-list")
"""What cross asks the compiler in every call (0.2.x and main: src/lib.rs, src/rustc.rs)."""


def _compiler_output(route: Route, context: Context) -> dict[str, tuple[str, ...]]:
    """Return what the route's compiler says to cross's questions; it is asked once, for as long as its file is the same."""
    rustc = f"{route.host_toolchain.path}/bin/rustc"

    def ask(words: str) -> str | Absent:
        done = context.run((rustc, *words.split()))
        return Absent(done.err) if done.code else done.out

    texts = {words: looking.of_program(context.look, rustc, f"rustc {words}", partial(ask, words), str) for words in COMPILER_QUESTIONS}
    return {words: tuple(text.splitlines()) for words, text in texts.items() if isinstance(text, str)}


def commit(route: Route, context: Context) -> str:
    """Return the commit that the route's compiler was made of; empty if it does not say, as Debian's."""
    named = dict(line.partition(": ")[::2] for line in _compiler_output(route, context).get("-vV", ()))
    return named.get("commit-hash", "").replace("unknown", "")


def _guard(route: Route, folder: str, context: Context) -> guard.Guard:
    answers = context.cache / "answers" / f"cargo-{route.host_toolchain.name}"
    answers.mkdir(parents=True, exist_ok=True)  # cargo notes nothing where it is not
    return guard.Guard(
        folder=folder,
        cargo=f"{route.host_toolchain.path}/bin/cargo",
        rustc=f"{route.host_toolchain.path}/bin/rustc",
        toolchain=replace(route.toolchain, library=route.build_std),
        lock=context.repository.lock,
        cargo_home=str(dependencies.user_home(context.environ)),
        build_dir=str(answers),
        sysroot=route.toolchain.path,
        host="" if route.flavour == "git" else guard.CROSS_HOST,
        compiler_output=_compiler_output(route, context),
    )


@contextmanager
def _on_host(route: Route, target_dir: Path, context: Context) -> Iterator[Invocation]:
    """Start cargo, or what calls it, without a container: without tokens, and with a CARGO_HOME that has none."""
    call = environment.Call(cargo_home=str(dependencies.host_home(context)), **_common(target_dir, context))
    env = environment.host(route, call, context)
    program, env = HOST_BUILDERS[route.builder](route, target_dir, context, env)
    if context.extra.wrapper:  # cargo-auditable calls cargo, and finds cargo-zigbuild as cargo does, on PATH
        program, env = (context.extra.wrapper, "auditable"), {**env, "CARGO": f"{route.host_toolchain.path}/bin/cargo"}
    with arguments.starter(route, target_dir, context) as (words, owner):
        yield Invocation(program=program, env=env, arguments=words, owner=owner)


ZIG_CACHES: Final[Mapping[str, str]] = {"CARGO_ZIGBUILD_CACHE_DIR": "wrappers", "ZIG_GLOBAL_CACHE_DIR": "objects"}
"""Where cargo-zigbuild (README, "Environment variables") and zig (``zig env``) keep what they make, by our folder of it."""


def _zigbuild(route: Route, target_dir: Path, context: Context, env: Env) -> tuple[tuple[str, ...], Env]:
    tool = Path(route.program)
    # by themselves, both keep what they make in folders of their own below ~/.cache
    caches = {name: str(context.cache / "zig" / folder) for name, folder in ZIG_CACHES.items() if name not in context.environ}
    env = {**caches, **environment.objcopy_environment(route, context.environ), **apple_sdk(route, context.environ), **env}
    zig = tool.parent.parent / "ziglang" / "zig"
    if zig.exists():
        env = {**env, "CARGO_ZIGBUILD_ZIG_PATH": str(zig)}
    env = {**env, "PATH": f"{tool.parent}:{env['PATH']}"}
    if find(route.target).zig_alone:
        return _cargo(route, target_dir, context, {**env, **zig_alone(route, target_dir)})
    if not route.nextest:
        return (str(tool),), env
    cargo = target_dir / "cargo-of-nextest"
    files.write(cargo, zig_cargo(route))
    cargo.chmod(0o755)
    return (route.nextest.path,), {**env, "CARGO": str(cargo)}


def zig_alone(route: Route, target_dir: Path) -> Env:
    """Make programs that are zig as cargo-zigbuild calls it, and return what names them to cargo and to build scripts."""
    programs = []
    for name in ("cc", "c++", "ar"):
        words = (route.program, "zig", name, *(("--", "-target", find(route.target).zig) if name != "ar" else ()))
        path = target_dir / f"zig-{name}"
        files.write(path, f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        path.chmod(0o755)
        programs.append(str(path))
    return environment.compilers(route.target, *programs)


def zig_cargo(route: Route) -> str:
    """Return the program that is cargo to cargo-nextest: its ``cargo --color=auto test --no-run …`` is cargo-zigbuild's to do."""
    cargo, target = f"{route.host_toolchain.path}/bin/cargo", route.target
    return f"""#!/bin/sh
# cargo as cargo-nextest sees it: made by crosstasks, see its building/commands.py
export CARGO={shlex.quote(cargo)}
case " $* " in *' test --no-run '*) ;; *) exec "$CARGO" "$@" ;; esac
left=$#
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1)); shift
    case "$word" in
        test) continue ;;
        {target}) word={target}{f".{route.glibc_floor}" if route.glibc_floor else ""} ;;
    esac
    set -- "$@" "$word"
done
exec {shlex.quote(route.program)} test "$@"
"""


DEVELOPER: Final = ("Platforms", "MacOSX.platform", "Developer", "SDKs", "MacOSX.sdk")
"""Where Xcode keeps the SDK of macOS, below DEVELOPER_DIR (``xcrun --show-sdk-path``)."""


def apple_sdk(route: Route, environ: Mapping[str, str]) -> Env:
    """Return what names Apple's SDK to cargo-zigbuild, which asks ``xcrun`` on a Mac alone.

    Raises:
        ConfigError: the user's variable names none.
    """
    if not route.target.endswith("-apple-darwin"):
        return {}
    name = next((name for name in ("SDKROOT", "DEVELOPER_DIR") if environ.get(name)), "")
    if not name:
        return {}
    folder = Path(environ[name]) if name == "SDKROOT" else Path(environ[name], *DEVELOPER)
    if not (folder / "System" / "Library" / "Frameworks").is_dir():
        why = f"{folder} has no System/Library/Frameworks"
        raise ConfigError(f"{name} names no SDK of macOS", why=why, hint="SDKROOT is the folder MacOSX.sdk, DEVELOPER_DIR that of Xcode")
    return {"SDKROOT": str(folder)}


def _cargo(route: Route, _target_dir: Path, context: Context, env: Env) -> tuple[tuple[str, ...], Env]:
    cargo = f"{route.host_toolchain.path}/bin/cargo"
    env = {**env, **(environment.ndk(route.target, route.sdk) if route.sdk else {})}
    if linker := context.config.target(route.target).linker:
        env = {**env, f"CARGO_TARGET_{variable(route.target)}_LINKER": linker}
    return ((route.nextest.path,), {**env, "CARGO": cargo}) if route.nextest else ((cargo,), env)


def _xwin(route: Route, _target_dir: Path, _context: Context, env: Env) -> tuple[tuple[str, ...], Env]:
    """Start cargo-xwin, which finds cargo and rustc on PATH, and keeps what it fetches where we, or the user, tell."""
    return (route.program, "xwin"), {**env, **environment.xwin(route.target, route.sdk)}


HOST_BUILDERS: Final[Mapping[str, Callable[[Route, Path, Context, Env], tuple[tuple[str, ...], Env]]]] = {
    "zigbuild": _zigbuild,
    "cargo": _cargo,
    "xwin": _xwin,
}
"""What comes before the subcommand, and the environment, by builder."""

STARTERS: Final[Mapping[str, Callable[[Route, Path, Context], AbstractContextManager[Invocation]]]] = {
    "cross": _cross,
    **dict.fromkeys(HOST_BUILDERS, _on_host),
}
