"""Where the engine listens, and whether that is another machine."""

from __future__ import annotations

import hashlib
import json

import pytest
from facts_looks import LINUX, look, recorded

from crosstasks.facts import engine
from crosstasks.facts.engine import desktop, table

VERSION = table(recorded("docker/version-20.10.json"))


@pytest.mark.parametrize(
    ("listens", "name", "said", "remote"),
    [
        ("", "builder", "", False),
        ("unix:///run/user/1000/docker.sock", "other", "", False),
        ("npipe:////./pipe/docker_engine", "other", "", False),
        ("ssh://me@box", "box", "", True),
        ("ssh://me@localhost", "builder", "", True),
        ("tcp://10.0.0.2:2375", "builder", "", True),
        ("tcp://docker:2375", "abc", "", True),
        ("tcp://127.0.0.1:2375", "builder", "", False),
        ("tcp://127.0.0.1:2375", "behind-a-tunnel", "", True),
        ("unix:///tmp/forwarded.sock", "behind-a-tunnel", "1", True),
        ("unix:///tmp/forwarded.sock", "behind-a-tunnel", "true", True),
        ("ssh://git@box:path", "builder", "", True),
        ("tcp://[::1", "builder", "", True),
        ("tcp://builder:2375", "builder", "0", False),
        ("tcp://builder:2375", "builder", "false", False),
    ],
)
def test_an_engine_is_remote_unless_it_is_here(listens, name, said, remote):
    """A socket is here; an address of this machine only if the machine behind it has our name and kernel; the user knows best."""
    apart = engine.apart(name, LINUX.release, LINUX)
    assert remote == engine.is_remote(listens, {"CROSS_REMOTE": said}, apart=apart)


def test_podmans_own_machine_is_not_another():
    """It listens by ssh at this machine's address, and has our folders."""
    assert not engine.is_remote("ssh://core@localhost:40123", {}, apart=True, machine=True)


def test_the_context_names_the_address(tmp_path):
    """The address is DOCKER_HOST's, else that in the context's own file."""
    colima = {"Client": {"Context": "colima"}}
    path = tmp_path / "home/.docker/contexts/meta" / hashlib.sha256(b"colima").hexdigest() / "meta.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"Name": "colima", "Endpoints": {"docker": {"Host": "unix:///home/me/.colima/default/docker.sock"}}}))
    assert "unix:///home/me/.colima/default/docker.sock" == (found := engine.docker(look(tmp_path), colima))
    assert "colima" == desktop(VERSION, {}, "colima", found)
    assert "tcp://10.0.0.2:2375" == engine.docker(look(tmp_path, environ={"DOCKER_HOST": "tcp://10.0.0.2:2375"}), colima)
    assert "" == engine.docker(look(tmp_path), VERSION)


@pytest.mark.parametrize(
    ("listens", "hint"),
    [
        ("", "start docker, or name another engine with CROSSTASKS_ENGINE"),
        ("tcp://box:2375", "start docker, or name another engine with CROSSTASKS_ENGINE"),
        ("ssh://box", "`ssh box docker version` must answer, and ask for nothing"),
        ("ssh://me@[::1]", "`ssh me@::1 docker version` must answer, and ask for nothing"),
        ("ssh://git@box:path", "start docker, or name another engine with CROSSTASKS_ENGINE"),
        ("tcp://[::1", "start docker, or name another engine with CROSSTASKS_ENGINE"),
        ("ssh://me@box:2222", "`ssh -p 2222 me@box docker version` must answer, and ask for nothing"),
    ],
)
def test_what_to_do_about_an_engine_that_does_not_answer(listens, hint):
    """By ssh it may be the way there that fails, which is tried without us."""
    assert hint == engine.start("docker", listens)
