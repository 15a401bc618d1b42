"""The environment of one call, whole, per builder and flavour."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from crosstasks.building import commands, environment
from crosstasks.building.environment import Call, cargo, deployment, objcopy_environment, removals, variable
from crosstasks.catalog import targets
from crosstasks.catalog.ingredients import Image, Tool, Toolchain
from crosstasks.catalog.targets import find
from crosstasks.context import Extra
from crosstasks.core.errors import ConfigError
from crosstasks.facts.engine import Engine
from crosstasks.facts.host import Host
from crosstasks.planning.route import Route
from crosstasks.project.repository import Volumes
from crosstasks.testing import AMD64, ARM64, config, repository

MUSL = "aarch64-unknown-linux-musl"
IMAGE = Image(source="local", why="", ref="ghcr.io/cross-rs/x:0.2.5", platform="linux/amd64", digest="sha256:1")
TOOLCHAIN = Toolchain(
    source="cache",
    why="",
    name=f"1.96.0-{AMD64}",
    release="1.96.0",
    host=AMD64,
    path=f"/cache/rustup/toolchains/1.96.0-{AMD64}",
    standard=(ARM64,),
)
CALL = Call(
    cargo_home="/cache/cargo/1",
    user_cargo_home="/home/user/.cargo",
    target_dir="/project/target/crosstasks/.cross-1",
    labels=("crosstasks.run=1", "crosstasks.owner=7"),
)
DOCKER = Engine(kind="docker", command="/usr/bin/docker", version="20.10.24", arch="x86_64", store="overlay2")
PODMAN = replace(DOCKER, kind="podman", command="/usr/bin/podman")
HOST = Host(os="linux", arch="x86_64", triple=AMD64, libc="gnu", glibc="2.36")


def route(flavour="0.2.5", **changes):
    ready = {
        "name": f"cross {flavour}",
        "target": ARM64,
        "builder": "cross",
        "flavour": flavour,
        "tool": Tool(source="PATH", why="", name="cross", version=flavour, path="/usr/bin/cross"),
        "toolchain": TOOLCHAIN,
        "host_toolchain": TOOLCHAIN,
        "image": IMAGE,
    }
    return Route(**{**ready, **changes})


def cross(taken=None, *, engine=DOCKER, host=HOST, call=CALL, environ=None, options=None, extra=Extra(), **said):  # noqa: B008  # it is frozen
    """Return the environment of a call of cross."""
    context = SimpleNamespace(
        engine=engine,
        facts=SimpleNamespace(host=host),
        repository=repository(**said),
        config=config("aarch64", **(options or {})),
        environ=environ or {},
        extra=extra,
    )
    return environment.cross(taken or route(), call, context)


COMMON = "--init --label=crosstasks.run=1 --label=crosstasks.owner=7"
ORDINARY = {
    "CARGO_TARGET_DIR": "/project/target/crosstasks/.cross-1",
    "CARGO_NET_OFFLINE": "true",
    "CARGO_TERM_COLOR": "never",
    "CARGO_HOME": "/cache/cargo/1",
    "RUSTUP_HOME": "/cache/rustup",
    "RUSTUP_TOOLCHAIN": None,
    "CROSS_CONTAINER_OPTS": f"{COMMON} --volume=/home/user/.cargo/registry:/cargo/registry:ro --volume=/home/user/.cargo/git:/cargo/git:ro",
    "XARGO_HOME": "/cache/cargo/1/xargo",
    "XDG_DATA_HOME": "/cache/cargo/1/data",
    "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE": "ghcr.io/cross-rs/x:0.2.5",
}
UNSET = object()
"""Of a variable that is left as the user has it."""
GIT_OPTIONS = (
    f"{COMMON} --volume=/home/user/.cargo/registry:/cache/cargo/1/registry:ro --volume=/home/user/.cargo/git:/cache/cargo/1/git:ro"
)


@pytest.mark.parametrize(
    ("flavour", "changes"),
    [
        ("0.2.5", {}),
        ("0.2.4", {}),
        (
            "git",
            {
                "CROSS_CONTAINER_OPTS": GIT_OPTIONS,
                "CROSS_NO_WARNINGS": "0",
                "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE_TOOLCHAIN": AMD64,
            },
        ),
    ],
)
def test_the_environment_of_each_flavour(flavour, changes):
    """CARGO_HOME is mounted at its own path by main, at /cargo by 0.2.x; main must be told the image's platform as well."""
    assert cross(route(flavour)) == ORDINARY | changes


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        pytest.param({"engine": PODMAN}, {"CROSS_ROOTLESS_CONTAINER_ENGINE": "0"}, id="podman as root"),
        pytest.param(
            {"engine": replace(PODMAN, rootless=True)},
            {"XDG_DATA_HOME": UNSET, "CROSS_ROOTLESS_CONTAINER_ENGINE": "1"},
            id="podman as a user",
        ),
        pytest.param({"engine": replace(DOCKER, rootless=True)}, {"CROSS_ROOTLESS_CONTAINER_ENGINE": "1"}, id="rootless docker"),
        pytest.param({"host": replace(HOST, container="docker")}, {"CROSS_CONTAINER_IN_CONTAINER": "true"}, id="in a container"),
        pytest.param(
            {"host": replace(HOST, container="docker", container_id="f" * 64)},
            {"CROSS_CONTAINER_IN_CONTAINER": "true", "HOSTNAME": "f" * 64},
            id="in a container whose id is seen",
        ),
        pytest.param(
            {"host": replace(HOST, container="docker"), "engine": replace(DOCKER, store="fuse-overlayfs")},
            {},
            id="in a container, another driver",
        ),
        pytest.param({"host": replace(HOST, container="unknown")}, {}, id="perhaps in a container"),
        pytest.param(
            {"host": replace(HOST, container="docker"), "engine": replace(DOCKER, remote=True)},
            {"CROSS_CONTAINER_OPTS": COMMON},
            id="in a container, engine elsewhere",
        ),
        pytest.param(
            {"host": replace(HOST, container="docker"), "environ": {"CROSS_CONTAINER_IN_CONTAINER": "false"}},
            {},
            id="the user says otherwise",
        ),
        pytest.param(
            {"engine": replace(DOCKER, selinux=True)},
            {
                "CROSS_CONTAINER_OPTS": (
                    f"{COMMON} --volume=/home/user/.cargo/registry:/cargo/registry:ro,z --volume=/home/user/.cargo/git:/cargo/git:ro,z"
                )
            },
            id="selinux",
        ),
        pytest.param(
            {"taken": route(emulated=True)},
            {"CROSS_CONTAINER_OPTS": f"{ORDINARY['CROSS_CONTAINER_OPTS']} --platform=linux/amd64"},
            id="emulated",
        ),
        pytest.param(
            {"taken": route(build_std=True)},
            {"CROSS_CONTAINER_OPTS": f"{ORDINARY['CROSS_CONTAINER_OPTS']} --env=RUSTC_BOOTSTRAP=1"},
            id="std from source",
        ),
        pytest.param(
            {"taken": route(nextest=Tool(source="cache", why="", name="cargo-nextest", version="1", path="/a b"))},
            {"CROSS_CONTAINER_OPTS": f"{ORDINARY['CROSS_CONTAINER_OPTS']} '--volume=/a b:/usr/local/bin/cargo-nextest:ro'"},
            id="cargo-nextest, with a space",
        ),
        pytest.param(
            {"environ": {"CROSS_CONTAINER_OPTS": "--memory 2g --env 'A=b c'"}},
            {"CROSS_CONTAINER_OPTS": f"{ORDINARY['CROSS_CONTAINER_OPTS']} --memory 2g --env 'A=b c'"},
            id="the user's own options come last",
        ),
        pytest.param(
            {"call": replace(CALL, certificates=True)},
            {
                "CROSS_CONTAINER_OPTS": (
                    f"{ORDINARY['CROSS_CONTAINER_OPTS']} --env=SSL_CERT_FILE=/cargo/certificates.pem --env=CARGO_HTTP_CAINFO=/cargo/certificates.pem"
                )
            },
            id="authorities of the user's own",
        ),
        pytest.param(
            {"environ": {"https_proxy": "http://me:secret@proxy:3128"}, "options": {"env-pass": ["https_proxy"]}},
            {
                "CROSS_CONTAINER_OPTS": f"{ORDINARY['CROSS_CONTAINER_OPTS']} --env=https_proxy --env=https_proxy",
                "CROSS_BUILD_OPTS": "--build-arg=https_proxy",
            },
            id="a proxy, by name alone: its password is in no command",
        ),
        pytest.param(
            {"options": {"pre-build": ["apt-get update"]}},
            {"CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_PRE_BUILD": "apt-get update\n"},
            id="one command before the build, which is no script's name",
        ),
        pytest.param(
            {"call": replace(CALL, colour=True, width=80)},
            {"CARGO_TERM_COLOR": "always", "CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "80"},
            id="on a terminal",
        ),
    ],
)
def test_what_differs_from_the_ordinary_call(said, changes):
    """One fact changes what it has to, and nothing else."""
    assert cross(**said) == {key: value for key, value in (ORDINARY | changes).items() if value is not UNSET}


