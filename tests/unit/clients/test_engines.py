"""The engine's door without an engine: what its answers mean."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crosstasks.clients import docker_sdk, engines
from crosstasks.clients.docker_sdk import PullProgress, failure
from crosstasks.clients.engines import EngineClient
from crosstasks.core.errors import EngineFailed, ImageFailed
from crosstasks.core.steps import Done, Question
from crosstasks.testing import FakeRunner, facts


class Says:
    """A runner whose program says one thing, and keeps what it was asked."""

    def __init__(self, *, out="", err="", code=0):
        self.done = Done(argv=("docker",), code=code, out=out, err=err)
        self.asked = []

    def __call__(self, argv, **_options):
        self.asked.append(tuple(argv))
        return self.done


def test_labels_name_run_and_owner():
    """A container's labels name its run, and this process by host, pid and start."""
    run, owner = engines.labels("abc")
    assert run == "crosstasks.run=abc"
    assert owner == f"crosstasks.owner={engines.host_id()}:{os.getpid()}:{owner.rpartition(':')[2]}"
    assert engines.labels("abc", "me") == ("crosstasks.run=abc", "crosstasks.owner=me")


def test_who_is_alive():
    """We live; a reused pid is another; what is elsewhere, or not named as ours are, is taken for living."""
    host, pid, start = engines.owner().split(":", 2)
    assert engines.alive(f"{host}:{pid}:{start}")
    assert not engines.alive(f"{host}:{pid}:{int(start) + 1}")
    assert not engines.alive(f"{host}:999999999:{start}")
    assert not engines.alive(f"{host}:999999999:")
    assert engines.alive(f"elsewhere:999999999:{start}")
    assert engines.alive("")
    assert engines.alive(f"{host}:nonsense")


@pytest.mark.parametrize(("error", "lives"), [(PermissionError, True), (ProcessLookupError, False), (None, False)])
def test_another_users_process_that_is_hidden_lives(monkeypatch, error, lives):
    """With /proc's option hidepid nothing of it can be read; one of our own that has ended is not hidden."""

    def kill(_pid, number):
        assert number == 0
        if error:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    assert lives == engines.alive(f"{engines.host_id()}:999999999:1")


def test_on_a_mac_the_time_zone_and_the_network_change_no_owner(monkeypatch):
    """What ps says of a start is of one zone; the boot is named by the kernel, not by the host's name."""
    asked = []

    def run(argv, *, env=None, timeout):
        asked.append((argv[0], env, timeout))
        return Done(argv=argv, code=0, out={"sysctl": "0B00-7\n", "ps": "Mon Nov 30 07:00:00 2026\n"}[argv[0]])

    monkeypatch.setattr(engines.process, "run", run)
    monkeypatch.setattr(engines.sys, "platform", "darwin")
    monkeypatch.setattr(engines.Path, "exists", lambda _path: False)
    monkeypatch.setattr(engines.Path, "read_text", lambda *_arguments, **_options: "")
    names = []
    for name in ("office.local", "home.local"):
        monkeypatch.setattr(engines.socket, "gethostname", lambda name=name: name)
        engines.host_id.cache_clear()
        names.append(engines.owner(7))
    engines.host_id.cache_clear()
    assert (names[0], True) == (names[1], names[0].endswith(":7:Mon-Nov-30-07-00-00-2026"))
    assert ("ps", {"LC_ALL": "C", "TZ": "UTC0"}, 10) in asked


@pytest.mark.parametrize(("said", "held"), [('[{"Id": "1"}]', [{"Id": "1"}]), ("[]\n", []), ("", [])])
def test_an_image_that_goes_while_it_is_asked_for_hides_no_other(said, held):
    """The command fails then, and has told of the others."""
    listed = ("docker", "images", "--quiet", "--no-trunc", "--filter", "label=l")
    gone = Done(argv=("docker",), code=1, out=said, err="Error: No such image: 2")
    assert held == EngineClient("docker", FakeRunner({listed: "1\n2\n", ("docker", "image", "inspect", "1", "2"): gone})).images("l")


@pytest.mark.parametrize("said", ["Error: No such image: x", "Error: x: image not known", "Error response from daemon: no such image: x"])
def test_image_that_is_not_there(said):
    """The words of both engines for an image that is not there are no failure."""
    assert EngineClient("docker", Says(out="[]", err=said, code=1)).image("x") is None


