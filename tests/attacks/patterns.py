"""Every pattern of the package, how it is asked, and the texts that are worst for it: made from its own parts."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path
from re import _constants as constants
from re import _parser as parser

import crosstasks
from crosstasks.provisioning import cache_check

PACKAGE = Path(crosstasks.__file__).parent
SIZE = 1_000_000
WAYS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "split")


def patterns():
    """All of them, as (place, way, pattern): what is written into calls of re, what modules hold compiled, and what tables hold."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                if node.func.attr in WAYS and node.func.value.id == "re" and node.args and isinstance(node.args[0], ast.Constant):
                    found[f"{module}:{node.lineno}"] = (node.func.attr, _compiled(node))
                elif node.func.attr in WAYS and node.func.value.id.isupper():
                    held = getattr(importlib.import_module(module.removesuffix(".__init__")), node.func.value.id, None)
                    if isinstance(held, re.Pattern):
                        found[f"{module}.{node.func.value.id}.{node.func.attr}"] = (node.func.attr, held)
    for row in tomllib.loads((PACKAGE / "catalog" / "remedies.toml").read_text("utf-8"))["row"]:
        found[f"remedies: {row['name']}"] = ("search", re.compile(row["said"], re.MULTILINE))
    for number, smell in enumerate(cache_check.SMELLS):
        found[f"smells: {number}"] = ("search", re.compile(smell, re.MULTILINE))
    return {place: value for place, value in found.items() if value[1] is not None}


def _compiled(call):
    flags = 0
    for node in [*call.args[1:], *(word.value for word in call.keywords if word.arg == "flags")]:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and part.attr in {"MULTILINE", "IGNORECASE", "DOTALL"}:
                flags |= getattr(re, part.attr)
    return re.compile(call.args[0].value, flags)


def ask(way, pattern, text):
    """Ask as the package does, to the last match."""
    if way == "sub":
        pattern.sub("", text) if isinstance(text, str) else pattern.sub(b"", text)
    elif way == "finditer":
        list(pattern.finditer(text))
    else:
        getattr(pattern, way)(text)


def worst(pattern):
    """Texts of a megabyte: each beginning of what the pattern looks for, again and again; and each of its loops, without an end."""
    source = pattern.pattern
    texts = {" ", "\n", "\n ", "a", "/", "\x1b[", "0", "a "}
    for branch in _branches(list(parser.parse(source, pattern.flags & ~re.UNICODE if isinstance(source, bytes) else pattern.flags))):
        for end in range(1, len(branch) + 1):
            for fill in (1, 40):
                begun = "".join(_sample(part, fill) for part in branch[:end])
                texts |= {begun, f"{begun}\n", f"{begun} "}
            loop = _char(branch[end - 1])
            if loop:
                texts.add("".join(_sample(part, 1) for part in branch[:end]) + loop * SIZE)
    for text in sorted(texts):
        whole = (text * (SIZE // max(len(text), 1) + 1))[:SIZE] if len(text) < SIZE else text[:SIZE]
        yield whole.encode("latin-1", "replace") if isinstance(source, bytes) else whole


def _branches(parts):
    """Take alternatives at the top apart, and groups at its beginning."""
    if len(parts) == 1 and parts[0][0] is constants.BRANCH:
        return [one for branch in parts[0][1][1] for one in _branches(list(branch))]
    for place, (kind, value) in enumerate(parts):
        if kind is constants.BRANCH:
            return [one for branch in value[1] for one in _branches([*parts[:place], *branch, *parts[place + 1 :]])][:40]
        if kind is constants.SUBPATTERN:
            return _branches([*parts[:place], *value[3], *parts[place + 1 :]])
    return [parts]


def _sample(part, fill):
    kind, value = part
    if kind in {constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT}:
        low, high, inner = value
        one = "".join(_sample(each, fill) for each in inner)
        return one * max(low, min(fill, high))
    if kind in {constants.SUBPATTERN, constants.ATOMIC_GROUP}:
        return "".join(_sample(each, fill) for each in (value[3] if kind is constants.SUBPATTERN else value))
    if kind is constants.BRANCH:
        return "".join(_sample(each, fill) for each in value[1][0])
    if kind in {constants.AT, constants.ASSERT, constants.ASSERT_NOT, constants.GROUPREF}:
        return ""
    return _char(part)


def _char(part):
    kind, value = part
    if kind in {constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT}:
        return "".join(_char(each) for each in value[2])
    if kind is constants.SUBPATTERN:
        return "".join(_char(each) for each in value[3])
    if kind is constants.LITERAL:
        return chr(value)
    if kind is constants.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if kind is constants.ANY:
        return "a"
    if kind is constants.IN:
        return _member(value)
    if kind is constants.BRANCH:
        return "".join(_char(each) for each in value[1][0])
    return ""


def _member(values):
    categories = {constants.CATEGORY_DIGIT: "0", constants.CATEGORY_SPACE: "\n", constants.CATEGORY_WORD: "a"}
    if values[0][0] is constants.NEGATE:
        return "a"
    kind, value = values[0]
    if kind is constants.RANGE:
        return chr(value[0])
    return chr(value) if kind is constants.LITERAL else categories.get(value, "a")
