"""The machine's apt sources, for another release."""

from __future__ import annotations

from crosstasks.clients.suites import sources, translated

STANZAS = """Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://deb.example.org/node
Suites: nodistro
Components: main
"""

LINES = """# bookworm
deb [signed-by=/k.gpg] http://mirror.example.org/debian bookworm main contrib
deb http://mirror.example.org/security bookworm-security main
deb-src http://mirror.example.org/debian bookworm main
deb https://packages.example.org/apt sdk-bookworm main
"""


def test_stanzas_keep_all_but_the_suites():
    """Mirror and key are the machine's; what is of no suite of its release is left out."""
    expected = (
        "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: trixie trixie-updates\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    assert translated(STANZAS, "bookworm", "trixie", stanzas=True) == expected


def test_lines_keep_all_but_the_suite():
    """Security's suite is renamed as well; sources and strangers are left out."""
    expected = (
        "deb [signed-by=/k.gpg] http://mirror.example.org/debian bullseye main contrib\n"
        "deb http://mirror.example.org/security bullseye-security main\n"
    )
    assert translated(LINES, "bookworm", "bullseye", stanzas=False) == expected


def test_only_files_that_apt_reads_are_written(tmp_path):
    """What says nothing of the release leaves no file."""
    etc = tmp_path / "etc"
    (etc / "sources.list.d").mkdir(parents=True)
    (etc / "sources.list").write_text(LINES)
    (etc / "sources.list.d" / "debian.sources").write_text(STANZAS)
    (etc / "sources.list.d" / "node.list").write_text("deb https://deb.example.org/node nodistro main\n")
    (etc / "sources.list.d" / "debian.sources.save").write_text(STANZAS)
    made = sources(tmp_path / "made", "bookworm", "trixie", etc)
    assert sorted(path.name for path in made.iterdir()) == ["debian.sources", "sources.list"]
