"""A registry that is down, slow, cuts pulls or serves what it should not: a clear error or success, and the next run works."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading

import pytest
from misbehaving import Proxy, configure


@pytest.fixture
def provision(crosstasks, crate):
    """Provide for one target with the image, and nothing else to fall back to."""

    def call(ref, **options):
        env = options.pop("env", {})
        configure(crate, image=f'"{ref}"', fallback="[]", builder='"cross"', **options)
        return crosstasks("provision", "--target", "x86_64", cwd=crate, **env)

    return call


def held(ref):
    return not subprocess.run(("docker", "image", "inspect", ref), check=False, capture_output=True).returncode


def test_a_registry_that_is_down(provision, served, proxy):
    """The port is closed: the reason is said at once, and once it is open the same call goes through."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        ref = served.replace(proxy.address, f"127.0.0.1:{port}")
        done = provision(ref)
    assert 4 == done.returncode
    assert "connection refused" in done.stderr
    server = Proxy(proxy.behind, port=port)
    threading.Thread(target=server.serve_forever).start()
    try:
        again = provision(ref)
        assert (0, True) == (again.returncode, held(ref)), again.stderr
    finally:
        server.shutdown()
        server.server_close()
        subprocess.run(("docker", "rmi", "--force", ref), check=False, capture_output=True)


def test_a_registry_that_is_slow(provision, served, proxy, later):
    """It is left alone after `network-timeout`, and asked again later."""
    proxy.fault = "slow"
    done = provision(served, network_timeout="1")
    assert 4 == done.returncode
    assert "no answer within 1 s" in done.stderr
    proxy.fault = ""
    again = provision(served, env=later("+10m"))
    assert (0, True) == (again.returncode, held(served)), again.stderr


def test_a_pull_that_is_cut_in_half_once(provision, served, proxy):
    """The engine goes on where it was."""
    proxy.fault = "cut once"
    done = provision(served)
    assert (0, True, "") == (done.returncode, held(served), proxy.fault), done.stderr


def test_a_layer_that_is_not_what_its_digest_says(provision, served, proxy):
    """The engine refuses it; nothing is left of it, and the next pull is whole."""
    proxy.fault = "wrong"
    done = provision(served)
    assert (9, False) == (done.returncode, held(served)), done.stderr
    assert "error: cannot pull" in done.stderr
    assert "digest" in done.stderr
    proxy.fault = ""
    again = provision(served)
    assert (0, True) == (again.returncode, held(served)), again.stderr


def test_killed_while_it_pulls(crosstasks, crate, served, proxy):
    """Half a pull is the engine's to keep or to drop; the next call has the image."""
    proxy.fault = "drip"
    configure(crate, image=f'"{served}"', fallback="[]", builder='"cross"')
    child = crosstasks.start("provision", "--target", "x86_64", cwd=crate)
    for line in child.stderr:
        if f"pulling {served}" in line:
            child.send_signal(signal.SIGKILL)
            break
    child.communicate()
    assert -signal.SIGKILL == child.returncode
    proxy.fault = ""
    again = crosstasks("provision", "--target", "x86_64", cwd=crate)
    assert (0, True) == (again.returncode, held(served)), again.stderr
