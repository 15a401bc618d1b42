"""How registries are logged in to."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from requests import Response
from urllib3 import HTTPResponse

from crosstasks.clients.registry_api import LogIn

PULL = "repository:a/b:pull"
PUSH = "repository:a/b:pull,push"


class Tokens:
    """A server of tokens that says what they are for."""

    def get(self, _realm, *, params, **_more):
        scope = params.get("scope", "")
        answer = Response()
        answer.status_code, answer.raw = 200, HTTPResponse(io.BytesIO(json.dumps({"token": scope}).encode()), preload_content=False)
        return answer


def refused(scope, header):
    """Return an answer of a registry that wants a token for *scope*."""
    told = f'Bearer realm="https://r.example/token",service="r",scope="{scope}"'
    request = SimpleNamespace(headers={"Authorization": header} if header else {})
    return SimpleNamespace(headers={"WWW-Authenticate": told}, request=request, url="https://r.example/v2/")


@pytest.fixture
def log_in(monkeypatch, tmp_path):
    """Nobody is known at the registry."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    return LogIn("r.example", Tokens(), 1.0)


def test_a_token_for_pulling_takes_no_push_away(log_in):
    """One thread's token has expired where it pulled: another that pushes is given the same, and must not be refused again."""
    assert log_in.answer(refused(PUSH, ""))
    assert log_in.header == {"Authorization": f"Bearer {PUSH}"}
    log_in.header = {"Authorization": "Bearer expired"}
    assert log_in.answer(refused(PULL, "Bearer expired"))
    assert log_in.header == {"Authorization": f"Bearer {PUSH}"}


def test_a_scope_of_two_repositories_stays_one_of_two(log_in):
    """A blob is mounted from another."""
    assert log_in.answer(refused(f"repository:a/c:pull {PUSH}", ""))
    assert log_in.header == {"Authorization": f"Bearer repository:a/c:pull {PUSH}"}
