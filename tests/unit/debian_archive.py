"""An archive of a test's own: signed, with lists by their hash, served without a network."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from contextlib import contextmanager

from pysequoia import SignatureMode, Tsk, sign

from crosstasks.clients.debian.fetch import Unreached

BASE = "https://archive.example"
DAY = "Sat, 28 Nov 2026 02:15:35 UTC"


def secret():
    """Return a key of a test's own."""
    return Tsk.generate("An archive of a test <archive@example.org>")


def public(key):
    """Return what others know of a key."""
    return key.extract_certificate()


def clear_signed(key, text):
    """Return a text as InRelease is signed."""
    return sign(key.signer(), text.encode(), mode=SignatureMode.CLEAR)


def stanza(name, version="1", architecture="amd64", **fields):
    """Return what a list says of a package, whose file holds its own name."""
    content = name.encode()
    known = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Filename": f"pool/main/{name}_{version}_{architecture}.deb",
        "Size": str(len(content)),
        "SHA256": hashlib.sha256(content).hexdigest(),
    }
    return "".join(f"{key}: {value}\n" for key, value in (known | {key.replace("_", "-"): value for key, value in fields.items()}).items())


def release_text(suite, lists, date=DAY, until="", architectures="amd64 arm64", more=""):
    """Return a Release file of lists, ``{architecture: text}``, and the lists as they are served."""
    rows, files = [], {}
    for architecture, text in lists.items():
        folder = f"main/binary-{architecture}"
        packed = lzma.compress(text.encode())
        sha256 = hashlib.sha256(packed).hexdigest()
        rows += [
            f" {sha256} {len(packed)} {folder}/Packages.xz",
            f" {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {folder}/Packages",
        ]
        files |= {f"{folder}/by-hash/SHA256/{sha256}": packed, f"{folder}/Packages.xz": packed}
    head = [f"Codename: {suite}", f"Date: {date}", *([f"Valid-Until: {until}"] if until else []), f"Architectures: {architectures}"]
    return "\n".join([*head, *([more] if more else []), "SHA256:", *rows, ""]), files


class Served:
    """The door, with an archive behind it; *faults* are what happens to an address once."""

    def __init__(self):
        """Serve nothing yet."""
        self.files, self.asked, self.faults, self.stopped = {}, [], {}, False

    def stop(self):
        """Note it."""
        self.stopped = True

    def put(self, archive, suite, lists, key, **options):
        """Serve a suite."""
        text, files = release_text(suite, lists, **options)
        place = f"{BASE}/{archive}/dists/{suite}"
        self.files |= {f"{place}/InRelease": clear_signed(key, text), **{f"{place}/{path}": content for path, content in files.items()}}

    @contextmanager
    def get(self, url, start):
        """Open what is at an address."""
        self.asked.append(url if not start else f"{url} from {start}")
        content = self.files.get(url)
        if content is None:
            raise Unreached(f"{url} is not there", gone=True)
        pieces = [content[start:][at : at + 4] for at in range(0, len(content) - start, 4)]
        fault = self.faults.pop(url, None)
        yield start, fault(pieces) if fault else iter(pieces)


def write_deb(path, files):
    """Write a package with these files, and return its path."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o755
            tar.addfile(info, io.BytesIO(text.encode()))
    content = stream.getvalue()
    path.write_bytes(f"!<arch>\n{'data.tar':<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content)
    return path
