"""What is written into the kernel's table, what is wrong with an entry, and what the user is asked."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from facts_looks import look
from msgspec.structs import replace

from crosstasks.catalog import recipes
from crosstasks.catalog.ingredients import RegisterEmulator
from crosstasks.catalog.targets import ARCHES
from crosstasks.core.errors import ConfigError, EmulationFailed
from crosstasks.core.steps import Done, Question
from crosstasks.extras.maintenance import emulating
from crosstasks.facts.emulation import Emulation, Registration, fault, parse
from crosstasks.facts.probes import PLATFORMS, PROGRAMS, program
from crosstasks.provisioning import emulation
from crosstasks.testing import facts


def taken(line, header):
    """Tell whether the kernel would hand a file to the entry: what the mask lets through must be the magic."""
    magic, mask = (bytes.fromhex(part.replace("\\x", "")) for part in line.split(":")[4:6])
    return all((byte & keep) == (wanted & keep) for byte, wanted, keep in zip(header, magic, mask, strict=True))


def step(platform, **more):
    return RegisterEmulator(
        why="", platform=platform, source="build", recipe=recipes.emulator(emulation.qemu(platform), "linux/amd64"), **more
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_entry_takes_the_programs_of_its_platform_and_no_others(platform):
    """Also position-independent ones, and those that name GNU's ABI."""
    line = emulation.line(platform)
    own = bytearray(program(PLATFORMS[platform])[:20])
    for changed in ({}, {7: 3}, {16: 3} if own[5] == 1 else {17: 3}):
        assert taken(line, bytes(changed.get(place, byte) for place, byte in enumerate(own)))
    others = [arch for arch in PROGRAMS if ARCHES[arch].qemu != emulation.qemu(platform)]
    assert not any(taken(line, program(arch)[:20]) for arch in others)
    assert not taken(line, bytes(own[:16]) + (b"\x01\x00" if own[5] == 1 else b"\x00\x01") + bytes(own[18:]))  # an object file


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_we_register_is_read_back_as_its_architecture(platform):
    """By the same reader as anyone's, and within the 255 bytes that a field may have."""
    assert PLATFORMS[platform] in parse({emulation.entry(platform): "enabled\ninterpreter /q\nflags: F\n"})
    assert emulation.line(platform).startswith(f":{emulation.entry(platform)}:M:0:")
    assert emulation.line(platform).endswith(":F")
    assert len(emulation.line(platform)) < 256


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (None, "nothing is registered"),
        (Registration(name="a", interpreter="/a", flags="F"), ""),
        (Registration(name="a", interpreter="/a", flags="F", enabled=False), "it is registered, and disabled"),
        (Registration(name="a", interpreter="/a", flags="OC"), "it lacks the flag F: containers have no such interpreter"),
        (Registration(name="a", interpreter="/a", lost=True), "its interpreter /a is not there"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(entry, why):
    """Old and broken registrations are told apart."""
    assert why == fault(entry)


@pytest.mark.parametrize(
    ("given", "platform"),
    [("linux/s390x", "linux/s390x"), ("s390x", "linux/s390x"), ("aarch64", "linux/arm64"), ("arm", "linux/arm/v7"), ("i686", "linux/386")],
)
def test_a_platform_has_the_names_that_users_give_it(given, platform):
    """OCI's, with or without linux, and Rust's."""
    assert platform == emulating.platform_of(given)


def test_an_unknown_platform_is_an_error_of_use():
    """So is an unknown source, and none."""
    with pytest.raises(ConfigError, match="no platform 'vax'"):
        emulating.platform_of("vax")
    with pytest.raises(ConfigError, match="no source 'web'"):
        list(emulating.install(("s390x",), "web", None))
    with pytest.raises(ConfigError, match="no platform is named"):
        list(emulating.install((), "", None))


@pytest.mark.parametrize(("answer", "yes"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False), ("yeah\n", False)])
def test_only_a_yes_agrees(monkeypatch, capsys, answer, yes):
    """The question says what will be done, on stderr."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert yes is emulation.confirm("do it?")
    assert "do it? [y/N]" in capsys.readouterr().err


def test_without_a_yes_nothing_is_done(monkeypatch):
    """No program is run, and the next route has its turn."""
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(EmulationFailed, match="you did not agree"):
        emulation.install(step("linux/amd64", ask=True), SimpleNamespace())


def unmounted(tmp_path, calls, *, root, **engine):
    """Return a call on a machine that does not mount the kernel's table, whose programs do what they are asked, and no foreign ones run."""

    def run(argv, **_more):
        calls.append(tuple(argv))
        return Done(argv=(), code=1 if "run" in argv else 0, err="exec format error")

    known = facts(emulation=Emulation(mounted=False, root=root))
    known = known.with_({Question("engine"): replace(known.engine, **engine)})
    return SimpleNamespace(facts=known, engine=known.engine, look=look(tmp_path, run), run=run, say=lambda _line: None)


MOUNTING = ("mount", "-t", "binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc")


def test_root_mounts_the_table_before_anything_is_registered(tmp_path, monkeypatch):
    """Else what a container registers goes with it."""
    calls = []
    monkeypatch.setitem(emulation.SOURCES, "build", lambda *_: calls.append("registered"))
    with pytest.raises(EmulationFailed):
        emulation.install(step("linux/s390x"), unmounted(tmp_path, calls, root=True))
    assert [MOUNTING, "registered"] == calls[:2]


def test_who_is_not_root_is_told_what_root_has_to_do(tmp_path, monkeypatch):
    """Where it did not last; the proof is of after the container has ended."""
    calls = []
    monkeypatch.setitem(emulation.SOURCES, "build", lambda *_: calls.append("registered"))
    with pytest.raises(EmulationFailed, match="is gone again") as error:
        emulation.install(step("linux/s390x"), unmounted(tmp_path, calls, root=False))
    assert f"`sudo {' '.join(MOUNTING)}`, then again" == error.value.hint
    assert MOUNTING not in calls


@pytest.mark.parametrize(("root", "first"), [(False, f"sudo {' '.join(MOUNTING)} && "), (True, "")])
def test_the_fix_begins_with_mounting_the_table(root, first):
    """For root, installing does it."""
    known = facts(emulation=Emulation(mounted=False, root=root))
    fix = emulating.fix(known.emulation, None, "linux/s390x", known.engine)
    assert f"{first}crosstasks emulation.install --platform linux/s390x" == fix


def test_the_table_of_another_machine_is_its_own_affair(tmp_path, monkeypatch):
    """That of Docker Desktop's machine cannot be seen from here."""
    calls = []
    monkeypatch.setitem(emulation.SOURCES, "build", lambda *_: None)
    with pytest.raises(EmulationFailed, match="its programs do not run"):
        emulation.install(step("linux/s390x"), unmounted(tmp_path, calls, root=True, desktop="Docker Desktop"))
    assert MOUNTING not in calls
