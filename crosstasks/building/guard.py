"""Make it impossible for cross to fall back to the host's cargo, to install a toolchain, or to have a container write what is not its own.

cross runs ``cargo`` and ``rustup`` from PATH, and a fall-back ends with cargo's own exit code, so that a green build may be none
of cross (cross-rs/cross#659, #1591). A private folder therefore stands before everything on PATH. Its ``cargo`` lets only
``metadata`` and ``--list`` through to the real one; its ``rustup`` answers from what is given and installs nothing. Whatever else
is asked of them leaves a mark and fails. ``outcome`` says what the marks mean.

cross mounts all but the toolchain read-write, and no option of its own changes that. So a program stands in for the engine's, and
changes the mounts of ``docker run`` on their way:

=========================================  ==========================================================================
cross mounts                               the container has
=========================================  ==========================================================================
CARGO_HOME and XARGO_HOME of the cache     those of this run, which are removed after it
the workspace                              the same; ``.git`` and ``.cargo`` in it read-only, its target folder in place of ``target``
the folder for /target                     the same
volumes of the user's own configuration    the same
bin in CARGO_HOME, to hide it              the same, in memory
all else, such as path dependencies        the same, read-only
=========================================  ==========================================================================

The registry's and git's caches are options of ours, and read-only. A run whose mounts are none of those does not start.

Nothing of this machine can be mounted by an engine on another one, so cross copies all there, and the artifacts back.

cross 0.2.x does that with ``CROSS_REMOTE``: ``docker run`` of a container that sleeps, ``docker cp`` of toolchain, CARGO_HOME and
project, ``docker exec`` of cargo, ``docker cp`` of the target folder (docker/remote.rs at v0.2.5). The program that stands in for the
engine's puts right what is wrong with it there:

======  ==============================================================================================================
call    what is put right
======  ==============================================================================================================
all     podman is told ``--remote``; who asks it without that already gets its service elsewhere
run     ``CROSS_CONTAINER_OPTS`` go to ``docker exec``, which knows neither labels nor ``--init`` (cross-rs/cross#1301)
rm      the volume with all that was copied may stay
cp      a folder whose place exists already goes one folder too deep: CARGO_HOME with its registry, what lies around a project
cp      folders of a toolchain that has none are copied all the same, which prints errors
cp      always the standard library of x86_64 Linux is copied for build scripts, whatever the image runs
======  ==============================================================================================================
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from ..catalog.ingredients import Toolchain
from ..clients.engines import mark
from ..core import files
from ..core.errors import ConfigError, ToolMissing
from .outcome import CARGO_MARK, METADATA_CODE, METADATA_STDERR, RUSTUP_MARK

CARGO_REFUSED: Final = 97
RUSTUP_REFUSED: Final = 98


class Guard(Struct, frozen=True, kw_only=True):
    """The guard of one call of cross.

    Attributes:
        folder: made for this run alone, and absolute; it is put before everything on PATH.
        cargo: the real one, which runs on this host. A toolchain's own is better than rustup's proxy, which may install toolchains.
        rustc: the real one, which runs on this host.
        toolchain: what cross mounts into the container.
        lock: there is a Cargo.lock, which cross's ``cargo metadata`` must not write.
        cargo_home: the user's CARGO_HOME, for the real cargo; what cross has if empty.
        sysroot: the folder that cross shall take for the toolchain, where it is not the one of *rustc*: an image of another
            architecture wants a toolchain that does not run here. A ``rustc`` stands in and says so.
        host: the host triple that cross shall believe in, with *sysroot*; the real one if empty. 0.2.x puts x86_64's in place of
            its host's wherever that comes first in the toolchain's path, unless they are the same (rustc.rs:96-109 at v0.2.5).
        compiler_output: what *rustc* says to some arguments, joined by blanks, line by line: it need not be started for them, and
            its ``-vV`` tells of *host*.
        build_dir: where the real cargo keeps what it asked *rustc* (1.91 and newer): in the target folder it and the container's
            cargo would each overwrite what the other had noted, and ask three times in every call.
        engine: the program that stands in for the engine's.
    """

    folder: str
    cargo: str
    rustc: str
    toolchain: Toolchain
    lock: bool = False
    cargo_home: str = ""
    sysroot: str = ""
    host: str = ""
    compiler_output: Mapping[str, tuple[str, ...]] = {}
    build_dir: str = ""
    engine: str = ""


def scripts(guard: Guard) -> Mapping[str, str]:
    """Return the programs of the folder, by name. Only builtins of a POSIX shell are used: they cost about a millisecond."""
    texts = {"engine": guard.engine, "cargo": _cargo(guard), "rustup": _rustup(guard), "rustc": _rustc(guard) if guard.sysroot else ""}
    return {name: text for name, text in texts.items() if text}


def variables(guard: Guard, path: str) -> dict[str, str]:
    """Return what cross's environment must hold: PATH (*path* is the one there was), RUSTC and the engine."""
    rustc = f"{guard.folder}/rustc" if guard.sysroot else guard.rustc
    engine = {"CROSS_CONTAINER_ENGINE": f"{guard.folder}/engine"} if guard.engine else {}
    return {"PATH": f"{guard.folder}{os.pathsep}{path}", "RUSTC": rustc, **engine}


