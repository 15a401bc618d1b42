"""A registry that is down, slow, cuts pulls or serves what it should not: a clear error or success, and the next run works."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from uuid import uuid4

import facts_registry
import pytest
import requests
from misbehaving import Proxy, configure, within

from crosstasks.catalog import recipes
from crosstasks.clients import registry_api
from crosstasks.core.errors import ImageFailed


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


def test_a_pull_that_is_cut_each_time(provision, served, proxy, daemon):
    """The engine gives up after some tries: that is said, nothing half there counts, and the next pull is whole."""
    server = within(daemon.process.pid, lambda: Proxy(proxy.behind))
    threading.Thread(target=server.serve_forever).start()
    ref, env = served.replace(proxy.address, server.address), {"DOCKER_HOST": daemon.host}
    try:
        server.fault = "cut"
        done = provision(ref, env=env)
        assert 9 == done.returncode, done.stderr
        assert f"error: cannot pull {ref}" in done.stderr
        assert "EOF" in done.stderr
        assert daemon.docker("image", "inspect", ref, check=False).returncode
        server.fault = ""
        again = provision(ref, env=env)
        assert 0 == again.returncode, again.stderr
        daemon.docker("image", "rm", ref)
    finally:
        server.shutdown()
        server.server_close()


def test_a_mirror_that_cuts_each_pull(crosstasks, crate, registry, served, proxy, daemon):
    """It has an image that was built by crosstasks: the failure names it, nothing half there counts, and the next pull is whole."""
    server = within(daemon.process.pid, lambda: Proxy(proxy.behind))
    threading.Thread(target=server.serve_forever).start()
    place, image = f"mirror-{uuid4().hex[:8]}", recipes.shared_name("x86_64-unknown-linux-gnu", ())
    there, held_there = (f"{address}/{place}/{image}" for address in (registry, server.address))
    source = served.replace(proxy.address, registry)
    for words in (("pull", source), ("tag", source, there), ("push", there), ("rmi", there, source)):
        subprocess.run(("docker", *words), check=True, capture_output=True)
    configure(crate, mirror=f'"{server.address}/{place}"', images='["mirror"]', fallback="[]", builder='"cross"')
    try:
        server.fault = "cut"
        done = crosstasks("provision", "--target", "x86_64", cwd=crate, DOCKER_HOST=daemon.host)
        assert 9 == done.returncode, done.stderr
        assert f"error: cannot pull {held_there}" in done.stderr
        assert daemon.docker("image", "inspect", held_there, check=False).returncode
        server.fault = ""
        again = crosstasks("provision", "--target", "x86_64", cwd=crate, DOCKER_HOST=daemon.host)
        assert 0 == again.returncode, again.stderr
        daemon.docker("image", "rm", held_there)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pinned(registry, served, proxy):
    """The same image by its digest."""
    place = served.partition("/")[2].replace(":", "/manifests/")
    answer = requests.head(f"http://{registry}/v2/{place}", headers={"Accept": facts_registry.DOCKER}, timeout=10)
    return f"{served.rpartition(':')[0]}@{answer.headers['Docker-Content-Digest']}"


def test_a_manifest_that_is_not_what_was_asked_for(provision, pinned, proxy):
    """The engine refuses it; the next pull is whole."""
    proxy.fault = "forged"
    done = provision(pinned)
    assert (9, False) == (done.returncode, held(pinned)), done.stderr
    assert "digest" in done.stderr
    proxy.fault = ""
    again = provision(pinned)
    assert (0, True) == (again.returncode, held(pinned)), again.stderr


def test_our_own_question_about_a_manifest(pinned, served, proxy):
    """Where no engine asks for us: what came is compared with the digest that was asked for, or that the registry names."""
    for ref in (pinned, served):
        proxy.fault = "forged"
        with pytest.raises(ImageFailed, match="is not what its digest says") as refused:
            registry_api.look(ref, None, 10)
        assert "was named, and sha256:" in refused.value.why
        proxy.fault = ""
        assert pinned.rpartition("@")[2] == registry_api.look(ref, None, 10)["digest"]


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("forged", "is not what its digest says"),
        ("wrong", "is not what its digest says"),
        ("cut", "was cut off"),
    ],
)
def test_a_mirror_is_given_nothing_that_is_damaged(crosstasks, crate, registry, served, proxy, fault, what):
    """A manifest or a layer is another than its digest says, or half of it comes: refused, and the next call copies all of it."""
    configure(crate, image=f'"{served}"')
    there = f"{registry}/{uuid4().hex[:8]}"

    def mirror():
        return crosstasks("mirror", "--to", there, "--target", "x86_64", cwd=crate)

    def has():
        place = served.partition("/")[2].replace(":", "/manifests/")
        return requests.get(f"http://{there.replace('/', '/v2/')}/{place}", headers={"Accept": facts_registry.DOCKER}, timeout=10).ok

    proxy.fault = fault
    refused = mirror()
    assert 9 == refused.returncode, refused.stderr
    assert f"error: {served} {what}" in refused.stderr
    assert not has()
    proxy.fault = ""
    done = mirror()
    assert (0, True) == (done.returncode, has()), done.stderr


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