def test_removal_that_someone_else_did():
    """A container that is gone, or just going, is removed; any other complaint is a failure."""
    for said in ("Error: No such container: a", "Error response from daemon: removal of container a is already in progress"):
        EngineClient("docker", Says(err=said, code=1)).remove(["a"])
    with pytest.raises(EngineFailed, match="device busy"):
        EngineClient("docker", Says(err="Error: No such container: a\nError: device busy", code=1)).remove(["a", "b"])


def test_layers_are_counted():
    """A pull is told by layers and megabytes, and its other events are left out."""
    layers = PullProgress("x", print)
    assert str(layers) == "no layer is new"
    layers.feed({"status": "Pulling from library/x", "id": "latest"})
    for layer in ("a", "b", "c"):
        layers.feed({"status": "Pulling fs layer", "progressDetail": {}, "id": layer})
    layers.feed({"status": "Downloading", "progressDetail": {"current": 1_000_000, "total": 4_000_000}, "id": "a"})
    layers.feed({"status": "Already exists", "progressDetail": {}, "id": "b"})
    assert str(layers) == "1 of 3 layers, 1 of 4 MB"
    layers.feed({"status": "Download complete", "progressDetail": {}, "id": "a"})
    layers.feed({"status": "Extracting", "progressDetail": {"current": 1, "total": 4_000_000}, "id": "a"})
    assert str(layers) == "1 of 3 layers, 4 of 4 MB"
    layers.feed({"status": "Pull complete", "progressDetail": {}, "id": "a"})
    assert str(layers) == "2 of 3 layers, 4 of 4 MB"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "not offered for this platform"),
        ("unauthorized: authentication required", "docker logout"),
        ("write /var/lib/docker/tmp/x: no space left on device", "docker system df"),
        ("dial tcp: lookup ghcr.io: no such host", "name a mirror"),
        ("something new", ""),
    ],
)
def test_failed_pull_has_a_hint(said, hint):
    """What is known to go wrong comes with what can be done about it."""
    error = failure("cannot pull x", said)
    assert error.why == said
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)


ENGINE = facts().answers[Question("engine")]
SEARCH = ("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter")
FORMAT = ("docker", "inspect", "--format", "{{.Id}} {{json .Config.Labels}}")


def failed(err, code=1):
    """Return what an engine says that refuses."""
    return Done(argv=("docker",), code=code, err=err)


def test_images_of_a_label_are_inspected_once():
    """An image with two tags is listed twice; without any, nothing is inspected."""
    listing = ("docker", "images", "--quiet", "--no-trunc", "--filter", "label=a=b")
    run = FakeRunner({listing: "1\n2\n1\n", ("docker", "image", "inspect", "1", "2"): '[{"Id": "1"}, {"Id": "2"}]'})
    assert [{"Id": "1"}, {"Id": "2"}] == EngineClient("docker", run).images("a=b")
    assert [] == EngineClient("docker", FakeRunner({listing: ""})).images("a=b")
    with pytest.raises(EngineFailed) as raised:
        EngineClient("docker", FakeRunner({listing: failed("Cannot connect to the Docker daemon")})).images("a=b")
    assert ("docker does not answer", "Cannot connect to the Docker daemon") == (raised.value.what, raised.value.why)


def test_a_container_that_has_just_gone_hides_no_other():
    """The command fails then, after it has told of the others."""
    said = Done(argv=(), code=1, out='a {"crosstasks.run":"1"}\nb null\n', err="No such object: c")
    run = FakeRunner({(*SEARCH, "label=x"): "a\nb\nc\n", (*FORMAT, "a", "b", "c"): said})
    assert {"a": {"crosstasks.run": "1"}} == EngineClient("docker", run).containers("x")
    assert {} == EngineClient("docker", FakeRunner({(*SEARCH, "label=x"): ""})).containers("x")


def test_only_what_nobody_owns_is_swept():
    """A container whose owner lives stays, and so does one of another machine."""
    host, pid, start = engines.owner().split(":", 2)
    owners = {"mine": f"{host}:{pid}:{start}", "dead": f"{host}:999999999:{start}", "other": f"elsewhere:1:{start}"}
    lines = "".join(f'{name} {{"crosstasks.owner":"{owner}"}}\n' for name, owner in owners.items())
    removal = ("docker", "rm", "--force", "--volumes", "dead")
    run = FakeRunner({(*SEARCH, "label=crosstasks.owner"): "\n".join(owners), (*FORMAT, *owners): lines, removal: ""})
    assert 1 == EngineClient("docker", run).sweep()
    assert [(*SEARCH, "label=crosstasks.owner"), (*FORMAT, *owners), removal] == run.calls


