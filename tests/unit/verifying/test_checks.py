"""What each target promises of its files agrees with rustc, and reports say what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstasks.catalog.targets import catalogue, find, loader
from crosstasks.config.options import VerifyCheck
from crosstasks.core.results import Artifact
from crosstasks.extras.release.verify import Finding, text
from crosstasks.verifying.checks import CHECKS, Promise, Subject, Unchecked, leftovers, static
from crosstasks.verifying.symbols import Symbol, newer
from crosstasks.verifying.verify import inspect

DATA = Path(__file__).parents[1] / "data"
LINKS = {
    triple: words
    for triple, *words in (line.split() for line in (DATA / "rustc_links.txt").read_text("utf-8").splitlines() if not line.startswith("#"))
}


def answer(check, target, **said):
    """What a check says of a program with such headers."""
    artifact = Artifact(path="/nowhere/app", format="elf", **said)
    return CHECKS[check].find(Subject(member="app", path=Path("/nowhere/app"), artifact=artifact), Promise(target=find(target)))


def test_every_check_can_be_left_out():
    """The names of the option are the table's, and the smoke run beside it."""
    from typing import get_args

    assert set(get_args(VerifyCheck)) == {*CHECKS, "smoke"}


@pytest.mark.parametrize("triple", LINKS)
def test_promises_are_what_rustc_does(triple):
    """Static, position-independent and with RELRO is wanted exactly where rustc links so by default."""
    pie, static_pie, relro, crt_static, _ = LINKS[triple]
    assert static(find(triple)) is (crt_static == "yes")
    assert bool(answer("pie", triple)) is (pie == "yes")
    assert isinstance(answer("pie", triple, static=True), Unchecked) is (static_pie != "yes")
    assert ("not full" in answer("relro", triple)[0]) is (relro == "full")


@pytest.mark.parametrize("triple", [triple for triple, row in catalogue().items() if row.os in {"linux", "android"}])
def test_every_linux_target_has_a_loader(triple):
    """Its path is absolute, and musl's is musl's."""
    found = loader(find(triple))
    assert found.startswith(("/lib", "/system"))
    assert ("musl" in found) is (find(triple).libc == "musl")


@pytest.mark.parametrize(("name", "triple"), [("aarch64-gnu", "aarch64"), ("armv7-gnueabihf", "armv7"), ("s390x-gnu", "s390x")])
def test_real_programs_ask_for_that_loader(name, triple):
    """Those that Debian's compilers made."""
    assert inspect(DATA / "elf" / name).interpreter == loader(find(triple))


def test_symbols_above_a_floor_are_named():
    """Each once, with its version; at the floor there are none, and a static program has none."""
    assert newer(DATA / "elf" / "aarch64-gnu", "2.28") == (Symbol(name="__libc_start_main", version="2.34"),)
    assert newer(DATA / "elf" / "aarch64-gnu", "2.34") == ()
    assert newer(DATA / "elf" / "riscv64-static", "2.17") == ()


def test_a_path_belongs_to_the_inner_folder(tmp_path):
    """Of nested folders the inner is named; another folder that begins alike is none; ``/`` is no folder to look for."""
    file = tmp_path / "file"
    file.write_bytes(b"\0/home/me/project/src/main.rs\0/home/me/other\0/home/mechanic/x\0/home/me/project\0")
    found = leftovers(file, {"/home/me": "home", "/home/me/project/": "project", "/": "root", "/absent": "absent"})
    assert {row.what: (row.text, row.count) for row in found} == {
        "home": ("/home/me/other", 1),
        "project": ("/home/me/project/src/main.rs", 2),
    }


def finding(**said):
    return Finding(package="a.tar.gz", target="aarch64-unknown-linux-gnu", **said)


def test_the_table_has_a_row_for_every_file():
    """What failed stands out, and is told below with its file; so is why a program was not started."""
    rows = (
        finding(check="package", state="ok"),
        finding(member="app", check="pie", state="failed", problems=("is not position-independent",)),
        finding(member="app", check="smoke", state="unchecked", why="no container engine answers"),
    )
    assert text(rows).splitlines() == [
        "file      package  pie     smoke",
        "a.tar.gz  ok",
        "  app              FAILED  -",
        "a.tar.gz/app is not position-independent",
        "a.tar.gz/app: smoke not checked: no container engine answers",
    ]