def test_an_image_that_cross_builds_is_not_named():
    """Cross.toml's dockerfile would else not be read."""
    expected = {key: value for key, value in ORDINARY.items() if not key.endswith("_IMAGE")}
    assert cross(route(image=replace(IMAGE, ref=""))) == expected


LINKER, RUNNER = "--env=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "--env=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER"


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({"linkers": {ARM64: "my-ld"}}, [f"{LINKER}=my-ld"]),
        ({"runners": {ARM64: "qemu -L /x"}}, [f"'{RUNNER}=qemu -L /x'"]),
        ({"linkers": {AMD64: "my-ld"}}, []),
        ({"options": {"target": {"aarch64": {"linker": "ours", "runner": "run"}}}}, [f"{LINKER}=ours", f"{RUNNER}=run"]),
        (
            {"linkers": {ARM64: "my-ld"}, "options": {"target": {"aarch64": {"linker": "ours"}}}},
            [f"{LINKER}=ours"],
        ),
    ],
)
def test_the_users_linker_and_runner_win(said, more):
    """crosstasks.toml over cargo's own configuration, and both over the image; those of other targets are left."""
    assert cross(**said) == ORDINARY | {"CROSS_CONTAINER_OPTS": " ".join((ORDINARY["CROSS_CONTAINER_OPTS"], *more))}


