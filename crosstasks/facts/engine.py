"""Look: the container engine, where it listens, and the images that it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from ..catalog.machines import arch
from ..catalog.targets import OCI_ARCH
from ..core import looking
from ..core.errors import SHAPE, CrosstasksError
from ..core.looking import BaseFacts, Look, Platform
from ..core.steps import Absent, Done, Question

LOCAL: Final = {"localhost", "127.0.0.1", "::1"}


def docker(look: Look, version: Mapping[str, Any]) -> str:
    """Return the address that Docker's program speaks to: ``DOCKER_HOST``, else that of the context in use."""
    if host := look.environ.get("DOCKER_HOST", ""):
        return host
    folder = Path(look.environ.get("DOCKER_CONFIG") or look.home / ".docker")
    try:
        context = (version.get("Client") or {}).get("Context") or "default"
        if context == "default":
            return ""
        path = folder / "contexts/meta" / hashlib.sha256(context.encode()).hexdigest() / "meta.json"
        return str(json.loads(path.read_text("utf-8"))["Endpoints"]["docker"]["Host"])
    except (OSError, *SHAPE):
        return ""


def apart(name: object, kernel: object, here: Platform) -> bool:
    """Tell whether what the engine calls its machine and kernel are another machine's."""
    return (name, kernel) != (here.node, here.release)


def is_remote(address: str, environ: Mapping[str, str], *, apart: bool, machine: bool = False) -> bool:
    """Tell whether the engine is on another machine, where nothing of this one can be mounted.

    ==========================================  ==============================================================
    it listens at                               it is on another machine
    ==========================================  ==============================================================
    any address, and ``CROSS_REMOTE`` is set    as that says, which is cross's own word for it
    a socket or pipe                            no
    an address of this machine                  if it is *apart*: there may be a tunnel's end
    ``ssh://`` of this machine                  yes, unless it is Podman's own virtual *machine*, which has our folders
    another address                             yes
    ==========================================  ==============================================================
    """
    if variable := environ.get("CROSS_REMOTE", ""):
        return variable not in {"0", "false"}
    parts = _split(address)
    if not address or parts.scheme in {"unix", "npipe", "fd"}:
        return False
    if parts.hostname not in LOCAL:
        return True
    return not machine if parts.scheme == "ssh" else apart


def start(name: str, address: str) -> str:
    """Return what to do about an engine that does not answer: *name* is its program."""
    parts = _split(address)
    if parts.scheme == "ssh" and parts.hostname:
        # Docker's program takes the terminal away from ssh
        port = f"-p {parts.port} " if parts.port else ""
        user = f"{parts.username}@" if parts.username else ""
        return f"`ssh {port}{user}{parts.hostname} {name} version` must answer, and ask for nothing"
    return f"start {name}, or name another engine with CROSSTASKS_ENGINE"


def _split(address: str) -> SplitResult:
    """Return the parts of an address; those of an empty one if it is none, which the engine's own program will say."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # only read now
    except ValueError:
        return urlsplit("")
    return parts


Kind: TypeAlias = Literal["docker", "podman", "nerdctl"]


class Engine(Struct, frozen=True, kw_only=True):
    """A container engine that answers.

    Attributes:
        kind: ``docker``, ``podman`` (also when podman answers to the name docker) or ``nerdctl``.
        command: the path of its command line program.
        version: of the engine itself.
        os, arch: of the engine, the architecture as Rust names it.
        rootless: it runs as a user.
        remote: it is on another machine: our folders cannot be mounted.
        apart: its name or kernel are not those of this machine: it may be in a virtual one, or we in a container.
        context: the Docker context or podman connection in use; ``endpoint`` its address.
        store: the image store, ``overlay2``, ``fuse-overlayfs``, ``containerd``, …
        desktop: the product whose virtual machine it runs in (``Docker Desktop``, ``OrbStack``, ``colima``), or empty.
        selinux: labels are enforced.
        folder: where it keeps images on its machine; empty if it does not tell.
    """

    kind: Kind
    command: str
    version: str
    os: str = "linux"
    arch: str
    rootless: bool = False
    remote: bool = False
    apart: bool = False
    context: str = ""
    endpoint: str = ""
    store: str = ""
    desktop: str = ""
    selinux: bool = False
    folder: str = ""

    @property
    def program(self) -> Program:
        """Return how this kind of engine differs from others."""
        return PROGRAMS[self.kind]

    @property
    def shares_layers(self) -> bool:
        """Whether an archive may lack layers that the engine holds: Docker's own stores look first (moby, image/tarexport/load.go)."""
        return self.kind == "docker" and self.store not in {"", "containerd"}

    @property
    def platform(self) -> str:
        """The OCI platform that runs without emulation, ``linux/amd64``."""
        return f"{self.os}/{OCI_ARCH.get(self.arch, self.arch)}"


