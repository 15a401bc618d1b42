"""Pure: the environment of one call of cross, cargo-zigbuild or cargo, with the flags of rustc that a build needs.

cross is steered by its environment alone; the user's Cross.toml is never edited. What each variable does, with
the line of cross that reads it, stands in docs/architecture.md.

Cargo takes one source of flags only, the first of: ``CARGO_ENCODED_RUSTFLAGS``, ``RUSTFLAGS``, ``target.*.rustflags`` with the
``cfg()`` tables that fit, ``build.rustflags`` (https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags). So a flag goes
where the user's are: another place would make cargo forget one or the other.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from ..catalog.targets import STATIC_PIE, catalogue, variable
from ..clients import network
from ..facts.probes import maps_folders

if TYPE_CHECKING:
    from ..config.configuration import TargetConfig
    from ..context import Context
    from ..core.steps import Env
    from ..planning.route import Route
    from ..project.repository import Repository

SECRET: Final = re.compile(
    r"(?:^|_)(?=[TCPSKA])(?:TOKENS?|CREDENTIALS?|PASSWORD|PASSWD|PASSPHRASE|PASS|SECRETS?|KEY|APIKEY|AUTH|COOKIE|PAT)(?:_|$)", re.IGNORECASE
)
"""A variable with one of these words in its name is no build script's business, whatever else allows it."""

CARGO_VARIABLES: Final = re.compile(
    r"CARGO_(?:ALIAS_\w+|BUILD_(?:DEP_INFO_BASEDIR|INCREMENTAL|JOBS|PIPELINING|RUSTDOCFLAGS|RUSTFLAGS)|CACHE_RUSTC_INFO|ENCODED_RUSTDOCFLAGS"
    r"|ENCODED_RUSTFLAGS|FUTURE_INCOMPAT_REPORT_\w+|HOST_\w+|INCREMENTAL|LOG|NET_OFFLINE|NET_RETRY|PROFILE_\w+|RESOLVER_\w+"
    r"|REGISTRIES_\w+_(?:INDEX|PROTOCOL)|REGISTRY_DEFAULT|TARGET_(?!DIR$)\w+|TERM_\w+|UNSTABLE_\w+)"
)
"""Cargo's own variables that a container is given; cross forwards all ``CARGO_*``. Others are named in ``env-pass`` or ``passthrough``."""

_LOGIN: Final = re.compile(r"://[^/@\s]+@")

HOST_ONLY: Final = ("RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER", "CARGO")
"""Programs of the host that are not in an image (cross-rs/cross#360, #1213)."""

ASTRAY: Final = ("CROSS_BUILD_TARGET", "CARGO_BUILD_TARGET", "CARGO_BUILD_TARGET_DIR", "CROSS_COMPATIBILITY_VERSION", "DOCKER_OPTS")
"""Variables that would make cross build another target, elsewhere, or otherwise than is planned."""


class Call(Struct, frozen=True, kw_only=True):
    """What differs from call to call; all paths are absolute, on the host.

    Attributes:
        cargo_home: the CARGO_HOME given to the container, without credentials.
        user_cargo_home: the user's, whose ``registry`` and ``git`` caches are used.
        target_dir: where cargo builds.
        labels: of our containers, ``crosstasks.run=…``.
        colour: cargo shall colour what it prints.
        certificates: ``cargo_home`` holds the file of the user's authorities.
        width: of the terminal in columns, to show cargo's progress bar; 0 for none.
    """

    cargo_home: str = ""
    user_cargo_home: str = ""
    target_dir: str
    labels: tuple[str, ...] = ()
    certificates: bool = False
    colour: bool = False
    width: int = 0


def cross_variable(triple: str, repository: Repository, key: str) -> str:
    """Return a variable of cross's for one target, in whose name dots and slashes stay as they are (0.2.x and main: src/config.rs)."""
    return f"CROSS_TARGET_{repository.cross_name(triple).upper().replace('-', '_')}_{key}"


