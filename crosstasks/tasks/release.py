"""Tasks: the parts of a release, and all of them in a row."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core.errors import ConfigError, CrosstasksError, NothingSelected, VerificationFailed
from ..reporting import streams
from .call import OPTIONS, OVERRIDES, Call, Task, exit_code

if TYPE_CHECKING:
    from ..context import Context
    from ..extras.packaging.contents import Difference
    from ..extras.release.context import ReleaseContext
    from ..extras.release.dist import Part
    from ..extras.release.prepare import Intent


PREPARE_OPTIONS: Final = ("package", "skip", "snapshot")
RELEASE_OPTIONS: Final = ("target", *PREPARE_OPTIONS)


def build(call: Call) -> int:
    """Build and pack every target of a release into one folder; what follows -- goes to cargo."""
    from ..extras.release import workers

    release = _release_context(call)
    parts = _build_parts(call, release)
    call.show({"targets": parts}, lambda: workers.results(parts))
    return _code(parts)


def status(call: Call) -> int:
    """Show what a release has and what is missing: version, changelog, tag, tree, packages, places it is published to."""
    from ..extras.release import status

    rows = status.examine(_release_context(call))
    call.show({"complete": status.complete(rows), "rows": rows}, lambda: status.text(rows))
    return 0


def prepare(call: Call) -> int:
    """Write the new version and the changelog, commit and tag; nothing is pushed."""
    from ..extras.release import prepare

    release = _release_context(call)
    intent = prepare.intend(release, call["bump"])
    if _say_resumed(release, intent) or not _go(call, _intent_text(intent), bool(intent.steps)):
        return 0
    prepare.prepare(release, intent)
    return _look_again(_release_context(call), ("version", "lock", "changelog", "tag", "tree"))


def _say_resumed(release: ReleaseContext, intent: Intent) -> bool:
    """Tell the user that there is a prepared release; True if nothing is left to do for it."""
    if intent.resumed:
        release.context.say(f"{intent.message} is at HEAD already; going on with it, and --bump is for the next one")
    return intent.resumed and not intent.steps


def _intent_text(intent: Intent) -> str:
    """Return what will be done to the repository, exactly."""
    lines = [str(step) for step in intent.steps] or ["nothing: the release is prepared"]
    return "\n".join([intent.diff().rstrip(), *lines]).strip()


def _go(call: Call, plan: str, needed: bool = True) -> bool:  # noqa: FBT001, FBT002
    """Show what would be done, and ask once."""
    if call["dry_run"]:
        print(plan)  # noqa: T201
        return False
    if not needed or call["yes"]:
        return True
    print(plan, file=sys.stderr)  # noqa: T201
    if not streams.is_interactive():
        raise ConfigError("a release needs confirmation, and standard input is no terminal", hint="--yes confirms; --dry-run only shows")
    return streams.confirm("go on?")


def _look_again(release: ReleaseContext, names: tuple[str, ...]) -> int:
    """Look again: what was to be done has to be there."""
    from ..extras.release import status

    rows = status.examine(release, set(names) - release.skip)
    print(status.text(rows))  # noqa: T201
    return 0 if status.complete(rows) else CrosstasksError.code


def sign(call: Call) -> int:
    """Call the configured hooks for what was built and is not signed yet."""
    from ..extras.release import build as hooks
    from ..extras.release import dist

    release = _release_context(call)
    if not release.context.config.release.hooks:
        raise NothingSelected("no hook is configured to sign with", hint="`hooks` in [release] are the commands")
    if not dist.selection(release):
        raise NothingSelected(f"there is nothing to sign in {release.dist}", hint="`release.build` makes it")
    left_out = "nothing was signed: --skip leaves hooks out" if "hooks" in release.skip else "everything is signed already"
    print("\n".join(hooks.run(release)) or left_out)  # noqa: T201
    return 0


def publish(call: Call) -> int:
    """Publish what was built to the places that are configured; with --dry-run as much of it as they can try."""
    from ..extras.release import build as hooks
    from ..extras.release import publish

    release = _release_context(call)
    _publishable(release)
    plan = "\n".join(f"publish {release.version} to {name}" for name in publish.places(release))
    if not plan:
        raise NothingSelected("there is no place to publish to", hint="`publish` in [release] names directory, github or registry")
    dry = call["dry_run"]
    if not dry and not _go(call, plan):
        return 0
    if not dry:
        hooks.run(release)
    for line in publish.publish(release, dry=dry):
        print(line)  # noqa: T201
    return 0 if dry else _look_again(release, ("published",))


def _publishable(release: ReleaseContext) -> None:
    """Refuse to publish what is not a whole release."""
    from ..extras.release import status

    if release.snapshot:
        raise ConfigError("a snapshot is not published", hint="`release.prepare` makes a release")
    rows = status.examine(release, {"lock", "tag", "tree", "branch", "packages"} - release.skip)
    wrong = [f"{row.name}: {row.detail}" for row in rows if row.state != "ok"]
    if wrong:
        raise ConfigError("this release is incomplete", problems=wrong, hint="`release.status` says what comes next")


def everything(call: Call) -> int:
    """Release: status, prepare, build, verify, sign, and publish to the places that are configured, after one confirmation."""
    from ..extras.release import build as hooks
    from ..extras.release import prepare, publish, status

    release = _release_context(call)
    release.context.say("what there is:")
    print(status.text(status.examine(release)), file=sys.stderr)  # noqa: T201
    intent = None if release.snapshot else prepare.intend(release, call["bump"])
    if intent:
        _say_resumed(release, intent)
    if not _go(call, _plan_text(release, intent, publish.places(release))):
        return 0
    if intent:
        prepare.prepare(release, intent)
        release = _release_context(call)
    if code := _code(_build_parts(call, release)) or _verify(call, release):
        return code
    hooks.run(release)
    if publish.places(release):
        _publishable(release)
    for line in publish.publish(release):
        print(line)  # noqa: T201
    names = ("packages",) if release.snapshot else ("version", "lock", "changelog", "tag", "tree", "packages", "published")
    code = _look_again(release, names)
    print(_end_text(release))  # noqa: T201
    return code


def _end_text(release: ReleaseContext) -> str:
    """Return where the packages lie, and what is left to the user."""
    from ..reporting import report

    where = f"the packages are in {report.relative(str(release.dist))}/: `sha256sum --check SHA256SUMS` in there compares their checksums"
    if release.snapshot:
        return f"{where}\nnext: `invoke release --bump patch` makes a release of it"
    pushed = f"git push origin HEAD {' '.join(release.tags)}"
    return f"{where}\nnext: `{pushed}`, which publishes the commit and the tag; crosstasks pushes nothing"


def _plan_text(release: ReleaseContext, intent: Intent | None, places: Sequence[str]) -> str:
    lines = [_intent_text(intent)] if intent else []
    names = ", ".join(product.name for product in release.products)
    lines.append(f"build and verify {names} for {', '.join(release.context.config.targets)}")
    return "\n".join([*lines, *(f"publish to {place}" for place in places)])


def _verify(call: Call, release: ReleaseContext) -> int:
    """Verify what was built, as the task of that name does."""
    if "verify" in release.skip:
        return 0
    return verify(Call(call.place, {name: call[name] for name in ("target", "engine")}))


def _release_context(call: Call) -> ReleaseContext:
    from .. import pipeline
    from ..building import arguments
    from ..extras.release import build
    from ..extras.release.context import look

    arguments.check(call.arguments, build.OURS)
    packages, skip = (tuple(call[name] or ()) for name in ("package", "skip"))
    return look(pipeline.look(call.context()), packages=packages, skip=skip, snapshot=call["snapshot"])


def _build_parts(call: Call, release: ReleaseContext) -> tuple[Part, ...]:
    """Build one after another, or side by side, and list what there is."""
    from .. import pipeline
    from ..extras.release import build, dist, workers

    triples = pipeline.select(call.names, release.context)
    if not release.products:
        raise ConfigError("no cargo package that is released has a program", hint="`packages` in [release] names what is released")
    jobs = min(_jobs(call), len(triples))
    if jobs == 1:
        parts = build.build(release, triples, call.arguments)
    else:
        build.build_context(release)
        parts = workers.Workers(release, lambda triple: _words(call, triple)).build(triples, jobs)
    dist.finish(release, triples)
    return parts


def _jobs(call: Call) -> int:
    text = str(call["jobs"])
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f"--jobs is a number of targets, 1 or more, not {text!r}")
    return int(text)


def _words(call: Call, triple: str) -> tuple[str, ...]:
    """Return how one target is built by a process of its own: with the same options."""
    words = ["release.build", f"--target={triple}", "--format=json"]
    for name, value in call.options.items():
        if name in {"target", "format", "jobs", "bump", "dry_run"} or value == OPTIONS[name].default:
            continue
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    return (*words, "--", *call.arguments) if call.arguments else tuple(words)


def _code(parts: Sequence[Part]) -> int:
    return exit_code((f"{part.target}: {part.error}", part.code) for part in parts if part.error)


def verify(call: Call) -> int:
    """Check every file of the packages: what it is, what it needs, and that it starts; with --rebuild that it is built alike."""
    from .. import pipeline
    from ..extras.release import verify as verifying

    context = pipeline.look(call.context(need_config=False))
    dist = Path(context.repository.root, context.config.release.dist)
    findings = verifying.examine(dist, context, context.config.selection)
    error = verifying.error_of(findings)
    differences = _again(call, dist, context) if call["rebuild"] else None

    def text() -> str:
        shown = verifying.text(findings)
        return shown if differences is None else f"{shown}\n{verifying.differences_text(differences)}"

    call.show({"ok": not (error or differences), "findings": findings, "differences": differences}, text)
    if differences and error is None:
        error = VerificationFailed("a second build gives other packages", why="\n".join(map(str, differences)))
    return exit_code([(error, error.code)] if error else ())


def _again(call: Call, dist: Path, context: Context) -> tuple[Difference, ...]:
    """Package the same commit with the task that did it the first time."""
    from ..extras.packaging import contents
    from ..extras.release import verify as verifying

    packages = contents.find_packages(dist, context.config.selection)
    triples = tuple(dict.fromkeys(package.target.triple for package in packages))
    options = {
        "target": list(triples),
        "package": None if context.config.release.name else list(verifying.product_names(dist)),
        "snapshot": any("-SNAPSHOT-" in package.name for package in packages),
        "skip": ["hooks"],
        "engine": call["engine"],
    }

    def package(root: Path) -> None:
        with redirect_stdout(sys.stderr):
            code = build(Call(root, options))
        if code:
            raise VerificationFailed("the second build failed", why=f"release.build ended with {code}")

    return verifying.again(dist, context, package, triples)


TASKS: Final[Mapping[str, Task]] = {
    "release.status": Task(status, ("format", *RELEASE_OPTIONS)),
    "release.prepare": Task(prepare, ("bump", "dry_run", "yes", *PREPARE_OPTIONS)),
    "release.build": Task(build, ("format", *OVERRIDES, "yes", *RELEASE_OPTIONS, "jobs")),
    "release.verify": Task(verify, ("target", "format", "engine", "rebuild")),
    "release.sign": Task(sign, RELEASE_OPTIONS),
    "release.publish": Task(publish, ("dry_run", "yes", *RELEASE_OPTIONS)),
    "release.all": Task(everything, ("bump", "dry_run", "yes", *OVERRIDES, *RELEASE_OPTIONS, "jobs")),
}
