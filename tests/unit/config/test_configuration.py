"""crosstasks.toml in, the configuration out: where it is, what wins, and everything that is wrong with it at once."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import config_schema
import jsonschema
import pytest
from config_schema import PAGE, SHIPPED, TABLES, page, schema, schema_text

from crosstasks.catalog import targets
from crosstasks.config.configuration import Config, check_members, load
from crosstasks.config.documents import find, lines
from crosstasks.config.options import File, Options, Release, TargetOptions
from crosstasks.config.read import OTHER_VARIABLES, slot, triple_of, verb
from crosstasks.core.errors import ConfigError
from crosstasks.core.looking import Platform
from crosstasks.facts.host import parse

ARM = "aarch64-unknown-linux-gnu"
ARMV7 = "armv7-unknown-linux-gnueabihf"
MUSL = "x86_64-unknown-linux-musl"
RENEW = "`nox -s renew` writes it anew"


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture
def project(tmp_path):
    """A repository's folder, with its top marked."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def configured(project):
    """Load a text as crosstasks.toml."""

    def configured(text: str, overrides=None, **environ: str) -> Config:
        put(project, {"crosstasks.toml": text})
        return load(project, environ=environ, overrides=overrides or {})

    return configured


@pytest.fixture
def problems(configured):
    """What is wrong in a text, line by line."""

    def problems(text: str, overrides=None, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            configured(text, overrides, **environ)
        return list(caught.value.problems)

    return problems


# where it stands


def test_two_lines(configured, project):
    """Two lines make a configuration; targets are triples, all else is the default."""
    loaded = configured('version = 1\ntargets = ["aarch64", "armv7"]\n')
    assert loaded.targets == (ARM, ARMV7)
    assert loaded.cross == "0.2.5"
    assert loaded.source("cross") == "default"
    assert loaded.place == str(project / "crosstasks.toml")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("pyproject.toml", "tool.crosstasks"),
        ("Cargo.toml", "workspace.metadata.crosstasks"),
        ("Cargo.toml", "package.metadata.crosstasks"),
    ],
)
def test_tables(project, name, table):
    """A table of pyproject.toml or Cargo.toml does as well, without a version, and sources name the file and the whole key."""
    put(project, {name: f'[{table}]\ntargets = ["aarch64"]\n[{table}.target.aarch64]\nglibc = "2.28"\n'})
    loaded = load(project, environ={})
    assert loaded.target("aarch64").glibc == "2.28"
    assert loaded.place == str(project / name)
    origin = loaded.origin("glibc", ARM)
    assert (origin.name, origin.keys, origin.path) == (name, (*table.split("."), "target", "aarch64", "glibc"), str(project / name))


def test_other_files_are_left_alone(project):
    """A Cargo.toml or pyproject.toml without a table of ours is no configuration, even if it names us or is broken without doing so."""
    put(project, {"pyproject.toml": 'dependencies = ["crosstasks"]\n', "Cargo.toml": "broken ["})
    assert find(project) is None


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (
            {"crosstasks.toml": "version = 1\n", "pyproject.toml": "[tool.crosstasks]\n"},
            "crosstasks.toml and pyproject.toml [tool.crosstasks]",
        ),
        (
            {"Cargo.toml": "[package.metadata.crosstasks]\n[workspace.metadata.crosstasks]\n"},
            "Cargo.toml [workspace.metadata.crosstasks] and Cargo.toml [package.metadata.crosstasks]",
        ),
    ],
)
def test_two_in_one_folder(project, files, named):
    """Two configurations in one folder are an error that names both."""
    with pytest.raises(ConfigError, match="holds two configurations") as caught:
        find(put(project, files))
    assert caught.value.why == named


def test_the_nearest_wins(project):
    """The nearest folder upward wins, and nothing is merged."""
    put(project, {"crosstasks.toml": 'version = 1\ncross = "git"\ntargets = ["armv7"]\n'})
    put(project, {"crates/tool/pyproject.toml": '[tool.crosstasks]\ntargets = ["aarch64"]\n', "crates/tool/src/lib.rs": ""})
    place = find(project / "crates/tool/src")
    assert place is not None
    assert place.path == project / "crates/tool/pyproject.toml"
    loaded = load(project / "crates/tool/src", environ={})
    assert (loaded.targets, loaded.cross) == ((ARM,), "0.2.5")
    assert load(project / "crates", environ={}).targets == (ARMV7,)