def removals(environ: Mapping[str, str], env_pass: Collection[str] = ()) -> dict[str, None]:
    """Return the variables that must not reach the container, or would lead cross astray, as changes; *env_pass* the user hands on."""
    foreign = (name for name in environ if name.startswith("CARGO_") and not _may_enter(name, environ[name], env_pass))
    return dict.fromkeys((*foreign, *(name for name in (*HOST_ONLY, *ASTRAY) if name in environ)))


def _may_enter(name: str, value: str, env_pass: Collection[str]) -> bool:
    if SECRET.search(name) or _LOGIN.search(value):
        return False
    return name in env_pass or bool(CARGO_VARIABLES.fullmatch(name))


def open_proxies(environ: Mapping[str, str], env_pass: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the user's variables for proxies that hold no log-in, unless the user hands them on."""
    values = {name.lower(): value for name, value in environ.items()}
    addresses = {name: value if "://" in value else f"http://{value}" for name, value in values.items()}
    return tuple(name for name in network.proxies(environ) if name in env_pass or not _LOGIN.search(addresses[name.lower()]))


def secrets(environ: Mapping[str, str], env_pass: Collection[str] = ()) -> dict[str, None]:
    """Return the variables that a build on the host is not given, as changes: tokens, and what reaches the user's agents."""
    closed = set(network.proxies(environ)) - set(open_proxies(environ))
    logins = {name for name, value in environ.items() if _LOGIN.search(value) and (name.startswith("CARGO_") or name in closed)}
    return {name: None for name in environ if (SECRET.search(name) or name in logins) and name not in env_pass}


def cargo(call: Call) -> dict[str, str]:
    """Return what every call of cargo is given, whichever program makes it."""
    colour = "always" if call.colour else "never"
    env = {"CARGO_TARGET_DIR": call.target_dir, "CARGO_NET_OFFLINE": "true", "CARGO_TERM_COLOR": colour}
    progress = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": str(call.width)}
    return {**env, **(progress if call.width else {})}


def cross(route: Route, call: Call, context: Context) -> Env:
    """Return the environment of a call of cross.

    Args:
        route: of builder ``cross``.
        call: this call's own paths and labels.
        context: with the user's environment, for what is taken away and added to.
    """
    engine, host, repository, environ = context.engine, context.facts.host, context.repository, context.environ
    config = context.config.target(route.target)
    name = partial(cross_variable, route.target, repository)
    env: dict[str, str | None] = {**removals(environ, _container_variables(route.target, repository, config)), **cargo(call)}
    env |= {
        "CARGO_HOME": call.cargo_home,
        "RUSTUP_HOME": str(PurePosixPath(route.toolchain.path).parent.parent),
        "RUSTUP_TOOLCHAIN": None,
        "CROSS_CONTAINER_OPTS": shlex.join((*options(route, call, context), *shlex.split(environ.get("CROSS_CONTAINER_OPTS", "")))),
        # else 0.2.x makes ~/.xargo in the user's home, and mounts it read-write
        "XARGO_HOME": f"{call.cargo_home}/xargo",
    }
    if route.image and route.image.ref:
        env[name("IMAGE")] = route.image.ref
    if catalogue()[route.target].specification:
        # else 0.2.x has the container call xargo, as for every target that rustc does not list (lib.rs:464 at v0.2.5)
        env[name("XARGO")] = "false"
    env |= platform(route, repository, environ) | build_options(route, open_proxies(environ, config.env_pass), environ)
    history = (repository.around.git_dir,) if engine.remote and repository.around.git_dir else ()
    if around := (*repository.around.folders, *history):
        env |= volumes(route.target, around, repository, environ)
    if config.pre_build and not (route.image and route.image.source == "build"):
        # a single line could name a script of the repository (v0.2.5: src/config.rs:81, docker/shared.rs:104)
        env[name("PRE_BUILD")] = "".join(f"{command}\n" for command in config.pre_build)
    if engine.kind == "docker" or not engine.rootless:
        # else cross makes cross-rs/tmp in the user's own; a rootless Podman has its images there
        env["XDG_DATA_HOME"] = f"{call.cargo_home}/data"
    if engine.rootless:
        # 0.2.x takes rootless docker for rootful, and then may not write /target (cross-rs/cross#648)
        env["CROSS_ROOTLESS_CONTAINER_ENGINE"] = "1"
    elif engine.kind == "podman":
        env["CROSS_ROOTLESS_CONTAINER_ENGINE"] = "0"
    # where cross cannot look into its own container, folders must be at the same paths inside and outside
    if maps_folders(engine, host) and "CROSS_CONTAINER_IN_CONTAINER" not in environ:
        env["CROSS_CONTAINER_IN_CONTAINER"] = "true"
    if host.container_id and "true" in {env.get("CROSS_CONTAINER_IN_CONTAINER"), environ.get("CROSS_CONTAINER_IN_CONTAINER")}:
        # cross looks itself up by this name: it need not be there, nor be the container's (cross-rs/cross#1153, #1321)
        env["HOSTNAME"] = host.container_id
    return env


def _container_variables(triple: str, repository: Repository, config: TargetConfig) -> tuple[str, ...]:
    """Return the variables that the user has a container given, by crosstasks.toml or Cross.toml."""
    named = [table.get("env", {}).get("passthrough") for table in repository.cross_tables(triple)]
    return (*config.env_pass, *(str(name) for names in named if isinstance(names, list) for name in names))


def platform(route: Route, repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what tells cross and the engine's command the platform, beside the option of ``docker run``.

    ====================================  ===================================================================
    the variable                          is set
    ====================================  ===================================================================
    ``CROSS_TARGET_<T>_IMAGE_TOOLCHAIN``  for git: it says ``--platform`` itself, and takes linux/amd64 else
    ``CROSS_NO_WARNINGS``                 for git: in CI it would end at any warning; the guard sees to the rest
    ``DOCKER_DEFAULT_PLATFORM``           where the user's own would mislead
    ====================================  ===================================================================
    """
    image = route.image
    if image is None:
        return {}
    env = {}
    if route.flavour == "git":
        env["CROSS_NO_WARNINGS"] = environ.get("CROSS_NO_WARNINGS", "0")
        if image.ref:
            env[cross_variable(route.target, repository, "IMAGE_TOOLCHAIN")] = route.toolchain.host
    if "DOCKER_DEFAULT_PLATFORM" in environ:
        env["DOCKER_DEFAULT_PLATFORM"] = image.platform
    return env


def build_options(route: Route, proxies: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what ``docker build`` is told where cross builds an image: the platform, and proxies by name (the values are the user's)."""
    image = route.image
    options = [f"--platform={image.platform}"] if image and route.emulated and not image.ref else []
    options += [f"--build-arg={name}" for name in proxies]
    return {"CROSS_BUILD_OPTS": " ".join((*options, environ.get("CROSS_BUILD_OPTS", ""))).strip()} if options else {}


def volumes(triple: str, around: Sequence[str], repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make cross mount the folders *around* the workspace, or copy them where it cannot.

    A volume of cross, unlike one of the engine, also lets 0.2.x mount the workspace at its own path instead of ``/project``
    (docker/shared.rs), from where ``../shared`` is what it is on the host. The user's own volumes are named again, since
    the variable for one target hides all others (config.rs).
    """
    ours = {f"CROSS_AROUND_{number}": folder for number, folder in enumerate(around)}
    names = (*user_volumes(triple, repository, environ), *ours)
    return {**ours, cross_variable(triple, repository, "ENV_VOLUMES"): " ".join(names)}


def user_volumes(triple: str, repository: Repository, environ: Mapping[str, str]) -> Sequence[str]:
    """Return what the user has cross mount: names of variables, or ``NAME=folder``."""
    target, build = (table.get("env", {}).get("volumes") for table in repository.cross_tables(triple))
    of_target = environ.get(cross_variable(triple, repository, "ENV_VOLUMES"), "").split() or target
    return of_target or environ.get("CROSS_BUILD_ENV_VOLUMES", "").split() or build or ()


def options(route: Route, call: Call, context: Context) -> tuple[str, ...]:
    """Return the options of ``docker run``; they are never a shell string before cross splits them."""
    engine, repository, config = context.engine, context.repository, context.config.target(route.target)
    label = ",z" if engine.selinux else ""
    # main mounts CARGO_HOME at its own path, 0.2.x at /cargo
    home = call.cargo_home if route.flavour == "git" else "/cargo"
    mounts = [] if engine.remote else [f"{call.user_cargo_home}/{cache}:{home}/{cache}:ro{label}" for cache in ("registry", "git")]
    if repository.around.git_dir and not engine.remote:
        mounts.append(f"{repository.around.git_dir}:{repository.around.git_dir}:ro{label}")
    if route.nextest:  # cross hides what is in CARGO_HOME/bin
        mounts.append(f"{route.nextest.path}:/usr/local/bin/cargo-nextest:ro{label}")
    listed = ["--init", *(f"--label={text}" for text in call.labels), *(f"--volume={mount}" for mount in mounts)]
    if route.emulated and route.image:
        listed.append(f"--platform={route.image.platform}")
    trusted = f"{home}/{network.CERTIFICATES}"
    listed += [f"--env={name}={trusted}" for name in ("SSL_CERT_FILE", "CARGO_HTTP_CAINFO") if call.certificates]
    listed += [f"--env={name}" for name in (*open_proxies(context.environ, config.env_pass), *config.env_pass)]
    env = {**container_env(route, repository, config), **context.extra.env}
    return (*listed, *(f"--env={key}={value}" for key, value in env.items()))


def container_env(route: Route, repository: Repository, config: TargetConfig) -> dict[str, str]:
    """Return what the container is given beyond what cross forwards and the image sets; the user's own choice wins."""
    name = variable(route.target)
    env: dict[str, str] = {}
    if route.build_std:
        env["RUSTC_BOOTSTRAP"] = "1"
    for kind, settings, option in (("LINKER", repository.linkers, config.linker), ("RUNNER", repository.runners, config.runner)):
        if option or route.target in settings:
            env[f"CARGO_TARGET_{name}_{kind}"] = option or settings[route.target]
    return env


def host(route: Route, call: Call, context: Context) -> Env:
    """Return the environment of a call of cargo or cargo-zigbuild on the host, with the route's toolchain."""
    environ, toolchain = context.environ, route.host_toolchain.path
    env: dict[str, str | None] = {
        **cargo(call),
        # cargo puts CARGO_HOME/bin first if PATH has it nowhere, and rustup's `cargo-clippy` there is another toolchain's
        "PATH": f"{toolchain}/bin:{environ.get('PATH', os.defpath)}:{call.cargo_home}/bin",
        "RUSTC": f"{toolchain}/bin/rustc",
        "RUSTUP_TOOLCHAIN": None,
    }
    env |= {name: None for name in ("CARGO_BUILD_TARGET", "CARGO_BUILD_TARGET_DIR") if name in environ}
    bootstrap = {"RUSTC_BOOTSTRAP": "1"} if route.build_std else {}
    closed = secrets(environ, context.config.target(route.target).env_pass)
    return {**env, **closed, "CARGO_HOME": call.cargo_home, **bootstrap, **context.extra.env}


def xwin(triple: str, folder: str) -> dict[str, str]:
    """Return what tells cargo-xwin where Microsoft's CRT and SDK are kept, and of which machine it needs them."""
    arch = triple.partition("-")[0]
    return {"XWIN_CACHE_DIR": folder, "XWIN_ARCH": "x86" if arch == "i686" else arch}


def ndk(triple: str, compiler: str) -> dict[str, str]:
    """Return what names the compilers of an NDK: to cargo as the linker, to build scripts by the variables of the crate cc."""
    programs = compiler.rpartition("/")[0]
    ranlib = {f"RANLIB_{triple.replace('-', '_')}": f"{programs}/llvm-ranlib"}
    return {**compilers(triple, compiler, f"{compiler}++", f"{programs}/llvm-ar"), **ranlib}


def compilers(triple: str, cc: str, cxx: str, ar: str) -> dict[str, str]:
    """Return what names compilers to build scripts, and the first of them to cargo as the linker."""
    name = triple.replace("-", "_")
    return {f"CARGO_TARGET_{variable(triple)}_LINKER": cc, f"CC_{name}": cc, f"CXX_{name}": cxx, f"AR_{name}": ar}


OLDEST: Final[Mapping[str, str]] = {"aarch64-apple-darwin": "11.0", "x86_64-apple-darwin": "10.12"}
"""The oldest macOS that programs run on, as rustc 1.95 has it (``--print deployment-target``); zig would take its own, 15.0."""


def deployment(builder: str, triple: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what tells zig the oldest macOS; the user's own choice wins."""
    ours = builder == "zigbuild" and triple in OLDEST and "MACOSX_DEPLOYMENT_TARGET" not in environ
    return {"MACOSX_DEPLOYMENT_TARGET": OLDEST[triple]} if ours else {}


def objcopy_environment(route: Route, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what lets rustc's own ``rust-objcopy``, which strips Apple's programs, find LLVM; rustup's proxies set it for every call."""
    if not route.target.endswith("-apple-darwin") or route.toolchain.origin != "rustup" or not route.toolchain.host.endswith("-linux-gnu"):
        return {}
    return {"LD_LIBRARY_PATH": ":".join(filter(None, (f"{route.toolchain.path}/lib", environ.get("LD_LIBRARY_PATH", ""))))}


ConfigFlags: TypeAlias = Mapping[str, str | tuple[str, ...]]
"""Flags of cargo's config files, by ``build``, a triple or a ``cfg(…)``."""

SEPARATOR = "\x1f"


def link_flags(route: Route) -> tuple[str, ...]:
    """Return the flags without which a route does not link, or not as rustc's own linker would."""
    if route.builder == "cross" or "-linux-musl" not in route.target:
        return ()
    # the crt objects are rustup's own, and a std from source has none: zig's are taken instead
    contained = ("-Clink-self-contained=no",) if route.build_std else ()
    # zig 0.17 does not know rustc's -static-pie, and would link the program at a fixed place
    return (*contained, "-Clink-arg=-pie") if route.builder == "zigbuild" and route.target in STATIC_PIE else contained


def remap_flags(folders: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the flags that let a program hold other names of folders; of those that fit, rustc takes the last."""
    return tuple(f"--remap-path-prefix={old}={new}" for old, new in folders)


def add_flags(
    triples: Sequence[str], flags: Sequence[str], config_flags: ConfigFlags, environ: Mapping[str, str]
) -> tuple[Env, tuple[str, ...]]:
    """Add flags to the user's own, of all *triples* that are built: by changes to cargo's environment, or by arguments.

    ==============================  =====================================================================
    the user's flags are in         ours go to
    ==============================  =====================================================================
    ``CARGO_ENCODED_RUSTFLAGS``     the same
    ``RUSTFLAGS``                   ``CARGO_ENCODED_RUSTFLAGS``, with theirs: it may hold spaces, and wins
    ``[target.<triple>]``           the same table, by ``--config``
    ``[target.'cfg(…)']``           each such table, and ``[build]``: cargo knows which of them it takes
    ``[build]``, or nowhere         ``[build]``, by ``--config``
    ==============================  =====================================================================
    """
    if not flags:
        return {}, ()
    for name, separator in (("CARGO_ENCODED_RUSTFLAGS", SEPARATOR), ("RUSTFLAGS", None)):
        if name in environ:
            user_flags = filter(None, environ[name].split(separator))
            return {"CARGO_ENCODED_RUSTFLAGS": SEPARATOR.join((*user_flags, *flags))}, ()
    tables = [triple for triple in triples if triple in config_flags or f"CARGO_TARGET_{variable(triple)}_RUSTFLAGS" in environ]
    if len(tables) < len(triples):
        tables += [*(name for name in config_flags if name.startswith("cfg(")), "build"]
    keys = {table: table if table == "build" else f"target.{json.dumps(table)}" for table in tables}
    return {}, tuple(f"--config={key}.rustflags={_value(config_flags.get(table, ()), flags)}" for table, key in keys.items())


def _value(theirs: str | tuple[str, ...], flags: Sequence[str]) -> str:
    """Return a value that cargo joins to a list, and takes in place of a text."""
    return json.dumps(f"{theirs} {' '.join(flags)}" if isinstance(theirs, str) else list(flags))
