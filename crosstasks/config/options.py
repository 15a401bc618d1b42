"""Pure: every option of crosstasks.toml, with its default and what it means. A new option is one field here.

Reading, the JSON schema and the table in docs/config.md are made from these fields.
"""

# no `from __future__ import annotations`: msgspec would compile each of the texts, 2 ms whenever sessions are listed
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

Flavour: TypeAlias = Literal["0.2.5", "0.2.4", "git"]
Next: TypeAlias = Literal["0.2.5", "0.2.4", "git", "zigbuild"]
Builder: TypeAlias = Literal["auto", "cross", "zigbuild", "cargo", "xwin"]
ImageSource: TypeAlias = Literal["local", "mirror", "upstream", "bundle", "build", "base"]
ToolchainSource: TypeAlias = Literal["user", "cache", "rustup", "debian"]
VerifyCheck: TypeAlias = Literal["format", "interpreter", "glibc", "static", "stack", "relro", "pie", "paths", "smoke"]
Variable: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _of_form(pattern: str, *, description: str, examples: list[str]) -> Meta:
    """Say what an option of a form is. ``Meta(pattern=…)`` would compile the pattern here, whenever sessions are listed."""
    return Meta(description=description, examples=examples, extra_json_schema={"pattern": pattern})


WEEK: Final = 7 * 24 * 3600
HOUR: Final = 3600


