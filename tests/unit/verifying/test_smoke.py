"""Where a released program can be started, how, and what is said of how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acting import context
from msgspec.structs import replace

from crosstasks.catalog.targets import find
from crosstasks.clients import engines
from crosstasks.core.errors import Interrupted, TimedOut, ToolMissing
from crosstasks.core.results import Artifact
from crosstasks.core.steps import Absent, Done
from crosstasks.facts.emulation import Emulation, Registration
from crosstasks.testing import arm64_facts, config, facts
from crosstasks.verifying import smoke
from crosstasks.verifying.checks import Subject, Unchecked

ENGINE = facts().engine
HOST = facts().host


def subject(name="app", folder="/out", **headers):
    """Return a file of a package."""
    path = Path(folder, name)
    return Subject(member=name, path=path, artifact=Artifact(path=str(path), format="elf", **headers))


class Holds:
    """A runner of an engine that holds images, by reference or id, and lists those of a label; all else ends as *done* says."""

    def __init__(self, images=None, labelled=(), done=Done(argv=(), code=0)):  # noqa: B008  # it is frozen
        """Be asked for nothing yet."""
        self.images, self.labelled, self.done, self.calls = images or {}, labelled, done, []

    def __call__(self, argv, *, timeout=None):
        match argv[1:]:
            case ("image", "inspect", *refs):
                images = [self.images[ref] for ref in refs if ref in self.images]
                return Done(argv=argv, code=int(not images), out=json.dumps(images), err="" if images else "No such image")
            case ("images", *_, label):
                return Done(argv=argv, code=0, out="\n".join(self.labelled) if label.endswith("=aarch64-unknown-linux-gnu") else "")
        self.calls.append((argv, timeout))
        if isinstance(self.done, BaseException):
            raise self.done
        return self.done


@pytest.mark.parametrize(
    ("target", "headers", "host", "reason"),
    [
        ("x86_64", {"glibc": "2.36", "interpreter": "/"}, {}, ""),
        ("x86_64", {"glibc": "2.37"}, {}, "it needs glibc 2.37, and this host has 2.36"),
        ("x86_64", {"glibc": "2.2"}, {"libc": "musl", "glibc": ""}, "it needs glibc 2.2, and this host has none"),
        ("x86_64", {"interpreter": "/absent/ld.so"}, {}, "this host has no /absent/ld.so"),
        ("x86_64-musl", {"static": True}, {}, ""),
        ("i686", {"static": True}, {}, ""),
        ("i686", {}, {}, "this host is x86_64-unknown-linux-gnu"),
        ("aarch64", {"static": True}, {}, "this host is x86_64-unknown-linux-gnu"),
        ("x86_64-freebsd", {"static": True}, {}, "this host is x86_64-unknown-linux-gnu"),
    ],
)
def test_what_this_host_starts(tmp_path, target, headers, host, reason):
    """Programs of its own architecture, and static ones for the older processors that it is one of, with the libraries that it has."""
    call = context(tmp_path, facts=facts(host=replace(HOST, **host)))
    expected = reason or smoke.Start(how="on this host", argv=("/out/app",))
    assert expected == smoke.on_host(subject(**headers), find(target), call)


RUNNER = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64 -L '/a b'"
CROSS = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"


def image(name="1", architecture="amd64", env=(RUNNER,), **labels):
    """Return what an engine says of an image."""
    return {
        "Id": f"sha256:{name}",
        "Architecture": architecture,
        "RepoTags": [f"r/{name}:1"],
        "Config": {"Env": list(env), "Labels": labels},
    }


def test_how_a_container_is_started(tmp_path, monkeypatch):
    """With no network, nothing to write to but a folder in memory, no rights, and the labels by which it is removed."""
    monkeypatch.setattr(smoke.files, "unique_name", lambda: "0123456789ab")
    for selinux, shared in ((False, ":ro"), (True, ":ro,z")):
        call = context(tmp_path, Holds({CROSS: image()}), facts=facts(engine=replace(ENGINE, selinux=selinux)))
        run, owner = engines.labels("0123456789ab")
        assert smoke.in_image(subject(glibc="2.17"), find("aarch64"), call) == smoke.Start(
            how="in r/1:1",
            command="/usr/bin/docker",
            run="0123456789ab",
            argv=(
                *("/usr/bin/docker", "run", "--rm", "--init", "--network=none", "--read-only", "--tmpfs=/tmp:exec", "--cap-drop=ALL"),
                *("--security-opt=no-new-privileges", "--pids-limit=256", "--env=HOME=/tmp", "--workdir=/tmp"),
                *(f"--label={run}", f"--label={owner}", f"--volume=/out:/smoke{shared}", "--entrypoint=", "sha256:1"),
                *("qemu-aarch64", "-L", "/a b", "/smoke/app"),
            ),
        )


NONE = "the engine holds no image that runs programs of aarch64-unknown-linux-gnu with glibc 2.17"
MAIN = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:main"
MUSL = "ghcr.io/cross-rs/aarch64-unknown-linux-musl:0.2.5"
MUSL_RUNNER = RUNNER.replace("GNU", "MUSL")


@pytest.mark.parametrize(
    ("images", "labelled", "headers", "engine", "expected"),
    [
        ({}, (), {"glibc": "2.17"}, "x86_64", NONE),
        ({CROSS: image()}, (), {"glibc": "2.17"}, "x86_64", "r/1:1"),
        # cross's own images have a glibc that is known, those built here say it
        ({CROSS: image("old"), MAIN: image("new")}, (), {"glibc": "2.31"}, "x86_64", "r/new:1"),
        ({"b": image("b", **{"crosstasks.libc": "2.17", "crosstasks.image": "mine"})}, ("b",), {"glibc": "2.17"}, "x86_64", "mine"),
        ({"b": image("b", **{"crosstasks.libc": "2.16"})}, ("b",), {"glibc": "2.17"}, "x86_64", NONE),
        ({"configured:1": image("own")}, (), {"glibc": "2.99"}, "x86_64", "r/own:1"),
        # an image without a runner serves for its own architecture alone, and one for another engine's not at all
        ({CROSS: image(env=())}, (), {"glibc": "2.17"}, "x86_64", NONE),
        ({CROSS: image(env=(), architecture="arm64")}, (), {"glibc": "2.17"}, "aarch64", "r/1:1"),
        ({CROSS: image(architecture="arm64")}, (), {"glibc": "2.17"}, "x86_64", NONE),
        # a static program runs in an image for any libc of its architecture
        ({MUSL: image("musl", env=(MUSL_RUNNER,))}, (), {"static": True}, "x86_64", "r/musl:1"),
        ({MUSL: image("musl", env=(MUSL_RUNNER,))}, (), {"glibc": "2.17"}, "x86_64", NONE),
    ],
)  # fmt: skip
def test_in_which_image_a_program_is_started(tmp_path, images, labelled, headers, engine, expected):
    """In the first that the engine holds which runs such programs, and is not older than the program asks for."""
    call = context(
        tmp_path,
        Holds(images, labelled),
        config=config("aarch64", image="configured:1"),
        facts=facts(engine=replace(ENGINE, arch=engine)),
    )
    start = smoke.in_image(subject(**headers), find("aarch64"), call)
    assert expected == (start if isinstance(start, str) else start.how.removeprefix("in "))


def test_engines_that_start_nothing(tmp_path):
    """One that is not there, one on another machine, which sees nothing of this one's, and one that does not answer."""
    elsewhere = context(tmp_path, facts=facts(engine=replace(ENGINE, remote=True)))
    assert "the engine is on another machine, and cannot see the program" == smoke.in_image(subject(), find("aarch64"), elsewhere)
    absent = context(tmp_path, facts=facts(engine=Absent("none")))
    assert "no container engine answers" == smoke.in_image(subject(), find("aarch64"), absent)
    silent = context(tmp_path, lambda *_arguments, **_options: Done(argv=(), code=1, err="Cannot connect"))
    assert NONE == smoke.in_image(subject(glibc="2.17"), find("aarch64"), silent)