@pytest.mark.parametrize("top", ["folder", "file"])
def test_the_repository_ends_the_search(project, top):
    """What lies above the top of the repository is not looked at; a worktree's .git is a file."""
    inner = put(project, {"crosstasks.toml": "version = 1\n", "inner/src/lib.rs": ""}) / "inner"
    assert find(inner) is not None
    (inner / ".git").mkdir() if top == "folder" else (inner / ".git").write_text("gitdir: elsewhere\n")
    assert find(inner / "src") is None


def test_a_relative_folder(project, monkeypatch):
    """A relative folder is searched upward as well, and problems name the file as it is reached from there."""
    put(project, {"crosstasks.toml": "version = 1\ncros = 1\n", "a/b/c": ""})
    monkeypatch.chdir(project / "a" / "b")
    with pytest.raises(ConfigError) as caught:
        load(Path(), environ={})
    assert caught.value.problems == (f"{Path('..') / '..' / 'crosstasks.toml'}:2: cros: unknown option, perhaps 'cross'",)


def test_no_configuration(project):
    """Without a configuration the targets must be named, or the error says how to write one."""
    with pytest.raises(ConfigError, match="has no configuration") as caught:
        load(project, environ={"CROSSTASKS_CROSS": "git"})
    assert "`crosstasks init`" in caught.value.hint
    assert str(project) in caught.value.why
    assert load(project, environ={"CROSSTASKS_TARGETS": "aarch64"}).targets == (ARM,)
    assert load(project, environ={}, overrides={"targets": ("aarch64",)}).targets == (ARM,)


def test_problems_without_a_configuration(project):
    """A wrong variable is told before a missing file is."""
    with pytest.raises(ConfigError) as caught:
        load(project, environ={"CROSSTASKS_CROS": "git"})
    assert caught.value.problems == ("CROSSTASKS_CROS: unknown variable, perhaps 'CROSSTASKS_CROSS'",)


# what cannot be read


