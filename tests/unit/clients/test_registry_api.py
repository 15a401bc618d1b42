"""What is asked of registries and web servers, and what their answers mean."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
from types import SimpleNamespace

import docker
import pytest
from docker.errors import APIError, DockerException, NotFound
from msgspec.structs import replace
from registry_server import INDEX, Servers, sha256
from urllib3 import HTTPResponse

from crosstasks.clients import registry_api
from crosstasks.core.errors import ConfigError, CrosstasksError, EngineFailed, ImageFailed
from crosstasks.core.steps import Question
from crosstasks.facts.registry import parse
from crosstasks.testing import facts

PLACE = "r.example/v2/a/b"
REF = "r.example/a/b:1"
MANIFEST = f"https://{PLACE}/manifests/1"
LOG_IN = base64.b64encode(b"me:secret").decode()
BASIC = f"Basic {LOG_IN}"
UNAUTHORISED = "log in, or log out if an old log-in is refused: `docker logout <registry>`"


@pytest.fixture
def servers(monkeypatch, tmp_path):
    """A plain image is served, and nobody is logged in."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    servers = Servers(monkeypatch)
    servers.put_image(PLACE, "1", b"layer")
    return servers


def knows(tmp_path, registry="r.example", name="config.json"):
    """Write a log-in as Docker and Podman do."""
    (tmp_path / name).write_text(json.dumps({"auths": {registry: {"auth": LOG_IN}}}))


def failure(act, *arguments):
    """Return the words of the failure that an image ends in."""
    with pytest.raises(ImageFailed) as raised:
        act(*arguments)
    return raised.value.what, raised.value.why, raised.value.hint


def test_a_plain_image_is_told_with_the_platform_of_its_configuration(servers):
    """A plain manifest names no platform; of an index none of its images is asked for."""
    image = parse(REF, registry_api.look(REF, None, 5.0))
    assert (("linux/amd64",), False) == (image.platforms, image.index)
    entries = [servers.put_image(PLACE, "x", architecture=architecture) for architecture in ("arm64", "s390x")]
    top = servers.put(PLACE, "2", {"manifests": entries}, INDEX)
    servers.calls.clear()
    image = parse("x", registry_api.look("r.example/a/b:2", None, 5.0))
    assert (top["digest"], ("linux/arm64", "linux/s390x"), True) == (image.digest, image.platforms, image.index)
    assert [("GET", f"https://{PLACE}/manifests/2", "")] == servers.calls


@pytest.mark.parametrize(
    ("ref", "url"),
    [
        ("debian", "https://registry-1.docker.io/v2/library/debian/manifests/latest"),
        ("localhost:5000/a:1", "http://localhost:5000/v2/a/manifests/1"),
        ("127.0.0.1:5000/a:1", "http://127.0.0.1:5000/v2/a/manifests/1"),
        ("localhost.example/a:1", "https://localhost.example/v2/a/manifests/1"),
        (f"r.example/a:1@{sha256(b'')}", f"https://r.example/v2/a/manifests/{sha256(b'')}"),
    ],
)
def test_where_a_reference_is_asked_for(servers, ref, url):
    """Only this machine's registries are asked in the clear, and a digest is asked for before a tag."""
    failure(registry_api.look, ref, None, 5.0)
    assert [("GET", url, "")] == servers.calls


@pytest.mark.parametrize(
    ("challenge", "known", "calls"),
    [
        ('Bearer realm="https://t.example/token",service="r",scope="repository:a/b:pull"', True, [BASIC, "Bearer T"]),
        ('Bearer realm="https://t.example/token",service="r",scope="repository:a/b:pull"', False, ["", "Bearer T"]),
        ('Bearer realm="http://t.example/token",service="r",scope="repository:a/b:pull"', True, ["", "Bearer T"]),
        ('Basic realm="r"', True, [BASIC]),
        ('Basic realm="r"', False, []),
        ("Negotiate", True, []),
        ("", True, []),
    ],
)
def test_what_a_challenge_is_answered_with(servers, tmp_path, challenge, known, calls):
    """A log-in is sent to whom gives tokens only with TLS; where it cannot be answered the registry's no stands."""
    if known:
        knows(tmp_path)
    servers.answers[MANIFEST] = [(401, {"WWW-Authenticate": challenge}, b"")]
    for scheme in ("http", "https"):
        address = f"{scheme}://t.example/token?service=r&scope=repository%3Aa%2Fb%3Apull"
        servers.answers[address] = (200, {}, b'{"access_token": "T"}')
    if not calls:
        why = f"401 Client Error: None for url: {MANIFEST}"
        assert (f"{REF} could not be looked up", why) == failure(registry_api.look, REF, None, 5.0)[:2]
    else:
        registry_api.look(REF, None, 5.0)
    assert ["", *calls] == [log_in for _, url, log_in in servers.calls if "/blobs/" not in url]
    if calls:  # what follows is sent the same at once
        assert calls[-1] == servers.calls[-1][2]


