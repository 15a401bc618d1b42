"""What a release is built with, what is packed, what is kept, and the commands that sign it."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace as changed
from planning import settle, world
from release_values import failed

from crosstasks import pipeline
from crosstasks.core import files
from crosstasks.core.errors import ConfigError, CrosstasksError, Interrupted
from crosstasks.core.results import Artifact
from crosstasks.extras.packaging.product import Crate
from crosstasks.extras.release import build
from crosstasks.testing import AMD64, ARM64

COMMIT = "a" * 40
TREE = "0hello v0.1.0 (/project)\tMIT\n"
LOG = f"{COMMIT}\x001700000000\x00Release\n"


@pytest.fixture
def release(make, tmp_path):
    """A maker of releases that can be built: there is a Cargo.lock, git knows the commit, cargo tells the tree."""
    (tmp_path / "Cargo.lock").write_text("version = 4\n")

    def release(answers=None, *, status="", **more):
        told = {"rev-parse": f"{tmp_path}\n", "log": LOG, "status": status}
        git = {("git", "-C"): lambda argv: told.get(argv[3], "")}
        return make(git | (answers or {}), **more)

    return release


@pytest.fixture
def planned(release):
    """The plan of a target."""
    made = release()
    plan, _ = settle("aarch64", made.context.facts, made.context.config, around=world())
    return plan


@pytest.fixture
def program(tmp_path):
    """A program that was built."""
    path = tmp_path / "target" / "hello"
    path.parent.mkdir()
    path.write_text("program")
    return Artifact(path=str(path), size=7, sha256=files.sha256(path), glibc="2.34")


def cargo(planned, answer=TREE):
    """Cargo's answer to what it builds."""
    return {(f"{planned.route.host_toolchain.path}/bin/cargo", "tree"): answer}


def compiling(planned, *artifacts):
    """What stands for a build, and what it was asked for."""
    asked = []

    def compiled(triple, arguments, context):
        asked.append((triple, arguments))
        return planned, artifacts, context

    return compiled, asked


def building(made, triples, compiler, more=()):
    """Build a release where *compiler* does what the pipeline would."""
    plans = {}

    def carry_out(triple, verb, arguments, context):
        assert "build" == verb
        plans[triple], artifacts, context = compiler(triple, arguments, context)
        return SimpleNamespace(artifacts=artifacts), context

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "carry_out", carry_out)
        patch.setattr(pipeline, "make", lambda triple, _verb, context: (plans[triple], context))
        return build.build(made, triples, more)


def test_builds_are_given_the_time_of_the_commit(release):
    """And are strict, without names of folders of this machine."""
    context = build.build_context(release())
    assert (True, {"SOURCE_DATE_EPOCH": "1700000000"}, "", True) == (
        context.extra.remap,
        context.extra.env,
        context.extra.wrapper,
        context.config.strict,
    )
    assert release().dist.is_dir()


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"git": {"dirty": tuple(f"f{n:02}" for n in range(12))}}, "not everything is committed"),
        ({"options": {"auditable": "always"}}, "cargo-auditable is not on PATH"),
    ],
)
def test_what_keeps_a_release_from_being_built(more, what, release):
    """Told before anything is; a snapshot may be of anything."""
    with pytest.raises(ConfigError, match=what) as caught:
        build.build_context(release(environ={"PATH": "/nowhere"}, **more))
    if "git" in more:
        assert "\n".join(f"f{n:02}" for n in range(10)) == caught.value.why
        assert build.build_context(release(snapshot=True, **more))


def test_a_release_needs_a_lock_file(release):
    """Two builds of a commit may differ without it."""
    made = release()
    without = changed(made.context.repository, lock=False)
    facts = made.context.facts.with_({question: without for question in made.context.facts.answers if question.about == "repository"})
    with pytest.raises(ConfigError, match=r"a release needs Cargo\.lock"):
        build.build_context(replace(made, context=replace(made.context, facts=facts)))


@pytest.mark.parametrize(("auditable", "taken"), [("auto", True), ("always", True), ("never", False)])
def test_cargo_auditable_is_taken_from_path(auditable, taken, release, tmp_path):
    """Unless it is not wanted."""
    wrapper = tmp_path / "bin" / "cargo-auditable"
    wrapper.parent.mkdir()
    wrapper.touch(0o755)
    made = build.build_context(release(options={"auditable": auditable}, environ={"PATH": str(wrapper.parent)}))
    assert (str(wrapper) if taken else "") == made.extra.wrapper


