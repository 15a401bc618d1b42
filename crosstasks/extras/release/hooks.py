"""Sign and attest with the user's own commands: lists of words, no shell, called once for every file or once for all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...core.errors import CrosstasksError
from ..packaging import dist, files, subjects

if TYPE_CHECKING:
    from .context import Context

EACH: Final = ("{artifact}", "{name}")
"""A command with one of these is called for every file that is listed."""


def calls(command: Sequence[str], folder: Path, names: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """
    Give the calls that a command stands for, each with its subjects.

    Args:
        command: with ``{artifact}``, ``{name}``, ``{checksums}`` or ``{dist}`` in its words.
        folder: of the archives.
        names: the files that are listed in SHA256SUMS.
    """
    fixed = {"{checksums}": str(folder / dist.SUMS), "{dist}": str(folder)}
    if not any(mark in word for word in command for mark in EACH):
        yield _filled(command, fixed), tuple(names)
        return
    for name in names:
        yield _filled(command, {**fixed, "{artifact}": str(folder / name), "{name}": name}), (name,)


def _filled(command: Sequence[str], values: dict[str, str]) -> tuple[str, ...]:
    words = list(command)
    for mark, value in values.items():
        words = [word.replace(mark, value) for word in words]
    return tuple(words)


def run(context: Context) -> tuple[str, ...]:
    """
    Call the commands, each for what it was not called for yet.

    They find the subjects in ``CROSSTASKS_SUBJECTS`` as lines of SHA256SUMS, which is what attestations are made of.

    Raises:
        CrosstasksError: a command said no.
    """
    listed = subjects.listing(context.dist)
    if "hooks" in context.skip or not listed:
        return ()
    told = []
    place = context.dist / ".parts" / "hooks.json"
    known = _known(place)
    for command in context.work.config.release.hooks:
        for argv, names in calls(command, context.dist, tuple(listed)):
            lines = "".join(f"{listed[name]}  {name}\n" for name in names)
            key = hashlib.sha256(json.dumps([argv, lines]).encode()).hexdigest()
            if key in known:
                continue
            context.work.say(f"{argv[0]} for {', '.join(names) if len(names) < 4 else f'{len(names)} files'}")
            done = context.work.run(argv, cwd=str(context.root), env={"CROSSTASKS_SUBJECTS": lines, "CROSSTASKS_RELEASE": context.version})
            if done.code:
                why = (done.err or done.out).strip()
                raise CrosstasksError(f"the hook {argv[0]!r} ended with {done.code}", why=why, hint="`--skip=hooks` does without")
            known.append(key)
            files.write(place, json.dumps(known).encode())
            told.append(" ".join(argv))
    return tuple(told)


def _known(place: Path) -> list[str]:
    try:
        return [str(key) for key in json.loads(place.read_text("utf-8"))]
    except (OSError, ValueError):
        return []