def test_a_file_is_sent_whole_after_a_log_in(servers, tmp_path):
    """The registry has read it when it asks for one."""
    knows(tmp_path)
    address = f"https://{PLACE}/blobs/uploads/1"
    servers.answers[address] = [(401, {"WWW-Authenticate": "Basic"}, b""), (201, {}, b"")]
    registry_api.RegistryClient(REF, 5.0).send("PUT", address, data=io.BytesIO(b"blob"))
    assert [b"blob", b"blob"] == servers.bodies


def test_a_log_in_stays_with_its_registry(servers, tmp_path):
    """A server that the registry sends us on to does not see the token, nor is it answered when it asks for one."""
    knows(tmp_path)
    elsewhere = "https://s.example/blob"
    servers.answers |= {
        MANIFEST: [(401, {"WWW-Authenticate": "Basic"}, b""), (307, {"Location": elsewhere}, b"")],
        elsewhere: (401, {"WWW-Authenticate": "Basic"}, b""),
    }
    failure(registry_api.look, REF, None, 5.0)
    assert [("GET", MANIFEST, ""), ("GET", MANIFEST, BASIC), ("GET", elsewhere, "")] == servers.calls[:3]
    place = registry_api.RegistryClient(REF, 5.0)
    place.log_in.header = {"Authorization": BASIC}
    servers.calls.clear()
    with pytest.raises(Exception, match="401"):
        place.send("PUT", elsewhere, data=b"x")
    assert [("PUT", elsewhere, "")] == servers.calls


@pytest.mark.parametrize(
    ("answer", "what", "why", "hint"),
    [
        ((404, {}, b""), f"{REF} is not in its registry", "", ""),
        ((403, {}, b""), f"{REF} could not be looked up", f"403 Client Error: None for url: {MANIFEST}", ""),
        ((429, {}, b""), f"{REF} could not be looked up", f"429 Client Error: None for url: {MANIFEST}", ""),
        ((503, {}, b""), f"{REF} could not be looked up", f"503 Server Error: None for url: {MANIFEST}", ""),
        ((302, {"Location": MANIFEST}, b""), f"{REF} could not be looked up", "Exceeded 5 redirects.", ""),
        ((200, {}, b"<html>"), f"{REF} could not be looked up", "Expecting value: line 1 column 1 (char 0)", ""),
        ((200, {}, b"[]"), f"{REF} could not be looked up", "list indices must be integers or slices, not str", ""),
        ((200, {}, b"{}"), f"{REF} could not be looked up", "'config'", ""),
        ((200, {}, b" " * (4 << 20) + b"{}"), f"{REF} could not be looked up", "its answer is longer than 4 MB", ""),
        (
            (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(5 << 20))),
            f"{REF} could not be looked up",
            "its answer is longer than 4 MB",
            "",
        ),
        (
            (200, {"Docker-Content-Digest": "sha256:00"}, b"{}"),
            f"{REF} is not what its digest says",
            f"sha256:00 was named, and {sha256(b'{}')} came",
            "nothing of it was used; call again, and if that does not help, look at the registry, its mirror or the proxy before it",
        ),
    ],
)
def test_how_a_registry_fails(servers, answer, what, why, hint):
    """Every answer that cannot be used ends in one error, with what is at the bottom of it."""
    servers.answers[MANIFEST] = answer
    assert (what, why, hint) == failure(registry_api.look, REF, None, 5.0)


def test_a_registry_that_cannot_be_reached_or_wants_a_log_in(servers):
    """What went wrong is told, and for a refusal how to log in."""
    assert ("nowhere.example/a could not be looked up", "no route to host", "") == failure(registry_api.directly, "nowhere.example/a", 5.0)
    with pytest.raises(ImageFailed) as raised, registry_api.translate_errors("x"):
        raise ValueError("401: Unauthorized")
    assert UNAUTHORISED == raised.value.hint


