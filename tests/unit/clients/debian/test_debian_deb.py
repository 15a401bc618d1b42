"""What lies in a package: made here as deb(5) has it, and read without dpkg."""

import gzip
import io
import lzma
import os
import tarfile

import pytest

from crosstasks.clients.debian.deb import members
from crosstasks.core.errors import ToolMissing

FILES = {"./usr/bin/a": b"a" * 300_000, "./usr/share/b": b"", "./usr/lib/c": bytes(range(256)) * 4096}
PACKERS = {"": bytes, ".xz": lzma.compress, ".gz": gzip.compress}


def tar(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def ar(**parts):
    """Return an archive of Unix's ar; names have ``_`` for a dot and a dash."""
    text = b"!<arch>\n"
    for name, content in parts.items():
        text += f"{name.replace('__', '-').replace('_', '.'):<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        text += content + b"\n" * (len(content) % 2)
    return text


def deb(tmp_path, content, name="a_1_all.deb"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.mark.parametrize("end", PACKERS)
def test_files_are_read_one_by_one(end, tmp_path):
    """However they are packed; what comes before them may have an odd length."""
    data = {f"data_tar{end.replace('.', '_')}": PACKERS[end](tar(FILES))}
    path = deb(tmp_path, ar(debian__binary=b"2.0\n", control_tar=b"odd", **data))
    assert {member.name: content.read() for member, content in members(path)} == FILES


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("end", PACKERS)
def test_what_lies_behind_the_files_is_not_read(end, more, tmp_path):
    """Be it a part that deb(5) does not know yet, or the byte that makes a length even."""
    files = {"./usr/bin/a": b"a" * 100, "./usr/lib/c": os.urandom(5000 + more)}
    data = {f"data_tar{end.replace('.', '_')}": PACKERS[end](tar(files))}
    path = deb(tmp_path, ar(**data, _more=b"no archive"))
    assert {member.name: content.read() for member, content in members(path)} == files


def test_reading_may_stop_early(tmp_path):
    """And the file is closed: it can be removed."""
    path = deb(tmp_path, ar(data_tar_xz=lzma.compress(tar(FILES))))
    reading = members(path)
    assert next(reading)[0].name == "./usr/bin/a"
    reading.close()
    path.unlink()


WHOLE = ar(data_tar_xz=lzma.compress(tar(FILES)))

BROKEN = {
    "no package": (b"PK", "it is no package of Debian"),
    "nothing in it": (ar(debian__binary=b"2.0\n"), "it has no data.tar"),
    "packed otherwise": (
        ar(data_tar_zst=b"x"),
        "its files are in 'data.tar.zst': only data.tar, data.tar.xz, data.tar.gz can be read",
    ),
    "cut off": (WHOLE[:-400], "it ends early"),
    "damaged": (WHOLE[:300] + b"x" * 40 + WHOLE[340:], "Corrupt input data"),
}


@pytest.mark.parametrize(("content", "why"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_told_by_its_name(content, why, tmp_path):
    """With what to do."""
    path = deb(tmp_path, content)
    with pytest.raises(ToolMissing) as caught:
        list(members(path))
    assert (caught.value.what, caught.value.why) == ("a_1_all.deb cannot be read", why)
    assert caught.value.hint == f"remove {path}, and try again"
