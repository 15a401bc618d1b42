"""Look: what is found out about the machine, the engine, the network and the repository; one question, one reader each.

A fact's module has ``ASK`` (what is run or read), ``parse`` (the answer in, the fact out), and ``ask``, which puts the
two together with what it is lent in a ``Look``. A new fact is one file here, one word in ``steps.About`` and one row of ``ASKERS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..core.errors import CrosstasksError, DiskFull
from ..core.looking import Asker, Known, Look, absent
from ..core.steps import About, Absent, Question
from ..project import repository
from . import builders, debian, emulation, engine, host, inventory, lock, probes, registry, rustup

if TYPE_CHECKING:
    from ..project.repository import Repository
    from .builders import Builders
    from .emulation import Emulation
    from .engine import Engine
    from .host import Host
    from .inventory import Provided
    from .rustup import Rustup


class Facts(Known, frozen=True, kw_only=True):
    """What is known by now, by its name."""

    @property
    def host(self) -> Host:
        """Return the machine; a host that we do not know ends the call here."""
        found: Host | Absent = self["host"]
        if isinstance(found, Absent):
            raise CrosstasksError("this machine is not supported", why=found.why, hint=found.hint)
        return found

    @property
    def provided(self) -> Provided:
        """Return what lies in our cache."""
        found: Provided = self["provided"]
        return found

    @property
    def engine(self) -> Engine | Absent:
        """Return the container engine."""
        found: Engine | Absent = self["engine"]
        return found

    @property
    def emulation(self) -> Emulation | Absent:
        """Return which foreign programs run here."""
        found: Emulation | Absent = self["emulation"]
        return found

    @property
    def rustup(self) -> Rustup | Absent:
        """Return the user's rustup."""
        found: Rustup | Absent = self["rustup"]
        return found

    @property
    def builders(self) -> Builders | Absent:
        """Return the programs that build."""
        found: Builders | Absent = self["builders"]
        return found

    @property
    def repository(self) -> Repository | Absent:
        """Return the Rust repository."""
        found: Repository | Absent = self["repository"]
        return found


ASKERS: Final[Mapping[About, Asker]] = {
    "host": host.ask,
    "engine": engine.ask,
    "image": engine.ask_image,
    "registry": registry.ask,
    "emulation": emulation.ask,
    "emulation-proof": probes.ask,
    "shared": probes.ask_shared,
    "rustup": rustup.ask,
    "rustup-server": rustup.ask_server,
    "debian": debian.ask,
    "packages": debian.ask_packages,
    "builders": builders.ask,
    "repository": repository.ask,
    "lock": lock.ask,
    "provided": inventory.ask,
}


def ask(question: Question, look: Look, facts: Facts) -> Any:
    """Return the fact, or ``Absent`` with the reason: what a door has to say is a reason as well."""
    try:
        return ASKERS[question.about](look, question, facts)
    except DiskFull:
        raise  # no fact is missing, and nothing could be done with it
    except CrosstasksError as error:
        return absent(error)