def test_cargo_builds_the_programs_of_what_is_released(release):
    """With the profile, and what the user adds."""
    assert ("--profile=release", "--package=hello", "--bins", "--timings") == build.arguments(release(), ("--timings",))
    assert ("--profile=dist", "--package=hello", "--bins") == build.arguments(release(options={"profile": "dist"}), ())


def test_whatever_changes_an_archive_changes_its_key(release):
    """Options of the target, names, files, the SBOM, arguments for cargo, the crates."""
    other = (Crate(name="hello", version="0.1.1", folder="/x", tag="v0.1.1", binaries=("hello",)),)
    keys = [
        build.key(made, ARM64, more)
        for made, more in (
            (release(), ()),
            (release(), ("--timings",)),
            (release(options={"files": ["x"]}), ()),
            (release(options={"name": "x"}), ()),
            (release(options={"auditable": "never"}), ()),
            (release(options={"profile": "dist"}), ()),
            (release(skip=frozenset({"sbom"})), ()),
            (release(crates=other), ()),
            (release(top={"target": {"aarch64": {"features": ["x"]}}}), ()),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == build.key(release(skip=frozenset({"hooks"})), ARM64, ())
    assert 16 == len(keys[0])


def test_a_target_is_built_packed_and_remembered(release, planned, program):
    """An archive with the program, and what says what it is made of; the next call keeps both, and builds nothing."""
    made = release(cargo(planned))
    compiled, asked = compiling(planned, program)
    (part,) = building(made, (ARM64,), compiled, ("--locked",))
    assert [(ARM64, ("--profile=release", "--package=hello", "--bins", "--locked"))] == asked
    assert ("", COMMIT, planned.route.name, False) == (part.error, part.commit, part.route, part.reused)
    assert [(f"hello-{ARM64}-v0.1.0.tar.gz", "archive"), (f"hello-{ARM64}-v0.1.0.cdx.json", "sbom")] == [
        (one.name, one.kind) for one in part.files
    ]
    archive = part.files[0]
    assert [("hello", 7, "2.34", False)] == [(one.name, one.size, one.glibc, one.static) for one in archive.programs]
    assert (archive.size, archive.sha256) == ((made.dist / archive.name).stat().st_size, files.sha256(made.dist / archive.name))
    with tarfile.open(made.dist / archive.name) as tar:
        rows = {row.name: (row.mode, row.mtime) for row in tar}
    assert {f"hello-{ARM64}-v0.1.0": (0o755, 1_700_000_000), f"hello-{ARM64}-v0.1.0/hello": (0o755, 1_700_000_000)} == rows
    document = json.loads((made.dist / part.files[1].name).read_text())
    assert ("CycloneDX", "hello") == (document["bomFormat"], document["metadata"]["component"]["name"])
    properties = {"default-features": "true", "features": "", "rustc": planned.route.toolchain.release, "target": ARM64}
    assert properties == {one["name"].removeprefix("crosstasks:"): one["value"] for one in document["metadata"]["properties"]}
    again = release(cargo(planned))
    (kept,) = building(again, (ARM64,), compiled, ("--locked",))
    assert (True, 1) == (kept.reused, len(asked))
    building(again, (ARM64,), compiled, ("--timings",))
    assert 2 == len(asked)


@pytest.mark.parametrize("more", [{"git": {"commit": "b" * 40}}, {"git": {"dirty": ("x",)}, "snapshot": True}])
def test_what_was_made_of_another_commit_is_made_again(more, release, planned, program):
    """Of what is not committed nothing is kept."""
    compiled, asked = compiling(planned, program)
    building(release(cargo(planned)), (ARM64,), compiled)
    assert build.earlier(release(), ARM64, ())
    assert build.earlier(release(**more), ARM64, ()) is None
    (release().dist / f"hello-{ARM64}-v0.1.0.tar.gz").write_text("cut off")
    assert build.earlier(release(), ARM64, ()) is None
    assert 1 == len(asked)


def test_without_an_sbom_there_is_the_archive_alone(release, planned, program):
    """And cargo is not asked."""
    made = release(skip=frozenset({"sbom"}))
    result, remarks = build.pack(made, planned, (program,))
    assert (["archive"], (build.UNAUDITED,)) == ([one.kind for one in result], remarks)


def test_one_target_that_fails_keeps_no_other(release, planned, program):
    """Its error is kept, with its code; what a user ends is ended."""
    made = release(cargo(planned))

    def compiled(triple, arguments, context):
        if triple == ARM64:
            raise CrosstasksError("it cannot be built", why="because")
        return planned, (program,), context

    failed_, good = building(made, (ARM64, "s390x-unknown-linux-gnu"), compiled)
    assert ("it cannot be built", "", 1, ()) == (failed_.error.splitlines()[0], failed_.commit, failed_.code, failed_.files)
    assert "" == good.error
    assert build.earlier(made, ARM64, ()) is None

    def ended(*_arguments):
        raise Interrupted("Ctrl-C")

    with pytest.raises(Interrupted):
        building(made, (ARM64,), ended)


@pytest.mark.parametrize("status", [" M src/main.rs\0", ""])
def test_a_tree_that_the_build_changed_is_not_packed(status, release, planned, program):
    """What is packed is of the commit; a snapshot may be of anything."""
    compiled, _ = compiling(planned, program)
    answers = cargo(planned) if status else cargo(planned) | {("git", "-C", str(release().root), "log"): f"{'b' * 40}\x000\x00x\n"}
    made = release(answers, status=status)
    (part,) = building(made, (ARM64,), compiled)
    assert "the working tree changed while the release was built" in part.error
    assert ("src/main.rs" if status else f"HEAD is {'b' * 12} now") in part.error
    (part,) = building(replace(made, snapshot=True), (ARM64,), compiled)
    assert "" == part.error


def test_a_program_that_was_not_built_is_named(release, planned, program):
    """It may need features; of Windows the name ends in .exe."""
    two = (Crate(name="hello", version="0.1.0", folder="/x", tag="v0.1.0", binaries=("hello", "more")),)
    with pytest.raises(CrosstasksError, match=f"{ARM64}: more of hello was not built"):
        build.pack(release(crates=two), planned, (program,))
    path = Path(program.path).with_name("hello.exe")
    path.write_text("program")
    windows = changed(program, path=str(path))
    assert {"hello.exe": windows} == build._programs(release().products[0], ARM64, (windows,))  # noqa: SLF001


def test_what_is_packed_is_what_was_verified(release, planned, program):
    """A program that was changed meanwhile ends it."""
    Path(program.path).write_text("another")
    with pytest.raises(CrosstasksError, match="was changed before it was packed"):
        build.pack(release(cargo(planned)), planned, (program,))


@pytest.mark.parametrize(
    ("builder", "auditable", "wrapper", "note"),
    [
        ("cross", "auto", "", build.UNAUDITED),
        ("cross", "auto", "/bin/x", build.UNAUDITED),
        ("cross", "never", "", ""),
        ("zigbuild", "auto", "/bin/x", ""),
        ("zigbuild", "auto", "", "cargo-auditable is not on PATH: the SBOM beside the archive says what is in it"),
    ],
)
def test_what_a_program_does_not_embed_is_said(builder, auditable, wrapper, note, release):
    """With the reason."""
    made = release(options={"auditable": auditable})
    made = replace(made, context=replace(made.context, extra=replace(made.context.extra, wrapper=wrapper)))
    assert ((note,) if note else ()) == build.notes(made, SimpleNamespace(route=SimpleNamespace(builder=builder)))


def test_cargo_is_asked_for_the_features_that_were_built(release, planned, program):
    """Of that target and that package, with the toolchain of the build, and without the network."""
    top = {"target": {"aarch64": {"features": ["a", "b"], "default-features": False}}}
    made = release(cargo(planned), top=top)
    build.pack(made, planned, (program,))
    calls = [call for call in made.context.run.calls if call[1] == "tree"]
    home = planned.route.host_toolchain.path
    head = (f"{home}/bin/cargo", *build.sbom.TREE, "--offline", "--edges")
    tail = ("--target", ARM64, "--package=hello", "--no-default-features", "--features=a,b")
    assert [(*head, edges, *tail) for edges in ("normal,build", "normal,no-proc-macro")] == calls
    place = made.context.run.calls.index(calls[0])
    assert {"RUSTC": f"{home}/bin/rustc", "CARGO_TERM_COLOR": "never", "RUSTUP_TOOLCHAIN": None} == made.context.run.envs[place]
    assert str(made.root) == made.context.run.folders[place]
    with pytest.raises(CrosstasksError, match=f"{ARM64}: cargo does not tell what it builds") as caught:
        build.pack(release(cargo(planned, failed("error: offline\n"))), planned, (program,))
    assert "error: offline" == caught.value.why


HOOKS = [["sign", "{artifact}", "--as", "{name}"], ["attest", "{checksums}", "{dist}"]]


def test_a_command_is_called_for_each_file_or_once(tmp_path):
    """By the words in it."""
    names = ("a.tar.gz", "b.tar.gz")
    each = [(("sign", f"{tmp_path}/{name}", "--as", name), (name,)) for name in names]
    assert each == list(build.calls(HOOKS[0], tmp_path, names))
    assert [(("attest", f"{tmp_path}/SHA256SUMS", str(tmp_path)), names)] == list(build.calls(HOOKS[1], tmp_path, names))
    assert [] == list(build.calls(HOOKS[0], tmp_path, ()))
    assert [(("log", name), (name,)) for name in names] == list(build.calls(["log", "{name}"], tmp_path, names))
    assert [(("log", f"{tmp_path}/{name}"), (name,)) for name in names] == list(build.calls(["log", "{artifact}"], tmp_path, names))


def test_commands_are_called_once_for_what_they_sign(make, packed):
    """With the subjects and the version in their environment; what was done is not done again until it changes."""
    release = make({("sign",): "", ("attest",): ""}, options={"hooks": HOOKS})
    assert () == build.run(release)
    path = packed(release)
    lines = build.run(release)
    assert (f"sign {path} --as {path.name}", f"attest {release.dist}/SHA256SUMS {release.dist}") == lines
    subjects = f"{files.sha256(path)}  {path.name}\n"
    assert [{"CROSSTASKS_SUBJECTS": subjects, "CROSSTASKS_RELEASE": "0.1.0"}] * 2 == release.context.run.envs
    assert [str(release.root)] * 2 == release.context.run.folders
    assert () == build.run(release)
    packed(release, text="another")
    assert () == build.run(replace(release, skip=frozenset({"hooks"})))
    assert 2 == len(build.run(release))
    (release.dist / ".parts" / "hooks.json").write_text("{")
    assert 2 == len(build.run(release))


def test_what_was_signed_before_it_was_another_is_signed_again(make, packed):
    """Its signature went with it, and so did that of the list, whatever the list says by now."""
    release = make({("sign",): "", ("attest",): ""}, options={"hooks": HOOKS})
    first = packed(release, text="first").read_bytes()
    lines = build.run(release)
    signatures = [release.dist / f"{name}.sig" for name in (f"hello-{ARM64}-v0.1.0.tar.gz", "SHA256SUMS", "metadata.json")]
    for path in signatures:
        path.touch()
    packed(release, text="first")
    assert ((), [True] * 3) == (build.run(release), [path.exists() for path in signatures])
    packed(release, text="second")
    assert [False] * 3 == [path.exists() for path in signatures]
    assert first == packed(release, text="first").read_bytes()
    assert lines == build.run(release)


def test_what_is_signed_stays_so_beside_what_is_new(make, packed):
    """The list is another then, also for whom only the first is selected."""
    release = make({("sign",): "", ("attest",): ""}, options={"hooks": HOOKS}, targets=("aarch64", "x86_64"))
    path = packed(release)
    signature = path.with_name(f"{path.name}.sig")
    again = f"attest {release.dist}/SHA256SUMS {release.dist}"
    build.run(release)
    signature.touch()
    packed(release, AMD64)
    only = replace(release, context=replace(release.context, config=changed(release.context.config, targets=(ARM64,))))
    assert ((again,), True) == (build.run(only), signature.exists())
    assert ["sign", "attest"] == [line.partition(" ")[0] for line in build.run(release)]


@pytest.mark.parametrize("said", [failed("no key\n", 3), failed("", 3, out="no key\n")])
def test_a_command_that_fails_ends_it(said, make, packed):
    """What was signed before is kept."""
    release = make({("sign",): "", ("attest",): said}, options={"hooks": HOOKS})
    packed(release)
    with pytest.raises(CrosstasksError, match="the hook 'attest' ended with 3") as caught:
        build.run(release)
    assert "no key" == caught.value.why
    again = make({("attest",): ""}, options={"hooks": HOOKS})
    assert [f"attest {release.dist}/SHA256SUMS {release.dist}"] == list(build.run(again))
