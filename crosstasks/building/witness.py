"""Act: have the engine itself say that it runs a build's container, of which image, and on what platform.

That cross ended well proves nothing: a program of that name may call the host's cargo. The engine writes the container's id to a file,
and is asked while the build goes on what that is: it must carry the label of this run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from ..clients import engine_socket
from ..clients.liveness import RUN
from ..core.errors import CrosstasksError
from ..core.results import Container
from ..facts.engine import Engine, identity

if TYPE_CHECKING:
    from ..clients.engines import EngineClient

OFTEN: Final = 0.02
"""Seconds between looks for the file: the engine writes it before the container starts."""

PATIENCE: Final = 10.0
"""Seconds that the engine is given for an answer after the build has ended."""


class Witness:
    """Who asks, beside the build."""

    def __init__(self, engine: Engine, client: EngineClient, run_id: str, file: Path) -> None:
        """Ask nothing yet; *file* is where the engine writes the container's id."""
        self.socket = engine_socket.path(engine.endpoint) if engine.kind == "docker" else ""
        self.client = client
        self.run_id = run_id
        self.file = file
        self.begun = time.time()
        self.seen: Container | None = None
        self.over = Event()
        self.thread = Thread(target=self._watch, name="witness", daemon=True)

    def container(self) -> Container | None:
        """Return what the engine said, once the build has ended; None: it knows of no container of this run."""
        self.over.set()
        self.thread.join(PATIENCE)
        return self.seen

    def _watch(self) -> None:
        while not (name := self._name()) and not self.over.wait(OFTEN):
            pass
        if name:
            with suppress(CrosstasksError, OSError, ValueError, KeyError, TypeError):
                self.seen = self._seen(self._asked("containers", name) or self._remembered())

    def _name(self) -> str:
        try:
            return self.file.read_text("utf-8").strip()
        except OSError:
            return ""

    def _asked(self, kind: str, name: str) -> Mapping[str, Any]:
        if self.socket:
            return engine_socket.get(self.socket, f"/{kind}/{name}/json")
        if kind == "images":
            return self.client.image(name) or {}
        return self.client.container(name)

    def _remembered(self) -> Mapping[str, Any]:
        """Return what is left of a container that was gone before it was asked for: the engine remembers its start for a while."""
        filters = ("--filter", f"label={RUN}={self.run_id}", "--filter", "event=start")
        since, until = (f"{moment:.0f}" for moment in (self.begun - 1, time.time() + 1))
        asked = (self.client.command, "events", "--since", since, "--until", until, *filters, "--format", "{{json .}}")
        line = self.client.runner(asked, timeout=PATIENCE).out.partition("\n")[0]
        told: dict[str, Any] = json.loads(line)
        name = told.get("from") or told.get("Image")
        return {"Id": told.get("id") or told["ID"], "Image": name, "Config": {"Image": name, "Labels": {RUN: self.run_id}}}

    def _seen(self, told: Mapping[str, Any]) -> Container | None:
        config = told["Config"]
        if (config.get("Labels") or {}).get(RUN) != self.run_id:
            return None
        image = self._asked("images", str(told["Image"]))
        digests = [str(digest).rpartition("@")[2] for digest in image.get("RepoDigests") or ()]
        return Container(
            id=str(told["Id"]),
            image=str(config.get("Image") or told.get("ImageName") or ""),
            digest=digests[0] if digests else identity(image),
            platform="/".join(str(image[key]) for key in ("Os", "Architecture", "Variant") if image.get(key)),
        )


@contextmanager
def watching(engine: Engine, client: EngineClient, run_id: str, file: Path) -> Iterator[Witness]:
    """Ask as soon as there is something to ask about."""
    witness = Witness(engine, client, run_id, file)
    witness.thread.start()
    try:
        yield witness
    finally:
        witness.over.set()


__all__ = ["Witness", "watching"]
