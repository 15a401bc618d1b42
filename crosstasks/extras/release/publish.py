"""Publish what is in the folder: to a directory, to GitHub, to a cargo registry.

Every place is looked at first: what is there is left alone, what differs is refused, and what is missing is done; so an interrupted
call is taken up where it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...core.errors import ConfigError, CrosstasksError
from ...core.steps import Step
from ..packaging import files, subjects
from . import actions, github, registry
from .actions import Action

if TYPE_CHECKING:
    from .context import Context


def places(context: Context) -> tuple[str, ...]:
    """Return where the release goes."""
    if context.snapshot or "publish" in context.skip:
        return ()
    return tuple(name for name in context.work.config.release.publish if name not in context.skip)


def _directory(context: Context) -> Iterator[Action]:
    template = context.work.config.release.directory
    if not template:
        raise ConfigError("release.directory is not set", hint="`publish` names `directory`, and that is the folder")
    for path in subjects.listed(context):
        folder = template.replace("{version}", context.version).replace("{package}", subjects.product(context, path))
        target = Path(os.path.normpath(context.root / Path(folder).expanduser() / path.name))
        if target.is_file() and files.sha256(target) != files.sha256(path):
            raise actions.differs(str(target))
        step = Step(why="publish to a directory", call="copy", arguments={"source": str(path), "target": str(target)})
        yield Action(what=str(target), done=target.is_file(), step=step)


PLACES: Final[Mapping[str, Callable[[Context], Iterator[Action]]]] = {
    "directory": _directory,
    "github": github.look,
    "registry": registry.look,
}
"""Every place, with what it has and is to get."""


def look(context: Context, place: str) -> tuple[Action, ...]:
    """
    Return what a place has, and what it is to get.

    Raises:
        CrosstasksError: something there differs, or cannot be looked at.
    """
    return tuple(PLACES[place](context))


def publish(context: Context, *, dry: bool = False) -> tuple[str, ...]:
    """
    Do what is left, place by place, or with *dry* as much of it as a place can try.

    Returns:
        a line for each thing that was done.

    Raises:
        CrosstasksError: a place refused; what was done stays, and the next call goes on.
    """
    looked = {place: look(context, place) for place in places(context)}
    told = []
    for place, found in looked.items():
        for action in found:
            if action.done or action.step is None:
                told.append(f"{place}: {action.what}: is there{f', {action.note}' if action.note else ''}")
            elif dry:
                told.append(f"{place}: {action.step}")
            else:
                context.work.say(str(action.step))
                _do(context, action.step)
                told.append(f"{place}: {action.what}: published")
        if dry and place == "registry":
            told += registry.tried(context)
    return tuple(told)


def _do(context: Context, step: Step) -> None:
    if step.call:
        with files.placed(Path(step.arguments["target"])) as file, Path(step.arguments["source"]).open("rb") as source:
            while chunk := source.read(1 << 20):
                file.write(chunk)
        return
    done = actions.ask(context, step.argv, step.cwd)
    if done.code:
        why = (done.err or done.out).strip()
        raise CrosstasksError(f"`{' '.join(step.argv[:3])}` failed", why=why, hint=_hint(why))


def _hint(why: str) -> str:
    if "tag" in why and "exist" in why:
        return "push the tag first: nothing is pushed for you"
    return "what is published stays; the next call goes on from here"
