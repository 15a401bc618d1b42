"""Images and containers that are cleaned away, in the real engine; each test's own label keeps others safe."""

from __future__ import annotations

import shutil
import subprocess
from uuid import uuid4

import pytest

from crosstasks import pipeline
from crosstasks.clients.engines import owner
from crosstasks.core.steps import Question
from crosstasks.extras.maintenance import cleaning


def docker(*arguments, **options):
    """Call the engine."""
    return subprocess.run(("docker", *arguments), check=True, capture_output=True, text=True, **options).stdout.strip()


@pytest.fixture
def label():
    """A label that nothing else carries; what does is removed in the end."""
    name = f"crosstasks.test.{uuid4().hex[:12]}"
    yield name
    for kind, listed in (("rm", ("ps", "--all")), ("rmi", ("images",))):
        ids = docker(*listed, "--quiet", "--filter", f"label={name}").split()
        if ids:
            docker(kind, "--force", *ids)


@pytest.fixture
def image(label, busybox_layer):
    """A small image with the label."""
    ref = f"crosstasks-test/cleaned:{uuid4().hex[:12]}"
    command = ("docker", "import", "--change", f"LABEL {label}=x", "-", ref)
    subprocess.run(command, input=busybox_layer, check=True, capture_output=True)
    return ref


@pytest.fixture
def clean(label, tmp_path):
    """Clean the engine of what carries the label."""

    def call():
        context = pipeline.start(
            tmp_path, environ={"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}, need_config=False
        )
        context = pipeline.look(context, (Question("host"), Question("engine")))
        return list(cleaning.clean_engine(context.engine, context, label=label, owner=label))

    return call


def test_an_image_of_ours_is_removed_and_its_size_told(clean, image):
    """The engine no longer holds it."""
    (line,) = clean()
    assert line.startswith(f"removed {image}, ")
    assert line.endswith("MB")
    assert "" == docker("images", "--quiet", image)
    assert ["the engine holds no image of ours"] == clean()


def test_an_image_in_use_is_kept_and_named(clean, image, label):
    """A container that somebody runs keeps its image."""
    docker("run", "--detach", "--label", f"{label}.other=x", image, "/bin/sleep", "300")
    try:
        (line,) = clean()
        assert line.startswith(f"kept {image}: ")
        assert docker("images", "--quiet", image)
    finally:
        docker("rm", "--force", docker("ps", "--quiet", "--filter", f"label={label}.other"))


@pytest.mark.serial
def test_containers_of_the_dead_go_and_of_the_living_stay(clean, image, label):
    """A container whose owner has ended is removed; one whose owner runs is not."""
    ended = subprocess.Popen((shutil.which("sleep"), "300"))
    name = owner(ended.pid)
    ended.kill()
    ended.wait()
    dead = docker("run", "--detach", "--label", f"crosstasks.owner={name}", "--label", f"{label}=x", image, "/bin/sleep", "300")
    alive = docker("run", "--detach", "--label", f"crosstasks.owner={owner()}", "--label", f"{label}=x", image, "/bin/sleep", "300")
    lines = clean()
    assert "removed 1 container that nobody owns any more" == lines[0]
    left = docker("ps", "--all", "--quiet", "--no-trunc").split()
    assert (dead in left, alive in left) == (False, True)
