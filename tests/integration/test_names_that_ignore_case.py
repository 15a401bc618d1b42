"""Project and cache on a file system that takes ``Hello`` and ``hello`` for one, as those of macOS and Windows: exFAT, through FUSE."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

import pytest
from facts_registry import unpacked


@contextmanager
def exfat(folder):
    """Give a folder of 8 GB at most, which takes root and a free loop device; there are no links in it, and no modes."""
    programs = unpacked(folder / "programs", "exfat-fuse", "exfatprogs", "libfuse2")
    image, place = folder / "image", folder / "place"
    with image.open("wb") as file:
        file.truncate(8 << 30)
    place.mkdir()
    subprocess.run((programs / "usr/sbin/mkfs.exfat", image), check=True, capture_output=True)
    device = subprocess.run(("losetup", "--find", "--show", image), check=True, capture_output=True, text=True).stdout.strip()
    library = next(programs.glob("lib/*/libfuse.so.2")).parent
    argv = (programs / "sbin/mount.exfat-fuse", "-o", "allow_other,umask=022", device, place)
    try:
        subprocess.run(argv, env=os.environ | {"LD_LIBRARY_PATH": str(library)}, check=True, capture_output=True)
        yield place
    finally:
        subprocess.run(("umount", place), check=False)
        subprocess.run(("losetup", "--detach", device), check=True)


@pytest.fixture
def folder(tmp_path):
    """Such a folder."""
    with exfat(tmp_path) as place:
        yield place


MAIN = '#[test]\nfn runs() { assert_eq!(std::env::consts::ARCH, "aarch64"); }\nfn main() {}\n'


def test_a_program_is_built_and_tested_there(folder, crosstasks):
    """From an empty cache: tools, toolchain, packages and the target folder lie there; the layers of an image never do."""
    (folder / "Hello" / "src").mkdir(parents=True)
    assert (folder / "hELLO").is_dir()
    (folder / "Hello" / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "Hello" / "src" / "main.rs").write_text(MAIN)
    for verb in ("test", "build"):
        done = crosstasks(
            verb, "--target", "aarch64", "--builder", "cross", cwd=folder / "Hello", CROSSTASKS_CACHE_DIR=str(folder / "Cache")
        )
        assert done.returncode == 0, done.stderr
        assert f"{verb} ok" in done.stdout
