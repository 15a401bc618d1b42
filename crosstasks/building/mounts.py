"""Pure: what of this machine a container may write: its target folder and the workspace, and nothing else.

cross mounts all but the toolchain read-write, and no option of its own changes that. So a program stands in for the engine's, and
changes the mounts of ``docker run`` on their way:

=========================================  ==========================================================================
cross mounts                               the container has
=========================================  ==========================================================================
CARGO_HOME and XARGO_HOME of the cache     those of this run, which are removed after it
the workspace                              the same; ``.git`` and ``.cargo`` in it read-only, its target folder in place of ``target``
the folder for /target                     the same
volumes of the user's own configuration    the same
all else, such as path dependencies        the same, read-only
=========================================  ==========================================================================

The registry's and git's caches are options of ours, and read-only. A run whose mounts are none of those does not start.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

CONTAINER: Final = "container"
"""The file of the guard's folder that the engine writes the container's id to."""


class Mounts(Struct, frozen=True, kw_only=True):
    """
    What is known of a run's mounts; folders are of this machine, and absolute.

    Attributes:
        engine: the path of the engine's program.
        cache: our cache folder; *home* the CARGO_HOME in it that cross is told of, and *run* the guard's folder in it.
        root: the workspace's folder.
        target_dir: of this route; *target* the workspace's target folder that it lies in.
        kept: names in the workspace that are there, and are not to be written.
        volumes: folders that the user's own configuration has mounted, and may be written.
    """

    engine: str
    cache: str
    home: str
    run: str
    root: str
    target_dir: str
    target: str
    kept: Sequence[str] = ()
    volumes: Sequence[str] = ()


def program(mounts: Mounts) -> str:
    """Return the program that stands in for the engine's. Only builtins of a POSIX shell are used."""
    home, run = (_below(path, mounts.cache) for path in (mounts.home, mounts.run))
    writable = "|".join(f"*:{shlex.quote(place)}" for place in ("/target", *mounts.volumes))
    nested = "\n".join(f"                {line}" for line in _nested(mounts))
    return f"""#!/bin/sh
# the engine as cross sees it: made by crosstasks for one run, see its mounts.py
engine={shlex.quote(mounts.engine)}
[ "$1" = run ] || exec "$engine" "$@"
shift
left=$# root='' home=''
while [ "$left" -gt 0 ]; do
    word=$1 left=$((left - 1)); shift
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


def _nested(mounts: Mounts) -> list[str]:
    """Return the lines that mount over parts of the workspace, which lies at ``$host`` here and at ``$place`` there."""
    lines = [f"""set -- "$@" -v "$host/"{shlex.quote(name)}:"$place/"{shlex.quote(name)}:ro""" for name in mounts.kept]
    root, target = PurePosixPath(mounts.root), PurePosixPath(mounts.target)
    if target != root and target.is_relative_to(root):
        own, whole = (shlex.quote(str(PurePosixPath(path).relative_to(root))) for path in (mounts.target_dir, mounts.target))
        lines.append(f"""set -- "$@" -v "$host/"{own}:"$place/"{whole}""")
    return lines


def _below(path: str, folder: str) -> str:
    return str(PurePosixPath(path).relative_to(folder))