SECRETS = (
    "CARGO_REGISTRY_TOKEN",
    "CARGO_REGISTRIES_MINE_TOKEN",
    "CARGO_REGISTRIES_MINE_CREDENTIAL_PROVIDER",
    "CARGO_HTTP_PROXY_PASSWORD",
    "CARGO_MY_SECRET",
)
ASTRAY = (
    *("RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER", "CARGO"),
    *("CROSS_BUILD_TARGET", "CARGO_BUILD_TARGET", "CARGO_BUILD_TARGET_DIR", "CROSS_COMPATIBILITY_VERSION", "DOCKER_OPTS"),
)


@pytest.mark.parametrize("name", [*SECRETS, *ASTRAY])
def test_secrets_and_what_leads_cross_astray_are_taken_away(name):
    """Every CARGO_* variable is forwarded by cross; each of these is unset, and only if it is there."""
    assert removals({name: "x", "PATH": "/bin"}) == {name: None}
    assert cross(environ={name: "x"}) == {name: None} | ORDINARY


@pytest.mark.parametrize("name", ["CARGO_PROFILE_RELEASE_LTO", "CARGO_INCREMENTAL", "RUSTFLAGS", "MY_TOKEN", "GITHUB_TOKEN"])
def test_other_variables_are_left_alone(name):
    """What cross does not forward, no container sees; what cargo needs, it gets."""
    assert removals({name: "x"}) == {}


