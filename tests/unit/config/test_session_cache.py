"""What a noxfile declares is kept while nothing changes that it depends on."""

from __future__ import annotations

import platform

import pytest

from crosstasks.config import session_cache
from crosstasks.config.session_cache import SessionTarget

ROW = SessionTarget("aarch64-unknown-linux-gnu", "aarch64", ())


@pytest.fixture
def readings(tmp_path):
    """Declare once more, and tell how often the configuration was read by then."""
    (tmp_path / "crosstasks.toml").write_text("version = 1\n")
    read = []

    def again():
        found = session_cache.targets(tmp_path, (), {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache")}, lambda: read.append(1) or [ROW])
        assert found == (ROW,)
        return len(read)

    return again


def test_it_is_read_once(readings):
    """The second time nothing is read but the files' own bytes."""
    assert (readings(), readings()) == (1, 1)


def test_a_file_in_another_encoding_is_for_its_reader_to_refuse(readings, tmp_path, monkeypatch):
    """Here it is only hashed, on systems too whose file names are UTF-8."""
    monkeypatch.setattr("os.fsdecode", lambda data: data.decode("utf-8", "surrogatepass"))
    (tmp_path / "crosstasks.toml").write_bytes(b"version = 1 # \xe4\n")
    assert (readings(), readings()) == (1, 1)


@pytest.mark.parametrize(("name", "value"), [("libc_ver", ("", "")), ("machine", "riscv64")])
def test_another_libc_in_the_same_folder_is_another_machine(readings, monkeypatch, name, value):
    """A container of musl shares the folder and the cache with its host of glibc, and ``host`` is a target."""
    assert readings() == 1
    monkeypatch.setattr(platform, name, lambda: value)
    assert readings() == 2


def test_what_another_file_describes_is_not_kept(tmp_path):
    """That may change, and only its reader knows where it is."""
    row, read = SessionTarget("thing", "thing", ("x86_64",), str(tmp_path / "thing.json")), []
    for _ in range(2):
        found = session_cache.targets(tmp_path, (), {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache")}, lambda: read.append(1) or [row])
        assert found == (row,)
    assert len(read) == 2


@pytest.mark.parametrize(
    ("prefix", "verb", "alias", "name"),
    [
        ("", "build", "aarch64", "cross-aarch64"),
        ("tools", "test", "aarch64", "tools-cross-test-aarch64"),
        ("", "build", "", "cross"),
        ("tools", "clippy", "", "tools-cross-clippy"),
    ],
)
def test_what_a_session_is_called(prefix, verb, alias, name):
    """By Nox, by the jobs of CI services and by the list of targets alike."""
    assert name == session_cache.session_name(prefix, verb, alias)