def _refusal(guard: Guard, name: str, mark: str, code: int) -> str:
    # the count comes first: no argument and one empty argument are two things
    return f"""#!/bin/sh
# {name} as cross sees it: made by crosstasks for one run, see its building/guard.py
refuse() {{
    printf '%s\\0' "$#" "$@" >{_quote(guard.folder, mark)}
    printf 'crosstasks: refused what cross wanted of the host: %s\\n' "{name} $*" >&2
    exit {code}
}}
"""


def _cargo(guard: Guard) -> str:
    flags = f"metadata{' --locked' * guard.lock} --offline"
    given = {"RUSTC": guard.rustc, "CARGO_HOME": guard.cargo_home, "CARGO_BUILD_BUILD_DIR": guard.build_dir}
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in given.items() if value)
    return f"""{_refusal(guard, "cargo", CARGO_MARK, CARGO_REFUSED)}
{exports}
verb=$1 channel=
case "$1" in +*) verb=$2 channel=$1 ;; esac
case "$verb" in
    metadata) shift; [ -z "$channel" ] || shift ;;
    --list) [ "$#" -eq 1 ] || refuse "$@"; exec {shlex.quote(guard.cargo)} --list ;;
    *) refuse "$@" ;;
esac
# a target in JSON is taken by no stable rustc; without it, cross is told of the dependencies of all platforms
left=$#
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1)); shift
    case "$word:$1" in --filter-platform:*.json) left=$((left - 1)); shift ;; *) set -- "$@" "$word" ;; esac
done
# only rustup's proxy knows `+channel`; to a toolchain's own cargo it is a subcommand
[ ! -d {_quote(str(Path(guard.cargo).parent.parent), "lib/rustlib")} ] || channel=
{shlex.quote(guard.cargo)} ${{channel:+"$channel"}} {flags} "$@" 2>{_quote(guard.folder, METADATA_STDERR)}
code=$?
printf '%s' "$code" >{_quote(guard.folder, METADATA_CODE)}
exit "$code"
"""


def _rustup(guard: Guard) -> str:
    toolchain = guard.toolchain
    name = shlex.quote(toolchain.name)
    targets = [f"{triple} (installed)" for triple in toolchain.standard]
    components = [f"rust-std-{triple} (installed)" for triple in toolchain.standard]
    # 0.2.x wants rust-src also where the standard library is installed and no source is needed (lib.rs:466 at v0.2.5)
    components += ["rust-src (installed)"] if toolchain.library or toolchain.standard else []
    return f"""{_refusal(guard, "rustup", RUSTUP_MARK, RUSTUP_REFUSED)}
case "$#:$1:$2:$3:$4" in
    1:--version:::) echo 'rustup 1.28.0 (crosstasks)'; exit 0 ;;
    2:toolchain:list::) {_print([toolchain.name])}; exit 0 ;;
    4:target:list:--toolchain:{name}) {_print(targets)}; exit 0 ;;
    4:component:list:--toolchain:{name})
        {_print(components)}
        [ ! -x {_quote(toolchain.path, "bin/cargo-clippy")} ] || echo 'clippy (installed)'
        exit 0 ;;
esac
refuse "$@"
"""


def _rustc(guard: Guard) -> str:
    # the compiler takes longer to start than all else that is done before a build
    cases = (
        f"    {shlex.quote(words)}) {_print([_host(guard, line) for line in lines])}; exit 0 ;;\n"
        for words, lines in guard.compiler_output.items()
    )
    return f"""#!/bin/sh
# rustc as cross sees it: the sysroot is another one, and the host where need be; all else is the real rustc's
case "$#:$1:$2" in 2:--print:sysroot) printf '%s\\n' {shlex.quote(guard.sysroot)}; exit 0 ;; esac
case "$*" in
{"".join(cases)}esac
exec {shlex.quote(guard.rustc)} "$@"
"""


def _host(guard: Guard, line: str) -> str:
    return f"host: {guard.host}" if guard.host and line.startswith("host: ") else line


def _print(lines: Sequence[str]) -> str:
    return f"printf '%s\\n' {shlex.join(lines)}" if lines else ":"


def _quote(folder: str, name: str) -> str:
    return shlex.quote(f"{folder}/{name}")


