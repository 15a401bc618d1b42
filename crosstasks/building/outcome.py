"""Act: how a run of cross ended: by cargo or a program in the container, or by cross itself; and what the engine says of that container.

cross hands to the host's cargo what it does not put into a container, and says little about why. The marks that the
guard leaves decide, since a program under ``cross run`` may exit with any code.

That cross ended well proves nothing: a program of that name may call the host's cargo. The engine writes the container's id to a file,
and is asked while the build goes on what that is: it must carry the label of this run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Self

from msgspec import Struct

from ..catalog import remedies
from ..clients import docker_sdk
from ..clients.engines import RUN, EngineClient
from ..core import errors
from ..core.errors import ConfigError, CrosstasksError, NoRoute, without_colours
from ..core.results import Container
from ..facts.engine import Engine, identity, platform

CARGO_MARK: Final = "cargo.mark"
RUSTUP_MARK: Final = "rustup.mark"
METADATA_STDERR: Final = "metadata.stderr"
METADATA_CODE: Final = "metadata.code"
"""Files that the programs of the guard leave in its folder."""


class Marks(Struct, frozen=True, kw_only=True):
    """What a run left in the guard's folder: the arguments that were refused, and what cargo said to ``metadata``."""

    cargo: tuple[str, ...] | None = None
    rustup: tuple[str, ...] | None = None
    metadata_code: int = 0
    metadata_stderr: str = ""


def marks(folder: str) -> Marks:
    """Read what a run left in the guard's folder."""
    code = _read(folder, METADATA_CODE)
    return Marks(
        cargo=_arguments(_read(folder, CARGO_MARK)),
        rustup=_arguments(_read(folder, RUSTUP_MARK)),
        metadata_code=int(code) if code else 0,
        metadata_stderr=(_read(folder, METADATA_STDERR) or b"").decode(errors="replace"),
    )


def _read(folder: str, name: str) -> bytes | None:
    try:
        return Path(folder, name).read_bytes()
    except FileNotFoundError:
        return None


def _arguments(mark: bytes | None) -> tuple[str, ...] | None:
    """Take a mark apart. A full disk leaves an empty one, which is a mark all the same."""
    if mark is None:
        return None
    count, *arguments = mark.split(b"\0")
    return tuple(os.fsdecode(argument) for argument in arguments[: int(count or 0)])


def explain(marks: Marks, code: int, err: str = "") -> CrosstasksError | None:
    """Say which of cross's ways ended a run, or None if cargo or a program in the container did.

    =========================================  ==============================================
    there is                                   it was
    =========================================  ==============================================
    a metadata that failed                     the project: ConfigError; a download: BuildFailed
    the engine's or cross's own words          EngineFailed, ImageFailed, EmulationFailed, …
    a mark of rustup, or of cargo              what cross does on the host: NoRoute
    none of these                              None, also for 97 and 98
    =========================================  ==============================================
    """
    err = without_colours(err)
    if marks.metadata_code:
        return _unreadable(marks.metadata_stderr)
    return _known_failure(code, err) or _left_container("rustup", marks.rustup) or _left_container("cargo", marks.cargo)


def _left_container(program: str, arguments: Sequence[str] | None) -> NoRoute | None:
    """Tell what cross called on the host. A plan leaves it no reason to: whatever it was, another route may do."""
    if arguments is None:
        return None
    why = f"it called `{shlex.join((program, *arguments))}` on the host, which was refused"
    hint = "cross says why above, unless CARGO_TERM_QUIET is set; the builders cargo and zigbuild need no cross"
    return NoRoute("cross would leave its container", why=why, hint=hint)


_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]+@")


def _unreadable(stderr: str) -> CrosstasksError:
    """Show cargo's own words: cross hides them, and goes on to the host's cargo."""
    message = _PASSWORD.sub("***@", stderr[max(stderr.find("error"), 0) :]).strip()
    why = "\n".join(message.splitlines()[:30])
    for row in remedies.when("metadata"):
        if row.search(message):
            return _error(row, why)
    return ConfigError("cargo cannot read the project", why=why, hint="`cargo metadata` with the same options says the same")


