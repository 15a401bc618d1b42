"""Plan with questions answered from a world, as the pipeline does, and keep what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from crosstasks.catalog import targets
from crosstasks.core.steps import Absent, Question
from crosstasks.facts.debian import MissingPackages
from crosstasks.facts.probes import EmulationTest, SharedFolder
from crosstasks.facts.rustup import Channel
from crosstasks.planning import plan
from crosstasks.planning import request as requests
from crosstasks.planning.plan import Plan
from crosstasks.planning.toolchains import EXACT
from crosstasks.testing import AMD64, ARM64, BOOKWORM, served

if TYPE_CHECKING:
    from crosstasks.config.configuration import Config
    from crosstasks.facts import Facts
    from crosstasks.planning.request import Request

NETWORK = frozenset({"registry", "rust-channel", "debian", "packages"})
"""Questions that leave the machine."""

STABLE = "1.96.0"
"""What rustup's server has as stable."""

World = Mapping[str, Callable[[str], Any]]


def world(*, registry: Any = served, stable: Any = STABLE, debian: Any = BOOKWORM, image: Any = None, proof: bool = False) -> World:
    """Return the answers of a world: all can be reached and the engine holds nothing, but nothing is emulated, if nothing else is said."""

    def lookup(table: Any, missing: str) -> Callable[[str], Any]:
        if callable(table):
            return table
        return lambda subject: table if isinstance(table, Absent) else (table or {}).get(subject, Absent(missing))

    return {
        "registry": lookup(registry, "the registry does not know it"),
        "image": lookup(image, "the engine does not hold it"),
        "rust-channel": partial(channel, stable),
        "debian": lambda _: debian,
        "packages": lambda subject: MissingPackages(suite=subject.split()[0], architecture=subject.split()[1]),
        "shared": lambda place: SharedFolder(folder=place),
        "emulation-test": lambda platform: EmulationTest(platform=platform) if proof else Absent(f"nothing runs {platform} programs"),
    }


HOSTS = (AMD64, ARM64, "x86_64-unknown-linux-musl", "aarch64-apple-darwin", "x86_64-apple-darwin")


def channel(stable: Any, name: str, **changes: Any) -> Any:
    """Return what a server says of a channel: it has every target that Rust has a standard library of, and the source."""
    if isinstance(stable, Absent):
        return stable
    moving = f"{name}-2026-10-30" if name in {"nightly", "beta"} else ""
    release = stable if name == "stable" else moving or (name if EXACT.fullmatch(name) else f"{name}.0")
    standard = tuple(row.triple for row in targets.catalogue().values() if not row.build_std)
    return Channel(**{"release": release, "hosts": HOSTS, "standard": (*HOSTS, *standard), "source": True, **changes})


def request(target: str, facts: Facts, config: Config, verb: str = "build") -> Request:
    """Return what is asked of a target."""
    return requests.make(targets.find(target), verb, facts, config)


def settle(target: str, facts: Facts, config: Config, verb: str = "build", *, around: World | None = None) -> tuple[Plan, list[Question]]:
    """Plan, answer, plan again; return the plan and every question that was asked."""
    answers, asked = around or world(), []
    wanted = request(target, facts, config, verb)
    while True:
        found = plan.make(wanted, facts)
        if isinstance(found, Plan):
            return found, asked
        assert found, "no questions, and no plan"
        assert not set(found) & set(facts.answers), "what is known was asked again"
        asked += found
        facts = facts.with_({question: answers[question.about](question.subject) for question in found})
