"""Pure: every option of crosstasks.toml, with its default and what it means. A new option is one field here.

Reading, the JSON schema and the table in docs/config.md are made from these fields.
"""

# no `from __future__ import annotations`: msgspec would compile each of the texts, 2 ms whenever sessions are listed
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

Flavour: TypeAlias = Literal["0.2.5", "0.2.4", "git"]
Next: TypeAlias = Literal["0.2.5", "0.2.4", "git", "zigbuild"]
Builder: TypeAlias = Literal["auto", "cross", "zigbuild", "cargo", "xwin"]
ImageSource: TypeAlias = Literal["local", "mirror", "upstream", "bundle", "build", "base"]
ToolchainSource: TypeAlias = Literal["user", "cache", "rustup", "debian"]
ReleasePart: TypeAlias = Literal["changelog", "tag", "sbom", "hooks", "verify", "publish", "directory", "github", "registry"]
"""What ``--skip`` may leave out; the last three are the places to publish to."""

VerifyCheck: TypeAlias = Literal["format", "interpreter", "glibc", "static", "stack", "relro", "pie", "paths", "smoke"]
Variable: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _meta(description: str, *examples: Any, **limits: Any) -> Meta:
    """Say what an option is."""
    return Meta(description=description, examples=list(examples) or None, **limits)


WEEK: Final = 7 * 24 * 3600
HOUR: Final = 3600


