"""Publish to a cargo registry: each package behind those that it needs; one that is there is compared by its checksum."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from ...core.errors import CrosstasksError
from ...core.steps import Step
from ..packaging import files
from . import actions, version
from .actions import Action

if TYPE_CHECKING:
    from .context import Context

ASKING: Final = """\
[package]
name = "crosstasks-asks"
version = "0.0.0"
[lib]
path = "Cargo.toml"
[dependencies]
asked = {{ package = "{name}", version = "={version}"{registry} }}
[workspace]
"""
"""A package that needs just what is asked for: cargo then writes down its checksum, whatever kind of registry that is."""

ABSENT: Final = (
    "no matching package named `{name}` found",
    "no matching package found\nsearched package name: `{name}`",
    'failed to select a version for the requirement `{name} = "={version}"`',
)
"""How cargo says that a registry has no such package, or not in that version (1.70 to 1.95)."""


def look(context: Context) -> Iterator[Action]:
    """
    Give each package, as it is in the registry or is to be published.

    Raises:
        CrosstasksError: one there differs, was taken back, or cargo does not tell.
    """
    registry = context.work.config.release.registry
    crates = {crate.name: crate for crate in context.crates if crate.goes_to(registry)}
    for name in version.order(tuple(crates), _edges(context)):
        what, step = f"{name} {crates[name].version}", _step(context, "--package", name)
        published = _published(context, name, crates[name].version)
        note = _compared(context, name, crates[name].version, published) if published else ""
        yield Action(what=what, done=bool(published), step=step, note=note)


def _step(context: Context, *words: str) -> Step:
    registry = context.work.config.release.registry
    argv = ("cargo", "publish", *(("--registry", registry) if registry else ()), "--locked", *words)
    return Step(why="behind the crates that it needs", argv=argv, cwd=str(context.root))


def _edges(context: Context) -> dict[str, list[str]]:
    """Return which packages of the workspace need which; what only tests need may be in a circle, and counts if it has a version."""
    done = actions.ask(context, ("cargo", "metadata", "--format-version=1", "--no-deps"))
    if done.code:
        raise CrosstasksError("cargo does not tell what the packages need", why=done.err.strip())
    return {
        one["name"]: [need["name"] for need in one["dependencies"] if need.get("kind") != "dev" or need.get("req", "*") != "*"]
        for one in json.loads(done.out)["packages"]
    }


def _published(context: Context, name: str, wanted: str) -> str:
    """Return the checksum that the registry's index has of a package; empty if it has not that version."""
    registry = context.work.config.release.registry
    said = f', registry = "{registry}"' if registry and registry != "crates-io" else ""
    with TemporaryDirectory(prefix="crosstasks-registry-") as folder:
        manifest = Path(folder, "Cargo.toml")
        manifest.write_text(ASKING.format(name=name, version=wanted, registry=said), "utf-8")
        # from the workspace, whose .cargo/config.toml may name the registry
        done = actions.ask(context, ("cargo", "generate-lockfile", "--quiet", "--manifest-path", str(manifest)))
        if not done.code:
            rows = tomllib.loads(manifest.with_name("Cargo.lock").read_text("utf-8"))["package"]
            return next(str(row.get("checksum", "unknown")) for row in rows if (row["name"], row["version"]) == (name, wanted))
    if "is yanked" in done.err:
        hint = "a version that was taken back is not published again: release the next one"
        raise CrosstasksError(f"{name} {wanted} was published, and taken back", hint=hint)
    if not any(words.format(name=name, version=wanted) in done.err for words in ABSENT):
        raise CrosstasksError(f"cargo does not tell whether {name} {wanted} is published", why=done.err.strip())
    return ""


def _compared(context: Context, name: str, wanted: str, published: str) -> str:
    """
    Pack a package that is published, as it was then, and return what is known of both.

    Raises:
        CrosstasksError: they differ.
    """
    with TemporaryDirectory(prefix="crosstasks-registry-") as folder:
        argv = ("cargo", "package", "--quiet", "--no-verify", "--locked", "--package", name, "--target-dir", folder)
        done = actions.ask(context, argv)
        packed = Path(folder, "package", f"{name}-{wanted}.crate")
        own = files.sha256(packed) if not done.code and packed.is_file() else ""
    if not own or published == "unknown":
        why = "the registry tells no checksum" if own else done.err.strip().partition("\n")[0].removeprefix("error: ").rstrip(":")
        return f"whether it is the same is not known: {why}"
    if own != published:
        why = f"the registry has SHA-256 {published[:16]}…, and cargo packs {own[:16]}… here; another commit or cargo packs otherwise"
        raise actions.differs(f"{name} {wanted}", why)
    return "with the same content"


def tried(context: Context) -> list[str]:
    """Let cargo pack and check the crates without uploading: all at once, since those not yet published need one another."""
    registry = context.work.config.release.registry
    crates: Sequence[str] = [f"--package={crate.name}" for crate in context.crates if crate.goes_to(registry)]
    if not crates:
        return []
    done = actions.ask(context, _step(context, "--dry-run", *crates).argv)
    if done.code:
        raise CrosstasksError("`cargo publish --dry-run` failed", why=done.err.strip())
    return ["registry: cargo has tried it: nothing is wrong"]
