"""What cargo is told of who starts programs that are built on the host."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from acting import context

from crosstasks.building.arguments import script, starter
from crosstasks.catalog.ingredients import Runner
from crosstasks.clients import engines
from crosstasks.facts.engine import Engine
from crosstasks.provisioning import wasi
from crosstasks.testing import facts, repository

CONTAINED = Runner(kind="container", words=("qemu-aarch64-static",), image="crosstasks/binfmt-aarch64:1", source="local", why="")
TRIPLE = "aarch64-unknown-linux-musl"


def work(**changes):
    ready = {"kind": "docker", "command": "/usr/bin/docker", "version": "20.10.24", "arch": "x86_64"}
    return SimpleNamespace(engine=Engine(**{**ready, **changes}))


@pytest.mark.parametrize(
    ("runner", "arguments"),
    [
        (None, ()),
        (
            Runner(kind="words", words=("/my tools/qemu", "-g", "1"), source="PATH", why=""),
            (f'--config=target."{TRIPLE}".runner=["/my tools/qemu", "-g", "1"]',),
        ),
        (
            Runner(kind="wasmtime", words=("/cache/wasmtime",), source="cache", why=""),
            (f'--config=target."{TRIPLE}".runner=["{sys.executable}", "-I", "{wasi.__file__}", "/cache/wasmtime"]',),
        ),
    ],
)
def test_words_before_a_program(tmp_path, runner, arguments):
    """As a list, which may hold spaces; nothing is said where programs start by themselves."""
    with starter(SimpleNamespace(runner=runner, target=TRIPLE), tmp_path, work()) as told:
        assert (arguments, None) == told


def test_the_program_that_starts_others_in_a_container():
    """The folders are where they are here, the user is the user, and the container is ours."""
    text = script(CONTAINED, "1a2b", ("/home/me/my crate", "/home/me/my crate"), work())
    line = text[text.index("exec ") :].replace("\\\n    ", "").split(" --label=crosstasks.owner")
    assert line[0] == "exec /usr/bin/docker run --rm --init --interactive --label=crosstasks.run=1a2b"
    assert line[1].split(" ", 1)[1].strip() == (
        "'--volume=/home/me/my crate:/home/me/my crate' --platform=linux/amd64 --tmpfs=/tmp:exec,mode=1777 "
        '--user="$(id -u):$(id -g)" --workdir="$PWD" $names crosstasks/binfmt-aarch64:1 qemu-aarch64-static "$@"'
    )


@pytest.mark.parametrize(("changes", "there"), [({}, True), ({"rootless": True}, False)])
def test_root_in_a_rootless_container_is_the_user(changes, there):
    """Another user there could not write what the user owns."""
    assert ("--user=" in script(CONTAINED, "1", ("/a",), work(**changes))) is there
    assert "--volume=/a:/a:z" in script(CONTAINED, "1", ("/a",), work(selinux=True))


def test_what_a_program_in_a_container_is_given():
    """What cargo says of the package, `env-pass`, and nothing secret: the names alone are told, and the engine takes the values."""
    line = script(CONTAINED, "1", ("/a",), work()).splitlines()[2]
    begins = "RUST_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_TARGET_TMPDIR"
    names = (*(f"{begin}[A-Z_]*" for begin in begins), "CARGO_BIN_EXE_[^=]*")
    assert line == "names=$(env | sed -n 's/^\\(" + "\\|".join(names) + "\\)=.*/--env=\\1/p')"
    assert " --env=WINEDEBUG --env=FAIL " in script(CONTAINED, "1", (), work(), ("WINEDEBUG", "FAIL"))


def test_programs_that_start_in_a_container_end_with_the_run(tmp_path, monkeypatch):
    """The runner is a program of ours, which is there for this run alone; the reaper is whose its containers are."""
    reaped = []

    @contextmanager
    def reap(command, run_id):
        reaped.append((command, run_id))
        yield "the reaper"

    monkeypatch.setattr(engines, "reap_containers", reap)
    call = context(tmp_path, facts=facts(repository=repository(root="/crate")))
    with starter(SimpleNamespace(runner=CONTAINED, target=TRIPLE), Path("/target"), call) as told:
        ((command, run_id),) = reaped
        start = call.cache / "runs" / run_id / "start"
        assert ((f'--config=target."{TRIPLE}".runner=["{start}"]',), "the reaper", "/usr/bin/docker") == (
            *told,
            command,
        )
        assert (script(CONTAINED, run_id, ("/crate", "/target"), call), True) == (start.read_text(), os.access(start, os.X_OK))
    assert [] == list((call.cache / "runs").iterdir())