def test_broken_toml(project):
    """What is no TOML is told with line and column."""
    put(project, {"crosstasks.toml": "version = 1\ntargets = [\n"})
    with pytest.raises(ConfigError, match="is not valid TOML") as caught:
        load(project, environ={})
    assert str(project / "crosstasks.toml") in caught.value.what
    assert re.search(r"at (line \d, column \d|end of document)", caught.value.problems[0])


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"version = 1 # \xff\n", "it is not UTF-8: invalid start byte at byte 14"), (b"a = " + b"[" * 100_000, "nested too deeply")],
)
def test_not_text(project, content, why):
    """Bytes that are no UTF-8, and nesting without end, are told as problems of the file."""
    (project / "crosstasks.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(project / "crosstasks.toml"))) as caught:
        load(project, environ={})
    assert why in caught.value.why


def test_a_dangling_link(project):
    """A link to nothing is told: the user means to have a configuration."""
    (project / "crosstasks.toml").symlink_to("shared.toml")
    with pytest.raises(ConfigError) as caught:
        find(project)
    assert caught.value.why == "it is a link to shared.toml, which is not there"


def test_a_folder_of_that_name(project):
    """A folder called crosstasks.toml is told, and not passed over."""
    (project / "crosstasks.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        find(project)


@pytest.mark.parametrize("said", ["3", '"aarch64"', '["aarch64"]'])
def test_no_table(project, said):
    """What should be our table has to be one."""
    put(project, {"pyproject.toml": f"[tool]\ncrosstasks = {said}\n"})
    with pytest.raises(ConfigError) as caught:
        load(project, environ={})
    assert caught.value.problems == ("pyproject.toml:2: tool.crosstasks: must be a table",)


# what wins

OVER = 'version = 1\ntargets = ["aarch64", "armv7"]\ncross = "0.2.4"\n[target.aarch64]\ncross = "git"\n'


@pytest.mark.parametrize(
    ("environ", "overrides", "aarch64", "armv7"),
    [
        ({}, {}, ("git", "crosstasks.toml"), ("0.2.4", "crosstasks.toml")),
        ({"CROSSTASKS_CROSS": "0.2.5"}, {}, ("0.2.5", "CROSSTASKS_CROSS"), ("0.2.5", "CROSSTASKS_CROSS")),
        ({"CROSSTASKS_TARGET_AARCH64_CROSS": "0.2.5"}, {}, ("0.2.5", "CROSSTASKS_TARGET_AARCH64_CROSS"), ("0.2.4", "crosstasks.toml")),
        (
            {"CROSSTASKS_CROSS": "0.2.5", "CROSSTASKS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_CROSS": "0.2.4"},
            {},
            ("0.2.4", "CROSSTASKS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_CROSS"),
            ("0.2.5", "CROSSTASKS_CROSS"),
        ),
        (
            {"CROSSTASKS_CROSS": "0.2.4", "CROSSTASKS_TARGET_AARCH64_CROSS": "0.2.4"},
            {"cross": "0.2.5"},
            ("0.2.5", "--cross"),
            ("0.2.5", "--cross"),
        ),
        ({}, {"cross": None}, ("git", "crosstasks.toml"), ("0.2.4", "crosstasks.toml")),
        ({"CROSSTASKS_CROSS": " "}, {}, ("git", "crosstasks.toml"), ("0.2.4", "crosstasks.toml")),
    ],
)
def test_what_wins(configured, environ, overrides, aarch64, armv7):
    """Command line, variables, file, default; of one of these, the target's own. The source is that of the value that holds."""
    loaded = configured(OVER, overrides, **environ)
    assert (loaded.target(ARM).cross, loaded.source("cross", ARM)) == aarch64
    assert (loaded.target(ARMV7).cross, loaded.source("cross", ARMV7)) == armv7


def test_an_alias_is_the_target(configured):
    """A target is asked for by alias or triple, and an unknown one is an error."""
    loaded = configured(OVER)
    assert loaded.target("arm64") == loaded.target(ARM)
    assert loaded.target("aarch64").triple == ARM
    assert loaded.source("cross", "arm64") == "crosstasks.toml"
    with pytest.raises(ConfigError, match="no target is called 'arch64'"):
        loaded.target("arch64")


def test_a_value_equal_to_the_default_has_a_source(configured):
    """A value that happens to be the default was still said by somebody."""
    assert configured('version = 1\ncross = "0.2.5"\n').source("cross") == "crosstasks.toml"


def test_lists_are_replaced(configured):
    """A target's own list replaces that of the top level."""
    loaded = configured('version = 1\nfeatures = ["a", "b"]\n[target.aarch64]\nfeatures = ["c"]\n[target.armv7]\nfeatures = []\n')
    assert [loaded.target(name).features for name in ("aarch64", "armv7", "i686")] == [("c",), (), ("a", "b")]


def test_a_table_for_another_target(configured):
    """A table may be there for a target that is only named now and then."""
    assert configured('version = 1\ntargets = ["armv7"]\n[target.aarch64]\nlinker = "ld"\n').target("aarch64").linker == "ld"


def test_kebab_case(configured):
    """Keys are written with hyphens, and asked for either way."""
    loaded = configured('version = 1\ngit-url = "https://example.org/cross"\nnetwork-timeout = 3\n')
    assert (loaded.git_url, loaded.network_timeout) == ("https://example.org/cross", 3.0)
    assert loaded.source("git-url") == loaded.source("git_url") == "crosstasks.toml"


def test_release(configured):
    """The table of releases has its values and sources."""
    loaded = configured('version = 1\n[release]\nname = "hello"\ndist = "out"\n', CROSSTASKS_RELEASE_DIST="other")
    assert loaded.release == Release(name="hello", dist="other", profile="release")
    assert [loaded.source(f"release.{name}") for name in ("name", "dist", "profile")] == [
        "crosstasks.toml",
        "CROSSTASKS_RELEASE_DIST",
        "default",
    ]


@pytest.mark.parametrize(
    ("strict", "asked", "is_strict"),
    [
        ('"auto"', {"ci": ""}, False),
        ('"auto"', {"ci": "github"}, True),
        ('"auto"', {"ci": "", "lock": True}, True),
        ('"auto"', {"ci": "", "release": True}, True),
        ("true", {"ci": ""}, True),
        ("false", {"ci": "github", "lock": True, "release": True}, False),
    ],
)
def test_strict(configured, strict, asked, is_strict):
    """What is strict by itself: CI, a lock, a release; the user's word holds against all three."""
    assert configured(f"version = 1\nstrict = {strict}\n").is_strict(**asked) is is_strict


# variables and the command line


@pytest.mark.parametrize(
    ("name", "text", "option", "value"),
    [
        ("CROSSTASKS_TARGETS", "aarch64,armv7", "targets", (ARM, ARMV7)),
        ("CROSSTASKS_TARGETS", " aarch64 armv7, ", "targets", (ARM, ARMV7)),
        ("CROSSTASKS_FALLBACK", "zigbuild", "fallback", ("zigbuild",)),
        ("CROSSTASKS_OFFLINE", "1", "offline", True),
        ("CROSSTASKS_OFFLINE", "False", "offline", False),
        ("CROSSTASKS_STRICT", "auto", "strict", "auto"),
        ("CROSSTASKS_STRICT", "true", "strict", True),
        ("CROSSTASKS_STRICT", "0", "strict", False),
        ("CROSSTASKS_TIMEOUT", "90", "timeout", 90.0),
        ("CROSSTASKS_NETWORK_TIMEOUT", "0.5", "network_timeout", 0.5),
        ("CROSSTASKS_GLIBC", "2.30", "glibc", "2.30"),
        ("CROSSTASKS_TOOLCHAIN", "1.85", "toolchain", "1.85"),
        ("CROSSTASKS_ENGINE", "/opt/bin/podman", "engine", "/opt/bin/podman"),
        ("CROSSTASKS_DEFAULT_FEATURES", "0", "default_features", False),
        ("CROSSTASKS_PRE_BUILD", "apt-get update, really", "pre_build", ("apt-get update, really",)),
    ],
)
def test_variables(configured, name, text, option, value):
    """A variable's text is read as what its option wants, and the command line's texts are as well."""
    loaded = configured("version = 1\n", **{name: text})
    assert (getattr(loaded, option), loaded.source(option)) == (value, name)
    given = configured("version = 1\n", {option: text})
    assert (getattr(given, option), given.source(option)) == (value, f"--{option.replace('_', '-')}")


def test_a_command_in_a_variable_is_split_as_a_shell_splits_it(configured):
    """One command, with its words; a folder with a space needs quotes."""
    loaded = configured("version = 1\n", CROSSTASKS_RELEASE_HOOKS="sign --key 'my keys/one' {artifact}")
    assert loaded.release.hooks == (("sign", "--key", "my keys/one", "{artifact}"),)


def test_values_of_the_command_line(configured):
    """What is no text on the command line is taken as it is."""
    loaded = configured("version = 1\n", {"offline": True, "targets": ["aarch64"], "network-timeout": 3, "fallback": ()})
    assert (loaded.offline, loaded.targets, loaded.network_timeout, loaded.fallback) == (True, (ARM,), 3.0, ())


def test_our_other_variables(configured):
    """Variables of ours that are no option, and those of others, are not looked at."""
    assert configured("version = 1\n", **dict.fromkeys(OTHER_VARIABLES, "x"), CROSS_CONFIG="x", PATH="/bin").sources == {}


def test_every_target_has_variables():
    """Every option of every target has a variable by triple and by alias, and no two targets share one."""
    names = [(row.triple, name) for row in targets.catalogue().values() for name in (row.triple, *row.aliases)]
    for triple, name in names:
        for key in TargetOptions.__struct_encode_fields__:
            assert slot(f"CROSSTASKS_TARGET_{targets.variable(name)}_{targets.variable(key)}") == (TargetOptions, key, triple)


# what is wrong

BROKEN = """\
version = 2
targets = ["arch64", "armv7", "armhf", "armv7"]
imgae = "x"
builder = "zig"
offline = "no"
timeout = -1
git_url = "https://example.org"
fallback = [
    "git",
    "zigbuid",
]
glibc = 2.28

[target.aarch64]
imgae = '''
linker = "no key"
'''
glibc = "v2"
targets = []
[target.aarch64-unknown-linux-gnu]
[target."no such"]
linker = 3
[target.x86_64-musl]
glibc = "2.28"
[release]
dist = ""
"""


def test_all_problems_at_once(problems):
    """Everything that is wrong is told at once, each with file, line and key, and the likely word."""
    assert problems(BROKEN, {"engine": "dokcer"}, CROSSTASKS_CROS="git", CROSSTASKS_TARGET_ARMV7_RUNER="x", CROSSTASKS_OFFLINE="yes") == [
        "crosstasks.toml:1: version: 2 is not supported; this crosstasks reads version 1",
        "crosstasks.toml:2: targets[0]: no target is called 'arch64', perhaps 'aarch64' or 'sparc64'",
        "crosstasks.toml:2: targets[2]: 'armhf' is the same target as 'armv7'",
        "crosstasks.toml:2: targets[3]: 'armv7' is listed twice",
        "crosstasks.toml:3: imgae: unknown option, perhaps 'image'",
        "crosstasks.toml:4: builder: 'zig' is not one of 'auto', 'cargo', 'cross', 'xwin', 'zigbuild'",
        "crosstasks.toml:5: offline: must be true or false, not text",
        "crosstasks.toml:6: timeout: -1 must be >= 0",
        "crosstasks.toml:7: git_url: unknown option, perhaps 'git-url'",
        "crosstasks.toml:8: fallback[1]: 'zigbuid' is not one of '0.2.4', '0.2.5', 'git', 'zigbuild', perhaps 'zigbuild'",
        'crosstasks.toml:12: glibc: must be text, not a number; write it in quotes, "2.28"',
        "crosstasks.toml:15: target.aarch64.imgae: unknown option, perhaps 'image'",
        "crosstasks.toml:18: target.aarch64.glibc: 'v2' is not of the form '2.28'",
        "crosstasks.toml:19: target.aarch64.targets: unknown option, 'targets' belongs to the top level",
        "crosstasks.toml:20: target.aarch64-unknown-linux-gnu: is the same target as target.aarch64",
        "crosstasks.toml:21: target.'no such': no target is called 'no such'",
        "crosstasks.toml:22: target.'no such'.linker: must be text, not a whole number; write it in quotes, \"3\"",
        f"crosstasks.toml:24: target.x86_64-musl.glibc: {MUSL} has no glibc",
        "crosstasks.toml:26: release.dist: must not be empty",
        "CROSSTASKS_CROS: unknown variable, perhaps 'CROSSTASKS_CROSS'",
        "CROSSTASKS_OFFLINE: must be true or false, not text",
        "CROSSTASKS_TARGET_ARMV7_RUNER: unknown variable, perhaps 'CROSSTASKS_TARGET_ARMV7_RUNNER'",
        "--engine: 'dokcer' is not of the form 'auto' or 'docker' or 'podman' or '/opt/podman/bin/podman'",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('linker = "ld"', "crosstasks.toml:2: linker: unknown option, 'linker' belongs in [target.<name>]"),
        ('[relase]\ndist = "out"', "crosstasks.toml:2: relase: unknown option, perhaps 'release'"),
        ("[targt.aarch64]", "crosstasks.toml:2: targt: unknown option, perhaps 'target'"),
        ('glibc = "2.99"', "crosstasks.toml:2: glibc: there is no glibc 2.99; the newest is 2.44"),
        ('target.aarch64.glibc = "3.0"', "crosstasks.toml:2: target.aarch64.glibc: there is no glibc 3.0; the newest is 2.44"),
        ('dist = "out"', "crosstasks.toml:2: dist: unknown option, 'dist' belongs in [release]"),
        ("target = 3", "crosstasks.toml:2: target: must be a table that holds one for each target"),
        ("target.aarch64 = 3", "crosstasks.toml:2: target.aarch64: must be a table"),
        ("target.aarch64.imgae = 3", "crosstasks.toml:2: target.aarch64.imgae: unknown option, perhaps 'image'"),
        ("target = { aarch64 = { imgae = 3 } }", "crosstasks.toml:2: target.aarch64.imgae: unknown option, perhaps 'image'"),
        ("[[target]]", "crosstasks.toml:2: target: must be a table that holds one for each target"),
        ("release = []", "crosstasks.toml:2: release: must be a table"),
        (
            '[release]\nskip = ["sbmo"]',
            (
                "crosstasks.toml:3: release.skip[0]: 'sbmo' is not one of 'changelog', 'directory', 'github', 'hooks', 'publish', 'registry', "
                "'sbom', 'tag', 'verify', perhaps 'sbom'"
            ),
        ),
        ('[release]\nskip = "sbom"', "crosstasks.toml:3: release.skip: must be a list, not text"),
        ("strict = 3", "crosstasks.toml:2: strict: must be true or false or 'auto', not a whole number"),
        ('strict = "yes"', "crosstasks.toml:2: strict: 'yes' is not one of true, false, 'auto'"),
        ('targets = "aarch64"', "crosstasks.toml:2: targets: must be a list, not text"),
        ("targets = [3]", 'crosstasks.toml:2: targets[0]: must be text, not a whole number; write it in quotes, "3"'),
        ("cross = 0.2", "crosstasks.toml:2: cross: must be '0.2.4' or '0.2.5' or 'git', not a number"),
        ("engine = true", "crosstasks.toml:2: engine: must be text, not true"),
        ("timeout = nan", "crosstasks.toml:2: timeout: nan must be >= 0"),
        ("timeout = inf", "crosstasks.toml:2: timeout: inf must be <= 604800"),
        ("network-timeout = 0", "crosstasks.toml:2: network-timeout: 0 must be > 0"),
        (
            'toolchain = "mine"',
            "crosstasks.toml:2: toolchain: 'mine' is not of the form '1.85.0' or '1.85' or 'stable' or 'nightly' or 'nightly-2026-10-30'",
        ),
        (
            'mirror = "https://example.org/x"',
            "crosstasks.toml:2: mirror: 'https://example.org/x' is not of the form 'registry.example.org:5000/mirrored'",
        ),
        (
            'mirror = "https://me:pass@example.org/x"',
            "crosstasks.toml:2: mirror: 'https://***@example.org/x' is not of the form 'registry.example.org:5000/mirrored'",
        ),
        ('env-pass = ["A=B"]', "crosstasks.toml:2: env-pass[0]: 'A=B' is not of the form 'SSL_CERT_FILE'"),
    ],
)
def test_one_problem(problems, line, said):
    """Each mistake has its own words, and its line however the key is written."""
    assert problems(f"version = 1\n{line}\n") == [said]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "crosstasks.toml: `version = 1` is missing"),
        ("version = 3", "crosstasks.toml:1: version: 3 is not supported; this crosstasks reads version 1"),
        ("version = true", "crosstasks.toml:1: version: True is not supported; this crosstasks reads version 1"),
        ("version = 1.0", "crosstasks.toml:1: version: 1.0 is not supported; this crosstasks reads version 1"),
        ('version = "1"', "crosstasks.toml:1: version: '1' is not supported; this crosstasks reads version 1"),
    ],
)
def test_the_version(problems, line, said):
    """The version of the format is required in crosstasks.toml, and there is only 1."""
    assert problems(line) == [said]