def _error(row: remedies.Remedy, why: str) -> CrosstasksError:
    kind: type[CrosstasksError] = getattr(errors, row.error)
    return kind(row.what, why=why, hint=row.remedy)


def _known_failure(code: int, err: str) -> CrosstasksError | None:
    """Tell an ending by its words. A program may print the same: its exit code must fit as well."""
    for row in remedies.when("ending"):
        match = row.search(err) if code in row.codes else None
        if match:
            # the line itself, and the engine's reason if that is a later one
            block = err[match.start() : err.find("\n", match.end()) if "\n" in err[match.end() :] else None].strip().splitlines()
            return _error(row, "\n".join(dict.fromkeys((block[0], block[-1]))))
    return None


OFTEN: Final = 0.02
"""Seconds between looks for the file: the engine writes it before the container starts."""

PATIENCE: Final = 10.0
"""Seconds that the engine is given for an answer after the build has ended."""


class Witness:
    """Who asks the engine, beside the build, as soon as there is a container to ask about."""

    def __init__(self, engine: Engine, client: EngineClient, run_id: str, file: Path) -> None:
        """Ask nothing yet; *file* is where the engine writes the container's id."""
        self.socket = docker_sdk.socket_path(engine.endpoint) if engine.kind == "docker" else ""
        self.client = client
        self.run_id = run_id
        self.file = file
        self.start = time.time()
        self.result: Container | None = None
        self.end = Event()
        self.thread = Thread(target=self._watch, name="witness", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.end.set()

    def container(self) -> Container | None:
        """Return what the engine said, once the build has ended; None: it knows of no container of this run."""
        self.end.set()
        self.thread.join(PATIENCE)
        return self.result

    def _watch(self) -> None:
        ended = False
        # once more after the end: on a busy machine this thread may not have had its turn since the file was written
        while not (name := self._name()) and not ended:
            ended = self.end.wait(OFTEN)
        if name:
            with suppress(CrosstasksError, OSError, ValueError, KeyError, TypeError):
                self.result = self._container(self._inspect("containers", name) or self._from_events())

    def _name(self) -> str:
        try:
            return self.file.read_text("utf-8").strip()
        except OSError:
            return ""

    def _inspect(self, kind: str, name: str) -> Mapping[str, Any]:
        if self.socket:
            return docker_sdk.socket_get(self.socket, f"/{kind}/{name}/json")
        if kind == "images":
            return self.client.image(name) or {}
        return self.client.container(name)

    def _from_events(self) -> Mapping[str, Any]:
        """Return what is left of a container that was gone before it was asked for: the engine remembers its start for a while."""
        filters = ("--filter", f"label={RUN}={self.run_id}", "--filter", "event=start")
        since, until = (f"{moment:.0f}" for moment in (self.start - 1, time.time() + 1))
        argv = (self.client.command, "events", "--since", since, "--until", until, *filters, "--format", "{{json .}}")
        line = self.client.runner(argv, timeout=PATIENCE).out.partition("\n")[0]
        event: dict[str, Any] = json.loads(line)
        name = event.get("from") or event.get("Image")
        return {"Id": event.get("id") or event["ID"], "Image": name, "Config": {"Image": name, "Labels": {RUN: self.run_id}}}

    def _container(self, answer: Mapping[str, Any]) -> Container | None:
        config = answer["Config"]
        if (config.get("Labels") or {}).get(RUN) != self.run_id:
            return None
        image = self._inspect("images", str(answer["Image"]))
        digests = [str(digest).rpartition("@")[2] for digest in image.get("RepoDigests") or ()]
        return Container(
            id=str(answer["Id"]),
            image=str(config.get("Image") or answer.get("ImageName") or ""),
            digest=digests[0] if digests else identity(image),
            platform=platform(image),
        )