@contextmanager
def active(guard: Guard) -> Iterator[Guard]:
    """Make the folder, whole or not at all, and remove it in the end; read its ``marks`` before that.

    Raises:
        ConfigError: the folder cannot stand on PATH, is there already, or its file system runs no programs.
        ToolMissing: cargo or rustc is not there.
    """
    _check_place(guard.folder)
    for name, program in (("cargo", guard.cargo), ("rustc", guard.rustc)):
        if not os.access(program, os.X_OK):
            raise ToolMissing(f"{program!r} is no program", why=f"cross needs a {name} that runs on this host")
    folder = Path(guard.folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # a draft has mode 0700; the name that is put on PATH is only given to a complete folder
    with files.draft_folder(folder) as draft:
        for name, text in scripts(guard).items():
            (draft / name).write_bytes(os.fsencode(text))
            (draft / name).chmod(0o700)
        _check_runs(draft)
        mark(draft)
        draft.rename(folder)
    try:
        yield guard
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_place(folder: str) -> None:
    if not Path(folder).is_absolute() or os.pathsep in folder:
        raise ConfigError(f"the guard cannot lie in {folder!r}", why=f"PATH wants an absolute folder without {os.pathsep!r}")
    if os.path.lexists(folder):
        raise ConfigError(f"{folder!r} is there already", why="the guard's folder is made for one run alone")


def _check_runs(folder: Path) -> None:
    # execvp passes over what it may not run, and would find the next cargo on PATH
    if not all(os.access(program, os.X_OK) for program in folder.iterdir()):
        why = "its file system is mounted noexec, and cross would pass the guard by"
        raise ConfigError(f"no program can run in {str(folder.parent)!r}", why=why, hint="set TMPDIR or the cache to another file system")


BEHIND: Final = "CROSSTASKS_BEHIND"
"""The variable that holds what belongs behind cargo's own arguments: ``--`` and all after it, quoted for a shell."""

CONTAINER: Final = "container"
"""The file of the guard's folder that the engine writes the container's id to."""


class Mounts(Struct, frozen=True, kw_only=True):
    """What is known of a run's mounts; folders are of this machine, and absolute.

    Attributes:
        engine: the path of the engine's program, and *kind* which it is: cross looks for that name in what ``--help`` says.
        cache: our cache folder; *home* the CARGO_HOME in it that cross is told of, and *run* the guard's folder in it.
        root: the workspace's folder.
        target_dir: of this route; *target* the workspace's target folder that it lies in.
        read_only: names in the workspace that are there, and are not to be written.
        volumes: folders that the user's own configuration has mounted, and may be written.
        instead: what takes the place of ``cargo test``: cross runs nothing in a container but the subcommands that it knows.
    """

    engine: str
    kind: str
    cache: str
    home: str
    run: str
    root: str
    target_dir: str
    target: str
    read_only: Sequence[str] = ()
    volumes: Sequence[str] = ()
    instead: str = ""


def engine_program(mounts: Mounts) -> str:
    """Return the program that stands in for the engine's. Only builtins of a POSIX shell are used."""
    home, run = (_below(path, mounts.cache) for path in (mounts.home, mounts.run))
    writable = "|".join(f"*:{shlex.quote(place)}" for place in ("/target", *mounts.volumes))
    nested = "\n".join(f"                {line}" for line in _inner_mounts(mounts))
    return f"""#!/bin/sh
# the engine as cross sees it: made by crosstasks for one run, see its building/guard.py
engine={shlex.quote(mounts.engine)}
case "$#:$1" in
    1:--help) echo {shlex.quote(mounts.kind)}; exit 0 ;;
    *:run) ;;
    *) exec "$engine" "$@" ;;
esac
shift
left=$# root='' home=''
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1)); shift
{_replacement(mounts.instead)}    # what cross must not read, since it goes on to look for its own options behind `--` (cross-rs/cross#1049)
    [ "$left" -gt 0 ] || word="$word${{{BEHIND}:+ ${BEHIND}}}"
    # cross's main branch names a container after its target, and one in JSON is a path (src/docker/local.rs): the engine finds a name
    case "$word:$1" in --name:*/*) left=$((left - 1)); shift; continue ;; esac
    # in place of a volume without a name, which Docker 20.10 keeps forever if it is killed itself
    case "$word:$1" in -v:/cargo/bin|-v:*/{shlex.quote(home)}/bin) word=--tmpfs=$1:exec,mode=1777 left=$((left - 1)); shift ;; esac
    # one of cross's mounts; whatever else is called so takes no path
    case "$word:$1" in -v:/*:*) ;; *) set -- "$@" "$word"; continue ;; esac
    mount=$1 left=$((left - 1)); shift
    host=${{mount%%:*}}
    rest=${{mount#*:}}
    place=${{rest%%:*}}
    case "$rest" in *:*z*) label=,z ;; *) label= ;; esac
    case "$place" in
        /project|{shlex.quote(mounts.root)})
            root=$host
            set -- "$@" -v "$mount"
{nested}
            continue ;;
    esac
    case "$host:$place" in
        */{shlex.quote(home)}:*|*/{shlex.quote(home)}/xargo:*)
            home=$host
            below=${{host##*/{shlex.quote(home)}}}
            mount=${{host%/{shlex.quote(home)}"$below"}}/{shlex.quote(run)}/home$below:$rest ;;
        {writable}) ;;
        *) mount=$host:$place:ro$label ;;
    esac
    set -- "$@" -v "$mount"
done
if [ -z "$root" ] || [ -z "$home" ]; then
    echo 'crosstasks: cross mounts neither workspace nor CARGO_HOME as it is known to do, and was not let go on' >&2
    exit 125
fi
exec "$engine" run --cidfile={shlex.quote(f"{mounts.run}/{CONTAINER}")} "$@"
"""


def _inner_mounts(mounts: Mounts) -> list[str]:
    """Return the lines that mount over parts of the workspace, which lies at ``$host`` here and at ``$place`` there."""
    lines = [f"""set -- "$@" -v "$host/"{shlex.quote(name)}:"$place/"{shlex.quote(name)}:ro""" for name in mounts.read_only]
    root, target = PurePosixPath(mounts.root), PurePosixPath(mounts.target)
    if target != root and target.is_relative_to(root):
        ours, theirs = (shlex.quote(_below(path, mounts.root)) for path in (mounts.target_dir, mounts.target))
        lines.append(f"""set -- "$@" -v "$host/"{ours}:"$place/"{theirs}""")
    return lines


def _replacement(instead: str) -> str:
    """Return the lines that put another command into what the container's shell is given last, ``PATH=$PATH:/rust/bin cargo test …``."""
    if not instead:
        return ""
    return f"""    case "$left:$word" in
        0:*' cargo test '*) word="${{word%%' cargo test '*}}"{shlex.quote(f" {instead} ")}"${{word#*' cargo test '}}" ;;
        0:*) echo 'crosstasks: cross calls no `cargo test` where it is known to do, and was not let go on' >&2; exit 125 ;;
    esac
"""


def _below(path: str, folder: str) -> str:
    return str(PurePosixPath(path).relative_to(folder))


CROSS_HOST: Final = "x86_64-unknown-linux-gnu"
"""The host that cross 0.2.x is told, on every machine: so it takes the toolchain's folder as it is called, whatever runs in the image."""

COPIES: Final = "/cross"
"""Where all copies lie (MOUNT_PREFIX); links lead there from where they would be mounted."""


def remote_program(engine: str, options: str, *, host: str) -> str:
    """Return the program that stands in for that of an engine elsewhere.

    Args:
        engine: the path of the real one.
        options: of ``docker run``, as ``CROSS_CONTAINER_OPTS`` would hold them.
        host: the triple that the toolchain runs on.
    """
    return f"""#!/bin/sh
# the engine as cross sees it: made by crosstasks for one run, see its building/guard.py
engine={shlex.quote(engine)}
[ "$1" != --remote ] || shift
case "$1:$4" in
    run:*) shift; exec "$engine" run {shlex.join(shlex.split(options))} "$@" ;;
    rm:*) shift; exec "$engine" rm --volumes "$@" ;;
    cp:*:{COPIES}/rust) [ -e "$3" ] || exit 0 ;;
    cp:*:{COPIES}/rust/lib/rustlib)
        case "$3" in */{CROSS_HOST})
            "$engine" cp -a "${{3%/*}}/"{shlex.quote(host)} "$4" || exit
            [ {shlex.quote(host)} != {CROSS_HOST} ] && [ -e "$3" ] || exit 0
        esac ;;
    cp:*:{COPIES}/*) [ ! -d "$3" ] || set -- cp -a "$3/." "$4" ;;
esac
exec "$engine" "$@"
"""


def places(target_dir: str, root: str) -> Mapping[str, str]:
    """Return under which paths cargo there may know the target folder, and the folder here; *root* is the workspace's."""
    inside = [f"{COPIES}{target_dir}", f"{COPIES}/target"]
    if PurePosixPath(target_dir).is_relative_to(root):
        inside.append(f"{COPIES}/project/{PurePosixPath(target_dir).relative_to(root)}")
    return dict.fromkeys(inside, target_dir)


def path_remaps(target_dir: str, root: str) -> tuple[tuple[str, str], ...]:
    """Return the folders that the compiler sees there under another name than it would here, and that name; the last that fits counts."""
    folders = {f"{COPIES}{root}": "/source", f"{COPIES}/project": "/source", f"{COPIES}/cargo": "/cargo"}
    return (*folders.items(), *((inside, "/target") for inside in places(target_dir, root)))