def on_host(taken=None, environ=None, extra=Extra(), **options):  # noqa: B008  # it is frozen
    call = Call(target_dir="/project/target/crosstasks/.zigbuild-1", cargo_home="/cache/cargo/host-1")
    context = SimpleNamespace(environ={"PATH": "/usr/bin", **(environ or {})}, config=config("aarch64", **options), extra=extra)
    return environment.host(taken or route(builder="zigbuild", image=None), call, context)


ON_HOST = {
    "CARGO_TARGET_DIR": "/project/target/crosstasks/.zigbuild-1",
    "CARGO_NET_OFFLINE": "true",
    "CARGO_TERM_COLOR": "never",
    "PATH": f"{TOOLCHAIN.path}/bin:/usr/bin:/cache/cargo/host-1/bin",
    "RUSTC": f"{TOOLCHAIN.path}/bin/rustc",
    "RUSTUP_TOOLCHAIN": None,
    "CARGO_HOME": "/cache/cargo/host-1",
}


@pytest.mark.parametrize(
    ("taken", "environ", "changes"),
    [
        (None, {}, {}),
        (None, {"CARGO_BUILD_TARGET": "x", "CARGO_REGISTRY_TOKEN": "t"}, {"CARGO_BUILD_TARGET": None, "CARGO_REGISTRY_TOKEN": None}),
        (route(builder="zigbuild", build_std=True), {}, {"RUSTC_BOOTSTRAP": "1"}),
        (route(builder="zigbuild", target=MUSL), {}, {}),
    ],
)
def test_the_environment_of_cargo_on_the_host(taken, environ, changes):
    """The route's toolchain comes first on PATH."""
    assert on_host(taken, environ) == ON_HOST | changes


def test_what_a_release_sets_and_the_user_hands_on_reach_cargo():
    """In a container and on the host alike."""
    extra, token = Extra(env={"SOURCE_DATE_EPOCH": "1"}), {"MY_API_TOKEN": "t"}
    assert on_host(environ=token, extra=extra) == ON_HOST | {"SOURCE_DATE_EPOCH": "1", "MY_API_TOKEN": None}
    assert on_host(environ=token, env_pass=("MY_API_TOKEN",)) == ON_HOST
    options = cross(extra=extra)["CROSS_CONTAINER_OPTS"].split()
    assert "--env=SOURCE_DATE_EPOCH=1" in options


@pytest.mark.parametrize(
    ("taken", "flags"),
    [
        ({"target": MUSL}, ()),
        ({"target": MUSL, "build_std": True}, ("-Clink-self-contained=no",)),
        ({"target": "x86_64-unknown-linux-musl"}, ("-Clink-arg=-pie",)),
        ({"target": "x86_64-unknown-linux-musl", "build_std": True}, ("-Clink-self-contained=no", "-Clink-arg=-pie")),
        ({"target": "x86_64-unknown-linux-musl", "builder": "cross"}, ()),
        ({"target": "x86_64-unknown-linux-musl", "builder": "cargo", "build_std": True}, ("-Clink-self-contained=no",)),
        ({"target": "armv7-unknown-linux-musleabihf", "build_std": True}, ("-Clink-self-contained=no",)),
        ({"target": "mips64-unknown-linux-muslabi64", "build_std": True}, ("-Clink-self-contained=no",)),
        ({"target": "x86_64-unknown-linux-gnu"}, ()),
    ],
)
def test_static_programs_lie_anywhere_where_rustc_has_them_so(taken, flags):
    """Zig's linker is told so; rustc's own, and the compilers of an image, know it."""
    assert flags == environment.link_flags(route(**{"builder": "zigbuild"} | taken))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        *((name, False) for name in ("CARGO_REGISTRY_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "npm_password")),
        *((name, True) for name in ("TOKENIZERS", "KEYBOARD", "PATHS", "CC", "OPENSSL_DIR")),
    ],
)
def test_a_build_on_the_host_is_given_no_tokens(name, kept):
    """Whole words count; what the user hands on by `env-pass` stays."""
    assert kept == (name not in environment.secrets({name: "x"}))
    assert {} == environment.secrets({name: "x"}, (name,))