class Values(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Options that hold for all targets, or in ``[target.<name>]`` for one."""

    cross: Annotated[Flavour, Meta(description="The flavour of cross to take first; the only one if it is set and `fallback` is not.")] = (
        "0.2.5"
    )
    fallback: Annotated[
        tuple[Next, ...], Meta(description="What to take, in this order, when that is not possible; an empty list takes nothing else.")
    ] = ("git", "0.2.4", "zigbuild")
    builder: Annotated[Builder, Meta(description="Take only routes of this builder; `auto` takes the first possible route of any.")] = (
        "auto"
    )
    image: Annotated[
        str,
        Meta(
            description="The image to build in, with tag or digest; empty lets crosstasks choose.",
            examples=["registry.example.org/cross/aarch64:1"],
        ),
    ] = ""
    emulation: Annotated[
        Literal["auto", "install", "never"],
        Meta(
            description="Whether an image of another architecture than the engine's may be used, which is slow. `auto` does where"
            " emulation works, and on a terminal asks before setting it up; `install` agrees to that, as"
            " CROSSTASKS_EMULATION or by --yes: in a file of the repository it is `auto`."
        ),
    ] = "auto"
    glibc: Annotated[
        str,
        _of_form(
            r"^(|[0-9]+\.[0-9]+)$",
            description="The newest glibc that artifacts may need; routes that would need a newer one are refused.",
            examples=["2.28"],
        ),
    ] = ""
    packages: Annotated[
        tuple[str, ...],
        Meta(
            description="Debian packages of the target, in an image built here; `:native` behind a name: a program for the image itself.",
            examples=[["libssl-dev", "protobuf-compiler:native"]],
        ),
    ] = ()
    pre_build: Annotated[
        tuple[str, ...],
        Meta(
            description="Commands that are run in one of cross's own images before it is used; one built here has `packages`.",
            examples=[["apt-get update && apt-get install -y protobuf-compiler"]],
        ),
    ] = ()
    build_std: Annotated[
        Literal["auto", "never", "always"],
        Meta(description="Whether the standard library is built from its source; `auto` does where nobody ships it."),
    ] = "auto"
    members: Annotated[
        tuple[str, ...],
        Meta(
            description="Packages of the cargo workspace to build; empty builds what cargo would by itself.", examples=[["server", "cli"]]
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        Meta(description="Packages of the cargo workspace not to build; all others are built.", examples=[["desktop"]]),
    ] = ()
    features: Annotated[tuple[str, ...], Meta(description="Cargo features to turn on.", examples=[["tls", "server/metrics"]])] = ()
    accept_microsoft_license: Annotated[
        bool,
        Meta(
            description="Whether you accept Microsoft's licence of its CRT and SDK (https://go.microsoft.com/fwlink/?LinkId=2086102), which"
            " cargo-xwin fetches for *-pc-windows-msvc. Only this file can say so."
        ),
    ] = False
    default_features: Annotated[bool, Meta(description="Whether cargo's default features are on.")] = True
    profile: Annotated[
        str, Meta(description="Cargo's profile; empty leaves it to cargo, which takes `dev`, and `test` for tests.", examples=["release"])
    ] = ""
    env_pass: Annotated[
        tuple[Variable, ...],
        Meta(description="Variables of your environment that the container is given as well.", examples=[["SSL_CERT_FILE"]]),
    ] = ()
    verify_skip: Annotated[
        tuple[VerifyCheck, ...], Meta(description="Checks that `release.verify` leaves out.", examples=[["pie", "smoke"]])
    ] = ()
    verify_smoke: Annotated[
        tuple[str, ...], Meta(description="What `release.verify` starts every released program with.", examples=[["--help"]])
    ] = ("--version",)
    verify_timeout: Annotated[
        float, Meta(description="Seconds that a program started by `release.verify` may take.", gt=0, le=HOUR, examples=[10])
    ] = 60.0


class TargetOptions(Values, frozen=True, kw_only=True):
    """Options of ``[target.<name>]``."""

    linker: Annotated[
        str,
        Meta(
            description="The linker to use; empty leaves it to cargo's own configuration, and to the image.",
            examples=["aarch64-linux-gnu-gcc"],
        ),
    ] = ""
    runner: Annotated[
        str,
        Meta(
            description="What runs the target's programs in tests; empty leaves it to cargo's own configuration, and to the image.",
            examples=["qemu-aarch64"],
        ),
    ] = ""


Command: TypeAlias = tuple[str, ...]
Place: TypeAlias = Literal["directory", "github", "registry"]


class Release(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Options of ``[release]``."""

    name: Annotated[
        str,
        Meta(
            description="What archives begin with, one for all programs; empty makes one for each cargo package with programs.",
            examples=["hello"],
        ),
    ] = ""
    packages: Annotated[
        tuple[str, ...],
        Meta(description="The cargo packages that are released; empty takes every member of the workspace.", examples=[["server", "cli"]]),
    ] = ()
    dist: Annotated[str, Meta(description="The folder that archives are put into.", min_length=1, examples=["dist"])] = "dist"
    profile: Annotated[str, Meta(description="Cargo's profile for releases.", min_length=1, examples=["release"])] = "release"
    tag: Annotated[
        str,
        _of_form(
            r"^[^\s]*\{version\}[^\s]*$",
            description="The name of a release's tag; with `{package}` every package has a version and a tag of its own.",
            examples=["v{version}", "{package}-v{version}"],
        ),
    ] = "v{version}"
    branch: Annotated[str, Meta(description="The branch that releases are made on; empty allows any.", examples=["main"])] = ""
    changelog: Annotated[
        str, Meta(description="The changelog, in the form of Keep a Changelog; empty: there is none.", examples=["CHANGELOG.md"])
    ] = "CHANGELOG.md"
    files: Annotated[
        tuple[str, ...],
        Meta(
            description="More files for the archives, as patterns below the root; licences, readme and changelog are always in.",
            examples=[["completions/*", "man/hello.1"]],
        ),
    ] = ()
    skip: Annotated[
        tuple[str, ...],
        Meta(
            description="Parts of a release that are left out: `changelog`, `sbom`, `hooks`, …; `--skip` adds to it.", examples=[["sbom"]]
        ),
    ] = ()
    auditable: Annotated[
        Literal["auto", "never", "always"],
        Meta(
            description="Whether programs embed what they are made of (cargo-auditable); `auto` does where the program is on PATH and the "
            "route allows it."
        ),
    ] = "auto"
    hooks: Annotated[
        tuple[Command, ...],
        Meta(
            description="Commands that sign or attest what is in the folder: lists of words, no shell; `{artifact}` and `{name}` "
            "run a command once for every file, `{checksums}` and `{dist}` once.",
            examples=[[["minisign", "-Sm", "{artifact}"]]],
        ),
    ] = ()
    publish: Annotated[
        tuple[Place, ...],
        Meta(description="Where a release is published, in this order; empty: nowhere.", examples=[["directory", "github", "registry"]]),
    ] = ()
    directory: Annotated[
        str,
        Meta(
            description="The folder that `directory` publishes to; `{package}` and `{version}` are filled in.",
            examples=["/srv/releases/{package}/{version}"],
        ),
    ] = ""
    repository: Annotated[str, Meta(description="The repository on GitHub; empty leaves it to `gh`.", examples=["example/hello"])] = ""
    registry: Annotated[
        str, Meta(description="The cargo registry that crates go to; empty takes cargo's default.", examples=["company"])
    ] = ""


class Options(Values, frozen=True, kw_only=True):
    """Options of the top level."""

    targets: Annotated[
        tuple[str, ...],
        Meta(
            description="The targets to build: triples, aliases, or `host` for the machine's own.",
            examples=[["aarch64", "x86_64-unknown-linux-musl", "host"]],
        ),
    ] = ()
    engine: Annotated[
        str,
        _of_form(
            r"^(auto|docker|podman|.*[/\\].*)$",
            description="The container engine: `auto`, `docker`, `podman`, or the path of its command.",
            examples=["auto", "docker", "podman", "/opt/podman/bin/podman"],
        ),
    ] = "auto"
    images: Annotated[tuple[ImageSource, ...], Meta(description="Where images come from, in this order.")] = (
        "local",
        "mirror",
        "upstream",
        "bundle",
        "build",
        "base",
    )
    mirror: Annotated[
        str,
        _of_form(
            r"^(|[^\s:/]+(:[0-9]+)?(/[^\s:]+)?)$",
            description="A registry, with what comes before the names there, that holds copies of cross's images.",
            examples=["registry.example.org:5000/mirrored"],
        ),
    ] = ""
    base: Annotated[
        str,
        _of_form(
            r"^[a-z]+$",
            description="The Debian suite that images built here are made of, the same on every machine.",
            examples=["bullseye", "trixie"],
        ),
    ] = "bookworm"
    debian_mirror: Annotated[
        str,
        _of_form(
            r"^(|https?://[^\s]+)$",
            description="Where Debian's packages are fetched instead of deb.debian.org; `{archive}` in it stands for `debian` and"
            " `debian-security`, which else are its last part. A snapshot's address holds one point in time.",
            examples=["https://mirror.example.org", "https://snapshot.debian.org/archive/{archive}/20261101T000000Z"],
        ),
    ] = ""
    debian_keyring: Annotated[
        str,
        Meta(
            description="A file with the OpenPGP keys that sign the archive of `debian-mirror`; empty takes Debian's, which come along.",
            examples=["keys/company-archive.asc"],
        ),
    ] = ""
    toolchain: Annotated[
        str,
        _of_form(
            r"^(|stable|(nightly|beta)(-[0-9]{4}-[0-9]{2}-[0-9]{2})?|[0-9]+\.[0-9]+(\.[0-9]+)?)$",
            description="The release or the channel of Rust; empty follows rust-toolchain.toml, your active toolchain, or the newest.",
            examples=["1.85.0", "1.85", "stable", "nightly", "nightly-2026-10-30"],
        ),
    ] = ""
    toolchains: Annotated[tuple[ToolchainSource, ...], Meta(description="Where toolchains come from, in this order.")] = (
        "user",
        "cache",
        "rustup",
        "debian",
    )
    git_url: Annotated[str, Meta(description='The repository that `cross = "git"` is installed from.', min_length=1)] = (
        "https://github.com/cross-rs/cross"
    )
    git_rev: Annotated[
        str, _of_form(r"^[0-9a-f]{7,40}$", description="The revision of it.", examples=["8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"])
    ] = "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"
    offline: Annotated[bool, Meta(description="Ask the network for nothing.")] = False
    strict: Annotated[
        bool | Literal["auto"],
        Meta(description="Fail at the first failed step and take no other route; `auto` does in CI, with a lock, and in a release."),
    ] = "auto"
    timeout: Annotated[
        float, Meta(description="Seconds that one build or test may take; 0 is no limit.", ge=0, le=WEEK, examples=[3600])
    ] = 0.0
    ci_verbs: Annotated[tuple[Literal["build", "test"], ...], Meta(description="What the jobs of a CI service do with every target.")] = (
        "build",
        "test",
    )
    ci_runners: Annotated[
        tuple[str, ...],
        Meta(
            description="The labels of your own runners, by platform (`linux/arm64`) or target.",
            examples=[["linux/arm64=big-arm", "aarch64=pi"]],
        ),
    ] = ()
    ci_minutes: Annotated[int, Meta(description="The minutes that one job of a CI service may take.", ge=1, le=1440)] = 60
    network_timeout: Annotated[
        float, Meta(description="Seconds that one question to the network may take.", gt=0, le=HOUR, examples=[30])
    ] = 10.0


class File(Options, frozen=True, kw_only=True):
    """The whole of crosstasks.toml."""

    version: Annotated[Literal[1], Meta(description="The version of this format.")]
    target: Annotated[Mapping[str, TargetOptions], Meta(description="What holds for one target only.")] = {}
    release: Annotated[Release, Meta(description="How `invoke release` packages what was built.")] = Release()


Model: TypeAlias = type[Options] | type[TargetOptions] | type[Release] | type[File]


def form(model: Model, field: str) -> str:
    """Return the regular expression that the text of an option must match; empty if it may be any."""
    hint = next(base.__annotations__[field] for base in model.__mro__ if field in vars(base).get("__annotations__", ()))
    extras = (meta.extra_json_schema or {} for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, Meta))
    return next((str(extra["pattern"]) for extra in extras if "pattern" in extra), "")
