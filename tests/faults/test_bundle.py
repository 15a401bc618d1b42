"""kill -9 while a bundle is written, while it is loaded, and while a lock is written: nothing half there counts, and the next call works."""

from __future__ import annotations

import platform
import signal
import time

import pytest
from misbehaving import configure, flip

from crosstasks.core.cache import ALL, changed_files

TRIPLE = f"{platform.machine()}-unknown-linux-gnu"


def killed(child, word, moment):
    """Kill a call a moment after it has said a word; tell whether that was before its end."""
    for line in child.stderr:
        if word in line:
            time.sleep(moment)  # into what was only begun with that word
            break
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    return -signal.SIGKILL == child.returncode


@pytest.fixture
def small(crosstasks, crate, alone, busybox):
    """The crate for this host, with cross and an image that is small, since nobody starts it here; and what is needed, in a cache."""
    (crate / "crosstasks.toml").write_text(f'version = 1\ntargets = ["{TRIPLE}"]\n')
    configure(crate, builder='"cross"', image=f'"{busybox}"', toolchains='["cache", "debian"]', fallback="[]")
    made = crosstasks("provision", cwd=crate, CROSSTASKS_CACHE_DIR=str(alone))
    assert 0 == made.returncode, made.stderr
    return crate


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the bundle of these tests is: it is made once, by the first of them that needs it."""
    return tmp_path_factory.mktemp("bundle") / "b.tar"


@pytest.fixture
def bundle(crosstasks, small, alone, kept):
    """A bundle with a tool, a toolchain, an image and crates."""
    if not kept.exists():
        done = crosstasks("bundle", "--to", str(kept), cwd=small, CROSSTASKS_CACHE_DIR=str(alone))
        assert 0 == done.returncode, done.stderr
    return kept


def test_while_a_bundle_is_written(crosstasks, small, alone, kept, tmp_path):
    """There is no file of that name, and an older one stays as it was; what is left of the attempts goes with the next."""
    older = tmp_path / "older.tar"
    older.write_text("older")
    for word, moment in (("packing cross", 0.0), ("packing 1.", 2.0)):
        for place in (tmp_path / "new.tar", older):
            child = crosstasks.start("bundle", "--to", str(place), cwd=small, CROSSTASKS_CACHE_DIR=str(alone))
            assert killed(child, word, moment)
            assert ("older", False) == (older.read_text(), (tmp_path / "new.tar").exists())
    made = crosstasks("bundle", "--to", str(older), cwd=small, CROSSTASKS_CACHE_DIR=str(alone))
    assert 0 == made.returncode, made.stderr
    assert [] == list(tmp_path.glob(".older.tar*"))
    older.replace(kept)


@pytest.mark.parametrize(
    ("word", "moment"),
    [("loading tools", 0.0), ("loading toolchains", 0.5), ("loading images", 0.0)],
)
def test_while_a_bundle_is_loaded(crosstasks, small, bundle, tmp_path, word, moment):
    """Each part is whole or not there; the next call loads what is lacking, and leaves no draft."""
    cache = tmp_path / "loaded"
    env = {"CROSSTASKS_CACHE_DIR": str(cache), "CROSSTASKS_OFFLINE": "true"}
    assert killed(crosstasks.start("provision", "--from", str(bundle), cwd=small, **env), word, moment)
    folders = [path for place in ("tools", "rustup/toolchains") for path in (cache / place).glob("[!.]*/")]
    assert dict.fromkeys(folders, ()) == {folder: changed_files(folder) for folder in folders}
    assert all((folder / ALL).exists() for folder in folders)
    again = crosstasks("provision", "--from", str(bundle), cwd=small, **env)
    assert 0 == again.returncode, again.stderr
    planned = crosstasks("provision", cwd=small, **env)
    assert 0 == planned.returncode, planned.stderr
    assert [] == [
        path for place in ("tools", "rustup/making") for path in (cache / place).iterdir() if path.name.startswith(".") and path.is_dir()
    ]


def test_a_bundle_of_what_is_damaged(crosstasks, small, alone, apart, tmp_path):
    """All of it is compared before it is packed: no other machine gets it, and here it is made anew."""
    folder = apart("toolchain", TRIPLE, small, cache=alone)
    flip(folder / "bin/rustdoc")
    made = crosstasks("bundle", "--to", str(tmp_path / "b.tar"), cwd=small)
    assert 5 == made.returncode, made.stderr
    assert "bin/rustdoc is not what was installed" in made.stderr
    assert (False, False) == (folder.exists(), (tmp_path / "b.tar").exists())


@pytest.mark.parametrize("moment", [0.0, 0.2, 0.4, 0.6])
def test_while_a_lock_is_written(crosstasks, small, alone, moment):
    """There is none, or a whole one; the next call writes it."""
    env = {"CROSSTASKS_CACHE_DIR": str(alone)}
    child = crosstasks.start("lock", cwd=small, **env)
    time.sleep(moment)  # a lock says nothing while it is made
    child.kill()
    child.communicate()
    place = small / "crosstasks.lock"
    if place.exists():
        assert 0 == crosstasks("lock", "--check", cwd=small, **env).returncode
    done = crosstasks("lock", cwd=small, **env)
    assert 0 == done.returncode, done.stderr
    assert place.exists()
    assert [] == [path.name for path in small.glob(".crosstasks.lock*")]
