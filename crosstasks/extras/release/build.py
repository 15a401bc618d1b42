"""Act: build and pack every target, then sign and attest with the user's own commands: lists of words, never a shell."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace as changed

from ... import pipeline
from ...building import arguments as building
from ...building import dependencies
from ...catalog import targets
from ...clients import git
from ...context import Context, Extra
from ...core import files
from ...core.about import __version__
from ...core.errors import ConfigError, CrosstasksError
from ...core.results import Artifact
from ...core.steps import Env
from ...planning.plan import Plan
from ...provisioning import cache_check
from ..packaging import archive, sbom
from ..packaging.archive import Entry
from ..packaging.contents import SUMS
from . import dist
from .dist import File, Part, Program

if TYPE_CHECKING:
    from ..packaging.product import Product
    from .context import ReleaseContext

UNAUDITED: Final = "cargo-auditable is no part of cross's images: the SBOM beside the archive says what is in it"


FEATURES: Final = ("-F", "--features", "--all-features", "--no-default-features")

OURS: Final[Mapping[str, str]] = {
    **building.OURS,
    **dict.fromkeys(FEATURES, "set `features` or `default-features`: the SBOM, metadata.json and a second build take them from there"),
    "--config": "write it into .cargo/config.toml, and commit that: a second build takes it from there",
    "-Z": "write it into [unstable] of .cargo/config.toml, and commit that: a second build takes it from there",
}
"""What the user does not tell cargo, each with what to use instead: more than in other builds."""


def build_context(release: ReleaseContext) -> Context:
    """Return what the builds of a release are given: strict, with the time of the commit, without names of this machine's folders.

    Raises:
        ConfigError: something is not committed, there is no Cargo.lock to keep to, or cargo-auditable is wanted and not there.
    """
    context = release.context
    if release.git.dirty and not release.snapshot:
        why = "\n".join(release.git.dirty[:10])
        raise ConfigError("not everything is committed", why=why, hint="commit it, or build with --snapshot")
    if not context.repository.lock:
        hint = "`cargo generate-lockfile`, and commit Cargo.lock"
        raise ConfigError("a release needs Cargo.lock", why="without it two builds of a commit may differ", hint=hint)
    wrapper = "" if context.config.release.auditable == "never" else shutil.which("cargo-auditable", path=context.environ.get("PATH")) or ""
    if context.config.release.auditable == "always" and not wrapper:
        raise ConfigError("cargo-auditable is not on PATH", hint="`cargo install cargo-auditable --locked`, or set `auditable` to auto")
    release.dist.mkdir(parents=True, exist_ok=True)  # what is there is mounted read-only
    extra = Extra(remap=True, env={"SOURCE_DATE_EPOCH": str(release.git.time)}, wrapper=wrapper)
    strict = context.config.is_strict(context.facts.host.ci, release=True)
    return replace(context, config=changed(context.config, strict=strict), extra=extra)


def arguments(release: ReleaseContext, more: Sequence[str]) -> tuple[str, ...]:
    """Return what cargo is told: the profile, the programs of the packages that are released, and what the user adds."""
    packages = [f"--package={crate.name}" for product in release.products for crate in product.crates]
    return (f"--profile={release.context.config.release.profile}", *packages, "--bins", *more)


def key(release: ReleaseContext, triple: str, more: Sequence[str]) -> str:
    """Return what stands for how a target is built: whatever changes it makes an earlier archive useless."""
    config = release.context.config
    packed = (config.release.name, config.release.files, config.release.auditable, "sbom" in release.skip)
    parts = (config.target(triple), packed, arguments(release, more), __version__, release.products)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def build(release: ReleaseContext, triples: Sequence[str], more: Sequence[str] = ()) -> tuple[Part, ...]:
    """Build one target after another; one that fails does not keep the others from being finished."""
    context = build_context(release)
    parts = []
    for triple in triples:
        part, context = one(replace(release, context=context), triple, more)
        dist.remember(release.dist, part)
        parts.append(part)
    return tuple(parts)


def one(release: ReleaseContext, triple: str, more: Sequence[str]) -> tuple[Part, Context]:
    """Build and pack one target, if an earlier call has not."""
    if part := earlier(release, triple, more):
        return part, release.context
    begun, context = time.monotonic(), release.context
    commit = "" if release.git.dirty else release.git.commit
    try:
        result, context = pipeline.carry_out(triple, "build", arguments(release, more), context)
        planned, context = pipeline.make(triple, "build", context)
        cache_check.check(planned.route, context)  # what damage cannot tell, somebody may have meant
        _check_tree(release)
        files, remarks = pack(replace(release, context=context), planned, result.artifacts)
    except CrosstasksError as error:
        return Part(target=triple, seconds=time.monotonic() - begun, error=str(error), code=error.code), context
    part = Part(
        target=triple,
        commit=commit,
        key=key(release, triple, more),
        route=planned.route.name,
        glibc=planned.promise.glibc,
        seconds=time.monotonic() - begun,
        files=files,
        notes=remarks,
    )
    return part, context


def _check_tree(release: ReleaseContext) -> None:
    """Look at the tree again: what is packed is of the commit, whatever ran while it was built.

    Raises:
        ConfigError: the build changed something.
    """
    again = git.look(release.root, release.context.run, without=release.git.without)
    if not release.snapshot and (again.commit, again.dirty) != (release.git.commit, release.git.dirty):
        why = "\n".join(again.dirty[:10]) or f"HEAD is {again.commit[:12]} now"
        raise ConfigError("the working tree changed while the release was built", why=why, hint="a build script may have changed it")


def earlier(release: ReleaseContext, triple: str, more: Sequence[str]) -> Part | None:
    """Return what an earlier call made of this very commit; of what is not committed nothing is kept."""
    part = dist.part(release.dist, triple)
    if not part or part.error or release.git.dirty or (part.commit, part.key) != (release.git.commit, key(release, triple, more)):
        return None
    return changed(part, reused=True)


def pack(release: ReleaseContext, planned: Plan, artifacts: Sequence[Artifact]) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Make the archives of one target, and what says what they are made of.

    Returns:
        the files, and notes on what was left out.

    Raises:
        CrosstasksError: a program was not built, or a file cannot be written.
    """
    result: list[File] = []
    for product in release.products:
        programs = _programs(product, planned.target, artifacts)
        result.append(_archive(release, product, planned.target, programs))
        if "sbom" not in release.skip:
            result.append(_sbom(release, product, planned))
    return tuple(result), notes(release, planned)


