"""Targets that a file in JSON describes: what is read of it, compared with what rustc writes of its own, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosstasks.catalog import specifications, targets
from crosstasks.catalog.specifications import MACHINES, declare, parse
from crosstasks.core.errors import ConfigError

RUSTC = sorted((Path(__file__).parents[1] / "data" / "specifications").glob("*.json"))
BARE = {"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "data-layout": "e-m:e", "target-pointer-width": 64}


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch):
    """Each test begins with the catalogue alone."""
    monkeypatch.setattr(targets, "_FROM_FILES", {})


def described(**changes) -> bytes:
    """A file; a field that is None is left out."""
    return json.dumps({key: value for key, value in {**BARE, **changes}.items() if value is not None}).encode()


@pytest.mark.parametrize("path", RUSTC, ids=lambda path: path.stem)
def test_what_rustc_writes_is_what_the_catalogue_says(path):
    """Machine, width, byte order, system, format; and whether rustc's own linker links it."""
    read, row = parse(path, path.read_bytes()), targets.builtin()[path.stem]
    assert (read.machine, read.bits, read.endian, read.os, read.format) == (row.machine, row.bits, row.endian, row.os, row.format)
    assert (read.plain_cargo, read.build_std, read.std) == (row.plain_cargo, True, row.std)
    if row.os == "linux":
        assert read.libc == row.libc


def test_machines_are_those_of_elf():
    """As pyelftools names them."""
    from elftools.elf.enums import ENUM_E_MACHINE

    assert set(MACHINES.values()) - set(ENUM_E_MACHINE) == {""}


def test_it_is_called_as_its_file():
    """By cargo, and so by sessions, folders and variables; a board's own program may link it."""
    board = parse(Path("/crate/targets/my-board.v2.json"), described(**{"linker": "board-ld", "linker-flavor": "gnu"}))
    assert (board.triple, targets.alias(board), board.triples, board.specification) == (
        "my-board.v2",
        "my-board.v2",
        ("my-board.v2",),
        "/crate/targets/my-board.v2.json",
    )
    assert board.plain_cargo
    assert not parse(Path("/x.json"), described(**{"linker-flavor": "gnu-lld-cc"})).plain_cargo


def test_older_files_have_the_width_as_text():
    """As rustc wrote it before 1.91."""
    assert parse(Path("/x.json"), described(**{"target-pointer-width": "32"})).bits == 32


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON: Expecting value"),
        (b"\xff", "it is not JSON: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "it is not JSON: "),
        (b"[]", "it is not an object"),
        (b"{}", "`llvm-target`, `arch`, `data-layout`, `target-pointer-width` are missing"),
        (described(**{"data-layout": None}), "`data-layout` is missing"),
        (described(arch="z80"), "`arch` is 'z80', which is not an architecture of rustc"),
        (described(arch=["arm"]), "`arch` is not a text"),
        (described(os=1), "`os` is not a text"),
        (described(**{"target-pointer-width": 48}), "`target-pointer-width` is 48, and must be 16, 32 or 64"),
        (described(**{"target-pointer-width": True}), "`target-pointer-width` is True"),
        (described(**{"target-endian": "middle"}), "`target-endian` is 'middle'"),
        (b" " * (specifications.LARGEST + 1), "it has more than 1048576 bytes"),
    ],
)
def test_what_rustc_would_refuse_is_refused(content, why):
    """With the file and the reason, before anything is provided."""
    with pytest.raises(ConfigError) as error:
        parse(Path("/crate/thing.json"), content)
    assert (error.value.what, error.value.why[: len(why)]) == ("thing.json describes no target", why)


def test_a_declared_target_stands_beside_the_others(tmp_path):
    """It is found by its stem, and read anew when its file has changed."""
    (tmp_path / "thing.json").write_bytes(described())
    assert declare("thing.json", tmp_path) is targets.find("thing")
    (tmp_path / "thing.json").write_bytes(described(arch="aarch64"))
    declare("thing.json", tmp_path)
    assert (targets.find("thing").arch, len(targets.catalogue())) == ("aarch64", len(targets.builtin()) + 1)


@pytest.mark.parametrize("stem", ["aarch64-unknown-linux-gnu", "macos"])
def test_a_name_of_the_catalogue_is_taken(tmp_path, stem):
    """Cargo would put both into one folder."""
    (tmp_path / f"{stem}.json").write_bytes(described())
    with pytest.raises(ConfigError, match=f"{stem}.json has the name of another target"):
        declare(f"{stem}.json", tmp_path)


def test_two_files_of_one_name(tmp_path):
    """In different folders they would be one target."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "thing.json").write_bytes(described())
    declare("a/thing.json", tmp_path)
    with pytest.raises(ConfigError, match=r"b/thing.json has the name of another target\n.*a/thing.json"):
        declare("b/thing.json", tmp_path)


def test_a_file_that_is_not_there(tmp_path):
    """With its whole path."""
    with pytest.raises(ConfigError, match=f"thing.json cannot be read\n{tmp_path}/thing.json: No such file"):
        declare("thing.json", tmp_path)


def test_a_name_for_no_session(tmp_path):
    """A blank would split it."""
    (tmp_path / "my board.json").write_bytes(described())
    with pytest.raises(ConfigError, match="'my board' cannot be the name of a target"):
        declare("my board.json", tmp_path)
