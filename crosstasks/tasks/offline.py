"""Tasks: lock, bundle, mirror and outdated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..core.errors import ConfigError
from .call import Call, Task


def lock(call: Call) -> int:
    """Write crosstasks.lock, which every command then keeps to; with --check only say what differs."""
    from ..extras.offline import locking

    check, update = call["check"], call["update"]
    if check and update:
        raise ConfigError("--check writes nothing, and --update does: give one of them")
    if check:
        differences = locking.check(call.context(), call.names, call.platforms)
        call.show({"differences": differences}, lambda: locking.differences_text(differences))
        return 1 if differences else 0
    result = locking.make(call.context(), call.names, call.platforms, update=update)
    call.show({"lock": result}, lambda: locking.text(result))
    return 0


def bundle(call: Call) -> None:
    """Put all that the plans need into one file, for machines without a network: `tools.provision --from` loads it."""
    from ..extras.offline import bundle_tasks
    from ..reporting import report

    if not call["to"]:
        raise ConfigError("--to names the file to write", hint="crosstasks offline.bundle --to crosstasks.tar")
    manifest = bundle_tasks.make(call.context(), call.names, call.platforms, Path(call["to"]).absolute())
    lines = (f"{member.path}  {report.size(member.size)}  sha256 {member.sha256[:16]}" for member in manifest.members)
    call.show({"bundle": manifest}, lambda: "\n".join(lines))


def mirror(call: Call) -> None:
    """Fill a registry with the images of the targets, all their platforms included; blobs that are there are not copied again."""
    from ..extras.offline import locking, mirror

    if not call["to"]:
        raise ConfigError("--to names the registry to fill", hint="crosstasks offline.mirror --to registry.example.org:5000/prefix")
    context = call.context(mirror=call["to"])
    done = mirror.fill(context, locking.machines(context, call.platforms), call.names, call["to"])
    call.show({"images": done}, lambda: mirror.text(done))


def outdated(call: Call) -> None:
    """Ask upstream what is new: flavours of cross, Rust, images against the lock, and native images for this engine."""
    from ..extras.offline import locking

    rows = locking.outdated(call.context(), call.names)
    call.show({"rows": rows}, lambda: locking.outdated_text(rows))


TASKS: Final[Mapping[str, Task]] = {
    "offline.lock": Task(lock, ("target", "check", "update", "platform", "format", "cross", "builder", "engine", "offline")),
    "offline.outdated": Task(outdated, ("target", "format", "engine", "offline")),
    "offline.bundle": Task(bundle, ("to", "target", "platform", "format", "cross", "builder", "engine")),
    "offline.mirror": Task(mirror, ("to", "target", "platform", "format", "cross", "engine")),
}
