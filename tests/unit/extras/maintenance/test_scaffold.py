"""The ways in which a repository gets crosstasks, and what its files say for each."""

from __future__ import annotations

import pytest

from crosstasks.core.errors import ConfigError
from crosstasks.extras.maintenance import scaffold

REV = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "address", ["https://host/crosstasks.git@v1", "git+https://host/crosstasks.git@v1", "ssh://git@host/crosstasks.git@v1"]
)
def test_a_git_repository_is_named_with_its_revision(address):
    """As PEP 508 has it, however it is typed."""
    way = scaffold.git(address)
    assert (f"crosstasks @ git+{address.removeprefix('git+')}",) == way.listed
    assert f'"{way.listed[0]}"' == way.pip


@pytest.mark.parametrize("address", ["https://host/crosstasks.git", "ssh://git@host/crosstasks.git", "crosstasks", "v1@"])
def test_a_git_repository_without_a_revision_is_refused(address):
    """Tomorrow's would be another."""
    with pytest.raises(ConfigError, match="names no revision"):
        scaffold.git(address)


def test_a_wheel_is_named_from_the_repository(tmp_path):
    """By a path that holds on every machine; one that lies elsewhere, or is none, is refused."""
    file = tmp_path / "repository" / "third_party" / "crosstasks-1.0-py3-none-any.whl"
    file.parent.mkdir(parents=True)
    file.touch()
    way = scaffold.wheel(file, tmp_path / "repository")
    assert ("crosstasks @ file:third_party/crosstasks-1.0-py3-none-any.whl",) == way.listed
    assert "./third_party/crosstasks-1.0-py3-none-any.whl" == way.pip
    with pytest.raises(ConfigError, match="does not lie in"):
        scaffold.wheel(file, tmp_path / "other")
    with pytest.raises(ConfigError, match="is no wheel"):
        scaffold.wheel(tmp_path / "crosstasks.tar.gz", tmp_path)


def test_a_copy_lists_its_own_libraries(tmp_path):
    """Nox needs no line, and the folder above the copy goes on the path."""
    copy = tmp_path / "third_party" / "crosstasks"
    copy.mkdir(parents=True)
    (copy / "requirements.txt").write_text("nox>=1\ndocker>=7.2\nsemver>=3  # release\n")
    way = scaffold.vendored_copy(copy, tmp_path)
    expected = (("docker>=7.2", "semver>=3"), "-r third_party/crosstasks/requirements.txt", "third_party")
    assert expected == (way.listed, way.pip, way.folder)
    assert 'sys.path.insert(0, str(Path(__file__).resolve().parent / "third_party"))\nimport crosstasks.nox' in scaffold.import_lines(
        way, "nox"
    )


@pytest.mark.parametrize(
    ("told", "listed"),
    [
        ({"url": "https://host/x.git", "vcs_info": {"vcs": "git", "commit_id": REV}}, f"crosstasks @ git+https://host/x.git@{REV}"),
        ({"url": "file:///elsewhere/crosstasks-1.0-py3-none-any.whl", "archive_info": {}}, None),
        ({"url": "file:///elsewhere/checkout", "dir_info": {"editable": True}}, None),
    ],
)
def test_what_pip_wrote_tells_the_way(told, listed, tmp_path):
    """A commit of git can be had again anywhere; a file or folder of this machine cannot."""
    way = scaffold.origin(told, tmp_path)
    assert listed == (way and way.listed[0])


def test_what_is_not_installed_is_said_in_a_sentence():
    """By the files that `init` writes, with the command."""
    lines = scaffold.import_lines(scaffold.git(f"https://host/x.git@{REV}"), "invoke")
    caught = {}
    with pytest.raises(
        SystemExit, match=f"error: crosstasks is not installed: python -m pip install 'crosstasks @ git\\+https://host/x.git@{REV}'"
    ):
        exec(lines.replace("crosstasks.invoke", "no_such_module.invoke"), caught)  # noqa: S102 - as Python would


def test_a_header_is_read_as_it_was_written():
    """Line by line."""
    text = scaffold.header(("nox", "docker>=7.2"))
    assert scaffold.has_header(f"{text}import nox\n")
    assert scaffold.has_header(text.replace("\n", "\r\n"))
    assert not scaffold.has_header("import nox\n")
    assert '# dependencies = [\n#     "nox",\n#     "docker>=7.2",\n# ]\n' in text