def test_a_wrong_version_in_a_table(project):
    """In another file the version may be left out, but not be wrong; the line is that of the file."""
    put(project, {"Cargo.toml": '[package]\nname = "x"\n\n[package.metadata.crosstasks]\nversion = 2\n'})
    with pytest.raises(ConfigError) as caught:
        load(project, environ={})
    assert caught.value.problems == (
        "Cargo.toml:5: package.metadata.crosstasks.version: 2 is not supported; this crosstasks reads version 1",
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CROSSTASKS_VERSION", "unknown variable"),
        ("CROSSTASKS_RELEASE", "unknown variable, perhaps 'CROSSTASKS_RELEASE_TAG'"),
        ("CROSSTASKS_cross", "unknown variable"),
        ("CROSSTASKS_CACHEDIR", "unknown variable, perhaps 'CROSSTASKS_CACHE_DIR'"),
        ("CROSSTASKS_TARGET_ARCH64_GLIBC", "names no target; it is CROSSTASKS_TARGET_<TRIPLE>_<OPTION>"),
        ("CROSSTASKS_TARGET_X86_64_UNKNOWN_LINUX_MUSL_ENGIN", "unknown variable"),
    ],
)
def test_unknown_variables(problems, name, said):
    """A variable that we do not know is a problem, since a misspelt one would be silent for ever."""
    (problem,) = problems("version = 1\n", **{name: "x"})
    assert problem.startswith(f"{name}: {said}")