def test_one_container_or_image_is_asked_for():
    """What is not there is nothing; who uses an image is told also of containers that have ended."""
    ask = ("docker", "container", "inspect", "x")
    assert {"Id": "1"} == EngineClient("docker", FakeRunner({ask: '[{"Id": "1"}]'})).container("x")
    assert {} == EngineClient("docker", FakeRunner({ask: failed("No such container: x")})).container("x")
    assert ("1", "2") == EngineClient("docker", FakeRunner({(*SEARCH, "ancestor=i"): "1\n2\n"})).users("i")
    image = ("docker", "image", "inspect")
    run = FakeRunner({(*image, "a"): '[{"Id": "1"}]', (*image, "b"): failed("Error: No such image: b")})
    assert [{"Id": "1"}] == engines.inspect("docker", ("a", "b"), run)


def test_a_mark_tells_whether_a_folder_is_in_use(tmp_path):
    """One of this process is; one of a process that is gone is not, and one without a mark is taken for in use."""
    assert not engines.is_abandoned(tmp_path)
    engines.mark(tmp_path)
    assert not engines.is_abandoned(tmp_path)
    (tmp_path / "owner").write_text(f"{engines.host_id()}:999999999:1")
    assert engines.is_abandoned(tmp_path)


class Streamed:
    """What programs say that are streamed, in place of ``process.stream``; every argv, and what was piped in, is kept."""

    def __init__(self, monkeypatch, out=b"", err="", code=0):
        """Take its place."""
        self.out, self.done, self.calls, self.piped = out, Done(argv=("docker",), code=code, err=err), [], b""
        monkeypatch.setattr(engines.process, "stream", self)

    def __call__(self, argv, *, stdin=(), on_out=None, on_err=None):
        self.calls.append(tuple(argv))
        self.piped = b"".join(stdin)
        on_out(self.out)
        on_err(b"said on the way\n")
        return self.done


@pytest.mark.parametrize(
    ("out", "name"),
    [
        (b"Loaded image: x:1\n", "x:1"),
        (b"Loaded image ID: sha256:12\n", "sha256:12"),
        (b"Loaded image(s): localhost/x:1\n", "localhost/x:1"),
        (b"so it is\n", ""),
    ],
)
def test_what_an_engine_calls_an_image_that_it_has_loaded(monkeypatch, out, name):
    """In the words of both engines, old and new."""
    stream = Streamed(monkeypatch, out)
    assert (name, b"ab") == (engines.load("docker", [b"a", b"b"]), stream.piped)
    assert [("docker", "load")] == stream.calls


def test_images_are_saved_into_one_archive(monkeypatch):
    """Podman has to be told that there are several."""
    from msgspec.structs import replace

    stream, chunks = Streamed(monkeypatch, b"tar"), []
    engines.save(ENGINE, ("a", "b"), chunks.append)
    podman = replace(ENGINE, kind="podman", command="podman")
    engines.save(podman, ("a",), chunks.append)
    engines.save(podman, ("a", "b"), chunks.append)
    several = ("podman", "save", "--multi-image-archive", "a", "b")
    assert [(ENGINE.command, "save", "a", "b"), ("podman", "save", "a"), several] == stream.calls
    assert [b"tar"] * 3 == chunks


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda: engines.load("docker", []), "the engine did not load the image"),
        (lambda: engines.save(ENGINE, ("a", "b"), list), "cannot save a, b"),
        (lambda: engines.pull(ENGINE, "a", "linux/amd64", str), "cannot pull a"),
    ],
)
def test_an_engine_that_refuses_an_image(monkeypatch, capfdbinary, act, what):
    """Its own words are told, and what can be done."""
    Streamed(monkeypatch, err=" no space left on device\n", code=1)
    monkeypatch.setattr(docker_sdk, "client", lambda _timeout: None)
    with pytest.raises(ImageFailed) as raised:
        act()
    hint = "free some space: `docker system df` tells what takes it"
    assert (what, "no space left on device", hint) == (raised.value.what, raised.value.why, raised.value.hint)


