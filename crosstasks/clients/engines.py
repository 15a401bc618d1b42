"""Act: the container engine, by its own command, which is what cross calls; where it serves Docker's API, the SDK pulls with progress.

Whose a container is: labels name its run and the process that started it, so that nothing is left when that is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from ..core.errors import EngineFailed, ToolMissing
from ..core.steps import Done, Runner, Say
from ..facts.engine import Engine, start, table, words
from . import docker_sdk, process
from .docker_sdk import failure

RUN: Final = "crosstasks.run"
OWNER: Final = "crosstasks.owner"
MARK: Final = "owner"


def labels(run_id: str, name: str = "") -> tuple[str, ...]:
    """Return the labels of a container: its run and its owner, this process unless *name* is another; each for a ``--label``."""
    return (f"{RUN}={run_id}", f"{OWNER}={name or owner()}")


def owner(pid: int = 0) -> str:
    """Return what names a process, ours if *pid* is 0, among all machines: ``host:pid:start``; the start tells a reused pid."""
    pid = pid or os.getpid()
    return f"{host_id()}:{pid}:{_start_time(pid)}"


@cache
def host_id() -> str:
    """Return what names this boot of this machine, and where pids mean the same: two containers may share all but that."""
    parts: list[str] = []
    if sys.platform == "darwin":
        parts.append(process.run(("sysctl", "-n", "kern.bootsessionuuid"), timeout=10).out.strip())
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with suppress(OSError):
            parts.append(Path(path).read_text("utf-8").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    # a laptop's host name changes with its network
    return hashlib.sha256("\n".join([*filter(None, parts)] or [socket.gethostname()]).encode()).hexdigest()[:16]


def _start_time(pid: int) -> str:
    """Return when a process started; empty if there is none, or if it is dead and only not yet waited for."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
            return "" if fields[0] in {"Z", "X"} else fields[19]
        return ""
    # macOS; another call may have another time zone
    done = process.run(("ps", "-o", "lstart=", "-p", str(pid)), env={"LC_ALL": "C", "TZ": "UTC0"}, timeout=10)
    return re.sub(r"\W+", "-", done.out.strip())


def mark(folder: Path) -> None:
    """Note in a folder that it is this process's."""
    (folder / MARK).write_text(owner(), "utf-8")