class Values(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Options that hold for all targets, or in ``[target.<name>]`` for one."""

    cross: Annotated[Flavour, _meta("The flavour of cross to take first; the only one if it is set and `fallback` is not.")] = "0.2.5"
    fallback: Annotated[
        tuple[Next, ...], _meta("What to take, in this order, when that is not possible; an empty list takes nothing else.")
    ] = ("git", "0.2.4", "zigbuild")
    builder: Annotated[Builder, _meta("Take only routes of this builder; `auto` takes the first possible route of any.")] = "auto"
    image: Annotated[
        str, _meta("The image to build in, with tag or digest; empty lets crosstasks choose.", "registry.example.org/cross/aarch64:1")
    ] = ""
    emulation: Annotated[
        Literal["auto", "install", "never"],
        _meta(
            "Whether an image of another architecture than the engine's may be used, which is slow. `auto` does where"
            " emulation works, and on a terminal asks before setting it up; `install` agrees to that, as"
            " CROSSTASKS_EMULATION or by --yes: in a file of the repository it is `auto`."
        ),
    ] = "auto"
    glibc: Annotated[
        str,
        _meta(
            "The newest glibc that artifacts may need; routes that would need a newer one are refused.",
            "2.28",
            pattern=r"^(|[0-9]+\.[0-9]+)$",
        ),
    ] = ""
    packages: Annotated[
        tuple[str, ...],
        _meta(
            "Debian packages of the target, in an image built here; `:native` behind a name: a program for the image itself.",
            ["libssl-dev", "protobuf-compiler:native"],
        ),
    ] = ()
    pre_build: Annotated[
        tuple[str, ...],
        _meta(
            "Commands that are run in one of cross's own images before it is used; one built here has `packages`.",
            ["apt-get update && apt-get install -y protobuf-compiler"],
        ),
    ] = ()
    build_std: Annotated[
        Literal["auto", "never", "always"],
        _meta("Whether the standard library is built from its source; `auto` does where nobody ships it."),
    ] = "auto"
    members: Annotated[
        tuple[str, ...], _meta("Packages of the cargo workspace to build; empty builds what cargo would by itself.", ["server", "cli"])
    ] = ()
    exclude: Annotated[tuple[str, ...], _meta("Packages of the cargo workspace not to build; all others are built.", ["desktop"])] = ()
    features: Annotated[tuple[str, ...], _meta("Cargo features to turn on.", ["tls", "server/metrics"])] = ()
    accept_microsoft_license: Annotated[
        bool,
        _meta(
            "Whether you accept Microsoft's licence of its CRT and SDK (https://go.microsoft.com/fwlink/?LinkId=2086102), which"
            " cargo-xwin fetches for *-pc-windows-msvc. Only this file can say so."
        ),
    ] = False
    default_features: Annotated[bool, _meta("Whether cargo's default features are on.")] = True
    profile: Annotated[str, _meta("Cargo's profile; empty leaves it to cargo, which takes `dev`, and `test` for tests.", "release")] = ""
    env_pass: Annotated[
        tuple[Variable, ...], _meta("Variables of your environment that the container is given as well.", ["SSL_CERT_FILE"])
    ] = ()
    verify_skip: Annotated[tuple[VerifyCheck, ...], _meta("Checks that `release.verify` leaves out.", ["pie", "smoke"])] = ()
    verify_smoke: Annotated[tuple[str, ...], _meta("What `release.verify` starts every released program with.", ["--help"])] = (
        "--version",
    )
    verify_timeout: Annotated[float, _meta("Seconds that a program started by `release.verify` may take.", 10, gt=0, le=HOUR)] = 60.0


class TargetOptions(Values, frozen=True, kw_only=True):
    """Options of ``[target.<name>]``."""

    linker: Annotated[
        str, _meta("The linker to use; empty leaves it to cargo's own configuration, and to the image.", "aarch64-linux-gnu-gcc")
    ] = ""
    runner: Annotated[
        str,
        _meta("What runs the target's programs in tests; empty leaves it to cargo's own configuration, and to the image.", "qemu-aarch64"),
    ] = ""


Command: TypeAlias = tuple[str, ...]
Place: TypeAlias = Literal["directory", "github", "registry"]


class Release(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Options of ``[release]``."""

    name: Annotated[
        str, _meta("What archives begin with, one for all programs; empty makes one for each cargo package with programs.", "hello")
    ] = ""
    packages: Annotated[
        tuple[str, ...], _meta("The cargo packages that are released; empty takes every member of the workspace.", ["server", "cli"])
    ] = ()
    dist: Annotated[str, _meta("The folder that archives are put into.", "dist", min_length=1)] = "dist"
    profile: Annotated[str, _meta("Cargo's profile for releases.", "release", min_length=1)] = "release"
    tag: Annotated[
        str,
        _meta(
            "The name of a release's tag; with `{package}` every package has a version and a tag of its own.",
            "v{version}",
            "{package}-v{version}",
            pattern=r"^[^\s]*\{version\}[^\s]*$",
        ),
    ] = "v{version}"
    branch: Annotated[str, _meta("The branch that releases are made on; empty allows any.", "main")] = ""
    changelog: Annotated[str, _meta("The changelog, in the form of Keep a Changelog; empty: there is none.", "CHANGELOG.md")] = (
        "CHANGELOG.md"
    )
    files: Annotated[
        tuple[str, ...],
        _meta(
            "More files for the archives, as patterns below the root; licences, readme and changelog are always in.",
            ["completions/*", "man/hello.1"],
        ),
    ] = ()
    skip: Annotated[tuple[ReleasePart, ...], _meta("Parts of a release that are left out; `--skip` adds to it.", ["sbom"])] = ()
    auditable: Annotated[
        Literal["auto", "never", "always"],
        _meta(
            "Whether programs embed what they are made of (cargo-auditable); `auto` does where the program is on PATH and the "
            "route allows it."
        ),
    ] = "auto"
    hooks: Annotated[
        tuple[Command, ...],
        _meta(
            "Commands that sign or attest what is in the folder: lists of words, no shell; `{artifact}` and `{name}` "
            "run a command once for every file, `{checksums}` and `{dist}` once.",
            [["minisign", "-Sm", "{artifact}"]],
        ),
    ] = ()
    publish: Annotated[
        tuple[Place, ...], _meta("Where a release is published, in this order; empty: nowhere.", ["directory", "github", "registry"])
    ] = ()
    directory: Annotated[
        str,
        _meta("The folder that `directory` publishes to; `{package}` and `{version}` are filled in.", "/srv/releases/{package}/{version}"),
    ] = ""
    repository: Annotated[str, _meta("The repository on GitHub; empty leaves it to `gh`.", "example/hello")] = ""
    registry: Annotated[str, _meta("The cargo registry that crates go to; empty takes cargo's default.", "company")] = ""


class Options(Values, frozen=True, kw_only=True):
    """Options of the top level."""

    targets: Annotated[
        tuple[str, ...],
        _meta("The targets to build: triples, aliases, or `host` for the machine's own.", ["aarch64", "x86_64-unknown-linux-musl", "host"]),
    ] = ()
    engine: Annotated[
        str,
        _meta(
            "The container engine: `auto`, `docker`, `podman`, or the path of its command.",
            "auto",
            "docker",
            "podman",
            "/opt/podman/bin/podman",
            pattern=r"^(auto|docker|podman|.*[/\\].*)$",
        ),
    ] = "auto"
    images: Annotated[tuple[ImageSource, ...], _meta("Where images come from, in this order.")] = (
        "local",
        "mirror",
        "upstream",
        "bundle",
        "build",
        "base",
    )
    mirror: Annotated[
        str,
        _meta(
            "A registry, with what comes before the names there, that holds copies of cross's images.",
            "registry.example.org:5000/mirrored",
            pattern=r"^(|[^\s:/]+(:[0-9]+)?(/[^\s:]+)?)$",
        ),
    ] = ""
    base: Annotated[
        str,
        _meta("The Debian suite that images built here are made of, the same on every machine.", "bullseye", "trixie", pattern=r"^[a-z]+$"),
    ] = "bookworm"
    debian_mirror: Annotated[
        str,
        _meta(
            "Where Debian's packages are fetched instead of deb.debian.org; `{archive}` in it stands for `debian` and"
            " `debian-security`, which else are its last part. A snapshot's address holds one point in time.",
            "https://mirror.example.org",
            "https://snapshot.debian.org/archive/{archive}/20261101T000000Z",
            pattern=r"^(|https?://[^\s]+)$",
        ),
    ] = ""
    debian_keyring: Annotated[
        str,
        _meta(
            "A file with the OpenPGP keys that sign the archive of `debian-mirror`; empty takes Debian's, which come along.",
            "keys/company-archive.asc",
        ),
    ] = ""
    toolchain: Annotated[
        str,
        _meta(
            "The release or the channel of Rust; empty follows rust-toolchain.toml, your active toolchain, or the newest.",
            "1.85.0",
            "1.85",
            "stable",
            "nightly",
            "nightly-2026-10-30",
            pattern=r"^(|stable|(nightly|beta)(-[0-9]{4}-[0-9]{2}-[0-9]{2})?|[0-9]+\.[0-9]+(\.[0-9]+)?)$",
        ),
    ] = ""
    toolchains: Annotated[tuple[ToolchainSource, ...], _meta("Where toolchains come from, in this order.")] = (
        "user",
        "cache",
        "rustup",
        "debian",
    )
    git_url: Annotated[str, _meta('The repository that `cross = "git"` is installed from.', min_length=1)] = (
        "https://github.com/cross-rs/cross"
    )
    git_rev: Annotated[str, _meta("The revision of it.", "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27", pattern=r"^[0-9a-f]{7,40}$")] = (
        "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"
    )
    offline: Annotated[bool, _meta("Ask the network for nothing.")] = False
    strict: Annotated[
        bool | Literal["auto"],
        _meta("Fail at the first failed step and take no other route; `auto` does in CI, with a lock, and in a release."),
    ] = "auto"
    timeout: Annotated[float, _meta("Seconds that one build or test may take; 0 is no limit.", 3600, ge=0, le=WEEK)] = 0.0
    ci_verbs: Annotated[tuple[Literal["build", "test"], ...], _meta("What the jobs of a CI service do with every target.")] = (
        "build",
        "test",
    )
    ci_runners: Annotated[
        tuple[str, ...],
        _meta("The labels of your own runners, by platform (`linux/arm64`) or target.", ["linux/arm64=big-arm", "aarch64=pi"]),
    ] = ()
    ci_minutes: Annotated[int, _meta("The minutes that one job of a CI service may take.", ge=1, le=1440)] = 60
    network_timeout: Annotated[float, _meta("Seconds that one question to the network may take.", 30, gt=0, le=HOUR)] = 10.0


class File(Options, frozen=True, kw_only=True):
    """The whole of crosstasks.toml."""

    version: Annotated[Literal[1], _meta("The version of this format.")]
    target: Annotated[Mapping[str, TargetOptions], _meta("What holds for one target only.")] = {}
    release: Annotated[Release, _meta("How `invoke release` packages what was built.")] = Release()


Model: TypeAlias = type[Options] | type[TargetOptions] | type[Release] | type[File]