class LocalImage(Struct, frozen=True, kw_only=True):
    """An image in the engine. *platform* is ``linux/arm64``, with the variant if there is one."""

    ref: str
    id: str
    digests: tuple[str, ...] = ()
    platform: str
    labels: Mapping[str, str] = {}


ASK: Final = ("version", "--format", "{{json .}}")
"""Answered by the engine itself, in one round trip; both programs know it."""

ASK_INFO: Final = ("info", "--format", "{{json .}}")
"""The rest. Docker's program starts every one of its plugins for it, which takes half a second on a desktop: kept for a while."""

INFO_LIFE: Final = looking.Life(positive=600)

ASK_IMAGE: Final = ("image", "inspect", "--format", "{{json .}}")


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Engine | Absent:
    """Ask the configured engine, else docker and then podman; if none answers, the first one that is installed gives the reason."""
    reasons: list[Absent] = []
    for name in candidates(look.engine, look.environ):
        command = look.which(name)
        answer = read(look, command) if command else Absent(f"{name} is not on PATH", INSTALL)
        if isinstance(answer, Engine):
            return answer
        reasons.append(answer)
    installed = [reason for reason in reasons if reason.hint != INSTALL]
    if installed:
        return installed[0]
    return reasons[0] if len(reasons) == 1 else Absent("neither docker nor podman is on PATH", INSTALL)


INSTALL: Final = "install Docker or Podman: https://docs.docker.com/engine/install/"
"""What to do where there is no engine at all."""


