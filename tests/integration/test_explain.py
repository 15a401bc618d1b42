"""Known errors as real programs make them, explained where they happen."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crosstasks.catalog.remedies import find

pytestmark = pytest.mark.usefixtures("cache")


def test_a_failed_build_ends_with_its_remedy(crosstasks, crate):
    """A library that is not there: cargo's own words stay above."""
    (crate / "src" / "main.rs").write_text('#[link(name = "nowhere_to_be_found")] extern "C" { fn x(); } fn main() { unsafe { x() } }\n')
    done = crosstasks("build", "--target", "x86_64", "--builder", "cargo", cwd=crate)
    assert 1 == done.returncode
    assert "hint: a C library for the target is not in the image: add its Debian package" in done.stderr


class Closed(BaseHTTPRequestHandler):
    """A proxy that wants to know who asks."""

    def log_message(self, *_):
        """Write no line per request."""

    def do_CONNECT(self):
        """Refuse."""
        self.send_response(407)
        self.send_header("Proxy-Authenticate", "Basic realm=corp")
        self.end_headers()


def test_a_proxy_that_wants_a_log_in_is_told_where_it_happens(crosstasks, crate, tmp_path):
    """Cargo's words are above, and the remedy is the hint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Closed)
    threading.Thread(target=server.serve_forever, args=(0.05,)).start()
    address = f"http://127.0.0.1:{server.server_port}"
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + '[dependencies]\nitoa = "1"\n')
    env = {"HTTPS_PROXY": address, "https_proxy": address, "NO_PROXY": "", "no_proxy": "", "CARGO_HOME": str(tmp_path / "cargo")}
    env["CARGO_NET_RETRY"] = "0"
    try:
        done = crosstasks("build", "--target", "x86_64", "--builder", "cargo", cwd=crate, **env)
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode, done.stderr
    assert "the proxy wants a name and password" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("docker", "run", "--rm", "--pull", "never", "crosstasks-test/nothing:here"), "image-unknown"),
        (("docker", "--host", "unix:///nowhere.sock", "run", "x"), "engine-silent"),
        (("rustc", "--target", "riscv64gc-unknown-linux-gnu", "src/main.rs"), "std-missing"),
        (("rustc", "-C", "linker=aarch64-linux-gnu-nothing", "src/main.rs"), "linker-missing"),
        (("dd", "if=/dev/zero", "of=/dev/full", "count=1"), "disk-full"),
        (("cargo", "build", "--config", "http.cainfo='/etc/hostname'", "--manifest-path", "needs/Cargo.toml"), "certificate"),
        (("cargo", "build", "--config", "http.proxy='127.0.0.1:9'", "--manifest-path", "needs/Cargo.toml"), "network"),
    ],
)
def test_what_real_programs_say_is_known(crate, argv, name, monkeypatch, tmp_path):
    """The words change with their versions; these are the ones that are here."""
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo"))
    monkeypatch.setenv("CARGO_NET_RETRY", "0")
    needs = crate / "needs"
    (needs / "src").mkdir(parents=True)
    (needs / "src" / "lib.rs").touch()
    (needs / "Cargo.toml").write_text('[package]\nname = "needs"\nversion = "0.1.0"\n[dependencies]\nitoa = "1"\n[workspace]\n')
    done = subprocess.run(argv, cwd=crate, check=False, capture_output=True, text=True)
    assert done.returncode
    assert name in [row.name for row in find(done.stderr)], done.stderr
