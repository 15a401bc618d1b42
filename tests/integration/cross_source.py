"""A git repository of cross, made here: the crate's source from the crates registry, committed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

ALWAYS = {
    # so that the same source is the same revision in every run, and what was compiled of it is found again
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))},
    **{f"GIT_{who}_DATE": "2026-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def repository(cache: Path, version: str = "0.2.5") -> tuple[str, str]:
    """Return the URL of the repository and its only revision; it is made once, in the cache of the tests."""
    folder = cache / "sources" / f"cross-{version}"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.parent / ".lock"):
        if not (folder / ".git").exists():
            shutil.rmtree(folder, ignore_errors=True)
            draft = folder.with_name(f".{folder.name}")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(_source(cache, version), draft)
            for command in (("init", "--quiet"), ("add", "--all", "--force"), ("commit", "--quiet", "--message", f"cross {version}")):
                git(draft, *command)
            draft.rename(folder)
    return f"file://{folder}", git(folder, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as nobody in particular and at a fixed time."""
    argv = ("git", "-C", str(folder), *arguments)
    return subprocess.run(argv, env=os.environ | ALWAYS, check=True, capture_output=True, text=True).stdout.strip()


def _source(cache: Path, version: str) -> Path:
    """Let cargo fetch the crate as somebody's dependency, and find where it has unpacked it."""
    crate = cache / "sources" / "fetch"
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "src" / "lib.rs").touch()
    (crate / "Cargo.toml").write_text(
        f'[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\ncross = "={version}"\n[workspace]\n'
    )
    home = cache / "sources" / "cargo-home"
    subprocess.run(("cargo", "fetch"), cwd=crate, env=os.environ | {"CARGO_HOME": str(home)}, check=True, capture_output=True)
    (source,) = home.glob(f"registry/src/*/cross-{version}")
    return source