def test_two_variables_for_one_value(problems):
    """Triple and alias in two variables leave open which is meant."""
    assert problems(
        "version = 1\n",
        CROSSTASKS_TARGET_AARCH64_GLIBC="2.28",
        CROSSTASKS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_GLIBC="2.31",
    ) == ["CROSSTASKS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_GLIBC: says the same as CROSSTASKS_TARGET_AARCH64_GLIBC; keep one of them"]


@pytest.mark.parametrize("name", ["version", "target", "release", "cros"])
def test_unknown_overrides(problems, name):
    """What is no option of the top level is none on the command line."""
    (problem,) = problems("version = 1\n", {name: "x"})
    assert problem.startswith(f"--{name}: unknown option")


# the machine's own target

HERE = parse(Platform.here(), {}, musl=any(Path("/lib").glob("ld-musl-*.so.1")))


def test_host(configured):
    """`host` is the machine's own target, and may name one that stands there by its own name as well."""
    assert configured('version = 1\ntargets = ["host"]\n').targets == (HERE.triple,)
    assert configured(f'version = 1\ntargets = ["host", "{HERE.triple}"]\n').targets == (HERE.triple,)


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        (
            Platform(system="haiku1", machine="x86_64"),
            "'host' is not a target here: crosstasks runs on Linux, on macOS and in WSL 2 of Windows, not on 'haiku1'",
        ),
        (
            Platform(system="linux", machine="vax", glibc="glibc 2.36"),
            "'host' is not a target here: it is vax-unknown-linux-gnu, which the catalogue does not have",
        ),
    ],
)
def test_an_unknown_host(problems, monkeypatch, platform, said):
    """A machine that the catalogue does not know cannot be meant."""
    monkeypatch.setattr(Platform, "here", classmethod(lambda _: platform))
    assert problems('version = 1\ntargets = ["aarch64", "host"]\n') == [f"crosstasks.toml:2: targets[1]: {said}"]


