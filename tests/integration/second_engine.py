"""A Docker engine of our own beside the machine's: on its own socket, or as if it ran on another machine."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time

HERE = "unix:///var/run/docker.sock"
"""The machine's own engine."""

AWAY = 'for folder in "$@"; do [ "$folder" = -- ] && break; mount -t tmpfs tmpfs "$folder"; done\n'
AWAY += 'while [ "$1" != -- ]; do shift; done; shift\nhostname elsewhere\nexec "$@"'
"""Hide folders, take another name, and start the engine."""


class Daemon:
    """A Docker engine, which is started, and ended, as often as one likes.

    Args:
        folder: for all that it keeps.
        hidden: folders of this machine that it shall not see; then it also has a name and a containerd of its own.
    """

    def __init__(self, folder, *hidden):
        self.folder, self.hidden = folder, [str(path) for path in hidden]
        self.host = f"unix://{folder}/docker.sock"
        self.process = None

    def start(self):
        config = self.folder / "daemon.json"
        # it would try five times, with longer and longer pauses
        config.write_text('{"max-concurrent-downloads": 3, "max-download-attempts": 2}')
        name = f"crosstasks-test-{os.getpid()}-{self.folder.name}"
        options = [
            *("--config-file", str(config), "--host", self.host, "--pidfile", f"{self.folder}/pid"),
            *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
            *("--bridge", "none", "--iptables=false", "--ip-masq=false"),
            *("--containerd-namespace", name, "--containerd-plugins-namespace", f"{name}-plugins"),
        ]
        # in a network of its own: without a bridge it would take away that of the machine's engine
        before = ["unshare", "--net"]
        if self.hidden:
            # one that finds no other containerd starts its own, which sees what it sees
            hidden = [*self.hidden, *(path for path in ("/run/containerd",) if os.path.isdir(path))]
            before += ["--mount", "--uts", "sh", "-c", AWAY, "sh", *hidden, "--"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen((*before, "dockerd", *options), stdout=log, stderr=log, start_new_session=True)
        for _ in range(600):
            if not self.docker("version", check=False).returncode:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def kill(self):
        """End it as nothing can be prepared for; its containers run on, until it is back."""
        self.process.kill()
        self.process.wait(60)
        # its own containerd ends with it, and may be a zombie, which the next would take for one that runs
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def docker(self, *arguments, check=True, **more):
        return subprocess.run(("docker", "--host", self.host, *arguments), check=check, capture_output=True, **more)

    def left(self):
        """Return what is in it of containers and volumes; a container that ended may be about to go."""
        for _ in range(50):
            found = self.containers() + self.docker("volume", "ls", "--quiet").stdout
            if not found:
                break
            time.sleep(0.2)
        return found.decode()

    def containers(self):
        """Return the ids of its containers, those left out of which it has nothing but a line in its list.

        Docker 20.10 keeps one that ends as it starts again: "Dead", no such object for ``inspect``, no such container for ``rm``.
        """
        ids = self.docker("ps", "--all", "--quiet").stdout.split()
        return self.docker("inspect", "--format", "{{.Id}}", *ids, check=False).stdout.strip() if ids else b""


@contextlib.contextmanager
def running(folder, *hidden):
    """An engine that is ended, and whose folder can be taken away again."""
    made = Daemon(folder, *hidden)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        subprocess.run(("umount", str(folder / "data")), check=False, capture_output=True)


@contextlib.contextmanager
def listening(path):
    """A TCP port before a socket; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, path), daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _serve(server, path):
    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=_joined, args=(server.accept()[0], path), daemon=True).start()


def _joined(client, path):
    with client, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(path)
        back = threading.Thread(target=_passed, args=(engine, client))
        back.start()
        _passed(client, engine)
        back.join()


def _passed(source, sink):
    with contextlib.suppress(OSError):
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
