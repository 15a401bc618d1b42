"""Pure: what a route is, what looking at one gives, and what makes a route unfit for its target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from ..sources import Image, Open, Tool, Toolchain, dotted
from ..steps import Refused, Step
from ..targets import Target

if TYPE_CHECKING:
    from ..config import Config

Verb: TypeAlias = Literal["build", "test"]


class Route(Struct, frozen=True, kw_only=True):
    """One complete way to build a target.

    Attributes:
        name: ``cross 0.2.5, image built here``; unique in a ladder.
        own: the toolchain whose cargo runs on the host, to read the workspace and fetch its dependencies.
        emulated: the container's programs run under emulation, which costs about 11x (docs/routes.md).
        libc: the glibc that artifacts need at most; empty where it is unknown or there is none.
        build_std: the standard library is compiled from source.
    """

    name: str
    target: str
    builder: Literal["cross", "zigbuild", "cargo"]
    flavour: str = ""
    tool: Tool | None = None
    toolchain: Toolchain
    own: Toolchain
    image: Image | None = None
    emulated: bool = False
    libc: str = ""
    build_std: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return what is still to be provided, each once."""
        steps: list[Step] = []
        for part in (self.tool, self.own, self.toolchain, self.image):
            steps += [step for step in (part.steps if part else ()) if step not in steps]
        return tuple(steps)


Looked: TypeAlias = Route | Refused | Open


class Rung(Struct, frozen=True):
    """A place on the ladder: the route's name, and how to look whether it is possible."""

    name: str
    look: Callable[[], Looked]


def all_open(*found: object) -> Open:
    """Return the questions among what was found, each once."""
    return tuple(dict.fromkeys(question for questions in found if isinstance(questions, tuple) for question in questions))


def kept(route: Route, target: Target, config: Config) -> Refused | None:
    """Refuse a route that cannot keep the target's promise, or whose parts do not fit each other."""
    image, toolchain = route.image, route.toolchain
    if image and image.glibc and toolchain.glibc and dotted(toolchain.glibc) > dotted(image.glibc):
        why = f"the toolchain {toolchain.name} needs glibc {toolchain.glibc}, and {image.ref} has {image.glibc}"
        return Refused(name=route.name, why=why)
    ceiling = config.target(target.triple).glibc
    if ceiling and route.libc and dotted(route.libc) > dotted(ceiling):
        why = f"its artifacts need glibc {route.libc}, and glibc = {ceiling!r} is promised"
        return Refused(name=route.name, why=why, hint="zigbuild links against any glibc")
    return None