@pytest.mark.parametrize(
    "name",
    ["CARGO_HTTP_PROXY", "CARGO_SIGNING_KEY", "CARGO_MY_PASSWD", "CARGO_NET_AUTH", "CARGO_REGISTRIES_MINE_TOKEN", "CARGO_ANYTHING"],
)
def test_cargos_variables_enter_a_container_if_they_are_known(name):
    """The others do when the user names them, but for tokens; and none with a log-in in its value."""
    assert {name: None} == removals({name: "x"})
    secret = name not in {"CARGO_HTTP_PROXY", "CARGO_ANYTHING"}
    assert ({name: None} if secret else {}) == removals({name: "x"}, (name,))
    assert {name: None} == removals({name: "http://me:pw@proxy"}, (name,))


def test_proxies_with_a_log_in_do_not_enter():
    """Unless the user names them; an address without a scheme is one, too."""
    environ = {"HTTPS_PROXY": "http://me:pw@proxy:1", "http_proxy": "me:pw@proxy:1", "no_proxy": "a,b"}
    assert ("no_proxy",) == environment.open_proxies(environ)
    assert "HTTPS_PROXY" in environment.open_proxies(environ, ("HTTPS_PROXY",))


def test_every_call_of_cargo_is_offline():
    """What it needs was fetched before."""
    assert cargo(CALL) == {"CARGO_TARGET_DIR": CALL.target_dir, "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": "never"}


def test_triples_in_names_of_variables():
    """Upper case, with underscores; cross leaves dots as they are."""
    assert variable("thumbv8m.main-none-eabi") == "THUMBV8M_MAIN_NONE_EABI"
    assert "CROSS_TARGET_THUMBV8M.MAIN_NONE_EABI_IMAGE" in cross(route("git", target="thumbv8m.main-none-eabi"))


def test_a_target_in_json_is_to_cross_what_its_file_is_called(monkeypatch):
    """Seen from the workspace; and 0.2.x is kept from xargo, which it takes for what rustc does not list."""
    board = replace(find("thumbv7em"), triple="my-board", aliases=(), specification="/project/targets/my-board.json")
    monkeypatch.setattr(targets, "_FROM_FILES", {"my-board": board})
    changes = {
        "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE": UNSET,
        "CROSS_TARGET_TARGETS/MY_BOARD.JSON_IMAGE": "ghcr.io/cross-rs/x:0.2.5",
        "CROSS_TARGET_TARGETS/MY_BOARD.JSON_XARGO": "false",
    }
    made = cross(route(target="my-board"), root="/project")
    assert made == {key: value for key, value in (ORDINARY | changes).items() if value is not UNSET}


EMULATED = {"emulated": True}
REMOTE = replace(DOCKER, remote=True, endpoint="ssh://build@example.org", arch="aarch64")
PLATFORM = ("DOCKER_DEFAULT_PLATFORM", "CROSS_BUILD_OPTS", "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE_TOOLCHAIN")