@pytest.mark.parametrize(
    ("target", "static", "emulation", "expected"),
    [
        ("aarch64", True, Emulation(programs={"aarch64": "/usr/bin/qemu-aarch64"}), ("by qemu-aarch64", "/usr/bin/qemu-aarch64")),
        ("aarch64", True, Emulation(registered={"aarch64": Registration(name="qemu-aarch64", interpreter="q", enabled=True)}), ("by the kernel, through qemu-aarch64",)),
        ("aarch64", True, Emulation(registered={"aarch64": Registration(name="qemu-aarch64", interpreter="q", enabled=False)}), "no emulator of aarch64 is here"),
        ("aarch64", True, Emulation(registered={"aarch64": Registration(name="qemu-aarch64", interpreter="q", lost=True)}), "no emulator of aarch64 is here"),
        ("aarch64", True, Emulation(), "no emulator of aarch64 is here"),
        ("aarch64", False, Emulation(programs={"aarch64": "q"}), "an emulator alone has not the libraries that it needs"),
        ("x86_64-freebsd", True, Emulation(programs={"x86_64": "q"}), "no emulator runs programs for freebsd"),
    ],
)  # fmt: skip
def test_what_an_emulator_starts(tmp_path, target, static, emulation, expected):
    """A static program for this system, with QEMU's own program before the kernel's table."""
    start = smoke.under_emulator(subject(static=static), find(target), context(tmp_path, facts=facts(emulation=emulation)))
    assert expected == (start if isinstance(start, str) else (start.how, *start.argv[:-1]))
    assert isinstance(start, str) or "/out/app" == start.argv[-1]


