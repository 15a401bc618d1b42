"""What each target promises of its files agrees with rustc, and reports say what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstasks.catalog.targets import catalogue, find, loader
from crosstasks.config.options import VerifyCheck
from crosstasks.core.results import Artifact
from crosstasks.extras.release.verify import Finding, text
from crosstasks.verifying import checks
from crosstasks.verifying.checks import CHECKS, Promise, Subject, Unchecked, leftovers, static
from crosstasks.verifying.verify import inspect

DATA = Path(__file__).parents[1] / "data"
LINKS = {
    triple: words
    for triple, *words in (line.split() for line in (DATA / "rustc_links.txt").read_text("utf-8").splitlines() if not line.startswith("#"))
}


def said(check, target, *, name="app", promise=None, path=None, **headers):
    """What a check says of a file with such headers."""
    headers.setdefault("format", "elf")
    place = path or Path("/nowhere", name)
    subject = Subject(member=name, path=place, artifact=Artifact(path=str(place), **headers))
    return CHECKS[check].find(subject, Promise(target=find(target), **(promise or {})))


def test_every_check_can_be_left_out():
    """The names of the option are the table's, and the smoke run beside it."""
    from typing import get_args

    assert set(get_args(VerifyCheck)) == {*CHECKS, "smoke"}


@pytest.mark.parametrize("triple", LINKS)
def test_promises_are_what_rustc_does(triple):
    """Static, position-independent and with RELRO is wanted exactly where rustc links so by default."""
    pie, static_pie, relro, crt_static, _ = LINKS[triple]
    assert static(find(triple)) is (crt_static == "yes")
    assert bool(said("pie", triple)) is (pie == "yes")
    assert isinstance(said("pie", triple, static=True), Unchecked) is (static_pie != "yes")
    assert ("not full" in said("relro", triple)[0]) is (relro == "full")


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


def test_a_path_belongs_to_the_inner_folder(tmp_path):
    """Of nested folders the inner is named; another folder that begins alike is none; ``/`` is no folder to look for."""
    file = tmp_path / "file"
    file.write_bytes(b"\0/home/me/project/src/main.rs\0/home/me/other\0/home/mechanic/x\0/home/me/project\0")
    found = leftovers(file, {"/home/me": "home", "/home/me/project/": "project", "/": "root", "/absent": "absent"})
    assert found == ("names home: '/home/me/other' (at 0x1e)", "names project: '/home/me/project/src/main.rs' (at 0x1, 2 times in all)")


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


@pytest.mark.parametrize(
    ("check", "target", "headers", "words"),
    [
        ("format", "aarch64", {"machine": "EM_X86_64", "bits": 64}, ("is for EM_X86_64, not EM_AARCH64",)),
        ("interpreter", "aarch64", {"interpreter": "/lib/ld-linux-aarch64.so.1"}, ()),
        ("interpreter", "aarch64", {"interpreter": "/nix/ld.so"}, ("asks for the loader /nix/ld.so, not /lib/ld-linux-aarch64.so.1",)),
        ("interpreter", "aarch64", {}, Unchecked("it asks for no loader")),
        ("interpreter", "aarch64-unknown-none", {"interpreter": "/x"}, Unchecked("the loader of aarch64-unknown-none is not known")),
        ("glibc", "aarch64", {"glibc": "2.34"}, Unchecked("`glibc` is not configured, and no build here promised one")),
        ("glibc", "aarch64", {}, Unchecked("it needs no glibc")),
        ("static", "x86_64-musl", {"static": True}, ()),
        ("static", "x86_64-musl", {"interpreter": "/l", "needed": ("libc.so",)}, ("is linked dynamically: it wants /l, libc.so",)),
        ("static", "x86_64-musl", {"name": "lib.so"}, Unchecked("it is a library")),
        ("static", "aarch64", {}, Unchecked("aarch64-unknown-linux-gnu does not promise it")),
        ("stack", "aarch64", {"execstack": True}, ("has an executable stack",)),
        ("stack", "aarch64", {"execstack": True, "name": "lib.so.1"}, ("has an executable stack",)),
        ("stack", "aarch64", {}, ()),
        ("stack", "aarch64", {"execstack": True, "name": "lib.a"}, Unchecked("only linked files of ELF say it")),
        ("stack", "x86_64-pc-windows-gnu", {"execstack": True}, Unchecked("only linked files of ELF say it")),
        ("relro", "aarch64", {"relro": "full"}, ()),
        ("relro", "aarch64", {"relro": "partial"}, ("has partial RELRO, not full: its table of functions can be written to",)),
        ("relro", "aarch64", {}, ("has no RELRO, not full: its table of functions can be written to",)),
        ("relro", "aarch64", {"static": True, "pie": True}, ("has no RELRO, not full: its table of functions can be written to",)),
        ("relro", "aarch64", {"static": True}, Unchecked("no loader fills in anything of a static program at a fixed place")),
        ("relro", "aarch64", {"name": "lib.rlib"}, Unchecked("it is not linked yet")),
        ("relro", "x86_64-freebsd", {}, Unchecked("rustc does not ask for it on freebsd")),
        ("pie", "aarch64", {"pie": True}, ()),
        ("pie", "aarch64", {}, ("is not position-independent: it is always loaded at the same address",)),
        ("pie", "aarch64", {"name": "lib.so"}, Unchecked("it is a library")),
        ("pie", "x86_64-freebsd", {}, Unchecked("programs for freebsd have a fixed place")),
        ("pie", "aarch64", {"static": True}, Unchecked("rustc gives static programs for aarch64-unknown-linux-gnu a fixed place")),
        ("pie", "x86_64-pc-windows-gnu", {"static": True}, ("is not position-independent: it is always loaded at the same address",)),
    ],
)  # fmt: skip
def test_what_each_check_says(check, target, headers, words):
    """A broken promise in words, nothing of one that is kept, and why where none is made."""
    assert words == said(check, target, **headers)


