"""The kernel's table of emulators, from entries that a kernel 6.18 printed."""

from __future__ import annotations

import shutil

from facts_looks import DATA, look, program

from crosstasks.core.looking import Platform
from crosstasks.core.steps import Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.emulation import Registration, parse, parse_entry

ENTRIES = {path.name: path.read_text("utf-8") for path in (DATA / "binfmt").iterdir() if path.name != "status"}


def test_an_entry_is_read_as_the_kernel_prints_it():
    """Interpreter, flags, and whether it is enabled."""
    wanted = Registration(name="qemu-aarch64", interpreter="/usr/libexec/qemu-binfmt/aarch64-binfmt-P", flags="POF", enabled=True)
    assert wanted == parse_entry("qemu-aarch64", ENTRIES["qemu-aarch64"])
    assert wanted.fixed


def test_a_disabled_entry_without_f_is_neither():
    """The flag F alone makes an entry work in containers."""
    entry = parse_entry("qemu-ppc64le", ENTRIES["qemu-ppc64le"])
    assert entry
    assert (False, False) == (entry.enabled, entry.fixed)


def test_the_table_is_by_architecture():
    """QEMU's arm serves every 32-bit ARM; Rosetta is known by the header it matches; Python's entry is no emulator."""
    table = parse(ENTRIES)
    assert {"aarch64", "arm", "armv5te", "armv7", "thumbv7neon", "powerpc64le", "s390x", "x86_64"} == set(table)
    assert "rosetta" == table["x86_64"].name
    assert "qemu-arm" == table["armv7"].name


def test_an_entry_that_works_in_containers_is_preferred():
    """Of two for one architecture, the enabled one, and then the one with F, counts."""
    weak = ENTRIES["qemu-aarch64"].replace("POF", "PO")
    assert "zz-own" not in parse({"qemu-aarch64": ENTRIES["qemu-aarch64"], "zz-own": weak})["aarch64"].name
    assert "zz-own" == parse({"qemu-aarch64": weak, "zz-own": ENTRIES["qemu-aarch64"]})["aarch64"].name


def test_what_is_mounted_is_read_and_register_is_not(tmp_path):
    """A mounted table is read entry by entry; QEMU's programs on PATH are found, a static one first."""
    table = tmp_path / "root/proc/sys/fs/binfmt_misc"
    shutil.copytree(DATA / "binfmt", table)
    (table / "register").touch(mode=0o200)
    for name in ("qemu-aarch64", "qemu-aarch64-static", "qemu-system-arm", "qemu-img", "qemu-s390x"):
        program(tmp_path / "bin", name)
    found = ask(Question("emulation"), look(tmp_path), Facts())
    assert "s390x" in found.registered
    assert found.mounted
    assert {"aarch64": f"{tmp_path}/bin/qemu-aarch64-static", "s390x": f"{tmp_path}/bin/qemu-s390x"} == found.programs


def test_nothing_mounted_is_nothing_registered(tmp_path):
    """Without the table, and on other systems, there is no emulation to see."""
    here = ask(Question("emulation"), look(tmp_path), Facts())
    assert ({}, False) == (here.registered, here.mounted)
    mac = look(tmp_path, platform=lambda: Platform(system="darwin", machine="arm64"))
    assert {} == ask(Question("emulation"), mac, Facts()).registered