HOW = "when started with --version on this host"


@pytest.mark.parametrize(
    ("done", "answer"),
    [
        (Done(argv=(), code=0, err="noise"), ()),
        (Done(argv=(), code=3, err="a\nb\nc\nd\n", out="x"), (f"exited with 3 {HOW}: b | c | d",)),
        (Done(argv=(), code=-11, out="half\n"), (f"exited with -11 {HOW}: half",)),
        (Done(argv=(), code=1), (f"exited with 1 {HOW}",)),
        (TimedOut("late"), (f"did not end within 7 s {HOW}",)),
        (ToolMissing("no such file", why="/out/app"), ("cannot be started on this host: no such file: /out/app",)),
        (ToolMissing("no such file"), ("cannot be started on this host: no such file",)),
    ],
)
def test_how_a_program_ends(tmp_path, done, answer):
    """Well and in time, or it is told with the last that it said."""
    run = Holds(done=done)
    call = context(tmp_path, run, config=config("x86_64", verify_timeout=7))
    assert answer == smoke.smoke(subject(static=True), find("x86_64"), call)
    assert [(("/out/app", "--version"), 7.0)] == run.calls


def test_the_user_ends_more_than_one_program(tmp_path):
    """An interrupt is no finding."""
    with pytest.raises(Interrupted):
        smoke.smoke(subject(static=True), find("x86_64"), context(tmp_path, Holds(done=Interrupted("interrupted"))))


def test_a_program_that_cannot_be_started_is_unchecked(tmp_path):
    """With every reason once; a library is none."""
    call = context(tmp_path, facts=arm64_facts(engine=Absent("no")))
    why = "this host is aarch64-unknown-linux-gnu; no container engine answers; an emulator alone has not the libraries that it needs"
    assert Unchecked(why) == smoke.smoke(subject(), find("x86_64"), call)
    assert Unchecked("it is a library") == smoke.smoke(subject("lib.so"), find("x86_64"), call)


def test_a_container_ends_with_its_program(tmp_path, monkeypatch):
    """It is started between the two ends of what removes it."""
    steps = []

    class Reaping:
        """What removes a container."""

        def __init__(self, command, run, _runner):
            steps.append((command, run))

        def __enter__(self):
            steps.append("begin")

        def __exit__(self, *_error):
            steps.append("end")

    monkeypatch.setattr(engines, "reap_containers", Reaping)
    monkeypatch.setattr(smoke.files, "unique_name", lambda: "0123456789ab")
    run = Holds({CROSS: image()})
    call = context(tmp_path, lambda argv, **options: (steps.append("run") if argv[1] == "run" else None, run(argv, **options))[1])
    assert () == smoke.smoke(subject(glibc="2.17"), find("aarch64"), call)
    assert [("/usr/bin/docker", "0123456789ab"), "begin", "run", "end"] == steps
    ((argv, seconds),) = run.calls
    assert (("/smoke/app", "--version"), 60.0) == (argv[-2:], seconds)