@contextmanager
def run_folder(cache: Path, run_id: str) -> Iterator[Path]:
    """Lend a folder of our cache to one run: it is marked as this process's, and gone afterwards."""
    folder = cache / "runs" / run_id
    folder.mkdir(parents=True)
    try:
        mark(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(folder: Path) -> bool:
    """Tell whether the owner of a marked folder is gone; one without a mark is taken for in use."""
    try:
        return not alive((folder / MARK).read_text("utf-8").strip())
    except OSError:
        return False


def alive(name: str) -> bool:
    """Tell whether the owner of a container lives; one that is not of this machine, or not named as ours are, is taken for living."""
    host, _, rest = name.partition(":")
    pid, _, started = rest.partition(":")
    if host != host_id() or not pid.isdigit():
        return True
    now = _start_time(int(pid))
    return bool(started) and (now == started or (not now and _is_hidden(int(pid))))


def _is_hidden(pid: int) -> bool:
    """Tell whether there is a process of another user, which /proc does not show to us (its option ``hidepid``)."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


LIMIT: Final = 10.0
"""Seconds that the engine may take for an answer about itself."""

SIGNAL_CODES: Final = 128
"""Exit codes above tell of a signal; the engine's 125 to 127 do not."""

STALL: Final = 300
"""Seconds without a word from the engine after which a pull has failed."""


class EngineClient:
    """One engine, by the path of its command."""

    def __init__(self, command: str, run: Runner = process.run) -> None:
        """Ask nothing yet."""
        self.command = command
        self.runner = run

    def image(self, ref: str) -> dict[str, Any] | None:
        """Return ``image inspect`` of one image; None if the engine does not hold it."""
        done = self.runner((self.command, "image", "inspect", ref), timeout=LIMIT)
        if done.code and re.search(r"no such image|image not known|no such object", done.err, re.IGNORECASE):
            return None
        return dict(table(_check(done)))

    def container(self, name: str) -> dict[str, Any]:
        """Return ``inspect`` of one container; empty if there is none of the name."""
        done = self.runner((self.command, "container", "inspect", name), timeout=LIMIT)
        return {} if done.code else dict(table(done))

    def images(self, label: str) -> list[dict[str, Any]]:
        """Return ``image inspect`` of all images that carry a label, or ``key=value``."""
        ids = dict.fromkeys(self._answer("images", "--quiet", "--no-trunc", "--filter", f"label={label}").out.split())
        # one that has just gone makes the command fail, after it has told of the others
        done = self.runner((self.command, "image", "inspect", *ids), timeout=LIMIT) if ids else None
        images: list[dict[str, Any]] = json.loads(done.out or "[]") if done else []
        return images

    def containers(self, label: str) -> dict[str, dict[str, str]]:
        """Return the labels of all containers, by id, that carry a label, or ``key=value``; also of those that have ended."""
        ids = self._answer("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}").out.split()
        if not ids:
            return {}
        # one that has just gone makes the command fail, after it has told of the others
        done = self.runner((self.command, "inspect", "--format", "{{.Id}} {{json .Config.Labels}}", *ids), timeout=LIMIT)
        return {line.split(" ", 1)[0]: json.loads(line.split(" ", 1)[1]) for line in done.out.splitlines() if " {" in line}

    def remove(self, ids: Iterable[str]) -> None:
        """Remove containers, also running ones; one that is gone already is no failure."""
        containers = tuple(ids)
        if not containers:
            return
        done = self.runner((self.command, "rm", "--force", "--volumes", *containers), timeout=60)
        gone = re.compile(r"no such container|already in progress|no container with", re.IGNORECASE)
        complaints = [line for line in done.err.splitlines() if line.strip() and not gone.search(line)] if done.code else []
        if complaints:
            raise EngineFailed(
                "the engine does not remove containers", why="\n".join(complaints), hint=f"{self.command} rm --force {' '.join(containers)}"
            )

    def sweep(self, label: str = OWNER) -> int:
        """Remove the containers, with *label* only, whose owner on this machine is gone; return how many there were."""
        orphans = self.orphans(label)
        self.remove(orphans)
        return len(orphans)

    def orphans(self, label: str = OWNER) -> tuple[str, ...]:
        """Return the containers, with *label* only, whose owner on this machine is gone."""
        return tuple(id_ for id_, labels in self.containers(label).items() if not alive(labels.get(OWNER, "")))

    def users(self, image: str) -> tuple[str, ...]:
        """Return the containers, also those that have ended, that are of an image."""
        return tuple(self._answer("ps", "--all", "--quiet", "--no-trunc", "--filter", f"ancestor={image}").out.split())

    def _answer(self, *argv: str) -> Done:
        return _check(self.runner((self.command, *argv), timeout=LIMIT))


def _check(done: Done) -> Done:
    if done.code:
        name = Path(done.argv[0] if done.argv else "the engine").name
        raise EngineFailed(f"{name} does not answer", why=words(done), hint=start(name, ""))
    return done


class ContainerReaper:
    """The reaper of one run: a program that ends what is left of it, should this process be killed."""

    def __init__(self, command: str = "", label: str = "") -> None:
        """Start none yet; without a *command* it knows of no containers."""
        self.broken = False
        self.reaper: subprocess.Popen[bytes] | None = None
        self.arguments = (str(Path(shutil.which(command) or command).absolute()), label) if command else ("", "")

    def start(self) -> None:
        """Start it, if that was not done yet, and do not wait until it has."""
        if self.reaper:
            return
        with suppress(OSError):  # without it there is still the sweep of the next call
            self.reaper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).absolute().with_name("reaper.py")), *self.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )

    def begun(self, group: int) -> None:
        """Have a process group ended as well."""
        self._say(f"begun {group}")

    def over(self, group: int, code: int) -> None:
        """Forget it; a leader that a signal has killed may have left its containers running."""
        self.broken = self.broken or code < 0 or code > SIGNAL_CODES
        self._say(f"over {group}")

    def close(self, *, done: bool) -> None:
        """Let the reaper go; unless all is *done*, it looks for containers that were just starting."""
        if self.reaper is None or self.reaper.stdin is None:
            return
        if done:
            self._say("done")
        self.reaper.stdin.close()
        threading.Thread(target=self.reaper.wait, name="reaper", daemon=True).start()

    def _say(self, line: str) -> None:
        if self.reaper and self.reaper.stdin:
            with suppress(OSError, ValueError):
                self.reaper.stdin.write(f"{line}\n".encode())


