"""A new target folder begins with the host programs of another's."""

from __future__ import annotations

import fcntl
import os

import pytest
from msgspec.structs import replace
from planning import request

from crosstasks.building import run
from crosstasks.building.run import seed
from crosstasks.catalog import recipes, targets
from crosstasks.catalog.ingredients import Toolchain
from crosstasks.core.steps import Absent
from crosstasks.planning.images import Search
from crosstasks.planning.route import Route
from crosstasks.testing import config, facts, image, repository

ENGINE = facts().engine
TRIPLE = "aarch64-unknown-linux-gnu"
OWN = Toolchain(source="local", why="there", name="1.96.0", release="1.96.0", host="x86_64-unknown-linux-gnu", path="/t", standard=())
ROUTE = Route(name="cross 0.2.5", target=TRIPLE, builder="cross", toolchain=OWN, host_toolchain=OWN)


@pytest.fixture
def place(tmp_path):
    """The folder of target folders, with one in it that a build has left."""
    built(tmp_path, "a")
    return tmp_path


def built(place, key, profile="debug", base="0a0a0a"):
    """Leave what a build does: of the host, of the target, and its locks."""
    folder = place / f".cross-{base}-{key}"
    for part in (folder / profile, folder / TRIPLE / profile):
        for name in ("deps/libsyn.rlib", ".fingerprint/syn/lib-syn", "incremental/x/y"):
            (part / name).parent.mkdir(parents=True)
            (part / name).write_text(key)
            os.utime(part / name, ns=(5, 1234567890123456789))
        (part / ".cargo-lock").touch()
    return folder


def begun(place, key="b", base="0a0a0a", engine=ENGINE):
    """Begin a folder, and return what is in it and what was said."""
    said = []
    folder = place / f".cross-{base}-{key}"
    seed(folder, engine, said.append)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}, len(said)


def test_what_is_the_hosts_is_taken_over(place):
    """Cargo compares times, so they are kept; what is compiled for the target is its own, and so are locks."""
    files, told = begun(place)
    assert (files, told) == ({"debug/deps/libsyn.rlib": "a", "debug/.fingerprint/syn/lib-syn": "a"}, 1)
    assert (place / ".cross-0a0a0a-b/debug/deps/libsyn.rlib").stat().st_mtime_ns == 1234567890123456789
    assert [] == list(place.glob("..cross*"))


def test_what_a_build_script_wrote_is_taken_over_whatever_it_is_called(place):
    """Only cargo's own folder of that name is passed over."""
    out = place / ".cross-0a0a0a-a/debug/build/syn-1/out/incremental"
    out.mkdir(parents=True)
    (out / ".cargo-lock").write_text("mine")
    assert begun(place)[0]["debug/build/syn-1/out/incremental/.cargo-lock"] == "mine"


def test_each_profile_is_taken_from_where_it_was_built_last(place):
    """A debug build here and a release there serve both."""
    os.utime(place / ".cross-0a0a0a-a" / "debug", (1, 1))
    built(place, "later")
    built(place, "third", "release")
    files, _ = begun(place)
    assert {"debug/deps/libsyn.rlib": "later", "release/deps/libsyn.rlib": "third"}.items() <= files.items()


@pytest.mark.parametrize(
    "where",
    [
        {"base": "0b0b0b"},
        {"engine": Absent("no engine")},
        {"engine": replace(ENGINE, apart=True)},
        {"engine": replace(ENGINE, remote=True)},
        {"engine": replace(ENGINE, desktop="colima")},
    ],
)
def test_nothing_is_taken_from_strangers_or_where_locks_are_not_seen(where, place):
    """Another image may have another glibc, and an engine on another kernel does not show when cargo is at work."""
    assert begun(place, **where) == ({}, 0)


def test_a_folder_that_names_no_base_is_left_alone(tmp_path):
    """Images whose make is not known have names of another form."""
    (tmp_path / ".cross-a" / "debug").mkdir(parents=True)
    (tmp_path / ".cross-a" / "debug" / ".cargo-lock").touch()
    seed(tmp_path / ".cross-b", ENGINE, print)
    assert not (tmp_path / ".cross-b").exists()


def test_what_is_there_stays(place):
    """A folder that has been built in is nobody's to change."""
    built(place, "b")
    assert begun(place)[1] == 0


@pytest.mark.parametrize("lock", [".cargo-lock", ".cargo-build-lock"])
def test_nothing_is_taken_while_cargo_is_at_work(place, lock):
    """It holds a lock, two in newer versions; another folder serves as well."""
    path = place / ".cross-0a0a0a-a/debug" / lock
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert begun(place) == ({}, 0)
        built(place, "older")
        os.utime(place / ".cross-0a0a0a-older/debug", (1, 1))
        assert begun(place)[0]["debug/deps/libsyn.rlib"] == "older"


@pytest.mark.parametrize(
    ("what", "error"), [("shutil.copytree", OSError(28, "full")), ("crosstasks.core.cache.lock", NotImplementedError())]
)
def test_what_cannot_be_copied_is_no_failure(place, monkeypatch, what, error):
    """The build begins with an empty folder, as on a disk without room or locks; nothing half made is left."""

    def failing(*_arguments, **_options):
        raise error

    monkeypatch.setattr(what, failing)
    assert begun(place) == ({}, 0)
    assert [] == list(place.glob("..cross*"))


def test_what_a_killed_call_left_is_removed(place):
    """Its draft is of no use to anybody."""
    (place / "..cross-0a0a0a-b.dead" / "debug").mkdir(parents=True)
    begun(place)
    assert not (place / "..cross-0a0a0a-b.dead").exists()


def folder(name, **options):
    """Return the folder of a target with an image built here, as ``.cross-<base>-<key>``."""
    target, packages = targets.find(name), options.get("packages", ())
    own = {"base": options.get("base", "bookworm"), "packages": packages}
    tag = recipes.recipe(target, "linux/amd64", own["base"], packages=packages).tag
    known = facts(images={tag: image(tag)}, repository=repository(cross=options.get("cross", {})))
    found = Search(
        flavour="0.2.5", platform="linux/amd64", request=request(target.triple, known, config(target.triple, **own)), facts=known
    ).choose("build")
    return run.folder(replace(ROUTE, image=found), repository()).name


def test_images_of_one_release_have_one_base():
    """What an image is besides its cross compiler is in the name; packages of the target's may be seen by the host's compiler."""
    base = {name: folder(name).split("-")[1] for name in ("aarch64", "armv7", "x86_64")}
    assert len(set(base.values())) == 1
    assert len({folder(name) for name in base}) == 3
    assert folder("aarch64", base="trixie").split("-")[1] != base["aarch64"]
    assert len(folder("aarch64", packages=["libssl-dev"]).split("-")) == 2
    for cross in ({"build": {"pre-build": ["x"]}}, {"target": {TRIPLE: {"pre-build": ["x"]}}}):
        assert len(folder("aarch64", cross=cross).split("-")) == 2


def test_links_and_pipes_of_a_container_are_passed_over(tmp_path):
    """A folder that leads elsewhere is not copied into the next container, and nothing waits for a lock that is a pipe."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    (tmp_path / "home" / ".ssh" / ".cargo-lock").touch()
    hostile = tmp_path / ".cross-0a0a0a-h"
    (hostile / "release").mkdir(parents=True)
    (hostile / "debug").symlink_to(tmp_path / "home" / ".ssh")
    os.mkfifo(hostile / "release" / ".cargo-lock")
    assert ({}, 0) == begun(tmp_path)
