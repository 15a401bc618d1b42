"""Files and arguments that are wrong on purpose: each ends in a message, never in a traceback, and nothing of them steers the terminal."""

from __future__ import annotations

import json
import re

import pytest

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f\x80-\x9f]|\x1b(?!\[[0-9;]*m)")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("Cross.toml", '[target.aarch64-unknown-linux-gnu]\nimage = ["x"]\n', 2),
        ("Cross.toml", "target = 3\n", 2),
        ("Cross.toml", '[build]\nenv = { volumes = "A" }\n', 2),
        ("Cross.toml", '[target.aarch64-unknown-linux-gnu]\nimage = "x\\u001b]0;owned\\u0007\\u001b[2J"\n', None),
        ("Cargo.toml", "a = " + "[" * 100_000, 2),
        ("rust-toolchain.toml", "a = " + "[" * 100_000, None),
        (".cargo/config.toml", "a = " + "[" * 100_000, None),
        ("crosstasks.toml", "version = 1\ntargets = [" + "[" * 100_000, 2),
        ("crosstasks.toml", 'version = 1\ntargets = ["\\u001b]0;owned\\u0007"]\n', 2),
    ],
    ids=lambda value: value[:40].encode("unicode_escape").decode() if isinstance(value, str) else None,
)
def test_a_file_of_the_repository_ends_in_words(name, content, code, crate, crosstasks):
    """Also one that is nested a hundred thousand deep."""
    (crate / name).parent.mkdir(exist_ok=True)
    (crate / name).write_text(content)
    done = crosstasks("plan", "--target", "aarch64", cwd=crate)
    assert "Traceback" not in done.stderr
    assert code is None or code == done.returncode, done.stderr
    assert not CONTROL.search(done.stdout + done.stderr)


def test_log_ins_of_docker_without_a_colon_end_in_words(crate, crosstasks, tmp_path):
    """Docker's SDK ends in a ValueError."""
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {"127.0.0.1:9": {"auth": "bm9jb2xvbg=="}}}))
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\nimages = ["mirror"]\nmirror = "127.0.0.1:9/x"\n')
    for words in (("plan",), ("mirror", "--to", "127.0.0.1:9/y")):
        done = crosstasks(*words, cwd=crate, DOCKER_CONFIG=str(folder))
        assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("argument", ["--manifest-path=../other/Cargo.toml", "--manifest-path", "-rq", "-vq", "-C../other"])
def test_arguments_that_lead_elsewhere_or_hide_what_is_done(argument, crate, crosstasks):
    """They are ours to set."""
    done = crosstasks("build", "--target", "aarch64", "--", argument, cwd=crate)
    assert (2, True) == (done.returncode, "these arguments are not handed to cargo" in done.stderr), done.stderr


def test_explaining_what_has_no_end_ends(crate, crosstasks):
    """16 MB are read of it."""
    done = crosstasks("explain", "/dev/zero", cwd=crate)
    assert 1 == done.returncode
    assert "no known error is in this text" in done.stderr


def test_a_crate_that_was_changed_is_not_compiled(crate, built, tmp_path):
    """In the crate that cargo keeps, or in the sources beside it: cargo itself looks at neither again."""
    home = tmp_path / "cargo-home"
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + '[dependencies]\ncfg-if = "=1.0.0"\n')
    done, result = built("--target", "aarch64", cwd=crate, CARGO_HOME=str(home))
    assert 0 == result["code"], done.stderr
    (source,) = home.glob("registry/src/*/cfg-if-1.0.0/src/lib.rs")
    text = source.read_text()
    for stamp in crate.rglob(".fetched-*"):
        stamp.unlink()
    source.write_text(text + "\n// poisoned\n")
    _, result = built("--target", "aarch64", cwd=crate, CARGO_HOME=str(home))
    assert (2, True) == (result["code"], str(source) in result["error"])
    source.write_text(text)
    (packed,) = home.glob("registry/cache/*/cfg-if-1.0.0.crate")
    packed.write_bytes(packed.read_bytes() + b"\0")
    _, result = built("--target", "aarch64", cwd=crate, CARGO_HOME=str(home))
    assert (2, True) == (result["code"], str(packed) in result["error"])