def notes(release: ReleaseContext, planned: Plan) -> tuple[str, ...]:
    """Return why a program does not embed what it is made of."""
    if release.context.config.release.auditable == "never":
        return ()
    if planned.route.builder == "cross":
        return (UNAUDITED,)
    return () if release.context.extra.wrapper else ("cargo-auditable is not on PATH: the SBOM beside the archive says what is in it",)


def _programs(product: Product, triple: str, artifacts: Sequence[Artifact]) -> dict[str, Artifact]:
    """Return the programs of a product by the names of their files."""
    by_name = {Path(artifact.path).name: artifact for artifact in artifacts}
    mine = {name: artifact for name, artifact in by_name.items() if name.partition(".")[0] in product.binaries or name in product.binaries}
    missing = [binary for binary in product.binaries if not any(name in {binary, f"{binary}{Path(name).suffix}"} for name in mine)]
    if missing:
        hint = "a program with `required-features` needs them in `features`, or leave its package out of `packages`"
        raise CrosstasksError(f"{triple}: {', '.join(missing)} of {product.name} was not built", hint=hint)
    return mine


def _archive(release: ReleaseContext, product: Product, triple: str, programs: dict[str, Artifact]) -> File:
    stem = product.stem(triple)
    target = release.dist / f"{stem}{archive.suffix(targets.find(triple).os)}"
    entries = [Entry(name=name, source=Path(artifact.path), program=True, sha256=artifact.sha256) for name, artifact in programs.items()]
    names = {entry.name for entry in entries}
    committed = None if release.snapshot else git.head_files(release.root, release.context.run)
    documents = archive.documents(product, release.root, release.context.config.release, committed)
    more = [entry for entry in documents if entry.name not in names]
    archive.pack(target, stem, [*entries, *more], release.git.time)
    contents = tuple(
        Program(name=name, size=artifact.size, sha256=artifact.sha256, glibc=artifact.glibc, static=artifact.static)
        for name, artifact in sorted(programs.items())
    )
    return _file(target, "archive", product, triple, contents)


def _file(path: Path, kind: dist.Kind, product: Product, triple: str, programs: tuple[Program, ...] = ()) -> File:
    return File(
        name=path.name,
        kind=kind,
        product=product.name,
        version=product.version,
        target=triple,
        size=path.stat().st_size,
        sha256=files.sha256(path),
        programs=programs,
    )