@contextmanager
def reap_containers(command: str, run_id: str, run: Runner = process.run) -> Iterator[ContainerReaper]:
    """Let no container of the run outlive the block: it is removed here, or by the reaper when this process is killed.

    What is yielded is the ``owner`` to give to ``process.stream``.
    """
    label = f"{RUN}={run_id}"
    end = ContainerReaper(command, label)
    end.start()
    clean = False
    try:
        yield end
        clean = not end.broken
    finally:
        try:
            if not clean:
                client = EngineClient(command, run)
                with suppress(EngineFailed, ToolMissing):
                    client.remove(client.containers(label))
        finally:
            end.close(done=clean)


@contextmanager
def no_orphans(command: str = "") -> Iterator[None]:
    """Have every program that is started meanwhile ended when this process is killed: an install would go on without us.

    So have our containers, in the engine of *command*: a program that is told to end just as QEMU starts it may hang instead.
    """
    end = ContainerReaper(command, f"{OWNER}={owner()}")
    try:
        with process.ownership(end):
            yield
    finally:
        end.close(done=True)


def pull(engine: Engine, ref: str, platform: str, say: Say) -> None:
    """Pull an image for one platform: by the SDK, which tells how far it is, or by the engine's own command.

    Raises:
        ImageFailed: the registry or the engine refuses.
    """
    say(f"pulling {ref} for {platform}")
    client = docker_sdk.client(STALL) if engine.program.api else None
    if client:
        docker_sdk.pull(client, ref, platform, say)
        return
    done = process.stream((engine.command, "pull", "--platform", platform, ref), on_out=process.to_stderr, on_err=process.to_stderr)
    if done.code:
        raise failure(f"cannot pull {ref}", done.err.strip()[-1000:])


def save(engine: Engine, refs: Sequence[str], write: Callable[[bytes], object]) -> None:
    """Write images into one archive, piece by piece as the engine makes it.

    Raises:
        ImageFailed: the engine does not hold one of them.
    """
    several = engine.program.save_several if len(refs) > 1 else ()
    done = process.stream((engine.command, "save", *several, *refs), on_out=write, on_err=lambda _chunk: None)
    if done.code:
        raise failure(f"cannot save {', '.join(refs)}", done.err.strip())


def load(command: str, chunks: Iterable[bytes]) -> str:
    """Load an image archive into the engine of *command* while it is being made, and return what the engine calls the image.

    Raises:
        ImageFailed: the engine did not take it.
    """
    out = bytearray()
    done = process.stream((command, "load"), stdin=chunks, on_out=out.extend, on_err=lambda _chunk: None)
    if done.code:
        raise failure("the engine did not load the image", done.err.strip())
    names = re.findall(r"^Loaded image(?: ID|\(s\))?: (\S+)", out.decode(errors="replace"), re.MULTILINE)
    return names[0] if names else ""


def inspect(command: str, refs: Sequence[str], run: Runner = process.run) -> list[dict[str, Any]]:
    """Return what the engine of *command* says of those images that it holds."""
    client = EngineClient(command, run)
    return [image for image in map(client.image, refs) if image]
