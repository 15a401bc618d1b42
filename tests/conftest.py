"""What tests with a real engine share: an image that needs no registry."""

from __future__ import annotations

import io
import signal
import subprocess
import tarfile
from uuid import uuid4

import pytest


def pytest_configure():
    """Take signals as a program in the foreground does: one started by nohup, or in the background, ignores some, and its children too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def busybox_layer(tmp_path_factory):
    """A file system that holds Debian's static busybox, as a tar archive."""
    folder = tmp_path_factory.mktemp("busybox")
    subprocess.run(("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "busybox-static"), cwd=folder, check=True)
    (deb,) = folder.glob("*.deb")
    unpacked = subprocess.run(("dpkg-deb", "--fsys-tarfile", str(deb)), check=True, capture_output=True).stdout
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as package, tarfile.open(fileobj=stream, mode="w") as layer:
        (member,) = (member for member in package if member.name.endswith("bin/busybox"))
        program = package.extractfile(member)
        member.name = "bin/busybox"
        layer.addfile(member, program)
        for name in ("sh", "sleep", "echo", "uname"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(link)
    return stream.getvalue()


@pytest.fixture(scope="session")
def busybox(busybox_layer):
    """A small image in the engine, removed afterwards."""
    ref = f"crosstasks-test/busybox:{uuid4().hex[:12]}"
    command = ("docker", "import", "--change", "LABEL crosstasks.test=busybox", "-", ref)
    subprocess.run(command, input=busybox_layer, check=True, capture_output=True)
    yield ref
    subprocess.run(("docker", "rmi", "--force", ref), check=True, capture_output=True)
