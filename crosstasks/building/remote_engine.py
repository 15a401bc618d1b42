"""Pure: an engine on another machine: nothing of this one can be mounted, so cross copies all there, and the artifacts back.

cross 0.2.x does that with ``CROSS_REMOTE``: ``docker run`` of a container that sleeps, ``docker cp`` of toolchain, CARGO_HOME and
project, ``docker exec`` of cargo, ``docker cp`` of the target folder (docker/remote.rs at v0.2.5). A program stands in for the
engine's own and puts right what is wrong with it there:

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

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from .artifacts import Built, localise

if TYPE_CHECKING:
    from ..core.steps import Env

NAME: Final = "engine"
"""Of the program that stands in for the engine's; cross asks it ``--help`` to learn which engine it is."""

CLAIMED: Final = "x86_64-unknown-linux-gnu"
"""The host that cross 0.2.x is told, on every machine: so it takes the toolchain's folder as it is called, whatever runs in the image."""

COPIES: Final = "/cross"
"""Where all copies lie (MOUNT_PREFIX); links lead there from where they would be mounted."""


def variables(env: Env, guard: str) -> Env:
    """Return cross's environment for an engine elsewhere; *guard* is the folder that holds the ``program``."""
    return {
        **env,
        "CROSS_REMOTE": "1",
        # else nothing but the configuration of CARGO_HOME is copied
        "CROSS_REMOTE_COPY_REGISTRY": "1",
        "CROSS_CONTAINER_ENGINE": f"{guard}/{NAME}",
        "CROSS_CONTAINER_OPTS": "",
    }


def program(engine: str, options: str, *, host: str) -> str:
    """
    Return the program that stands in for the engine's.

    Args:
        engine: the path of the real one.
        options: of ``docker run``, as ``CROSS_CONTAINER_OPTS`` would hold them.
        host: the triple that the toolchain runs on.
    """
    return f"""#!/bin/sh
# the engine as cross sees it: made by crosstasks for one run, see its remote.py
engine={shlex.quote(engine)}
[ "$1" != --remote ] || shift
case "$1:$4" in
    run:*) shift; exec "$engine" run {shlex.join(shlex.split(options))} "$@" ;;
    rm:*) shift; exec "$engine" rm --volumes "$@" ;;
    cp:*:{COPIES}/rust) [ -e "$3" ] || exit 0 ;;
    cp:*:{COPIES}/rust/lib/rustlib)
        case "$3" in */{CLAIMED})
            "$engine" cp -a "${{3%/*}}/"{shlex.quote(host)} "$4" || exit
            [ {shlex.quote(host)} != {CLAIMED} ] && [ -e "$3" ] || exit 0
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


def remapped(target_dir: str, root: str) -> tuple[tuple[str, str], ...]:
    """Return the folders that the compiler sees there under another name than it would here, and that name; the last that fits counts."""
    folders = {f"{COPIES}{root}": "/source", f"{COPIES}/project": "/source", f"{COPIES}/cargo": "/cargo"}
    return (*folders.items(), *((inside, "/target") for inside in places(target_dir, root)))


def located(built: Built, places: Mapping[str, str]) -> Built:
    """Return the same with paths of this machine: *places* are as for ``localise``."""
    if not places:
        return built
    executables, libraries = (
        tuple(replace(product, path=localise(product.path, places)) for product in products)
        for products in (built.executables, built.libraries)
    )
    return replace(built, executables=executables, libraries=libraries)


__all__ = ["CLAIMED", "NAME", "located", "places", "program", "remapped", "variables"]
