"""Debian's podman, unpacked and run from a folder: nothing is installed, and its images and containers are in that folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import second_engine
from facts_registry import unpacked

PACKAGES = ("podman", "conmon", "crun", "catatonit", "libgpgme11", "libsubid4", "libassuan0", "libdevmapper1.02.1", "libyajl2")
PACKAGES += ("golang-github-containers-common",)

CONF = """
[engine]
conmon_path = ["{programs}/conmon"]
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 3  # seconds, not 300: what ends an exec by the API would make the folders again that a test has removed
runtime = "{name}"
init_path = "{root}/usr/bin/catatonit"
[engine.runtimes]
{name} = ["{runtime}"]
[containers]
init_path = "{root}/usr/bin/catatonit"
netns = "host"
default_ulimits = ["nofile=1024:4096", "nproc=1000:1000"]
seccomp_profile = "{root}/usr/share/containers/seccomp.json"
"""


def made(folder: Path, runroot: str, driver: str = "vfs", *more: str) -> Path:
    """Return the program; podman wants *runroot* to be no longer than 50 characters. Where *driver* is overlay, ``unmounted`` is to follow."""
    root, programs = unpacked(folder / "podman", *PACKAGES), folder / "programs"
    programs.mkdir()
    # podman starts both without the variables that it has
    for name in ("conmon", "crun"):
        program = programs / name
        libraries = next((root / "usr" / "lib").glob("*-linux-gnu"))
        program.write_text(f'#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}\nexec {root}/usr/bin/{name} "$@"\n')
        program.chmod(0o755)
    # crun refuses machines with both versions of control groups, and docker brings runc
    runtime = shutil.which("runc") or str(programs / "crun")
    conf = CONF.format(root=root, programs=programs, runtime=runtime, name=Path(runtime).name)
    (folder / "containers.conf").write_text(conf)
    (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (folder / ".config" / "containers").mkdir(parents=True)
    (folder / ".config" / "containers" / "policy.json").hardlink_to(folder / "policy.json")
    podman = folder / "podman.sh"
    # vfs mounts nothing, so that nothing stays mounted, and copies an image for each container
    podman.write_text(
        f'#!/bin/sh\nexport LD_LIBRARY_PATH="$(echo {root}/usr/lib/*-linux-gnu)" CONTAINERS_CONF={folder}/containers.conf\n'
        f'export XDG_RUNTIME_DIR={runroot} PATH="{root}/usr/bin:$PATH"\n'
        f'if [ -n "$CONTAINER_HOST" ]; then\n'
        # a service has its storage, and its client the limits of this machine
        '    [ "$1" = run ] && shift && set -- run --ulimit nofile=1024:4096 --ulimit nproc=1000:1000 "$@"\n'
        f'    exec {root}/usr/bin/podman "$@"\nfi\n'
        f'[ "$1" = load ] && set -- "$@" --signature-policy {folder}/policy.json\n'
        f'exec {root}/usr/bin/podman --storage-driver {driver} {" ".join(more)} --root {folder}/s --runroot {runroot} "$@"\n'
    )
    podman.chmod(0o755)
    return podman


def unmounted(folder: Path) -> None:
    """Take away what podman leaves mounted."""
    subprocess.run(("umount", folder / "s" / "overlay"), check=False, capture_output=True)


@contextmanager
def served(podman: Path, address: str, *hidden: Path):
    """A service of that podman at *address*: on this machine, or on one with another name where the *hidden* folders are empty."""
    before = ("unshare", "--mount", "--uts", "sh", "-c", second_engine.AWAY, "sh", *hidden, "--") if hidden else ()
    environ = {**os.environ, "HOME": str(podman.parent)}
    with (podman.parent / "service.log").open("ab") as log:
        service = subprocess.Popen((*before, podman, "system", "service", "--time", "0", address), env=environ, stdout=log, stderr=log)
    try:
        for _ in range(100):
            answer = subprocess.run((podman, "version"), env={**environ, "CONTAINER_HOST": address}, capture_output=True, check=False)
            if not answer.returncode:
                break
            time.sleep(0.1)
        assert not answer.returncode, (podman.parent / "service.log").read_text()
        yield address
    finally:
        service.terminate()
        service.wait(20)
