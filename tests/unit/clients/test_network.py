"""What programs are told of the user's proxies and authorities."""

from __future__ import annotations

import os

import pytest

from crosstasks.clients import network


@pytest.fixture
def user(tmp_path):
    """Return the environment of a user who trusts a file's authorities, with a home folder of files."""

    def made(files=None, **more):
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / "corp.pem").touch()
        return {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "SSL_CERT_FILE": str(tmp_path / "corp.pem"), **more}

    return made


@pytest.mark.parametrize(
    ("environ", "given"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a"}, {"https_proxy": "http://p:1", "no_proxy": "a"}),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, {}),
        ({"http_proxy": "http://p:1"}, {}),
        ({"SSL_CERT_FILE": "/nowhere/corp.pem"}, {}),
        ({"SSL_CERT_FILE": ""}, {}),
    ],
)
def test_proxies_in_small_letters(environ, given):
    """Apt reads no others; a file that is not there is told to nobody."""
    assert network.variables(environ) == given


def test_a_file_of_authorities_goes_to_every_tool(user):
    """Each by its own variable."""
    environ = user()
    assert network.variables(environ) == dict.fromkeys(("PIP_CERT", "CARGO_HTTP_CAINFO", "GIT_SSL_CAINFO"), environ["SSL_CERT_FILE"])


@pytest.mark.parametrize(
    ("files", "more", "lacking"),
    [
        ({}, {"PIP_CERT": "/own.pem"}, "PIP_CERT"),
        ({}, {"CARGO_HTTP_CAINFO": "/own.pem"}, "CARGO_HTTP_CAINFO"),
        ({".cargo/config.toml": '[http]\ncainfo = "/own.pem"\n'}, {}, "CARGO_HTTP_CAINFO"),
        ({".gitconfig": "[http]\n\tsslCAInfo = /own.pem\n"}, {}, "GIT_SSL_CAINFO"),
        ({".config/pip/pip.conf": "[global]\ncert = /own.pem\n"}, {"PIP_CONFIG_FILE": ""}, "PIP_CERT"),
    ],
)
def test_what_the_user_told_a_tool_stays(user, files, more, lacking):
    """In its variable, or in its file."""
    environ = user(files, **more)
    assert set(network.variables(environ)) == {"PIP_CERT", "CARGO_HTTP_CAINFO", "GIT_SSL_CAINFO"} - {lacking}


def test_a_container_gets_proxies_by_name():
    """In both spellings, since its programs may read either."""
    assert network.proxies({"HTTPS_PROXY": "x", "no_proxy": "y", "PATH": "z"}) == ("HTTPS_PROXY", "no_proxy", "https_proxy")
