"""What is removed where some targets are selected of more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acting import context
from msgspec.structs import replace

from crosstasks.clients.engines import EngineClient
from crosstasks.context import Context, look_of
from crosstasks.extras.maintenance import cleaning
from crosstasks.testing import ARM64, FakeRunner, config, facts, repository

STAYS = ("x86_64-unknown-linux-gnu/debug/hello", ".cross-1-2/x86_64-unknown-linux-gnu/x", ".cross-1-2/debug/build/x", "logs/x86_64.log")
GOES = (f"{ARM64}/debug/hello", f".cross-1-2/{ARM64}/x", f".zigbuild-3/{ARM64}/x", f"logs/{ARM64}.log")


@pytest.fixture
def clean(tmp_path):
    """Clean what builds of two targets left, with these selected; what is left is returned."""
    folder = tmp_path / "target" / "crosstasks"
    for name in (*STAYS, *GOES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")

    def clean(*selected, dry=False):
        options = config("x86_64", "aarch64")
        options = replace(options, targets=selected or options.targets)
        known = facts(repository=repository(root=str(tmp_path), target_directory=str(tmp_path / "target")))
        look = look_of(tmp_path, tmp_path, options, {}, FakeRunner())
        context = Context(
            config=options, root=tmp_path, cache=tmp_path, environ={}, run=FakeRunner(), say=lambda _: None, look=look, facts=known
        )
        list(cleaning.clean(context, dry=dry))
        return {name for name in (*STAYS, *GOES) if (folder / name).exists()}

    return clean


def test_only_what_is_selected_goes(clean):
    """Its artifacts, what cargo keeps of it under every builder, and its log; what the host's programs are built of is of all."""
    assert {*STAYS, *GOES} == clean(ARM64, dry=True)
    assert set(STAYS) == clean(ARM64)


def test_without_a_selection_all_goes(clean):
    """The whole folder."""
    assert set() == clean()


@pytest.mark.parametrize(
    ("tags", "chosen", "goes"),
    [
        ([f"crosstasks/{ARM64}:amd64-0123456789ab"], (ARM64,), True),
        ([f"mirror.example.org/crosstasks/{ARM64}:amd64-0123456789ab"], (ARM64,), True),
        (["crosstasks/aarch64-unknown-linux-musl:amd64-0123456789ab"], (ARM64,), False),
        ([f"crosstasks/{ARM64}:amd64-0123456789ab"], (), True),
        ([], (ARM64,), False),
    ],
)
def test_an_image_is_of_the_target_in_its_name(tags, chosen, goes):
    """Where none is selected all are meant."""
    assert goes is cleaning.is_of({"Id": "sha256:1", "RepoTags": tags}, chosen)


@pytest.mark.parametrize(
    ("users", "dead", "line"),
    [
        ("", (), "would remove hello:1, 1.0 kB"),
        ("0123456789abcdef\n", (), "would keep hello:1, 1.0 kB: container 0123456789ab uses it"),
        ("0123456789abcdef\n", ("0123456789abcdef",), "would remove hello:1, 1.0 kB"),
    ],
)
def test_a_dry_run_says_which_image_would_be_kept(users, dead, line):
    """One that a container uses, unless that goes as well."""
    runner = FakeRunner({("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "ancestor=sha256:1"): users})
    image = {"Id": "sha256:1", "RepoTags": ["hello:1"], "Size": 1000}
    assert line == cleaning.remove_image(EngineClient("docker", runner), image, None, dead, dry=True)


PODMAN = Path(__file__).parents[2] / "data" / "podman" / "image-arm64.json"


@pytest.mark.parametrize("server", ["localhost/", ""])
def test_an_image_that_plans_need_stays(server, tmp_path):
    """By its label, since Podman's name of it is longer than the tag; of Docker by the name too."""
    (answer,) = json.loads(PODMAN.read_text())
    images = []
    for tag in (f"crosstasks/{ARM64}:amd64-0123456789ab", f"crosstasks/{ARM64}:amd64-ba9876543210"):
        image = {**answer, "Id": tag[-12:], "RepoTags": [f"{server}{tag}"], "NamesHistory": [f"{server}{tag}"], "Size": 1000}
        images.append({**image, "Config": {"Labels": {"crosstasks.image": tag} if server else None}})
    needed, stale = (image["Id"] for image in images)
    known = facts()
    runner = FakeRunner(
        {
            (known.engine.command, "images", "--quiet", "--no-trunc", "--filter", "label=x"): f"{needed}\n{stale}\n",
            (known.engine.command, "image", "inspect", needed, stale): json.dumps(images),
            (known.engine.command, "ps", "--all", "--quiet", "--no-trunc", "--filter", f"ancestor={stale}"): "",
        }
    )
    needs = cleaning.Needs(images=frozenset({f"crosstasks/{ARM64}:amd64-{needed}"}))
    lines = list(cleaning._images(needs, context(tmp_path, runner, facts=known), "x", dry=True))  # noqa: SLF001 - without plans and folders
    assert [f"would remove {server}crosstasks/{ARM64}:amd64-{stale}, 1.0 kB"] == lines
