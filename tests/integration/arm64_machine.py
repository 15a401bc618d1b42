"""A machine of arm64: Debian for arm64 in a folder, run by QEMU, with Python, Docker's program and what crosstasks imports.

Its kernel is this machine's; all that runs on it is not. It has no network, and nothing of this machine but the folders it is given.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from filelock import FileLock

from crosstasks.catalog import recipes
from crosstasks.clients.debian import Archive

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "crosstasks" / "requirements.txt"
PACKAGES = ("python3", "apt", "base-files", "bash", "coreutils", "dash", "grep", "gzip", "libc-bin", "sed", "tar")
WHEELS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")

ENTER = """
set -e
root=$1; shift
for folder in /proc /dev "$@"; do
    [ "$folder" != -- ] || break
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
done
while [ "$1" != -- ]; do shift; done; shift
exec chroot "$root" /usr/bin/env -i "$@"
"""


class Machine:
    """One that is kept in the tests' *cache*, since making it takes 85 MB of packages."""

    def __init__(self, cache: Path) -> None:
        named = hashlib.sha256(f"{PACKAGES} {REQUIREMENTS.read_text()}".encode()).hexdigest()[:12]
        self.folder = cache / "around" / f"arm64-{named}"
        self.root, self.site = self.folder / "root", self.folder / "site"
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            if not (self.folder / "complete").exists():
                self._install(self._unpack())
                (self.folder / "complete").touch()

    def _unpack(self) -> str:
        """Return the version of its Python."""
        archive = Archive(self.folder / "debian", recipes.SUITE, say=lambda _line: None)
        archive.update(("arm64",))
        # the program is a package of its own since Debian 13
        docker = "docker.io" if archive.lacking(("docker-cli",), "arm64") else "docker-cli"
        packages = archive.closure((*PACKAGES, docker), "arm64")
        for name in ("bin", "lib", "sbin"):
            (self.root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (self.root / name).is_symlink() or (self.root / name).symlink_to(f"usr/{name}")
        for file in archive.fetch(packages):
            subprocess.run(("dpkg-deb", "-x", file, self.root), check=True)
        (self.root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (version,) = (package.version for package in packages if package.name == "python3")
        return ".".join(version.split(".")[:2])

    def _install(self, python: str) -> None:
        wheels = self.folder / "wheels"
        told = ("--only-binary=:all:", "--python-version", python, *(word for name in WHEELS for word in ("--platform", name)))
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels, *told, "--requirement", REQUIREMENTS)
        subprocess.run(pip, check=True, capture_output=True)
        for wheel in wheels.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.site)

    def crosstasks(self, *arguments: str, cwd: Path, folders: tuple[Path, ...], **env: str) -> subprocess.CompletedProcess[str]:
        """Call the program, in *cwd*; it sees these *folders* of this machine, at the same paths."""
        apart = ("unshare", "--net", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net", "--mount")
        given = {"PATH": "/usr/bin:/bin", "HOME": "/root", "PYTHONPATH": f"{ROOT}{os.pathsep}{self.site}", **env}
        seen = {str(path): None for path in (ROOT, self.site, cwd, *folders)}
        inside = ("sh", "-c", 'cd "$0" && exec python3 -m crosstasks "$@"', str(cwd), *arguments)
        argv = (*apart, "sh", "-c", ENTER, "sh", self.root, *seen, "--", *(f"{key}={value}" for key, value in given.items()), *inside)
        return subprocess.run(argv, capture_output=True, text=True, check=False)
