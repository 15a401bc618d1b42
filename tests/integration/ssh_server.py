"""Debian's sshd, unpacked and run from a folder: a machine to log in to by its own key, where Docker's program reaches one engine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from facts_registry import free_port, unpacked

PACKAGES = ("openssh-server", "openssh-client", "libwrap0", "libgssapi-krb5-2", "libkrb5-3")
PACKAGES += ("libk5crypto3", "libkrb5support0", "libcom-err2", "libkeyutils1")

NAME = "box"
"""What the client's configuration calls it."""

# an sshd of root's wants a user and a folder of its own: they are there for it alone
START = 'mount --bind "$1/passwd" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir /run/sshd && shift && exec "$@"'

SERVER = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
SetEnv DOCKER_HOST={engine} PATH={path}
"""

CLIENT = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile {folder}/key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known
"""


@contextmanager
def running(folder: Path, engine: str):
    """Serve; give the folder with an ``ssh`` that knows the server as ``box``, and nobody else."""
    root, port = unpacked(folder / "ssh", *PACKAGES), free_port()
    libraries = ":".join(map(str, sorted(root.glob("**/*-linux-gnu"))))
    for key in ("host", "key"):
        subprocess.run((root / "usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key), check=True)
    (folder / "passwd").write_text(f"{Path('/etc/passwd').read_text()}\nsshd:x:74:74::/run/sshd:/usr/sbin/nologin\n")
    (folder / "sshd_config").write_text(SERVER.format(port=port, folder=folder, engine=engine, path=os.environ["PATH"]))
    (folder / "config").write_text(CLIENT.format(name=NAME, port=port, folder=folder))
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}\nexec {root}/usr/bin/ssh -F {folder}/config "$@"\n')
    (programs / "ssh").chmod(0o755)
    apart = ("unshare", "--mount", "sh", "-c", START, "sh", str(folder), "env", f"LD_LIBRARY_PATH={libraries}")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen((*apart, root / "usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config"), stdout=log, stderr=log)
    try:
        _wait(port, server, folder / "log")
        yield programs
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(root)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(log.read_text())