def candidates(configured: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the engines to ask, in order: the configured one, cross's own ``CROSS_CONTAINER_ENGINE``, else those of the table."""
    name = configured if configured not in {"", "auto"} else environ.get("CROSS_CONTAINER_ENGINE", "")
    return (name,) if name else tuple(name for name, program in PROGRAMS.items() if program.default)


def read(look: Look, command: str) -> Engine | Absent:
    """Ask a command which engine it is, and what that can do; what it answers to decides, not its name."""
    version: Mapping[str, Any] = {}
    try:
        done = look.run((command, *ASK), timeout=look.timeout)
        version = table(done)
        for program in PROGRAMS.values():
            if program.recognise(version):
                return program.read(look, command, version)
        why = words(done)
    except CrosstasksError as error:
        why = error.what
    except SHAPE as error:
        why, version = f"its answer cannot be read: {error}", {}
    name = Path(command).name
    return Absent(f"{name} does not answer: {why}", start(name, docker(look, version)))


def words(done: Done) -> str:
    """Return a program's own words of what is wrong, without its empty lines."""
    lines = [line.strip() for line in (done.err or done.out).splitlines() if line.strip() and not line.startswith("{")]
    return " ".join(lines) or f"it exited with {done.code}"


def table(done: Done) -> Mapping[str, Any]:
    """Return the JSON object that a program printed, or the first of a list (podman 4's ``inspect``); empty if it did not."""
    try:
        content = json.loads(done.out)
    except ValueError:
        return {}
    content = content[0] if isinstance(content, list) and content else content
    return content if isinstance(content, dict) else {}


def _info(look: Look, command: str, version: str) -> Mapping[str, Any]:
    """Ask for the rest; the answer is kept under all that the engine says of its version, so that another engine is asked anew."""

    def ask() -> dict[str, Any] | Absent:
        done = look.run((command, *ASK_INFO), timeout=look.timeout)
        info = table(done)
        return {key: info.get(key) for key in _INFO} if info.get("ServerVersion") else Absent(words(done))

    info = looking.cached_answer(look, f"engine {command} {version}", dict, INFO_LIFE, ask)
    return {} if isinstance(info, Absent) else info


_INFO: Final = ("Driver", "DriverStatus", "SecurityOptions", "OperatingSystem", "Name", "KernelVersion", "Architecture", "DockerRootDir")


def _docker(look: Look, command: str, version: Mapping[str, Any]) -> Engine:
    address = docker(look, version)
    return parse(command, version, _info(look, command, f"{address} {json.dumps(version)}"), address, look)


def parse(command: str, version: Mapping[str, Any], info: Mapping[str, Any], address: str, look: Look) -> Engine:
    """Read what Docker's program says of its engine (``version``, ``info``), which listens at the address."""
    elsewhere = apart(info.get("Name"), info.get("KernelVersion"), look.platform())
    server = version["Server"]
    security = [str(option) for option in info.get("SecurityOptions") or ()]
    names = {option.removeprefix("name=").partition(",")[0] for option in security}
    driver = dict(info.get("DriverStatus") or ())
    context = str((version.get("Client") or {}).get("Context") or "")
    components = {part.get("Name") for part in server.get("Components") or ()}
    docker = "Podman Engine" not in components  # Podman's service answers to Docker's program as well
    return Engine(
        kind="docker" if docker else "podman",
        command=command,
        version=str(server["Version"]),
        os=str(server.get("Os") or "linux"),
        arch=arch(str(server.get("Arch") or info.get("Architecture") or "")),
        rootless="rootless" in names or "rootlesskit" in components,
        remote=is_remote(address, look.environ, apart=elsewhere),
        apart=elsewhere,
        context=context,
        endpoint=address,
        store="containerd" if "containerd" in str(driver.get("driver-type", "")) else str(info.get("Driver") or ""),
        desktop=desktop(version, info, context, address),
        selinux="selinux" in names,
        folder=str(info.get("DockerRootDir") or ""),
    )


_PRODUCTS: Final = ("Docker Desktop", "OrbStack", "colima", "Rancher Desktop", "lima")


def desktop(version: Mapping[str, Any], info: Mapping[str, Any], context: str, address: str) -> str:
    """Name the product in whose virtual machine the engine runs, by what it, its context or its socket is called."""
    server = version.get("Server") or {}
    platform = str((server.get("Platform") or {}).get("Name", ""))
    names = " ".join((platform, str(info.get("OperatingSystem", "")), str(info.get("Name", "")), context, address)).lower()
    names = names.replace("-", " ").replace("/.rd/", " rancher desktop ")
    return next((product for product in _PRODUCTS if product.lower() in names), "")


def parse_podman(command: str, done: Done, look: Look) -> Engine | Absent:
    """Read ``podman info``: it is asked of the service if that is elsewhere, so it tells whether one answers."""
    info = table(done)
    host, version = info.get("host") or {}, info.get("version") or {}
    address = look.environ.get("CONTAINER_HOST", "")
    if not host:
        machine = "start it with `podman machine start`, or name another engine"
        return Absent(f"podman does not answer: {words(done)}", start("podman", address) if address else machine)
    security, store = host.get("security") or {}, info.get("store") or {}
    is_service = bool(host.get("serviceIsRemote"))
    elsewhere = is_service and apart(host.get("hostname"), host.get("kernel"), look.platform())
    remote = is_remote(address if is_service else "", look.environ, apart=elsewhere, machine=True)
    return Engine(
        kind="podman",
        command=command,
        version=str(version.get("Version", "")),
        os=str(host.get("os") or "linux"),
        arch=arch(str(host.get("arch", ""))),
        rootless=bool(security.get("rootless")),
        remote=remote,
        apart=elsewhere,
        context=look.environ.get("CONTAINER_CONNECTION", ""),
        endpoint=address,
        store=str(store.get("graphDriverName", "")),
        desktop="podman machine" if elsewhere and not remote else "",
        selinux=bool(security.get("selinuxEnabled")),
        folder=str(store.get("graphRoot") or ""),
    )


def _podman(look: Look, command: str, _version: Mapping[str, Any]) -> Engine | Absent:
    return parse_podman(command, look.run((command, *ASK_INFO), timeout=look.timeout), look)


def _nerdctl(look: Look, command: str, version: Mapping[str, Any]) -> Engine:
    """Read what nerdctl says of itself and its containerd, to which it speaks on its own machine."""
    client, info = version.get("Client") or {}, _info(look, command, json.dumps(version))
    components = {part.get("Name") for part in version["Server"].get("Components") or ()}
    elsewhere = apart(info.get("Name"), info.get("KernelVersion"), look.platform())
    return Engine(
        kind="nerdctl",
        command=command,
        version=str(client.get("Version", "")).removeprefix("v"),
        os=str(client.get("Os") or "linux"),
        arch=arch(str(info.get("Architecture") or client.get("Arch") or "")),
        rootless="rootlesskit" in components,
        apart=elsewhere,
        store=str(info.get("Driver") or ""),
        desktop=desktop(version, info, "", ""),
        selinux=any("selinux" in str(option) for option in info.get("SecurityOptions") or ()),
    )


class Program(NamedTuple):
    """How a kind of engine, or rather its program, differs from others.

    Attributes:
        recognise: tells from the answer to ``version`` whether it is this program's, whatever the command is called.
        read: makes the fact of that answer, and asks for more.
        default: it is asked without being named.
        api: it serves Docker's API, by which the SDK pulls, and asks registries.
        save_several: the option without which only one image is saved into an archive.
        prefix: what it puts before the name of an image that it loads.
    """

    recognise: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Look, str, Mapping[str, Any]], Engine | Absent]
    default: bool = True
    api: bool = False
    save_several: tuple[str, ...] = ()
    prefix: str = ""


