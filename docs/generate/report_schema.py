"""The JSON schemas of plans and reports, made from the values that they hold. ``nox -s renew`` writes them anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from crosstasks.core.about import PACKAGE
from crosstasks.core.files import write
from crosstasks.core.results import Result
from crosstasks.planning.plan import PlanDocument


class Report(Struct, frozen=True, kw_only=True):
    """What ``--report`` and ``CROSSTASKS_REPORT`` write: the *version* of crosstasks, and how every target went."""

    schema_version: Literal[2]
    version: str
    results: tuple[Result, ...]


class Plans(Struct, frozen=True, kw_only=True):
    """What ``crosstasks plan --format json`` prints."""

    schema_version: Literal[2]
    plans: tuple[PlanDocument, ...]


SHIPPED: Final[Mapping[Path, type[Struct]]] = {
    PACKAGE / "reporting" / "report.schema.json": Report,
    PACKAGE / "reporting" / "plan.schema.json": Plans,
}
"""The files that are shipped, and what each describes."""


def text(kind: type[Struct]) -> str:
    """Return a schema as the file that is shipped."""
    schema: dict[str, Any] = json.loads(msgspec.json.encode(msgspec.json.schema(kind)))
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}) + "\n"


if __name__ == "__main__":
    for path, kind in SHIPPED.items():
        write(path, text(kind))
        path.chmod(0o644)