def test_who_pulls(monkeypatch, capsys):
    """The SDK where it serves, else the engine's own command, whose words are progress."""
    from msgspec.structs import replace

    stream, calls, lines = Streamed(monkeypatch, b"out\n"), [], []
    monkeypatch.setattr(docker_sdk, "client", lambda timeout: ("client", timeout))
    monkeypatch.setattr(docker_sdk, "pull", lambda *arguments: calls.append(arguments[:3]))
    engines.pull(ENGINE, "a", "linux/amd64", lines.append)
    assert ([(("client", 300), "a", "linux/amd64")], []) == (calls, stream.calls)
    engines.pull(replace(ENGINE, kind="podman", command="podman"), "a", "linux/amd64", lines.append)
    assert [("podman", "pull", "--platform", "linux/amd64", "a")] == stream.calls
    assert ["pulling a for linux/amd64"] * 2 == lines
    assert ("", "out\nsaid on the way\n") == tuple(capsys.readouterr())


class Started:
    """A program in place of ``subprocess.Popen``, of which is kept how it was started and what it was told."""

    def __init__(self, monkeypatch):
        """Take its place."""
        self.calls, self.lines, self.stdin = [], [], self
        monkeypatch.setattr(subprocess, "Popen", self._start)

    def _start(self, argv, **options):
        self.calls.append((argv, options["cwd"], options["start_new_session"]))
        return self

    def write(self, line):
        """Be told a line."""
        self.lines.append(line)

    def close(self):
        """Have the pipe closed."""
        self.lines.append("closed")

    def wait(self):
        """Be gone."""


REAPER = str(Path(engines.__file__).with_name("reaper.py"))
LABEL = "crosstasks.run=r1"


@pytest.mark.parametrize(
    ("code", "removed", "lines"),
    [
        (0, False, [b"begun 7\n", b"over 7\n", b"done\n", "closed"]),
        (101, False, [b"begun 7\n", b"over 7\n", b"done\n", "closed"]),
        (127, False, [b"begun 7\n", b"over 7\n", b"done\n", "closed"]),
        (137, True, [b"begun 7\n", b"over 7\n", "closed"]),
        (-9, True, [b"begun 7\n", b"over 7\n", "closed"]),
    ],
)
def test_containers_of_a_run_end_with_it(monkeypatch, code, removed, lines):
    """A program that a signal has killed may leave its container: it is removed, and the reaper looks for what is just starting."""
    reaper = Started(monkeypatch)
    removal = ("docker", "rm", "--force", "--volumes", "c")
    run = FakeRunner({(*SEARCH, f"label={LABEL}"): "c\n", (*FORMAT, "c"): 'c {"a": "b"}\n', removal: ""})
    with engines.reap_containers("docker", "r1", run) as owner:
        owner.start()
        owner.begun(7)
        owner.over(7, code)
    command = [sys.executable, "-I", "-S", REAPER, owner.arguments[0], LABEL]
    assert [(command, "/", True)] == reaper.calls
    assert owner.arguments[0].endswith("/docker")
    assert (removed, lines) == (removal in run.calls, reaper.lines)


def test_an_engine_that_does_not_answer_hides_no_error(monkeypatch):
    """What went wrong in the block is told, and not that the containers could not be removed; the reaper tries it too."""
    reaper = Started(monkeypatch)
    run = FakeRunner({(*SEARCH, f"label={LABEL}"): failed("Cannot connect")})
    with pytest.raises(ZeroDivisionError), engines.reap_containers("docker", "r1", run):
        raise ZeroDivisionError
    assert (1, ["closed"]) == (len(run.calls), reaper.lines)


def test_programs_without_containers_are_owned_as_well(monkeypatch):
    """An install has a reaper that knows of no engine, and is let go as soon as it is over; it starts with the first program."""
    reaper = Started(monkeypatch)
    with engines.no_orphans():
        assert [] == reaper.calls
    assert [] == reaper.lines
    owner = engines.ContainerReaper()
    owner.start()
    owner.close(done=True)
    assert ([([sys.executable, "-I", "-S", REAPER, "", ""], "/", True)], [b"done\n", "closed"]) == (reaper.calls, reaper.lines)


def test_a_reaper_that_is_gone_ends_nothing(monkeypatch):
    """There is still the sweep of the next call: neither that it does not start nor that its pipe is broken is a failure."""

    def broken(*_arguments, **_options):
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", broken)
    owner = engines.ContainerReaper("docker", LABEL)
    for act in (owner.start, lambda: owner.begun(7), lambda: owner.close(done=True)):
        act()
    reaper = Started(monkeypatch)
    reaper.write = broken
    owner.start()
    owner.begun(7)
    owner.close(done=True)
    assert ["closed"] == reaper.lines
