"""Tasks: the parts of a release, and all of them in a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .call import OPTIONS, Call

if TYPE_CHECKING:
    from ..release.context import Context
    from ..release.dist import Part


def build(call: Call) -> int:
    """Build and pack every target of a release into one folder; what follows -- goes to cargo."""
    from ..release import crew

    context = _context(call)
    parts = _built(call, context)
    call.show(_answer(parts), lambda: crew.results(parts))
    return _code(parts)


def _context(call: Call) -> Context:
    from ..release import context

    options = call.options
    return context.look(
        call.work(),
        packages=tuple(options.get("package") or ()),
        skip=tuple(options.get("skip") or ()),
        snapshot=bool(options.get("snapshot")),
    )


def _built(call: Call, context: Context) -> tuple[Part, ...]:
    """Build one after another, or side by side, and list what there is."""
    from .. import arguments, pipeline
    from ..release import build, crew, dist

    given, triples = arguments.check(call.arguments), pipeline.select(call.names, context.work)
    if not context.products:
        raise ConfigError("no cargo package that is released has a program", hint="`packages` in [release] names what is released")
    jobs = min(_jobs(call), len(triples))
    if jobs == 1:
        parts = build.build(context, triples, given)
    else:
        build.prepared(context)
        parts = crew.Crew(context, lambda triple: _words(call, triple)).build(triples, jobs)
    dist.finish(context, tuple(dict.fromkeys((*context.work.config.targets, *triples))))
    return parts


def _jobs(call: Call) -> int:
    text = str(call.options["jobs"])
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f"--jobs is a number of targets, 1 or more, not {text!r}")
    return int(text)


def _words(call: Call, triple: str) -> tuple[str, ...]:
    """Return how one target is built by a process of its own: with the same options."""
    words = ["release.build", f"--target={triple}", "--format=json"]
    for name, value in call.options.items():
        if name in {"target", "format", "jobs", "bump", "dry_run", "yes", "verb"} or value == OPTIONS[name].default:
            continue
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    return (*words, "--", *call.arguments) if call.arguments else tuple(words)


def _answer(parts: Sequence[Part]) -> dict[str, object]:
    from .. import plan

    return {"schema_version": plan.SCHEMA_VERSION, "targets": parts}


def _code(parts: Sequence[Part]) -> int:
    failed = [part for part in parts if part.error]
    for part in failed:
        print(f"error: {part.target}: {part.error}", file=sys.stderr)  # noqa: T201
    return failed[0].code if failed else 0