@pytest.mark.parametrize(
    ("changes", "engine", "environ", "option", "expected"),
    [
        pytest.param({}, DOCKER, {}, False, {}, id="native"),
        pytest.param(EMULATED, DOCKER, {}, True, {}, id="emulated: an option of docker run"),
        pytest.param(EMULATED, REMOTE, {}, True, {}, id="emulated elsewhere: `remote` hands it to docker run as well"),
        pytest.param(
            {},
            DOCKER,
            {"DOCKER_DEFAULT_PLATFORM": "linux/arm64"},
            False,
            {"DOCKER_DEFAULT_PLATFORM": "linux/amd64"},
            id="the user's own platform would make a native image fail",
        ),
        pytest.param(
            EMULATED | {"image": replace(IMAGE, ref="")},
            DOCKER,
            {"CROSS_BUILD_OPTS": "--network=host"},
            True,
            {"CROSS_BUILD_OPTS": "--platform=linux/amd64 --network=host"},
            id="cross builds the image itself",
        ),
        pytest.param(
            EMULATED | {"flavour": "git"},
            DOCKER,
            {},
            True,
            {"CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE_TOOLCHAIN": AMD64},
            id="git: the triple of the image's toolchain",
        ),
    ],
)
def test_how_the_platform_is_told(changes, engine, environ, option, expected):
    """By the way that works: an option, a variable of docker's command, a variable of cross."""
    made = cross(route(**{"flavour": "0.2.5", **changes}), engine=engine, environ=environ)
    assert {name: made[name] for name in PLATFORM if name in made} == expected
    assert ("--platform=linux/amd64" in made["CROSS_CONTAINER_OPTS"].split()) is option


def test_nothing_is_mounted_where_the_engine_is_elsewhere():
    """The history of a worktree is copied with what lies around; labels and the user's own options stay."""
    there = Volumes(folders=("/top",), git_dir="/top/.git/worktrees/a")
    made = cross(engine=REMOTE, environ={"CROSS_CONTAINER_OPTS": "--network=host"}, around=there)
    assert f"{COMMON} --network=host" == made["CROSS_CONTAINER_OPTS"]
    assert ("/top", "/top/.git/worktrees/a") == (made["CROSS_AROUND_0"], made["CROSS_AROUND_1"])


def test_the_history_of_a_worktree_is_labelled():
    """As all else that is mounted where SELinux is enforced."""
    made = cross(engine=replace(DOCKER, selinux=True), around=Volumes(git_dir="/top/.git/worktrees/a"))
    assert "--volume=/top/.git/worktrees/a:/top/.git/worktrees/a:ro,z" in made["CROSS_CONTAINER_OPTS"].split()


@pytest.mark.parametrize(
    ("cross", "environ", "expected"),
    [
        ({}, {}, "CROSS_AROUND_0"),
        ({"build": {"env": {"volumes": ["A", "B=/b"]}}}, {}, "A B=/b CROSS_AROUND_0"),
        ({"build": {"env": {"volumes": ["A"]}}}, {"CROSS_BUILD_ENV_VOLUMES": "C"}, "C CROSS_AROUND_0"),
        (
            {"target": {"aarch64-unknown-linux-gnu": {"env": {"volumes": ["D"]}}}},
            {"CROSS_BUILD_ENV_VOLUMES": "C"},
            "D CROSS_AROUND_0",
        ),
    ],
)
def test_what_lies_around_is_mounted_with_the_users_own_volumes(cross, environ, expected):
    """In cross's own order: variable of the target, Cross.toml's target, variable for all, Cross.toml's build."""
    there = repository(cross=cross, around=Volumes(folders=("/top",)))
    found = environment.volumes(ARM64, there.around.folders, there, environ)
    assert {"CROSS_AROUND_0": "/top", "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_ENV_VOLUMES": expected} == found