def test_a_blob_is_compared_with_the_digest_in_its_address(servers):
    """What a manifest names by its digest may be anything else in a registry that lies."""
    address = next(iter(servers.blobs))
    other = b'{"os": "other"}'
    servers.answers[f"https://{address}"] = (200, {}, other)
    what, why, _ = failure(registry_api.directly, REF, 5.0)
    assert (f"{REF} is not what its digest says", f"{address.rpartition('/')[2]} was named, and {sha256(other)} came") == (what, why)


def test_tags_are_read_page_by_page(servers):
    """The next page is named relative to the last; twenty are read, of a registry that has no end."""
    first, second = f"https://{PLACE}/tags/list", f"https://{PLACE}/tags/list?n=2&last=b"
    servers.answers |= {
        first: (200, {"Link": '</v2/a/b/tags/list?n=2&last=b>; rel="next"'}, b'{"tags": ["a", "b"]}'),
        second: (200, {}, b'{"tags": null}'),
    }
    assert ("a", "b") == registry_api.tags(REF, 5.0)
    assert [first, second] == [url for _, url, _ in servers.calls]
    servers.answers[second] = servers.answers[first]
    assert 40 == len(registry_api.tags(REF, 5.0))


def test_tags_of_another_server_are_not_asked_for(servers):
    """A registry that sends us to another machine with its next page could have us ask what is behind a firewall."""
    servers.answers[f"https://{PLACE}/tags/list"] = (200, {"Link": '<https://other.example/x>; rel="next"'}, b'{"tags": ["a"]}')
    why = "its registry sends us on to https://other.example/x, which is another"
    assert (f"{REF} could not be looked up", why, "") == failure(registry_api.tags, REF, 5.0)
    assert 1 == len(servers.calls)


@pytest.mark.parametrize(
    ("docker", "podman", "registry", "log_in"),
    [
        ("r.example", "", "r.example", LOG_IN),
        ("", "r.example", "r.example", LOG_IN),
        ("docker.io", "", "registry-1.docker.io", LOG_IN),
        ("https://index.docker.io/v1/", "", "registry-1.docker.io", LOG_IN),
        ("r.example", "r.example", "s.example", ""),
        ("", "", "r.example", ""),
    ],
)
def test_whose_log_in_is_sent(servers, tmp_path, docker, podman, registry, log_in):
    """Docker's file is read first, then Podman's; Docker Hub is logged in to by its other names."""
    del servers
    for name, known in (("config.json", docker), ("auth.json", podman)):
        if known:
            knows(tmp_path, known, name)
    assert log_in == registry_api.basic(registry)


@pytest.mark.filterwarnings("ignore:docker-credential-none-of-ours")
def test_a_helper_that_is_not_there_has_no_log_in(servers, tmp_path, monkeypatch):
    """Docker's file names it, and Podman's is asked then."""
    del servers
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "config.json").write_text('{"credsStore": "none-of-ours"}')
    assert "" == registry_api.basic("r.example")
    knows(tmp_path, name="auth.json")
    assert LOG_IN == registry_api.basic("r.example")


@pytest.mark.parametrize("text", ['{"auths": {"r.example": {"auth": "bm9jb2xvbg=="}}}', '{"auths": ["r.example"]}', "[]"])
def test_log_ins_that_cannot_be_read(servers, tmp_path, text):
    """A log-in without a colon, or a list for a table, is told as what it is, with how to write it anew."""
    del servers
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError) as raised:
        registry_api.basic("r.example")
    assert ("the log-ins of Docker's config.json cannot be read", "`docker login` writes them anew") == (
        raised.value.what,
        raised.value.hint,
    )


class Docker:
    """The SDK, whose engine answers one thing."""

    def __init__(self, answer):
        """Keep how it was made."""
        self.answer, self.made, self.images = answer, [], self

    def from_env(self, **options):
        """Return a client."""
        self.made.append(options)
        if isinstance(self.answer, ValueError):
            raise self.answer
        return self

    def get_registry_data(self, ref):
        """Return what the registry says."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(attrs={"ref": ref, **self.answer})

    def close(self):
        """Be done."""


ENGINE = facts().answers[Question("engine")]


def test_docker_asks_itself(servers, monkeypatch):
    """Where it can; but what it says of a plain manifest of OCI's kind lacks the platform, and the registry is asked then."""
    sdk = Docker({"Platforms": [{"os": "linux"}]})
    monkeypatch.setattr(docker, "from_env", sdk.from_env)
    assert {"ref": REF, "Platforms": [{"os": "linux"}]} == registry_api.look(REF, ENGINE, 5.0)
    assert [] == servers.calls
    sdk.answer = {"Platforms": []}
    assert {"os": "linux", "architecture": "amd64"} == registry_api.look(REF, ENGINE, 5.0)["config"]
    made = len(sdk.made)
    registry_api.look(REF, replace(ENGINE, endpoint="ssh://builder"), 5.0)
    assert made == len(sdk.made)


