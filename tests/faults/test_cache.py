"""A cache that was damaged, a clock that was set back, and disks that are full."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from misbehaving import configure, flip

ROOT = Path(__file__).parents[2]

NAMESPACE = ("unshare", "--mount", "--propagation", "private", "sh", "-c")


def test_a_flipped_byte_in_what_was_kept(crosstasks, built, own_cache):
    """Answers, and what says that the dependencies were fetched: what cannot be read is made anew."""
    answers, marks = (own_cache / "answers").glob("*.json"), (built / "target/crosstasks").glob(".fetched-*.json")
    files = [*answers, *marks]
    assert len(files) > 1
    for path in files:
        flip(path)
    done = crosstasks("build", "--target", "aarch64", cwd=built)
    assert 0 == done.returncode, done.stderr


def test_a_flipped_byte_in_a_package(tmp_path, shared):
    """A package of Debian that is not what the archive's lists say is fetched again, and never unpacked."""
    code = """
import sys
from pathlib import Path
from crosstasks.clients.debian import Archive
archive = Archive(Path(sys.argv[1]), "bookworm", say=lambda line: print(line, flush=True))
archive.update(["amd64"])
(got,) = archive.fetch((archive.single("busybox-static", "amd64"),))
print(got)
"""
    argv = (sys.executable, "-c", code, str(tmp_path / "debian"))
    lists = shared / "debian" / "bookworm"
    lists.mkdir(parents=True, exist_ok=True)
    with FileLock(lists / ".lists.lock"):  # another test may be renewing them
        shutil.copytree(lists, tmp_path / "debian" / "bookworm")
    path = Path(subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    whole = path.read_bytes()
    flip(path)
    again = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "fetched 1 of 1 packages" in again
    assert whole == path.read_bytes()


def test_a_clock_that_was_set(crosstasks, built, later):
    """Answers from the future, or from long ago, are asked again, and nothing is older than it should be."""
    for env in (later("-400d"), later("+400d"), {}):
        done = crosstasks("build", "--target", "aarch64", cwd=built, **env)
        assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("size=200k", ("is full", "CROSSTASKS_CACHE_DIR")),
        ("noexec", ("noexec", "CROSSTASKS_CACHE_DIR")),
        ("ro", ("Read-only file system", "CROSSTASKS_CACHE_DIR")),
    ],
)
def test_a_cache_on_a_disk_that_will_not_do(crosstasks, crate, tmp_path, options, words):
    """Full, without programs, or read-only: said before anything is fetched, with what to do; elsewhere it then works."""
    configure(crate, images='["local", "build"]', fallback="[]")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = f'mount -t tmpfs -o {options} tmpfs {place} && exec "$@"'
    done = crosstasks("provision", "--target", "aarch64", cwd=crate, before=(*NAMESPACE, mounted, "sh"), CROSSTASKS_CACHE_DIR=str(place))
    assert done.returncode in {1, 2}, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "installing" not in done.stderr
    again = crosstasks("provision", "--target", "aarch64", cwd=crate)
    assert 0 == again.returncode, again.stderr


def test_eight_provisioning_at_once_on_a_cold_cache(crosstasks, crate, tmp_path):
    """One makes each thing, the others wait and say so; nothing is made twice, and nothing half made is left."""
    configure(crate, images='["local", "build"]', fallback="[]", builder='"cross"')
    place = tmp_path / "cold"
    env = {"CROSSTASKS_CACHE_DIR": str(place)}
    children = [crosstasks.start("provision", "--target", "x86_64", cwd=crate, **env) for _ in range(8)]
    ended = [(child.communicate(timeout=1200)[1], child.returncode) for child in children]
    assert [0] * 8 == [code for _, code in ended], ended
    said = "".join(err for err, _ in ended)
    assert 1 == sum(f"Rust 1.85.0 for x86_64-unknown-linux-gnu lies in {place}" in err for err, _ in ended), said
    assert "waiting for another crosstasks, which is making" in said
    assert [] == [path for path in place.rglob(".*") if path.is_dir() and path.parent.name in {"tools", "toolchains", "images"}]
    planned = crosstasks("plan", "--target", "x86_64", "--format", "json", cwd=crate, **env)
    assert [] == json.loads(planned.stdout)["plans"][0]["steps"]