def test_host_is_no_table(problems):
    """What holds for a target is said by its name: `host` is another one on each machine."""
    assert problems("version = 1\n[target.host]\n") == ["crosstasks.toml:2: target.host: no target is called 'host'"]


# lines


def test_lines():
    """The line of a key is that of its statement, whatever stands in texts and lists over several lines."""
    text = '# x\na = """\nb = 1\n[c]\n"""\n"b.c".d = [\n  1,\n]\n[e.f]\ng = { h = 1 }\n[[i]]\nj = 1\n[[i]]\nj = 2\n'
    assert lines(text) == {
        ("a",): 2,
        ("b.c",): 6,
        ("b.c", "d"): 6,
        ("e",): 9,
        ("e", "f"): 9,
        ("e", "f", "g"): 10,
        ("e", "f", "g", "h"): 10,
        ("i",): 11,
        ("i", "j"): 12,
    }


# what is not done


def test_a_good_configuration_needs_no_likely_words(configured, monkeypatch):
    """A configuration without mistakes is read without the library that finds likely words: `nox -l` stays quick."""
    monkeypatch.setitem(sys.modules, "difflib", None)
    assert configured(OVER).targets == (ARM, ARMV7)
    with pytest.raises(ImportError):
        configured("version = 1\nimgae = 1\n")


