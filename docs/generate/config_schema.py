"""The JSON schema and the tables of docs/config.md, made from the options.

``nox -s renew`` writes both anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from crosstasks.catalog import targets
from crosstasks.config.documents import property_of
from crosstasks.config.options import File, Model, Options, Release, TargetOptions, Values
from crosstasks.config.read import HOST
from crosstasks.core import files
from crosstasks.core.about import PACKAGE

SHIPPED: Final = PACKAGE / "config" / "crosstasks.schema.json"
PAGE: Final = Path(__file__).parents[1] / "config.md"

TABLES: Final[Mapping[str, tuple[Model, Iterable[str]]]] = {
    "all": (Options, Values.__struct_encode_fields__),
    "target": (TargetOptions, [key for key in TargetOptions.__struct_encode_fields__ if key not in Values.__struct_encode_fields__]),
    "top": (Options, [key for key in Options.__struct_encode_fields__ if key not in Values.__struct_encode_fields__]),
    "release": (Release, Release.__struct_encode_fields__),
}
"""The tables of the page, by the word in their marks."""


def schema() -> dict[str, Any]:
    """Return the JSON schema of crosstasks.toml; targets are named as examples, since the catalogue grows."""
    made = msgspec.json.schema(File)
    defined = made["$defs"]
    names = [*(name for row in targets.catalogue().values() for name in (row.triple, *row.aliases))]
    whole = defined.pop("File")
    defined["Name"] = {"type": "string", "examples": [*names, HOST]}  # once: it is a fifth of the file
    whole["properties"]["targets"]["items"] = {"$ref": "#/$defs/Name"}
    whole["properties"]["target"]["propertyNames"] = {"$ref": "#/$defs/Name"}
    # what holds for one target is said as what holds for all, so that the file is no longer than it need be
    shared, own = whole["properties"], defined["TargetOptions"]["properties"]
    own |= {key: {"$ref": f"#/properties/{key}"} for key in own if own[key] == shared.get(key)}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    plain: dict[str, Any] = json.loads(msgspec.json.encode({**head, **whole, "title": "crosstasks.toml", "$defs": defined}))
    return plain


def schema_text() -> str:
    """Return the schema as the file that is shipped: a line for each option."""
    return re.sub(r' ?("[\w-]+": \{"(?:description|\$ref)")', r"\n\1", json.dumps(schema())) + "\n"


def page(text: str) -> str:
    """Return the page with its tables made anew; all else stays as it is."""
    for word in TABLES:
        begin, end = f"<!-- options: {word} -->\n", "<!-- end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table(word)}{end}{rest.partition(end)[2]}"
    return text


def table(word: str) -> str:
    """Return one table of the page."""
    model, keys = TABLES[word]
    defaults = dict(zip(model.__struct_encode_fields__, model.__struct_defaults__, strict=True))
    rows = [_row(key, property_of(model, key), defaults[key]) for key in keys]
    return "\n".join(("| option | value | default | meaning |", "| --- | --- | --- | --- |", *rows)) + "\n"


def _row(key: str, declared: Mapping[str, Any], default: Any) -> str:
    cells = (f"`{key}`", _value(declared), f"`{_toml(default)}`", declared["description"])
    return f"| {' | '.join(cells)} |"


def _value(declared: Mapping[str, Any]) -> str:
    if "anyOf" in declared:
        return ", ".join(map(_value, declared["anyOf"]))
    if "enum" in declared:
        return ", ".join(f"`{_toml(word)}`" for word in declared["enum"])
    if declared["type"] == "array":
        return f"list of {_value(declared['items'])}{_such(declared)}"
    kind = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}[declared["type"]]
    return f"{kind}{_such(declared)}"


def _such(declared: Mapping[str, Any]) -> str:
    """Show the first example, as it is written."""
    return next((f", `{_toml(example)}`" for example in declared.get("examples", ())), "")


def _toml(value: Any) -> str:
    """Return a value as TOML writes it: for ours, that is how JSON does."""
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value
    return json.dumps(value)


def renew() -> None:
    """Write the schema and the page anew."""
    for path, text in ((SHIPPED, schema_text()), (PAGE, page(PAGE.read_text("utf-8")))):
        files.write(path, text)


if __name__ == "__main__":
    renew()
