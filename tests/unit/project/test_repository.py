"""The repository, read from its files."""

from __future__ import annotations

import json

import pytest
from facts_looks import Programs, look

from crosstasks.core.errors import ConfigError
from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import Facts, ask
from crosstasks.project.cargo_config import CargoConfig
from crosstasks.project.manifest import Package, ToolchainFile, Workspace, find_toolchain_file, parse_toolchain_file, read
from crosstasks.project.repository import merge_tables, parse_metadata
from crosstasks.project.repository import parse as together

ARM = "aarch64-unknown-linux-gnu"
PACKAGE = '[package]\nname = "app"\nversion = "0.1.0"\n'


def put(folder, files):
    """Write files into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def repository(tmp_path, files, run=None, **more):
    """Read a repository of these files."""
    here = look(tmp_path, run, **more)
    put(here.cwd, files)
    return ask(Question("repository"), here, Facts())


def test_a_package_alone_is_its_own_workspace(tmp_path):
    """Without cargo, the manifest tells root, target folder, programs and version."""
    found = repository(tmp_path, {"Cargo.toml": PACKAGE, "src/main.rs": "", "src/bin/two.rs": "", "Cargo.lock": ""})
    root = str(tmp_path / "project")
    assert (root, f"{root}/Cargo.toml", f"{root}/target", True) == (found.root, found.manifest, found.target_directory, found.lock)
    assert [("app", "0.1.0", ("app", "two"))] == [(package.name, package.version, package.binaries) for package in found.packages]


def test_cargo_tells_better_if_it_is_there(tmp_path):
    """What cargo says of root, target folder and members counts."""
    told = {
        "workspace_root": "/elsewhere",
        "target_directory": "/fast/target",
        "packages": [
            {
                "name": "app",
                "version": "2.0.0",
                "manifest_path": "/elsewhere/Cargo.toml",
                "targets": [{"name": "run", "kind": ["bin"]}, {"name": "app", "kind": ["lib"]}],
                "rust_version": "1.70",
            }
        ],
    }
    run = Programs({"cargo metadata": Done(argv=(), code=0, out=json.dumps(told))})
    found = repository(tmp_path, {"Cargo.toml": PACKAGE}, run, programs=("cargo",))
    assert ("/elsewhere", "/fast/target", "1.70", ("run",)) == (
        found.root,
        found.target_directory,
        found.rust_version,
        found.packages[0].binaries,
    )
    wanted = ("cargo", "metadata", "--format-version", "1", "--no-deps", "--offline", "--quiet")
    assert [(*wanted, "--manifest-path", f"{tmp_path}/project/Cargo.toml")] == run.calls
    assert {"RUSTUP_AUTO_INSTALL": "0"} == run.envs[0]


def test_all_that_the_toolchain_file_says_is_known(tmp_path):
    """Channel, profile, components and targets; or the path of a toolchain."""
    for name in "ab":
        (tmp_path / name).mkdir()
    text = '[toolchain]\nchannel = "beta"\nprofile = "default"\ncomponents = ["rust-src"]\ntargets = ["wasm32-wasip1"]\n'
    found = repository(tmp_path / "a", {"Cargo.toml": PACKAGE, "rust-toolchain.toml": text}, Programs({}))
    assert ("beta", "default", ("rust-src",), ("wasm32-wasip1",), "") == (
        found.channel,
        found.profile,
        found.components,
        found.targets,
        found.toolchain_path,
    )
    found = repository(tmp_path / "b", {"Cargo.toml": PACKAGE, "rust-toolchain.toml": '[toolchain]\npath = "/opt/rust"\n'}, Programs({}))
    assert ("", "/opt/rust") == (found.channel, found.toolchain_path)


def test_cargo_that_refuses_the_manifest_is_quoted():
    """101 is cargo's own verdict; what rustup's proxy has to say is about rustup."""
    words = "error: failed to parse manifest at `/p/Cargo.toml`\n\nCaused by:\n  no targets specified in the manifest\n"
    with pytest.raises(ConfigError) as raised:
        parse_metadata(Done(argv=(), code=101, err=words))
    assert "failed to parse manifest at `/p/Cargo.toml`" in raised.value.what
    assert "no targets specified in the manifest" == raised.value.why
    assert {} == parse_metadata(Done(argv=(), code=1, err="error: toolchain '1.2.3' is not installed"))


def test_no_repository_says_where_it_was_looked_for(tmp_path):
    """A folder without a manifest above it is no repository."""
    found = repository(tmp_path, {})
    assert isinstance(found, Absent)
    assert f"no Cargo.toml in {tmp_path}/project or above it" in found.why
    assert found.hint


@pytest.mark.parametrize("name", ["Cargo.toml", "Cross.toml", ".cargo/config.toml"])
def test_a_file_that_is_no_toml_is_named_with_its_line(tmp_path, name):
    """The reason names the file, the line and the column."""
    found = repository(tmp_path, {"Cargo.toml": PACKAGE, name: PACKAGE + "[broken\n"})
    assert isinstance(found, Absent)
    assert f"{tmp_path}/project/{name} is not TOML" in found.why
    assert "line 4" in found.why


WORKSPACE = {
    "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nexclude = ["crates/out"]\n[workspace.package]\nversion = "3.0.0"\nrust-version = "1.75"\n',
    "crates/one/Cargo.toml": '[package]\nname = "one"\nversion.workspace = true\nrust-version.workspace = true\n',
    "crates/two/Cargo.toml": '[package]\nname = "two"\nversion = "1.0.0"\nrust-version = "1.9.1"\nautobins = false\n[[bin]]\nname = "x"\n',
    "crates/two/src/main.rs": "",
    "crates/out/Cargo.toml": '[package]\nname = "out"\nversion = "1.0.0"\n',
}


def test_members_inherit_from_their_workspace(tmp_path):
    """Patterns, exclusions and inherited values are cargo's; the highest rust-version is that of numbers, not of letters."""
    found = repository(tmp_path, WORKSPACE)
    assert {"one": "3.0.0", "two": "1.0.0"} == {package.name: package.version for package in found.packages}
    assert "1.75" == found.rust_version
    assert ("x",) == found.packages[1].binaries