def test_loading_writes_nothing(project, configured):
    """Reading leaves the folder as it was, right or wrong."""
    configured(OVER)
    with pytest.raises(ConfigError):
        configured(BROKEN)
    assert sorted(path.name for path in project.rglob("*")) == [".git", "crosstasks.toml"]
    assert (project / "crosstasks.toml").read_text("utf-8") == BROKEN


# the schema and the page


def test_the_shipped_schema():
    """The schema that is shipped is the one that the options make."""
    assert SHIPPED.read_text("utf-8") == schema_text(), RENEW


def test_the_tables_of_the_page():
    """The tables of docs/config.md are those that the options make, and every option stands in one."""
    text = PAGE.read_text("utf-8")
    assert text == page(text), RENEW
    assert set(Options.__struct_encode_fields__) | set(TargetOptions.__struct_encode_fields__) == {
        key for word in ("all", "target", "top") for key in TABLES[word][1]
    }
    assert list(TABLES["release"][1]) == list(Release.__struct_encode_fields__)


def test_a_changed_table_is_noticed():
    """A table that was edited by hand is made anew, and what stands around it is kept."""
    text = PAGE.read_text("utf-8")
    assert page(text.replace("| `cross` |", "| `crosss` |")) == text


def blocks() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", blocks())
def test_examples_of_the_page(project, block):
    """Every example of docs/config.md is a configuration."""
    name = "Cargo.toml" if "metadata" in block else "crosstasks.toml"
    assert load(put(project, {name: block}), environ={}).targets


def test_the_page_quotes_us(problems):
    """The problems that docs/config.md shows are the ones that we tell."""
    told = problems('version = 1\ntargets = ["aarch46"]\n\n[target.aarch64]\nimgae = 1\n', CROSSTASKS_CROS="git")
    assert "\n".join(told) in PAGE.read_text("utf-8")


def full() -> str:
    return max(blocks(), key=len)


def validator() -> jsonschema.protocols.Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(json.loads(SHIPPED.read_text("utf-8")))


def test_the_schema_accepts_a_full_example():
    """The full example of the page is valid by the schema."""
    import tomllib

    validator().validate(tomllib.loads(full()))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"imgae": "x"}, []),
        ({"builder": "zig"}, ["builder"]),
        ({"version": 2}, ["version"]),
        ({"target": {"aarch64": {"glibc": "v2"}}}, ["target", "aarch64", "glibc"]),
        ({"target": {"aarch64": {"engine": "docker"}}}, ["target", "aarch64"]),
        ({"release": {"dist": ""}}, ["release", "dist"]),
    ],
)
def test_the_schema_refuses(change, path):
    """What we would tell as a problem, the schema refuses at the same place."""
    (error,) = validator().iter_errors({"version": 1, **change})
    assert list(error.absolute_path) == path


def test_the_schema_requires_the_version():
    """The version of the format is required by the schema as well."""
    assert [error.message for error in validator().iter_errors({})] == ["'version' is a required property"]


@pytest.mark.parametrize("model", [Options, TargetOptions, Release, File])
def test_every_option_is_described(model):
    """Every option has a sentence, which ends as one."""
    for key in model.__struct_encode_fields__:
        said = config_schema.property_of(model, key).get("description", "") if key not in {"release", "target"} else "."
        assert said.endswith("."), key


# what only the workspace tells


MEMBERS = """\
version = 1
members = ["server", "nope"]
exclude = ["desk*", "mobil*"]
[target.armv7]
members = ["serve"]
"""


@pytest.fixture
def strangers(configured, project):
    """What is said of the packages that a text names, where the workspace holds two."""

    def strangers(text: str, held=frozenset({"server", "desktop"}), **environ: str) -> list[str]:
        loaded = configured(text, **environ)
        try:
            check_members(loaded, lambda: held, project)
        except ConfigError as error:
            return [*error.problems, error.hint]
        return []

    return strangers


