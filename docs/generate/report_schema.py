"""The JSON schema of reports, made from the values that they hold. ``nox -s renew`` writes it anew."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from crosstasks.core.about import PACKAGE
from crosstasks.core.files import write
from crosstasks.core.results import Result

SHIPPED: Final = PACKAGE / "reporting" / "report.schema.json"


class Report(Struct, frozen=True, kw_only=True):
    """What ``--report`` and ``CROSSTASKS_REPORT`` write: the *version* of crosstasks, and how every target went."""

    schema_version: Literal[2]
    version: str
    results: tuple[Result, ...]


def text() -> str:
    """Return the schema as the file that is shipped."""
    made: dict[str, Any] = json.loads(msgspec.json.encode(msgspec.json.schema(Report)))
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=2) + "\n"


if __name__ == "__main__":
    write(SHIPPED, text())
    SHIPPED.chmod(0o644)
