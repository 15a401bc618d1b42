"""The door to the container engine.

Its own command line answers and acts, for docker and podman alike: it is what cross calls. The Docker SDK pulls, with
progress, and asks registries (``registry_api``).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from . import process
from .errors import EngineFailed, ImageFailed
from .steps import Runner, Say

RUN: Final = "crosstasks.run"
OWNER: Final = "crosstasks.owner"


def labels(run_id: str) -> tuple[str, ...]:
    """Return the labels of a container that this process starts: whose it is, so that it can be found and ended."""
    return (f"{RUN}={run_id}", f"{OWNER}={owner(os.getpid())}")


def owner(pid: int) -> str:
    """Return what names a process on a machine: ``host:pid:start``; the start keeps a reused pid apart."""
    return f"{socket.gethostname()}:{pid}:{_started(pid)}"


def _started(pid: int) -> str:
    """Return when a process started, as the kernel counts; empty where there is no /proc, or no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def alive(name: str) -> bool:
    """Tell whether the owner of a container lives; one of another machine is taken for living."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    pid = int(rest or 0)
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return name == owner(pid)


@contextmanager
def ending(command: str, run_id: str, run: Runner = process.run) -> Iterator[None]:
    """
    Let no container of the run outlive the block.

    An exception, Ctrl-C or SIGTERM remove them here; when this process is killed, a small helper sees its pipe close.
    """
    reaper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py")), command, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    except BaseException:
        remove(command, f"{RUN}={run_id}", run)
        raise
    finally:
        with suppress(OSError):
            reaper.communicate(b"done\n", timeout=5)


def remove(command: str, label: str, run: Runner = process.run) -> int:
    """Remove the containers that carry a label, and return how many there were."""
    found = run((command, "ps", "--all", "--quiet", "--filter", f"label={label}")).out.split()
    if found:
        run((command, "rm", "--force", "--volumes", *found))
    return len(found)


def sweep(command: str, run: Runner = process.run) -> int:
    """Remove the containers whose owner was killed, and return how many there were."""
    template = f'{{{{.ID}}}}\t{{{{.Label "{OWNER}"}}}}'
    done = run((command, "ps", "--all", "--no-trunc", "--filter", f"label={OWNER}", "--format", template))
    orphans = [line.partition("\t")[0] for line in done.out.splitlines() if not alive(line.partition("\t")[2])]
    if orphans:
        run((command, "rm", "--force", "--volumes", *orphans))
    return len(orphans)


def pull(command: str, ref: str, platform: str, *, run: Runner, say: Say) -> None:
    """
    Pull an image for one platform.

    Raises:
        ImageFailed: the registry or the engine said no.
    """
    say(f"pulling {ref} for {platform}")
    done = process.stream((command, "pull", "--platform", platform, ref), on_out=_to_stderr, on_err=_to_stderr)
    del run
    if done.code:
        hint = f"try `{command} pull --platform {platform} {ref}`; stale credentials are dropped by `{command} logout`"
        raise ImageFailed(f"cannot pull {ref}", why=done.err.strip()[-1000:], hint=hint)


def _to_stderr(chunk: bytes) -> None:
    sys.stderr.buffer.write(chunk)
    sys.stderr.buffer.flush()


def load(command: str, chunks: Iterable[bytes]) -> None:
    """
    Load an image archive while it is being made.

    Raises:
        ImageFailed: the engine did not take it.
    """
    child = subprocess.Popen([command, "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)
    stdin: IO[bytes] | None = child.stdin
    assert stdin is not None  # noqa: S101
    try:
        with suppress(BrokenPipeError):
            for chunk in chunks:
                stdin.write(chunk)
        _, err = child.communicate()
    except BaseException:
        child.kill()
        child.wait()
        raise
    if child.returncode:
        raise ImageFailed("the engine did not load the image", why=err.decode(errors="replace").strip())


def inspect(command: str, refs: Sequence[str], run: Runner = process.run) -> list[dict[str, Any]]:
    """Return what the engine says of images that it has."""
    done = run((command, "image", "inspect", *refs))
    if done.code and not done.out.strip().startswith("["):
        raise EngineFailed("the engine does not answer", why=done.err.strip())
    found: list[dict[str, Any]] = json.loads(done.out or "[]")
    return found


def images(command: str, label: str, run: Runner = process.run) -> tuple[str, ...]:
    """Return the ids of images that carry a label."""
    return tuple(dict.fromkeys(run((command, "images", "--quiet", "--no-trunc", "--filter", f"label={label}")).out.split()))