@pytest.mark.parametrize("name", ["lib.so", "lib.so.1.2", "lib.a", "lib.rlib", "x.lib", "x.dll", "x.dylib", "app", "app.exe", "so"])
def test_what_is_a_library(name):
    """As its name ends; some of them are yet to be linked."""
    subject = Subject(member=name, path=Path("/x", name), artifact=Artifact(path=name))
    assert (not name.startswith(("app", "so")), name in {"lib.a", "lib.rlib", "x.lib"}) == (subject.library, subject.archive)


def test_who_asks_for_a_newer_glibc(tmp_path, monkeypatch):
    """The crate is named by the libraries of the build, and by the standard library of the Rust that compiled it."""
    asked, answers = [], iter((("std", "zstd-sys"), (), ()))

    def askers(names, folders):
        asked.append((tuple(names), tuple(folders)))
        return {"__libc_start_main": next(answers)}

    monkeypatch.setattr(checks, "askers", askers)
    monkeypatch.setattr(checks, "rust", lambda _path: "1.95.0")
    program = DATA / "elf" / "aarch64-gnu"
    promise = {"glibc": "2.28", "libraries": (tmp_path,), "standard": {"1.95.0": tmp_path / "std", "1.94.0": tmp_path / "old"}}
    for blame in ("asked for by std, zstd-sys", "the crate that asks for it is not known"):
        words = said("glibc", "aarch64", path=program, glibc="2.34", promise=promise)
        assert (f"needs __libc_start_main@GLIBC_2.34, which is newer than 2.28: {blame}",) == words
    assert [(("__libc_start_main",), (tmp_path, tmp_path / "std"))] * 2 == asked[:2]
    promise["glibc"] = "2.34"
    assert () == said("glibc", "aarch64", path=program, glibc="2.34", promise=promise)
    # a version without a symbol, as DT_RELR has
    assert ("needs glibc 2.36, and 2.34 is promised",) == said("glibc", "aarch64", path=program, glibc="2.36", promise=promise)


def test_a_leftover_of_a_program_lies_in_a_section(tmp_path):
    """Of a file that is no ELF in none; nothing is found in an empty file, or without a folder to look for."""
    program = DATA / "elf" / "aarch64-gnu"
    offset = program.read_bytes().index(b"/lib/ld-linux-aarch64.so.1")
    assert ("names the loader's folder: '/lib/ld-linux-aarch64.so.1' (.interp at 0x238)",) == said(
        "paths", "aarch64", path=program, promise={"folders": {"/lib": "the loader's folder"}}
    )
    assert 0x238 == offset
    text = tmp_path / "text"
    text.write_bytes(b"\x7fELF /home/me")
    assert ("names home: '/home/me' (at 0x5)",) == leftovers(text, {"/home/me": "home"})
    text.write_bytes(b"")
    assert () == leftovers(text, {"/home/me": "home"}) == leftovers(program, {})