def test_docker_is_asked_at_the_address_that_was_found(monkeypatch):
    """Unless it is a context's, which has the certificates."""
    sdk = Docker({"Platforms": [1]})
    monkeypatch.setattr(docker, "from_env", sdk.from_env)
    for context in ("", "default", "other"):
        registry_api.look(REF, replace(ENGINE, endpoint="tcp://builder:2376", context=context), 5.0)
    assert ["tcp://builder:2376", "tcp://builder:2376", None] == [made["environment"].get("DOCKER_HOST") for made in sdk.made]
    assert {5.0} == {made["timeout"] for made in sdk.made}


@pytest.mark.parametrize(
    ("error", "kind", "what", "hint"),
    [
        (NotFound("x", explanation="manifest unknown"), ImageFailed, f"{REF} is not in its registry", ""),
        (APIError("x: denied", explanation="denied: requested access"), ImageFailed, f"{REF} could not be looked up", UNAUTHORISED),
        (APIError("x", explanation="toomanyrequests"), ImageFailed, f"{REF} could not be looked up", ""),
        (DockerException("no socket"), EngineFailed, "docker does not answer", ""),
        (OSError("broken"), EngineFailed, "docker does not answer", ""),
        (ValueError("not enough values"), ImageFailed, "Docker's log-ins cannot be read", "`docker login` writes them anew"),
    ],
)
def test_how_docker_fails_to_ask(monkeypatch, error, kind, what, hint):
    """The registry's no is another failure than an engine that does not answer."""
    monkeypatch.setattr(docker, "from_env", Docker(error).from_env)
    with pytest.raises(kind) as raised:
        registry_api.look(REF, ENGINE, 5.0)
    assert (kind, what, hint) == (type(raised.value), raised.value.what, raised.value.hint)
    assert raised.value.why == str(getattr(error, "explanation", None) or error)


TEXT = "https://static.example/text"


def test_a_text_is_read_up_to_a_size(servers, monkeypatch):
    """A channel's manifest has a megabyte."""
    content = b"head\n" + b"x" * 400_000
    servers.answers[TEXT] = (200, {}, content)
    assert content.decode() == registry_api.fetch_text(TEXT, 5.0)
    monkeypatch.setattr(registry_api, "MOST_TEXT", 1 << 16)
    with pytest.raises(CrosstasksError) as raised:
        registry_api.fetch_text(TEXT, 5.0)
    assert (f"{TEXT} cannot be fetched", "its answer is longer than 0 MB") == (raised.value.what, raised.value.why)


def test_a_text_that_is_not_there(servers):
    """The server's word is told."""
    del servers
    with pytest.raises(CrosstasksError) as raised:
        registry_api.fetch_text(TEXT, 5.0)
    assert (f"{TEXT} cannot be fetched", f"404 Client Error: None for url: {TEXT}") == (raised.value.what, raised.value.why)


def test_an_answer_that_does_not_end(monkeypatch):
    """It is given up after its time, however often a byte of it comes; and one that breaks off is told as such."""
    monkeypatch.setattr(time, "monotonic", iter((0.0, 1.0, 3.0)).__next__)
    drops = SimpleNamespace(raw=SimpleNamespace(read1=lambda _count, **_options: b"."))
    taken = registry_api.pieces(drops, 100, 2.0)
    assert b"." == next(taken)
    with pytest.raises(ValueError, match=r"^its answer took longer than 2 s$"):
        next(taken)
    monkeypatch.undo()
    cut = HTTPResponse(io.BytesIO(b"abc"), headers={"Content-Length": "5"}, preload_content=False)
    with pytest.raises(ValueError, match="IncompleteRead"):
        list(registry_api.pieces(SimpleNamespace(raw=cut), 100, 2.0))
