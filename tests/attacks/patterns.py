"""Every pattern of the package, how it is asked, and the texts that are worst for it: made from its own parts."""

from __future__ import annotations

import ast
import importlib
import json
import re
import time
import tomllib
from collections import deque
from functools import cache
from heapq import nlargest
from pathlib import Path
from re import _constants as constants
from re import _parser as parser

import crosstasks
from crosstasks.catalog import remedies
from crosstasks.clients import docker_sdk, network
from crosstasks.extras.ci import changes
from crosstasks.provisioning import cache_check

PACKAGE = Path(crosstasks.__file__).parent
SIZE = 1_000_000
SIZES = (20_000, 60_000, 200_000, SIZE)
"""All texts are asked about at the first size, and the slowest of them at the others: a quadratic pattern is told by some hundred kilobytes."""
SLOWEST = 3
LIMIT = 0.2
"""Seconds for a megabyte."""
WAYS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "split")
MADE = {
    "catalog.remedies": 3,
    "clients.debian.index": 1,
    "clients.docker_sdk": 1,
    "clients.network": 1,
    "extras.ci.changes": 1,
    "extras.release.build": 1,
    "extras.release.version": 1,
    "provisioning.cache_check": 1,
    "provisioning.rust_packages": 1,
    "provisioning.tools": 1,
    "verifying.checks": 1,
}
"""How many patterns of a module are put together: of tables below, of names without a loop, or into what the module holds compiled."""


def patterns():
    """All of them, as {place: (way, pattern)}: those in calls of re, those that modules hold compiled, and those of tables."""
    asked, found, made = {}, {}, {}
    for module, call in calls():
        name, way = call.func.value.id, call.func.attr
        if name != "re":
            asked.setdefault((module, name), set()).add(way)
        elif isinstance(call.args[0], ast.Constant):
            (made if way == "compile" else found)[f"{module}:{call.lineno}"] = (way, _compiled(call))
    held = []
    for module in dict.fromkeys(module for module, _ in calls()):
        for name, pattern in vars(importlib.import_module(f"crosstasks.{module}")).items():
            if isinstance(pattern, re.Pattern):
                held.append(pattern)
                found |= {f"{module}.{name}.{way}": (way, pattern) for way in sorted(asked.get((module, name), {"search"}))}
    found |= {place: ("search", pattern) for place, (_, pattern) in made.items() if pattern not in held}
    return found | {place: ("search", pattern) for place, pattern in _of_tables()}


def _of_tables():
    for row in tomllib.loads((PACKAGE / "catalog" / "remedies.toml").read_text("utf-8"))["row"]:
        yield f"remedies: {row['name']}", re.compile(row["pattern"], re.MULTILINE)
    for number, symptom in enumerate(cache_check.SYMPTOMS):
        yield f"symptoms: {number}", re.compile(symptom, re.MULTILINE)
    for number, (hint, _) in enumerate(docker_sdk.HINTS):
        yield f"hints: {number}", re.compile(hint, re.IGNORECASE)
    for name, (setting, _) in network.TOOLS.items():
        yield f"network: {name}", re.compile(setting)
    for number, form in enumerate(sorted(_forms(json.loads((PACKAGE / "config" / "crosstasks.schema.json").read_text("utf-8"))))):
        yield f"options: {number}", re.compile(form)
    yield "remedies: own", re.compile(remedies._DEPENDENCY.format("a", "b"))  # noqa: SLF001
    yield "changes: mention", changes.mention(Path("/top/a/b"), Path("/top"))


@cache
def calls():
    """Calls of re, and of what modules hold in capitals, each with its module."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)):
                continue
            name, way = node.func.value.id, node.func.attr
            if (name == "re" and way in (*WAYS, "compile")) or (name.isupper() and way in WAYS):
                found.append((module, node))
    return found


def _forms(schema):
    if isinstance(schema, dict):
        return (
            {schema["pattern"]} if isinstance(schema.get("pattern"), str) else {form for value in schema.values() for form in _forms(value)}
        )
    return {form for value in schema for form in _forms(value)} if isinstance(schema, list) else set()


def _compiled(call):
    flags = 0
    for node in [*call.args[1:], *(word.value for word in call.keywords if word.arg == "flags")]:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and part.attr in {"MULTILINE", "IGNORECASE", "DOTALL"}:
                flags |= getattr(re, part.attr)
    return re.compile(call.args[0].value, flags)


def too_slow(way, pattern):
    """Return a text on which a pattern is too slow, and how many seconds it took at which size; None where a megabyte of its worst is quick."""
    texts = worst(pattern)
    for size in SIZES:
        times = {}
        for text in texts:
            times[text] = seconds(way, pattern, text, size)
            if times[text] > LIMIT:
                return text, times[text], size
        texts = nlargest(SLOWEST, times, key=times.get)
    return None


def seconds(way, pattern, text, size):
    """Return how long a call takes, the quickest of many if it is near the limit: what the machine does besides makes most of them slow."""
    begin, again = text
    whole = (begin + again * (size // len(again) + 1))[:size]
    whole = whole.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else whole
    quickest = float("inf")
    for _ in range(20):
        begun = time.process_time()
        ask(way, pattern, whole)
        quickest = min(quickest, time.process_time() - begun)
        if not LIMIT < quickest < 5 * LIMIT:
            break
    return quickest


def ask(way, pattern, text):
    """Ask as the package does, to the last match."""
    if way == "sub":
        pattern.sub("", text) if isinstance(text, str) else pattern.sub(b"", text)
    elif way == "finditer":
        deque(pattern.finditer(text), maxlen=0)  # a list of all matches would have their memory measured as well
    else:
        getattr(pattern, way)(text)


def worst(pattern):
    """Texts that may be the worst, each as how it begins and what follows again and again.

    They are the beginnings of what the pattern looks for, repeated, and each of its loops, without an end.
    """
    source = pattern.pattern
    texts = {("", text) for text in (" ", "\n", "\n ", "a", "/", "\x1b[", "0", "a ")}
    for branch in _branches(list(parser.parse(source, pattern.flags & ~re.UNICODE if isinstance(source, bytes) else pattern.flags))):
        for end in range(1, len(branch) + 1):
            for fill in (1, 40):
                begun = "".join(_sample(part, fill) for part in branch[:end])
                texts |= {("", begun or " "), ("", f"{begun}\n"), ("", f"{begun} ")}
            loop = _char(branch[end - 1])
            if loop:
                texts.add(("".join(_sample(part, 1) for part in branch[:end]), loop))
    return sorted(texts)


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