def _is_podman(version: Mapping[str, Any]) -> bool:
    return "APIVersion" in (version.get("Client") or {})


def _is_nerdctl(version: Mapping[str, Any]) -> bool:
    server = version.get("Server") or {}
    return "Version" not in server and any(part.get("Name") == "containerd" for part in server.get("Components") or ())


def _is_docker(version: Mapping[str, Any]) -> bool:
    return "Version" in (version.get("Server") or {}) and not _is_podman(version)


PROGRAMS: Final[Mapping[Kind, Program]] = {
    "docker": Program(_is_docker, _docker, api=True),
    "podman": Program(_is_podman, _podman, save_several=("--multi-image-archive",), prefix="localhost/"),
    "nerdctl": Program(_is_nerdctl, _nerdctl, default=False),
}
"""The engines that we know. A new one is a row here, its reader, and a set of its recorded answers for the tests."""


def ask_image(look: Look, question: Question, facts: BaseFacts) -> LocalImage | Absent:
    """Ask the engine for an image that it holds."""
    engine = facts["engine"]
    if isinstance(engine, Absent):
        return engine
    return parse_image(question.subject, look.run((engine.command, *ASK_IMAGE, question.subject), timeout=look.timeout))


def identity(inspected: Mapping[str, Any]) -> str:
    """Return what an engine calls an image, from what ``image inspect`` prints; podman leaves the kind of hash away."""
    image = str(inspected["Id"])
    return image if ":" in image else f"sha256:{image}"


def platform(inspected: Mapping[str, Any]) -> str:
    """Return an image's platform, ``linux/arm/v7``, from what ``image inspect`` prints."""
    return "/".join(str(inspected[key]) for key in ("Os", "Architecture", "Variant") if inspected.get(key))


def parse_image(ref: str, done: Done) -> LocalImage | Absent:
    """Read what ``image inspect`` prints."""
    inspected = table(done)
    if done.code or not inspected:
        return Absent(words(done))
    try:
        return LocalImage(
            ref=ref,
            id=identity(inspected),
            digests=tuple(inspected.get("RepoDigests") or ()),
            platform=platform(inspected),
            labels=(inspected.get("Config") or {}).get("Labels") or inspected.get("Labels") or {},
        )
    except SHAPE as error:
        return Absent(f"the engine's answer cannot be read: {error}")
