"""Emulation for real: programs of our own run under QEMU, and the kernel's table is changed and put back."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import facts_registry
import foreign
import pytest

from crosstasks import pipeline
from crosstasks.catalog.targets import ARCHES
from crosstasks.extras.maintenance import emulating
from crosstasks.facts.probes import CODE, PLATFORMS, program
from crosstasks.planning import emulators as sources
from crosstasks.provisioning.emulation import line

TABLE = Path("/proc/sys/fs/binfmt_misc")
PLATFORM, ENTRY = "linux/ppc64le", "qemu-ppc64le"


@pytest.fixture(scope="module")
def emulators(tmp_path_factory):
    """QEMU's programs, of Debian's package, without being installed."""
    folder = tmp_path_factory.mktemp("qemu")
    subprocess.run(("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "qemu-user-static"), cwd=folder, check=True)
    (deb,) = folder.glob("*.deb")
    subprocess.run(("dpkg-deb", "-x", str(deb), str(folder / "root")), check=True)
    return folder / "root/usr/bin"


@pytest.fixture
def table(cache):
    """The kernel's table, mounted if it is not, without an entry for one architecture; and so it is left."""
    foreign.mount_table(cache)
    before = (TABLE / ENTRY).exists()
    assert not before, f"{ENTRY} is registered on this machine: the test would take it away"
    yield TABLE
    if (TABLE / ENTRY).exists():
        (TABLE / ENTRY).write_text("-1")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_program_ends_as_it_should(emulators, tmp_path, platform):
    """Under the emulator of its architecture."""
    arch = PLATFORMS[platform]
    path = tmp_path / arch
    path.write_bytes(program(arch))
    path.chmod(0o755)
    done = subprocess.run((emulators / f"qemu-{ARCHES[arch].qemu}-static", path), check=False, capture_output=True)
    assert (CODE, b"") == (done.returncode, done.stderr)


def rows(crosstasks, folder):
    told = crosstasks("emulation.status", "--platform", PLATFORM, "--platform", "linux/amd64", "--format", "json", cwd=folder)
    assert not told.returncode, told.stderr
    return json.loads(told.stdout)["platforms"]


def test_it_is_set_up_proven_and_taken_away(crosstasks, tmp_path, table):
    """In an image made here of Debian's packages, without a registry; nothing is left but the image."""
    missing, own = rows(crosstasks, tmp_path)
    assert (False, True, True) == (missing["proven"], own["native"], own["proven"])
    assert f"crosstasks emulation.install --platform {PLATFORM}" == missing["fix"]
    done = crosstasks("emulation.install", "--platform", "ppc64le", "--source", "build", cwd=tmp_path)
    assert f"{PLATFORM} works: a program of it was run\n" == done.stdout, done.stderr
    assert "CAP_SYS_ADMIN" in done.stderr
    there, _ = rows(crosstasks, tmp_path)
    assert ("qemu-ppc64le", "F", True, "") == (there["registered"], there["flags"], there["proven"], there["why"])
    again = crosstasks("emulation.install", "--platform", "ppc64le", cwd=tmp_path)
    assert f"{PLATFORM} works already\n" == again.stdout, again.stderr
    gone = crosstasks("emulation.uninstall", "--platform", "ppc64le", cwd=tmp_path)
    assert f"{ENTRY} was taken out; {PLATFORM} is not emulated any more\n" == gone.stdout, gone.stderr
    assert not (table / ENTRY).exists()


def test_a_machine_that_does_not_mount_the_table(environ, tmp_path, table):
    """Root mounts it first, since a container's mount would take with it what was registered; seen from a namespace without it."""
    without = ("unshare", "--mount", "sh", "-c", f'umount {TABLE} && test ! -e {TABLE}/status && exec "$@"', "sh")
    argv = (*without, sys.executable, "-m", "crosstasks", "emulation.install", "--platform", PLATFORM, "--source", "build")
    done = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert f"{PLATFORM} works: a program of it was run\n" == done.stdout, done.stderr
    assert f"mount -t binfmt_misc binfmt_misc {TABLE}" in done.stderr
    assert (table / ENTRY).exists()


BINFMT = f"""#!/bin/sh
set -e
[ -e {TABLE}/status ] || busybox mount -t binfmt_misc binfmt_misc {TABLE}
case "$1 $2" in
"--uninstall {ENTRY}") [ ! -e {TABLE}/$2 ] || echo -1 >{TABLE}/$2 ;;
"--install ppc64le") printf %s '{line(PLATFORM)}' >{TABLE}/register ;;
*) exit 9 ;;
esac
"""
"""What tonistiigi/binfmt does when it is called as we do."""