def _sbom(release: ReleaseContext, product: Product, planned: Plan) -> File:
    everything, shipped = (_tree(release, product, planned, edges) for edges in ("normal,build", "normal,no-proc-macro"))
    options = release.context.config.target(planned.target)
    facts = {
        "features": ",".join(options.features),
        "default-features": str(options.default_features).lower(),
        "rustc": planned.route.toolchain.release,
    }
    checksums = dependencies.checksums(release.root / "Cargo.lock")
    path = release.dist / f"{product.stem(planned.target)}.cdx.json"
    archive.write(path, sbom.document(product, planned.target, everything, shipped, checksums, facts, release.git.time))
    return _file(path, "sbom", product, planned.target)


def _tree(release: ReleaseContext, product: Product, planned: Plan, edges: str) -> sbom.Tree:
    """Ask cargo what it builds; the dependencies were fetched for the build, so it need not ask the network."""
    options = release.context.config.target(planned.target)
    features = [] if options.default_features else ["--no-default-features"]
    features += [f"--features={','.join(options.features)}"] if options.features else []
    packages = [f"--package={crate.name}" for crate in product.crates]
    cargo = f"{planned.route.host_toolchain.path}/bin/cargo"
    env: Env = {"RUSTC": f"{planned.route.host_toolchain.path}/bin/rustc", "CARGO_TERM_COLOR": "never", "RUSTUP_TOOLCHAIN": None}
    target = (word for triple in planned.request.target.triples for word in ("--target", triple))
    argv = (cargo, *sbom.TREE, "--offline", "--edges", edges, *target, *packages, *features)
    done = release.context.run(argv, env=env, cwd=str(release.root))
    if done.code:
        raise CrosstasksError(
            f"{planned.target}: cargo does not tell what it builds", why=done.err.strip(), hint="`--skip=sbom` does without"
        )
    return sbom.parse(done.out)


EACH: Final = ("{artifact}", "{name}")
"""A command with one of these is called for every file that is listed; ``{checksums}`` and ``{dist}`` are the same for all."""


def calls(command: Sequence[str], folder: Path, names: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Give the calls that a command stands for, each with its subjects, which are *names* in the *folder* of archives."""
    fixed = {"{checksums}": str(folder / SUMS), "{dist}": str(folder)}
    if not _is_for_each(command):
        yield _fill(command, fixed), tuple(names)
        return
    for name in names:
        yield _fill(command, {**fixed, "{artifact}": str(folder / name), "{name}": name}), (name,)


def _is_for_each(command: Sequence[str]) -> bool:
    return any(mark in word for word in command for mark in EACH)


def _fill(command: Sequence[str], values: dict[str, str]) -> tuple[str, ...]:
    pattern = "|".join(map(re.escape, values))
    return tuple(re.sub(pattern, lambda match: values[match[0]], word) for word in command)


def run(release: ReleaseContext) -> tuple[str, ...]:
    """Call the commands, each for what it was not called for yet, as long as that is what is there.

    They find the subjects in ``CROSSTASKS_SUBJECTS`` as lines of SHA256SUMS, which is what attestations are made of.

    Raises:
        CrosstasksError: a command failed.
    """
    listed = dist.selection(release)
    if "hooks" in release.skip or not listed:
        return ()
    commands: list[str] = []
    made = dist.calls(release.dist)
    for command in release.context.config.release.hooks:
        for argv, names in calls(command, release.dist, tuple(listed)):
            lines = "".join(f"{listed[name]}  {name}\n" for name in names)
            key = hashlib.sha256(json.dumps([argv, lines]).encode()).hexdigest()
            if key in made:
                continue
            release.context.say(f"{argv[0]} for {', '.join(names) if len(names) < 4 else f'{len(names)} files'}")
            done = release.context.run(
                argv, cwd=str(release.root), env={"CROSSTASKS_SUBJECTS": lines, "CROSSTASKS_RELEASE": release.version}
            )
            if done.code:
                why = (done.err or done.out).strip()
                raise CrosstasksError(f"the hook {argv[0]!r} ended with {done.code}", why=why, hint="`--skip=hooks` does without")
            made[key] = names[0] if _is_for_each(command) else SUMS
            dist.remember_calls(release.dist, made)
            commands.append(" ".join(argv))
    return tuple(commands)
