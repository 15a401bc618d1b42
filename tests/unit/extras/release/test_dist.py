"""The folder of archives, of a release of which some targets are selected."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from crosstasks.clients.git import Git
from crosstasks.context import Context, look_of
from crosstasks.core import files
from crosstasks.core.errors import CrosstasksError
from crosstasks.extras.packaging.product import Product
from crosstasks.extras.release import dist, status, workers
from crosstasks.extras.release.context import ReleaseContext
from crosstasks.extras.release.dist import File, Part, Program
from crosstasks.testing import AMD64, ARM64, FakeRunner, config, facts, repository

COMMIT = "a" * 40
PRODUCT = Product(name="hello", version="0.1.0", tag="v0.1.0", crates=())


@pytest.fixture
def release(tmp_path):
    """A release of two targets, of which those that are named are selected."""
    options = config("x86_64", "aarch64")

    def release(*selected, all_targets=options.all_targets, **state):
        chosen = replace(options, targets=selected or options.targets, all_targets=all_targets)
        look = look_of(tmp_path, tmp_path, chosen, {}, FakeRunner())
        known = facts(repository=repository(root=str(tmp_path)))
        context = Context(
            config=chosen, root=tmp_path, cache=tmp_path, environ={}, run=FakeRunner(), say=lambda _: None, look=look, facts=known
        )
        return ReleaseContext(
            context=context, git=Git(**{"top": str(tmp_path), "commit": COMMIT, "time": 0, **state}), crates=(), products=(PRODUCT,)
        )

    return release


@pytest.fixture
def built(tmp_path):
    """Put the archive of a target into the folder, as building does, and list what is there."""

    def built(release, triple, glibc="2.34"):
        name = f"hello-{triple}-v0.1.0.tar.gz"
        path = tmp_path / "dist" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(triple)
        programs = (Program(name="hello", size=1, sha256="x", glibc="2.9"), Program(name="more", size=1, sha256="x", glibc=glibc))
        sha256 = files.sha256(path)
        made = File(
            name=name, kind="archive", product="hello", version="0.1.0", target=triple, size=1_500_000, sha256=sha256, programs=programs
        )
        commit = "" if release.git.dirty else release.git.commit
        dist.remember(release.dist, Part(target=triple, commit=commit, route="cargo", glibc="2.36", files=(made,)))
        return dist.finish(release, (triple,))

    return built


def test_a_second_target_takes_no_first_away(release, built):
    """Each call is told of its own target only: the lists are of all that is there of this release, and the archives stay."""
    built(release(AMD64), AMD64)
    listed = built(release(ARM64), ARM64)
    assert [ARM64, AMD64] == sorted(file.target for file in listed)
    assert all((release().dist / file.name).exists() for file in listed)


def test_without_a_configuration_too(release, built):
    """What another call has built of this very commit is of this release, though nobody declares it."""
    built(release(AMD64, all_targets=()), AMD64)
    assert [ARM64, AMD64] == [file.target for file in built(release(ARM64, all_targets=()), ARM64)]


@pytest.mark.parametrize("state", [{"commit": "b" * 40}, {"dirty": ("x",)}])
def test_the_lists_are_of_one_commit(release, built, state):
    """What another one has left is listed no more, though its version is the same: metadata.json tells one commit for all."""
    built(release(), AMD64)
    assert [ARM64] == [file.target for file in built(release(**state), ARM64)]
    assert [f"hello-{ARM64}-v0.1.0.tar.gz"] == [path.name for path in release().dist.glob("*.gz")]
    assert [ARM64, AMD64] == [file.target for file in built(release(**state), AMD64)]


def test_what_is_selected_is_what_is_published(release, built):
    """Of the lists, those that are not selected are left where they are."""
    built(release(AMD64), AMD64)
    built(release(ARM64), ARM64)
    archives = lambda *selected: [path.name for path in dist.files_to_publish(release(*selected)) if path.suffix == ".gz"]  # noqa: E731
    assert [f"hello-{ARM64}-v0.1.0.tar.gz"] == archives(ARM64)
    assert 2 == len(archives())


def test_what_is_selected_is_what_is_counted(release, built):
    """One of one is whole; of both, one is missing and named."""
    built(release(ARM64), ARM64)
    packages = {names: next(row for row in status.examine(release(*names)) if row.name == "packages") for names in ((ARM64,), (AMD64,), ())}
    assert ("ok", "1 of 1 targets") == (packages[ARM64,].state, packages[ARM64,].detail)
    assert ("missing", f"0 of 1 targets; not of this commit: {AMD64}") == (packages[AMD64,].state, packages[AMD64,].detail)
    assert ("missing", f"1 of 2 targets; not of this commit: {AMD64}") == (packages[()].state, packages[()].detail)


def test_the_floor_is_told(release, built):
    """The newest glibc that a program of a target needs stands in the metadata beside what is promised, and in the result."""
    built(release(), ARM64)
    told, listed = (json.loads((release().dist / name).read_text()) for name in ("metadata.json", "artifacts.json"))
    assert {ARM64: ("2.36", "2.34")} == {triple: (row["glibc"], row["glibc_floor"]) for triple, row in told["targets"].items()}
    assert {dist.SCHEMA_VERSION} == {told["schema_version"], listed["schema_version"]}
    assert ["schema_version", "crosstasks", "commit", "date", "dirty", "snapshot", "products", "profile", "targets"] == list(told)
    assert [{"name": "hello", "version": "0.1.0", "tag": "v0.1.0", "binaries": []}] == told["products"]
    assert {"glibc", "glibc_floor", "features", "default_features"} == told["targets"][ARM64].keys()
    assert "1.5 MB  runs with glibc 2.34 or newer  sha256 " in workers.results([dist.part(release().dist, ARM64)])


@pytest.mark.parametrize(("floors", "newest"), [(("2.9", "2.34"), "2.34"), (("", "2.17"), "2.17"), (("", ""), ""), ((), "")])
def test_the_floor_of_several(floors, newest):
    """Numbers count, not letters; a static program needs none."""
    assert newest == dist.newest(Program(name="x", size=1, sha256="x", glibc=floor) for floor in floors)


@pytest.fixture
def place(release, built):
    """The folder of a release that is built, with a signature and what is none of it."""
    built(release(), AMD64)
    place = release().dist
    for name in (f"hello-{AMD64}-v0.1.0.tar.gz.sig", "SHA256SUMS.asc", "other", "other.sig"):
        (place / name).write_text("x")
    return place


NAME = f"hello-{AMD64}-v0.1.0.tar.gz"


def test_what_is_published(release, place):
    """Files, lists, and what hooks made of either."""
    names = (NAME, "SHA256SUMS", "artifacts.json", "metadata.json", "SHA256SUMS.asc", f"{NAME}.sha256", f"{NAME}.sig")
    assert tuple(place / name for name in names) == dist.files_to_publish(release())


@pytest.mark.parametrize(
    ("spoil", "what", "hint"),
    [
        (lambda place: (place / "SHA256SUMS").unlink(), "there is nothing to publish in {place}", "`release.build` makes it"),
        (lambda place: (place / NAME).write_text("x"), "{place}/{name} is not as SHA256SUMS has it", "`release.build` makes it anew"),
        (lambda place: (place / NAME).unlink(), "{place}/{name} is not as SHA256SUMS has it", "`release.build` makes it anew"),
        (
            lambda place: (place / "artifacts.json").write_text("{}"),
            "artifacts.json does not list {name} as SHA256SUMS does",
            "`release.build` makes both anew",
        ),
        (
            lambda place: (place / "SHA256SUMS.new").symlink_to("other"),
            "{place}/SHA256SUMS.new is a link, and is not published",
            "nothing of ours makes links there: remove it",
        ),
    ],
)
def test_what_keeps_files_from_being_published(release, place, spoil, what, hint):
    """Nothing is published that is not as it was listed when it was made."""
    spoil(place)
    with pytest.raises(CrosstasksError) as caught:
        dist.files_to_publish(release())
    assert (what.format(place=place, name=NAME), hint) == (caught.value.what, caught.value.hint)
