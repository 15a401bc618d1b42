"""Pure: whether a container sees our folders, where the engine may be in a virtual machine: one that is not shared is empty there.

The program of ``facts.proof`` is written into the folder, run from there in a container that holds nothing else of use, and removed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..core.errors import CrosstasksError
from ..core.steps import Absent
from . import answer_cache, probes
from .engine import Engine, words

if TYPE_CHECKING:
    from ..core.steps import Question
    from . import Facts, Look
    from .host import Host

PLACES: Final = ("project", "cache")
"""What is mounted into every container; the subjects of the question."""

LIFE: Final = answer_cache.Life(positive=600)

INSIDE: Final = "/shared"

HINTS: Final[Mapping[str, str]] = {
    "colima": "share it: `colima stop`, then `colima start --mount {folder}:w`",
    "Docker Desktop": "share it: Settings, Resources, File sharing",
    "Rancher Desktop": "share it: `mounts` in override.yaml of its lima",
    "lima": "share it: `mounts` in its lima.yaml",
    "podman machine": "share it: `podman machine init --volume {folder}:{folder}` makes a machine with it",
}


class Shared(Struct, frozen=True, kw_only=True):
    """A container saw a file that we had written there."""

    folder: str


def doubtful(engine: Engine, host: Host) -> bool:
    """
    Tell whether it has to be tried: the engine may be in a machine of its own, or we in a container that cross cannot look into.

    On another machine nothing is mounted.
    """
    return (engine.apart or bool(engine.desktop) or bool(host.container)) and not engine.remote and not mapped(engine, host)


def mapped(engine: Engine, host: Host) -> bool:
    """Tell whether cross finds the folders of the container that we are in: it can with one driver only."""
    return engine.store in {"", "overlay2"} and not engine.remote and host.container not in {"", "unknown"}


def ask(look: Look, question: Question, facts: Facts) -> Shared | Absent:
    """Try it; that it is shared is kept for ten minutes, that it is not is asked anew."""
    engine, repository = facts.engine, facts.repository
    if isinstance(engine, Absent):
        return engine
    if isinstance(repository, Absent):
        return repository
    folder = look.cache if question.subject == "cache" else Path(repository.target_directory) / "crosstasks"
    subject = f"shared {folder} {engine.command} {engine.endpoint} {engine.context} {engine.version}"
    return answer_cache.kept(look, subject, Shared, LIFE, lambda: _try(look, engine, folder))


def _try(look: Look, engine: Engine, folder: Path) -> Shared | Absent:
    if engine.platform not in probes.PLATFORMS:
        return Shared(folder=str(folder))  # there is no program to try it with
    file = folder / f".shared-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(probes.program(probes.PLATFORMS[engine.platform]))
        file.chmod(0o755)
        # a mount, unlike a volume, is refused where its folder is not there
        mount = f"--mount=type=bind,source={folder},target={INSIDE}"
        # cross has its mounts labelled anew, which takes its time
        unlabelled = ("--security-opt=label=disable",) if engine.selinux else ()
        done = probes.run(look, engine, engine.platform, *unlabelled, mount, "--entrypoint", f"{INSIDE}/{file.name}")
    except OSError as error:
        raise CrosstasksError(f"{folder} cannot be written", why=error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            file.unlink()
    if isinstance(done, Absent):
        return done
    return Shared(folder=str(folder)) if done.code == probes.CODE else _unshared(engine, folder, words(done).partition(" Run 'docker")[0])


def _unshared(engine: Engine, folder: Path, said: str) -> Absent:
    where = f"it runs in the machine of {engine.desktop}" if engine.desktop else "it is in a machine of its own, or we are in a container"
    hint = HINTS.get(engine.desktop, "let the engine have it at the same path").format(folder=folder)
    why = f"the engine does not see {folder}: {where}, and its container says: {said}"
    return Absent(why, f"{hint}; or `CROSS_REMOTE=1` has all copied to it; zigbuild needs no engine")


__all__ = ["PLACES", "Shared", "ask", "doubtful", "mapped"]