@pytest.mark.parametrize(("member", "root"), [("crates/one", "."), ("crates/out", "crates/out")])
def test_a_member_belongs_to_the_workspace_above_it(tmp_path, member, root):
    """Read from within, a member leads to its workspace; what is excluded is its own."""
    put(tmp_path, WORKSPACE)
    assert str(tmp_path / root) == read(tmp_path / member / "Cargo.toml").root


def test_path_dependencies_outside_are_found_wherever_they_stand(tmp_path):
    """Of a target, of the workspace, of a patch, and of a dependency itself; each once."""
    dependency = '[package]\nname = "d"\nversion = "1.0.0"\n'
    put(
        tmp_path,
        {
            "a/Cargo.toml": dependency + '[dependencies]\nd = { path = "../b" }\n',
            "b/Cargo.toml": dependency,
            "c/Cargo.toml": dependency,
            "p/Cargo.toml": dependency,
            "project/Cargo.toml": PACKAGE + "[target.'cfg(unix)'.dependencies]\na = { path = \"../a\" }\n[workspace]\n"
            '[workspace.dependencies]\nc = { path = "../c" }\n[patch.crates-io]\np = { path = "../p" }\ngone = { path = "../gone" }\n',
        },
    )
    found = read(tmp_path / "project" / "Cargo.toml")
    assert {str(tmp_path / name) for name in "abcp"} == set(found.outside)
    assert ["app"] == [package.name for package in found.packages]


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("rust-toolchain", "nightly-2026-01-01\n", ToolchainFile(origin="", channel="nightly-2026-01-01")),
        ("rust-toolchain", '[toolchain]\nchannel = "1.85.0"\n', ToolchainFile(origin="", channel="1.85.0")),
        (
            "rust-toolchain.toml",
            '[toolchain]\nchannel = "stable"\ncomponents = ["rust-src"]\ntargets = ["wasm32-wasip1"]\n',
            ToolchainFile(origin="", channel="stable", components=("rust-src",), targets=("wasm32-wasip1",)),
        ),
        ("rust-toolchain.toml", '[toolchain]\npath = "/opt/rust"\n', ToolchainFile(origin="", path="/opt/rust")),
    ],
)
def test_a_toolchain_file_is_a_word_or_toml(tmp_path, name, text, wanted):
    """Both forms of the file say the same."""
    found = parse_toolchain_file(name, text)
    assert isinstance(found, ToolchainFile)
    assert (wanted.channel, wanted.components, wanted.targets, wanted.path) == (found.channel, found.components, found.targets, found.path)


def test_the_nearest_toolchain_file_counts(tmp_path):
    """It is looked for upward; in one folder, the name without a suffix wins, and nonsense is absent with a reason."""
    put(
        tmp_path, {"rust-toolchain.toml": '[toolchain]\nchannel = "1.1.0"\n', "a/b/rust-toolchain": "1.2.0", "a/b/rust-toolchain.toml": "x"}
    )
    assert ["1.2.0", "1.1.0"] == [
        found.channel
        for found in (find_toolchain_file(tmp_path / "a/b"), find_toolchain_file(tmp_path / "a"))
        if isinstance(found, ToolchainFile)
    ]
    assert isinstance(parse_toolchain_file("rust-toolchain.toml", "stable"), Absent)
    assert isinstance(repository(tmp_path, {"Cargo.toml": PACKAGE, "rust-toolchain.toml": "[other]\n"}), Absent)


