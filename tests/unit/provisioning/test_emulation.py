"""What is written into the kernel's table, what is wrong with an entry, and what the user is asked."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from acting import context
from facts_looks import look
from msgspec.structs import replace

from crosstasks.catalog import recipes
from crosstasks.catalog.ingredients import RegisterEmulator
from crosstasks.catalog.targets import ARCHES
from crosstasks.core.errors import ConfigError, EmulationFailed
from crosstasks.core.steps import Absent, Done, Question
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


RUN = ("/usr/bin/docker", "run", "--rm", "--pull", "never", "--network", "none")
PRIVILEGES = ("--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--security-opt", "label=disable")
APT = ("apt-get", "install", "--yes", "--no-install-recommends", "qemu-user-static", "binfmt-support")
RECIPE = recipes.emulator("s390x", "linux/amd64")


class Registers:
    """A runner that keeps what is run, without the labels, and what is piped in; *code* is the last one's."""

    def __init__(self, code=0):
        self.code, self.calls, self.piped, self.envs = code, [], [], []

    def __call__(self, argv, *, env=None, stdin=None, timeout=None):
        del timeout
        self.calls.append(tuple(word for word in argv if not word.startswith("--label=")))
        self.piped.append(stdin)
        self.envs.append(env)
        return Done(argv=tuple(argv), code=self.code, err="no such\n")


def registering(platform, ref="", recipe=RECIPE, source="build"):
    """Return the step that registers an emulator."""
    return RegisterEmulator(why="", platform=platform, source=source, ref=ref, recipe=recipe)


@pytest.fixture
def provided(monkeypatch):
    """Keep the recipes whose images the engine is to hold; what was registered runs."""
    provided = []
    monkeypatch.setattr(emulation.image, "provide", lambda recipe, _context: provided.append(recipe))
    monkeypatch.setattr(emulation, "check_runs", lambda _context, platform: provided.append(platform))
    return provided


@pytest.mark.parametrize(
    ("step", "calls", "before"),
    [
        (
            registering("linux/arm64", ref="r@sha256:1", source="image"),
            [(*RUN, *PRIVILEGES, "r@sha256:1", "--uninstall", "qemu-aarch64"), (*RUN, *PRIVILEGES, "r@sha256:1", "--install", "arm64")],
            [],
        ),
        (
            registering("linux/arm/v7", ref="r", source="image"),
            [(*RUN, *PRIVILEGES, "r", "--uninstall", "qemu-arm"), (*RUN, *PRIVILEGES, "r", "--install", "arm")],
            [],
        ),
        (
            registering("linux/s390x"),
            [(*RUN, "--interactive", *PRIVILEGES, RECIPE.tag, "sh", "-s", "qemu-s390x", emulation.line("linux/s390x"))],
            [RECIPE],
        ),
        (registering("linux/s390x", source="package"), [APT], []),
    ],
)
def test_how_each_source_registers(tmp_path, provided, step, calls, before):
    """With no more rights than mounting takes, by an image that is there; and whether it works is tried in the end."""
    run, lines = Registers(), []
    emulation.install(step, context(tmp_path, run, said=lines))
    assert (calls, [*before, step.platform]) == (run.calls, provided)
    assert lines[0].startswith(f"setting up emulation of {step.platform}: ")
    if step.source == "build":
        assert Path(emulation.__file__).with_name("binfmt.sh").read_bytes() == run.piped[0]
    if step.source == "package":
        assert {"DEBIAN_FRONTEND": "noninteractive"} == run.envs[0]


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (registering("linux/arm64", ref="r", source="image"), "the pinned image did not register an emulator of aarch64"),
        (registering("linux/s390x"), "a container did not register an emulator of linux/s390x"),
        (registering("linux/s390x", source="package"), "apt-get did not install qemu-user-static and binfmt-support"),
    ],
)
def test_a_source_that_fails(tmp_path, provided, step, what):
    """Its own words are told, and the other sources; nothing is tried then."""
    with pytest.raises(EmulationFailed) as raised:
        emulation.install(step, context(tmp_path, Registers(code=1)))
    hint = 'another source may: `crosstasks emulation.install --source build`; or emulation = "never"'
    assert (what, "no such", hint) == (raised.value.what, raised.value.why, raised.value.hint)
    assert step.platform not in provided


def test_an_image_that_cannot_be_built_registers_nothing(tmp_path, provided):
    """The reason of the refusal is told."""
    run = Registers()
    with pytest.raises(EmulationFailed) as raised:
        emulation.install(registering("linux/s390x", recipe=Absent("no", "else")), context(tmp_path, run))
    assert ("no image with an emulator of linux/s390x can be built", "no", "else") == (
        raised.value.what,
        raised.value.why,
        raised.value.hint,
    )
    assert ([], []) == (run.calls, provided)


def test_an_emulator_is_taken_out(tmp_path, provided):
    """By the file of the entry; where that cannot be written, by a container that is told no line to register."""
    entry = tmp_path / "root/proc/sys/fs/binfmt_misc/qemu-s390x"
    entry.parent.mkdir(parents=True)
    run = Registers()
    call = context(tmp_path, run)
    emulation.uninstall(call, "linux/s390x")
    assert ("-1", []) == (entry.read_text(), run.calls)
    entry.unlink()
    entry.parent.rmdir()
    emulation.uninstall(call, "linux/s390x")
    assert ([(*RUN, "--interactive", *PRIVILEGES, RECIPE.tag, "sh", "-s", "qemu-s390x", "")], [RECIPE]) == (run.calls, provided)
    with pytest.raises(EmulationFailed, match="qemu-s390x was not taken out of the kernel's table\nno such"):
        emulation.uninstall(context(tmp_path, Registers(code=1)), "linux/s390x")
