"""Pure: every option of crosstasks.toml, with its default and what it means. A new option is one field here.

The table in docs/config.md and the JSON schema are made from these fields.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Flavour = Literal["0.2.5", "0.2.4", "git"]
Builder = Literal["auto", "cross", "zigbuild", "cargo"]
ImageSource = Literal["local", "mirror", "upstream", "bundle", "build"]
ToolchainSource = Literal["user", "cache", "rustup", "debian"]
Text = Annotated[str, Meta(description="")]


class Values(Struct, frozen=True, kw_only=True):
    """Options that hold for all targets, or in ``[target.<name>]`` for one."""

    cross: Annotated[Flavour, Meta(description="the flavour of cross to take first")] = "0.2.5"
    fallback: Annotated[
        tuple[Literal["0.2.5", "0.2.4", "git", "zigbuild"], ...], Meta(description="what to take, in order, when that is not possible")
    ] = ("git", "0.2.4", "zigbuild")
    builder: Annotated[Builder, Meta(description="take only routes of this builder")] = "auto"
    image: Annotated[str, Meta(description="the image to build in, with tag or digest; empty lets crosstasks choose")] = ""
    emulation: Annotated[Literal["auto", "never"], Meta(description="whether images of another architecture may be emulated")] = "auto"
    glibc: Annotated[
        str, Meta(description="the newest glibc that artifacts may need, such as 2.28; routes above are refused", pattern=r"^(|\d+\.\d+)$")
    ] = ""
    packages: Annotated[tuple[str, ...], Meta(description="Debian packages for the target in an image built here, such as libssl-dev")] = ()
    linker: Annotated[str, Meta(description="the linker to use; what cargo's own configuration says wins over ours")] = ""
    runner: Annotated[str, Meta(description="what runs the target's programs in tests")] = ""


class TargetOptions(Values, frozen=True, kw_only=True):
    """Options of ``[target.<name>]``."""


class Release(Struct, frozen=True, kw_only=True):
    """Options of ``[release]``."""

    dist: Annotated[str, Meta(description="the folder that packages are put into")] = "dist"
    profile: Annotated[str, Meta(description="cargo's profile for releases")] = "release"


class Options(Values, frozen=True, kw_only=True):
    """Options of the top level."""

    targets: Annotated[tuple[str, ...], Meta(description="triples or aliases of the targets to build")] = ()
    engine: Annotated[str, Meta(description="auto, docker, podman, or the path of an engine's command")] = "auto"
    images: Annotated[tuple[ImageSource, ...], Meta(description="where images come from, in order")] = (
        "local",
        "mirror",
        "upstream",
        "bundle",
        "build",
    )
    toolchains: Annotated[tuple[ToolchainSource, ...], Meta(description="where toolchains come from, in order")] = (
        "user",
        "cache",
        "rustup",
        "debian",
    )
    mirror: Annotated[str, Meta(description="a registry to look for images in first, host:port/prefix")] = ""
    toolchain: Annotated[str, Meta(description="the release of Rust, such as 1.85.0; empty follows rust-toolchain.toml")] = ""
    offline: Annotated[bool, Meta(description="ask the network for nothing")] = False
    strict: Annotated[bool | Literal["auto"], Meta(description="fail at the first failed step; auto is true in CI")] = "auto"
    git_url: Annotated[str, Meta(description="the repository that `cross = \"git\"` is installed from")] = "https://github.com/cross-rs/cross"
    git_rev: Annotated[str, Meta(description="its revision", pattern=r"^[0-9a-f]{7,40}$")] = "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"
    timeout: Annotated[float, Meta(description="seconds that one build or test may take; 0 is no limit", ge=0)] = 0.0
    network_timeout: Annotated[float, Meta(description="seconds that one question to the network may take", gt=0)] = 10.0
    release: Release = Release()
