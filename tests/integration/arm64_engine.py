"""An engine that says arm64: a proxy before the real engine's socket, which rewrites what that says of its architecture.

What the engine runs is the kernel's business: arm64 programs need QEMU registered with the flag F. All else passes
through, streams and hijacked connections (attach, exec) as well. Docker 20.10 lets a pull without a platform take
amd64, so the platform that an arm64 engine would take is added there.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

ENGINE = "/var/run/docker.sock"
TOLD = re.compile(rb"GET /(?:v[\d.]+/)?(version|info)(?:\?\S*)? ")
PULL = re.compile(rb"(POST /(?:v[\d.]+/)?images/create\?\S*)( HTTP)")

SERVED: set[asyncio.Task[None]] = set()
"""Connections at work: the loop alone would let go of one whose client is gone."""


@contextmanager
def running(folder: Path):
    """Listen on a socket in *folder*; give its address for DOCKER_HOST. The folder's path must be short."""
    path = folder / "arm64.sock"
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(_serve, path=str(path)), loop).result(10)
    try:
        yield f"unix://{path}"
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    task = asyncio.current_task()
    SERVED.add(task)
    task.add_done_callback(SERVED.discard)
    with suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        up, down = await asyncio.open_unix_connection(ENGINE)
        down.write(_asked(head))
        if TOLD.match(head):
            await _told(up, writer)
        else:
            # whichever side ends first has only ended its own direction: stdin of a container, say
            await asyncio.gather(_pass(reader, down), _pass(up, writer))
        down.close()
    writer.close()


def _asked(head: bytes) -> bytes:
    """Ask for one answer per connection, but for one that is taken over, and for arm64 where no platform is named."""
    if b"platform=" not in head.partition(b"\r\n")[0] or re.search(rb"platform=(&| HTTP)", head):
        head = PULL.sub(rb"\1&platform=linux%2Farm64\2", head)
    if re.search(rb"\r\nupgrade:", head, re.IGNORECASE):
        return head
    return re.sub(rb"\r\nconnection:[^\r]*", b"", head[:-2], flags=re.IGNORECASE) + b"Connection: close\r\n\r\n"


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(1 << 16):
            sink.write(chunk)
            await sink.drain()
        sink.write_eof()


async def _told(up: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head, _, body = (await up.read()).partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        body = _joined(body)
    body = json.dumps(rewritten(json.loads(body))).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.41\r\nOstype: linux\r\n")
    writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


def _joined(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


def rewritten(told: dict[str, object]) -> dict[str, object]:
    """Say arm64 as Docker does: ``arm64`` in its version, ``aarch64`` in its info (seen on a real one)."""
    if "Architecture" in told:
        return told | {"Architecture": "aarch64"}
    parts = [part | {"Details": {**part.get("Details", {}), "Arch": "arm64"}} for part in told.get("Components", ())]
    return told | {"Arch": "arm64", "Components": parts}
