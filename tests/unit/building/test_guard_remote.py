"""What is given to cross where the engine is on another machine; the program itself runs in the integration tests."""

from __future__ import annotations

from crosstasks.building import commands, guard
from crosstasks.building.artifacts import CargoOutput, Product, host_paths


def test_the_variables():
    """All is copied, also the registry; our engine knows the options that `docker exec` would be given."""
    assert commands.REMOTE == {"CROSS_REMOTE": "1", "CROSS_REMOTE_COPY_REGISTRY": "1", "CROSS_CONTAINER_OPTS": ""}


def test_no_option_becomes_code_of_a_shell():
    """Every word of the user's own options is one word of the program."""
    told = guard.remote_program("/a b/docker", "--label='$(touch x)' --init", host="it's")
    assert "engine='/a b/docker'" in told
    assert """exec "$engine" run '--label=$(touch x)' --init "$@" ;;""" in told
    assert """/"'it'"'"'s' "$4" || exit""" in told


def test_where_the_target_folder_is_there():
    """By three paths: in the project that is mounted at /project, or at its own path, or beside it."""
    folder = "/home/me/crate/target/x"
    inside = guard.places(folder, "/home/me/crate")
    assert inside == dict.fromkeys(("/cross/home/me/crate/target/x", "/cross/target", "/cross/project/target/x"), folder)
    assert guard.places("/elsewhere/x", "/home/me/crate") == dict.fromkeys(("/cross/elsewhere/x", "/cross/target"), "/elsewhere/x")


def test_programs_hold_the_names_that_they_would_hold_here():
    """Wherever the copies lie: what comes last counts, and the target folder lies in the project."""
    renamed = dict(guard.path_remaps("/home/me/crate/target/x", "/home/me/crate"))
    assert ("/source", "/source", "/cargo") == tuple(renamed.pop(f"/cross{path}") for path in ("/home/me/crate", "/project", "/cargo"))
    assert {"/target"} == set(renamed.values())


def test_what_was_built_there_is_found_here():
    """Programs and libraries; without places nothing is another."""
    program = Product(path="/cross/project/target/x/debug/a", kind="bin")
    library = Product(path="/cross/project/target/x/debug/b.so", kind="cdylib")
    built = CargoOutput(products=(program, library))
    found = host_paths(built, {"/cross/project/target/x": "/here"})
    assert ["/here/debug/a", "/here/debug/b.so"] == [product.path for product in found.products]
    assert host_paths(built, {}) == built
