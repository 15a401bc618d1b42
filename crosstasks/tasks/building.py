"""Tasks: plan, provision, build, test and shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..core.steps import Verb
from .call import BUILDING, Call, Task, exit_code


def plan(call: Call) -> None:
    """Show for every target the chosen route, why the others are refused, and the steps."""
    from .. import pipeline
    from ..planning import plan
    from ..reporting import report

    all_plans = pipeline.plans(verb=call.verb, context=call.selected(call.verb))
    call.show(
        {"plans": [plan.as_json(one) for one in all_plans]},
        lambda: "\n\n".join(report.plan_text(one, everything=call["all"]) for one in all_plans),
    )


def provision(call: Call) -> int:
    """Provide what the plans need, and build nothing; with --from out of a bundle, without a network."""
    from .. import pipeline
    from ..reporting import report

    if call["from_"]:
        return _load(call)
    for planned in pipeline.provision(call.verb, call.context()):
        print(report.plan_text(planned, everything=True))  # noqa: T201
    return 0


def _load(call: Call) -> int:
    """Load a bundle, and tell of every target whether it can be built now; what the bundle is for has to be."""
    from ..extras.offline import bundle_tasks

    manifest = bundle_tasks.load(call.context(need_config=False), Path(call["from_"]))
    rows = bundle_tasks.readiness(call.context(need_config=False), manifest.targets, call.verb)
    print(bundle_tasks.readiness_text(rows))  # noqa: T201
    return exit_code((f"{row.target}: {row.error}", row.error.code) for row in rows if row.error)


CARGO: Final[Mapping[str, tuple[Verb, str]]] = {
    "build": ("build", "Build the targets; what follows ``--`` goes to cargo."),
    "test": ("test", "Test the targets; what follows ``--`` goes to cargo."),
    "tools.check": ("check", "Check that the targets compile, and link nothing; what follows ``--`` goes to cargo."),
    "tools.clippy": ("clippy", "Lint the targets with clippy; what follows ``--`` goes to cargo."),
    "tools.doc": ("doc", "Write the documentation as the targets have it; what follows ``--`` goes to cargo."),
    "tools.run": ("run", "Run a program of the targets; what follows ``--`` goes to cargo, and what follows another to the program."),
    "tools.bench": ("bench", "Run the benchmarks of the targets; what follows ``--`` goes to cargo."),
    "tools.nextest": ("nextest", "Test the targets with cargo-nextest; what follows ``--`` goes to it."),
    "tools.nextest-archive": (
        "nextest-archive",
        "Pack the tests of the targets into nextest.tar.zst, for a machine that can run them: `cargo nextest run --archive-file` does.",
    ),
}
"""The tasks that call cargo: the verb of each, and its help."""


def _cargo_task(verb: Verb, text: str) -> Task:
    def act(call: Call) -> int:
        return _carry_out(verb, call)

    act.__doc__ = text
    return Task(act, BUILDING)


def _carry_out(verb: Verb, call: Call) -> int:
    from .. import pipeline
    from ..building import arguments
    from ..reporting import ci, report

    checked = arguments.check(call.arguments)
    context = call.selected(verb)
    ci.ready(context.environ)
    results = pipeline.build((), checked, verb=verb, context=context)
    call.show({"results": results}, lambda: report.result_text(results))
    code = exit_code((result.error, result.code) for result in results if result.code)
    ci.finish(results, context)  # at last: the result is shown even if a file cannot be written
    return code


def shell(call: Call) -> int:
    """Open a shell in the target's image, with the project mounted."""
    from ..extras.maintenance import shell

    return shell.open_shell(call.names, call.context(builder="cross"))


TASKS: Final[Mapping[str, Task]] = {
    "plan": Task(plan, ("target", "verb", "all", "format", "changed_since", "cross", "builder", "engine", "offline")),
    **{name: _cargo_task(verb, text) for name, (verb, text) in CARGO.items()},
    "tools.provision": Task(provision, ("target", "from_", "verb", "cross", "builder", "engine", "offline", "yes")),
    "tools.shell": Task(shell, ("target", "cross", "engine")),
}