@pytest.mark.parametrize(
    ("builder", "triple", "environ", "told"),
    [
        ("zigbuild", "aarch64-apple-darwin", {}, {"MACOSX_DEPLOYMENT_TARGET": "11.0"}),
        ("zigbuild", "x86_64-apple-darwin", {}, {"MACOSX_DEPLOYMENT_TARGET": "10.12"}),
        ("zigbuild", "x86_64-apple-darwin", {"MACOSX_DEPLOYMENT_TARGET": "13.0"}, {}),
        ("zigbuild", "x86_64-unknown-freebsd", {}, {}),
        ("cargo", "aarch64-apple-darwin", {}, {}),
    ],
)
def test_the_oldest_macos(builder, triple, environ, told):
    """Programs run where Rust's own do, and not on zig's newest only; the user's choice wins."""
    assert deployment(builder, triple, environ) == told


@pytest.mark.parametrize(
    ("triple", "origin", "environ", "told"),
    [
        ("aarch64-apple-darwin", "rustup", {}, {"LD_LIBRARY_PATH": "/t/lib"}),
        ("aarch64-apple-darwin", "rustup", {"LD_LIBRARY_PATH": "/mine"}, {"LD_LIBRARY_PATH": "/t/lib:/mine"}),
        ("aarch64-apple-darwin", "debian", {}, {}),
        ("x86_64-unknown-freebsd", "rustup", {}, {}),
    ],
)
def test_what_strips_apples_programs_finds_its_library(triple, origin, environ, told):
    """As rustup's proxies have it, which are not called here; what the user has set stays behind it."""
    own = SimpleNamespace(path="/t", origin=origin, host="x86_64-unknown-linux-gnu")
    assert objcopy_environment(SimpleNamespace(target=triple, toolchain=own), environ) == told


def test_where_the_sdk_of_macos_is(tmp_path):
    """As SDKROOT says, else in the Xcode of DEVELOPER_DIR; for no other system, and what is none is an error before anything is built."""
    mac, other = SimpleNamespace(target="aarch64-apple-darwin"), SimpleNamespace(target="x86_64-unknown-freebsd")
    sdk = tmp_path.joinpath("Platforms", "MacOSX.platform", "Developer", "SDKs", "MacOSX.sdk")
    (sdk / "System" / "Library" / "Frameworks").mkdir(parents=True)
    assert commands.apple_sdk(mac, {}) == commands.apple_sdk(other, {"SDKROOT": "/nowhere"}) == {}
    assert commands.apple_sdk(mac, {"DEVELOPER_DIR": str(tmp_path)}) == {"SDKROOT": str(sdk)}
    assert commands.apple_sdk(mac, {"SDKROOT": str(sdk), "DEVELOPER_DIR": "/nowhere"}) == {"SDKROOT": str(sdk)}
    with pytest.raises(ConfigError, match=r"DEVELOPER_DIR names no SDK of macOS\n.*/nowhere/Platforms"):
        commands.apple_sdk(mac, {"DEVELOPER_DIR": "/nowhere"})


def test_what_names_the_compilers_of_an_ndk():
    """To cargo, and to build scripts by the variables of the crate cc."""
    assert environment.ndk("armv7-linux-androideabi", "/ndk/bin/armv7a-linux-androideabi21-clang") == {
        "CARGO_TARGET_ARMV7_LINUX_ANDROIDEABI_LINKER": "/ndk/bin/armv7a-linux-androideabi21-clang",
        "CC_armv7_linux_androideabi": "/ndk/bin/armv7a-linux-androideabi21-clang",
        "CXX_armv7_linux_androideabi": "/ndk/bin/armv7a-linux-androideabi21-clang++",
        "AR_armv7_linux_androideabi": "/ndk/bin/llvm-ar",
        "RANLIB_armv7_linux_androideabi": "/ndk/bin/llvm-ranlib",
    }


@pytest.mark.parametrize(("triple", "arch"), [("x86_64-pc-windows-msvc", "x86_64"), ("i686-pc-windows-msvc", "x86")])
def test_where_cargo_xwin_keeps_what_it_fetches(triple, arch):
    """For one machine, and not for all that Microsoft has."""
    assert environment.xwin(triple, "/kept") == {"XWIN_CACHE_DIR": "/kept", "XWIN_ARCH": arch}