@pytest.fixture
def binfmt(busybox_layer, emulators, tmp_path, monkeypatch):
    """An image in place of the pinned one, which only a registry holds, and is named by its digest; what was pulled goes again."""
    layer, ref = tmp_path / "layer.tar", ""
    layer.write_bytes(busybox_layer)
    with tarfile.open(layer, "a") as archive:
        archive.add(emulators / "qemu-ppc64le-static", "usr/bin/qemu-ppc64le-static")
        program = tarfile.TarInfo("usr/bin/binfmt")
        program.mode, program.size = 0o755, len(BINFMT)
        archive.addfile(program, io.BytesIO(BINFMT.encode()))
    with facts_registry.running(tmp_path / "registry") as address:
        tag = f"{address}/tonistiigi/binfmt:test"
        docker("import", "--change", 'ENTRYPOINT ["/usr/bin/binfmt"]', str(layer), tag)
        docker("push", "--quiet", tag)
        ref = docker("inspect", "--format", "{{index .RepoDigests 0}}", tag)
        docker("rmi", tag)
        monkeypatch.setattr(sources, "binfmt", lambda: (ref, tag))
        yield ref
    docker("rmi", "--force", ref)


def docker(*arguments):
    return subprocess.run(("docker", *arguments), check=True, capture_output=True, text=True).stdout.strip()


def test_the_pinned_image_is_pulled_by_its_digest_and_registers(binfmt, environ, tmp_path, table):
    """In a container of it, called as tonistiigi/binfmt is; proven when the container has ended."""
    said = []
    context = pipeline.start(tmp_path, environ=environ, need_config=False, say=said.append)
    assert [f"{PLATFORM} works: a program of it was run"] == list(emulating.install((PLATFORM,), "image", context))
    assert any(line.startswith(f"pulling {binfmt}") for line in said), said
    assert "F" in (table / ENTRY).read_text().partition("flags: ")[2].partition("\n")[0]


def test_a_source_that_fails_is_followed_by_the_next(busybox, environ, tmp_path, table, monkeypatch):
    """An image that registers nothing; one that is built here does."""
    monkeypatch.setattr(sources, "binfmt", lambda: (busybox, "no binfmt"))
    said = []
    context = pipeline.start(tmp_path, environ=environ, need_config=False, say=said.append)
    assert [f"{PLATFORM} works: a program of it was run"] == list(emulating.install((PLATFORM,), "", context))
    (turn,) = [line for line in said if line.endswith("looking for another source")]
    assert turn.startswith("image failed: the pinned image did not register an emulator of ppc64le")


@pytest.mark.parametrize(
    ("interpreter", "flags", "why"),
    [
        ("/usr/bin/qemu-ppc64le-gone", "", "its interpreter /usr/bin/qemu-ppc64le-gone is not there"),
        ("/bin/true", "", "it lacks the flag F: containers have no such interpreter"),
        ("/bin/true", "F", "it is registered, and does not work"),
    ],
)
def test_a_broken_entry_is_recognised_and_replaced(crosstasks, tmp_path, table, interpreter, flags, why):
    """Whatever is wrong with it: the proof decides."""
    ours = line(PLATFORM).rsplit(":", 2)[0]
    (table / "register").write_text(f"{ours}:{interpreter}:{flags}")
    broken, _ = rows(crosstasks, tmp_path)
    assert not broken["proven"]
    assert broken["why"].startswith(why)
    done = crosstasks("emulation.install", "--platform", PLATFORM, "--source", "build", cwd=tmp_path)
    assert f"{PLATFORM} works: a program of it was run\n" == done.stdout, done.stderr


def test_a_disabled_entry_is_turned_on_again(crosstasks, tmp_path, table, emulators):
    """As the fix says, which is the least that helps."""
    ours = line(PLATFORM).rsplit(":", 2)[0]
    (table / "register").write_text(f"{ours}:{emulators}/qemu-ppc64le-static:F")
    (table / ENTRY).write_text("0")
    off, _ = rows(crosstasks, tmp_path)
    assert ("it is registered, and disabled", f"echo 1 | sudo tee {TABLE}/{ENTRY}") == (off["why"], off["fix"])
    (table / ENTRY).write_text("1")
    assert rows(crosstasks, tmp_path)[0]["proven"]