def test_members_that_the_workspace_does_not_have(strangers):
    """Each is told with its place and the likely word: of all targets, and of one."""
    assert [
        "crosstasks.toml:2: members[1]: the workspace has no package 'nope'",
        "crosstasks.toml:5: target.armv7.members[0]: the workspace has no package 'serve', perhaps 'server'",
        "crosstasks.toml:3: exclude[1]: the workspace has no package 'mobil*'",
        "it has desktop, server",
    ] == strangers(MEMBERS)


def test_members_of_a_variable(strangers):
    """Their place is the variable's name."""
    told = strangers("version = 1\n", CROSSTASKS_MEMBERS="server destop")
    assert "CROSSTASKS_MEMBERS[1]: the workspace has no package 'destop', perhaps 'desktop'" == told[0]


@pytest.mark.parametrize("spec", ["server", "server@1.0.0", "s*", "file:///srv/other#1.0.0"])
def test_what_cargo_takes_is_no_stranger(strangers, spec):
    """A version, a pattern and an address are cargo's to judge."""
    assert [] == strangers(f'version = 1\nmembers = ["{spec}"]\n')


def test_without_members_no_manifest_is_read(configured, project):
    """The workspace is read only where a package is named; and one that cannot be read is told elsewhere."""
    check_members(configured("version = 1\n"), lambda: pytest.fail("it was read"), project)
    check_members(configured(MEMBERS), lambda: None, project)


# what is selected


def test_what_is_declared_stays_known(configured):
    """A variable selects: what the file declares is known all the same."""
    text = 'version = 1\ntargets = ["aarch64", "armv7"]\n'
    some, every = configured(text, CROSSTASKS_TARGETS="armv7"), configured(text)
    assert ((ARMV7,), (ARM, ARMV7), (ARMV7,)) == (some.targets, some.all_targets, some.selection)
    assert ((ARM, ARMV7), (ARM, ARMV7), ()) == (every.targets, every.all_targets, every.selection)


def test_a_name_stands_for_a_triple(monkeypatch):
    """On the command line as in the file: an alias, a triple, or the machine itself; where that is no target it is said."""
    monkeypatch.setattr(Platform, "here", lambda: Platform(system="linux", machine="aarch64"))
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    assert (ARM, ARM, ARM) == tuple(triple_of(name, Path()) for name in ("aarch64", ARM, "host"))
    monkeypatch.setattr(Platform, "here", lambda: Platform(system="linux", machine="vax"))
    with pytest.raises(ConfigError, match="'host' is not a target here") as caught:
        triple_of("host", Path())
    assert "`crosstasks tools.targets` lists all" == caught.value.hint


def test_a_verb_that_is_none():
    """The likely one is named."""
    assert "test" == verb("test")
    with pytest.raises(
        ConfigError,
        match="the verb is build or test or check or clippy or doc or run or bench or nextest or nextest-archive, not 'tets', perhaps 'test'",
    ):
        verb("tets")


# targets that a file describes

THING = '{"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "data-layout": "e", "target-pointer-width": 64}'


def test_a_target_in_json(project, configured, monkeypatch):
    """It is seen from the file that names it, has a table by its stem, wherever that stands, and a variable of its own."""
    monkeypatch.setattr(targets, "_FROM_FILES", {})
    put(project, {"targets/thing.json": THING})
    loaded = configured(
        'version = 1\ntargets = ["targets/thing.json", "arm64"]\n[target.thing]\nrunner = "go"\n', CROSSTASKS_TARGET_THING_PROFILE="small"
    )
    assert loaded.targets == loaded.all_targets == ("thing", ARM)
    assert (loaded.target("thing").runner, loaded.target("thing").profile) == ("go", "small")
    assert (triple_of("thing", project), triple_of("targets/thing.json", project)) == ("thing", "thing")


def test_a_wrong_target_in_json_is_told_with_all_other_problems(project, problems, monkeypatch):
    """With its place; one that is no file too."""
    monkeypatch.setattr(targets, "_FROM_FILES", {})
    put(project, {"bad.json": "{"})
    told = problems('version = 1\ntargets = ["bad.json", "none.json", "arm65"]\n')
    assert [line.partition(", ")[0] for line in told] == [
        "crosstasks.toml:2: targets[0]: bad.json describes no target",
        "crosstasks.toml:2: targets[1]: none.json cannot be read",
        "crosstasks.toml:2: targets[2]: no target is called 'arm65'",
    ]