def test_cross_toml_lies_over_the_metadata(tmp_path):
    """Of the same key, Cross.toml's counts, then the package's, then the workspace's."""
    metadata = f'[workspace.metadata.cross.target.{ARM}]\nimage = "w"\nrunner = "w"\n[package.metadata.cross.target.{ARM}]\nimage = "p"\nxargo = false\n'
    below = repository(tmp_path, {"Cargo.toml": PACKAGE + metadata})
    assert ({"target": {ARM: {"image": "p", "runner": "w", "xargo": False}}}, below.manifest) == (below.cross, below.cross_origin)
    over = repository(tmp_path, {"Cross.toml": f'[target.{ARM}]\nimage = "c"\n'})
    assert {"image": "c", "runner": "w", "xargo": False} == over.cross["target"][ARM]
    assert f"{tmp_path}/project/Cross.toml" == over.cross_origin
    assert {"a": {"b": 1, "c": 2}} == merge_tables({"a": {"b": 1}}, {"a": {"c": 2}})


def test_cross_config_names_another_file(tmp_path):
    """CROSS_CONFIG counts instead of Cross.toml, and must be there."""
    environ = {"CROSS_CONFIG": "ci/Cross.toml"}
    files = {"Cargo.toml": PACKAGE, "Cross.toml": "[build]\n", "ci/Cross.toml": "[build]\nxargo = true\n"}
    assert {"build": {"xargo": True}} == repository(tmp_path, files, environ=environ).cross
    assert "cannot be read" in repository(tmp_path, {}, environ={"CROSS_CONFIG": "gone.toml"}).why


CONFIG = f"""
[build]
target-dir = "out"
[target.{ARM}]
linker = "aarch64-linux-gnu-gcc"
runner = ["tools/run", "--fast"]
[target.'cfg(unix)']
runner = "ignored"
"""


def test_cargos_configuration_is_read(tmp_path):
    """A bare name is left to PATH, a path lies where the file's folder lies."""
    found = repository(tmp_path, {"Cargo.toml": PACKAGE, ".cargo/config.toml": CONFIG})
    assert {ARM: "aarch64-linux-gnu-gcc"} == found.linkers
    assert {ARM: f"{tmp_path}/project/tools/run --fast"} == found.runners
    assert f"{tmp_path}/project/out" == found.target_directory


def test_a_variable_wins(tmp_path):
    """Over every file."""
    environ = {"CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER": "mine", "CARGO_TARGET_DIR": "/fast"}
    found = repository(tmp_path, {"Cargo.toml": PACKAGE, ".cargo/config.toml": CONFIG}, environ=environ)
    assert "mine" == found.linkers[ARM]
    assert "/fast" == found.target_directory


def test_the_nearest_configuration_wins_over_the_home(tmp_path):
    """A project's file wins over CARGO_HOME's; what only that says counts too."""
    put(tmp_path / "home/.cargo", {"config.toml": f'[target.{ARM}]\nlinker = "far"\nrunner = "far-run"\n'})
    found = repository(tmp_path, {"Cargo.toml": PACKAGE, ".cargo/config": f'[target.{ARM}]\nlinker = "near"\n'})
    assert ("near", "far-run") == (found.linkers[ARM], found.runners[ARM])


@pytest.mark.parametrize(
    ("names", "compiles"),
    [((), ""), (("serde",), ""), (("serde", "cc"), "cc"), (("cmake", "memchr"), "cmake"), (("cc-version", "find-cc"), "")],
)
def test_what_compiles_c(tmp_path, names, compiles):
    """A package that drives a C compiler for others is in the lock file."""
    (tmp_path / "Cargo.lock").write_text("".join(f'[[package]]\nname = "{name}"\nversion = "1.0.0"\n\n' for name in names))
    workspace = Workspace(root=str(tmp_path), manifest=str(tmp_path / "Cargo.toml"), content={})
    assert together(workspace, {}, CargoConfig(), None, {}, "").compiles_c == compiles


@pytest.mark.parametrize(
    ("manifest", "compiles"),
    [
        ('[build-dependencies]\ncc = "1"\n', "cc"),
        ('[target.x.build-dependencies.cmake]\nversion = "1"\n', "cmake"),
        ('[build-dependencies]\ncc-version = "1"\n', ""),
    ],
)
def test_what_compiles_c_before_there_is_a_lock_file(tmp_path, manifest, compiles):
    """What the members ask for themselves is known; what their dependencies need is in the lock file, once it is written."""
    (tmp_path / "Cargo.toml").write_text(manifest)
    member = Package(name="a", version="1.0.0", manifest=str(tmp_path / "Cargo.toml"))
    workspace = Workspace(root=str(tmp_path), manifest=member.manifest, content={}, packages=(member,))
    assert together(workspace, {}, CargoConfig(), None, {}, "").compiles_c == compiles
