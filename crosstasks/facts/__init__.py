"""Look: what is found out about the machine, the engine, the network and the repository; one question, one reader each.

A fact's module has ``ask``, which is lent a ``Look``; where a program or a file answers, also ``ASK`` (what is run or read) and ``parse``
(the answer in, the fact out). A new fact is one file here, one word in ``steps.About`` and one row of ``ASKERS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..core.errors import CrosstasksError, DiskFull
from ..core.looking import Asker, BaseFacts, Look, absent
from ..core.steps import About, Absent, Question
from ..project import repository
from ..project.repository import Repository
from . import builders, debian, emulation, engine, host, inventory, lock, probes, registry, rustup, sdks
from .builders import Builders
from .emulation import Emulation
from .engine import Engine
from .host import Host
from .inventory import Inventory
from .rustup import Rustup


class Facts(BaseFacts, frozen=True, kw_only=True):
    """What is known by now, by its name."""

    @property
    def host(self) -> Host:
        """Return the machine; a host that we do not know ends the call here."""
        host: Host | Absent = self["host"]
        if isinstance(host, Absent):
            raise CrosstasksError("this machine is not supported", why=host.why, hint=host.hint)
        return host

    @property
    def inventory(self) -> Inventory:
        """Return what lies in our cache."""
        return cast("Inventory", self["inventory"])

    @property
    def engine(self) -> Engine | Absent:
        """Return the container engine."""
        return cast("Engine | Absent", self["engine"])

    @property
    def platform(self) -> str:
        """Return the platform whose images the engine runs by itself, ``linux/amd64``; empty without one."""
        return self.engine.platform if isinstance(self.engine, engine.Engine) else ""

    @property
    def emulation(self) -> Emulation:
        """Return which foreign programs run here."""
        return cast("Emulation", self["emulation"])

    @property
    def rustup(self) -> Rustup | Absent:
        """Return the user's rustup."""
        return cast("Rustup | Absent", self["rustup"])

    @property
    def builders(self) -> Builders:
        """Return the programs that build."""
        return cast("Builders", self["builders"])

    @property
    def repository(self) -> Repository | Absent:
        """Return the Rust repository."""
        return cast("Repository | Absent", self["repository"])

    @property
    def settings(self) -> Repository:
        """Return what the Rust repository says of its builds; where there is none, nothing."""
        return repository.NONE if isinstance(self.repository, Absent) else self.repository


ASKERS: Final[Mapping[About, Asker]] = {
    "host": host.ask,
    "engine": engine.ask,
    "image": engine.ask_image,
    "registry": registry.ask,
    "emulation": emulation.ask,
    "emulation-test": probes.ask,
    "shared": probes.ask_shared,
    "rustup": rustup.ask,
    "rust-channel": rustup.ask_channel,
    "debian": debian.ask,
    "packages": debian.ask_packages,
    "builders": builders.ask,
    "repository": repository.ask,
    "lock": lock.ask,
    "sdks": sdks.ask,
    "inventory": inventory.ask,
}

NETWORK: Final[frozenset[About]] = frozenset({"registry", "rust-channel", "debian", "packages"})
"""What the network is asked."""


def ask(question: Question, look: Look, facts: Facts) -> Any:
    """Return the fact, or ``Absent`` with the reason: the error of a client is a reason as well."""
    if look.offline and question.about in NETWORK:
        return Absent("offline = true")
    try:
        return ASKERS[question.about](look, question, facts)
    except DiskFull:
        raise  # no fact is missing, and nothing could be done with it
    except CrosstasksError as error:
        return absent(error)
