"""Pure: from plans to rows of crosstasks.lock, what differs between two, and the file's text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from ..catalog.targets import default_image
from ..core import references
from ..core.steps import Absent
from ..facts.inventory import BUNDLE_PREFIX
from ..facts.lock import HINT, Lock, LockRow, differs

if TYPE_CHECKING:
    from ..catalog.ingredients import Image
    from .request import Request
    from .route import Route

LOCAL_IMAGE: Final = re.compile(r"(^|/)crosstasks/[^/:@]+:(amd64|arm64)-[0-9a-f]{12}$")


class Difference(Struct, frozen=True, kw_only=True):
    """What differs for one target on one platform; *now* is what would be taken without the lock."""

    target: str
    platform: str
    field: str
    locked: str
    now: str


def of(route: Route, request: Request) -> LockRow:
    """Return the row of a route."""
    image = route.image
    built = image.ref if image and is_built(image.ref) else ""
    git = request.config.git_rev if route.flavour == "git" else ""
    return LockRow(
        builder=route.builder,
        flavour=route.flavour,
        revision=git,
        tool=route.tool.version if route.tool and route.builder != "cross" else "",
        image=_name(image, route, request) if image else "",
        platform=image.platform if image else "",
        digest="" if built or not image else image.digest.rpartition("@")[2],
        recipe=built.rpartition("-")[2],
        toolchain=route.toolchain.release,
        toolchain_source=route.toolchain.origin,
        glibc=route.glibc_floor,
    )


def is_built(ref: str) -> bool:
    """Tell whether a reference is that of an image built by us, wherever it is kept (recipes.py)."""
    return LOCAL_IMAGE.search(ref) is not None


def _name(image: Image, route: Route, request: Request) -> str:
    """Return the image's name with its tag, as it is called where it comes from, and not in a mirror."""
    if is_built(image.ref):
        return "/".join(image.ref.split("/")[-2:])
    upstream = default_image(request.target, route.flavour)
    if image.ref.startswith(BUNDLE_PREFIX):
        return request.options.image or upstream
    same = references.parse(image.ref).path.split("/")[-2:] == references.parse(upstream).path.split("/")[-2:]
    if image.source != "configured" and same:
        return upstream
    return request.options.image or image.ref


def compare(row: LockRow, now: LockRow) -> tuple[tuple[str, str, str], ...]:
    """
    Return the fields that differ, each with both values.

    A floor that is, or was, not known yet, of an image that was not here, is no difference; nor are two names of one digest.
    """
    different = []
    for name in LockRow.__struct_fields__:
        before, would = getattr(row, name), getattr(now, name)
        unknown = name == "glibc" and not (before and would)
        same_image = name == "image" and row.digest and row.digest == now.digest
        if before != would and not unknown and not same_image:
            different.append((name, before, would))
    return tuple(different)


def differs_from_lock(route: Route, request: Request) -> Absent | None:
    """Refuse a route that differs from the lock."""
    different = compare(request.lock_row, of(route, request)) if request.lock_row else ()
    return Absent(differs(*different[0]), HINT) if different else None


def merge(lock: Lock, platform: str, rows: Mapping[str, LockRow]) -> Lock:
    """Put rows of one platform in the place of what was there; those of other platforms, and targets, stay."""
    targets = {triple: dict(row_by_platform) for triple, row_by_platform in lock.target.items()}
    for triple, row in rows.items():
        targets.setdefault(triple, {})[platform] = row
    return structs.replace(lock, target=targets)


def without(lock: Lock, platform: str, triples: Iterable[str]) -> Lock:
    """Take the rows of some targets on one platform away."""
    gone = set(triples)
    targets = {
        triple: {name: row for name, row in rows.items() if name != platform or triple not in gone} for triple, rows in lock.target.items()
    }
    return structs.replace(lock, target={triple: rows for triple, rows in targets.items() if rows})


def only(lock: Lock, triples: Iterable[str]) -> Lock:
    """Keep the rows of these targets, on every platform."""
    names = set(triples)
    return structs.replace(lock, target={triple: rows for triple, rows in lock.target.items() if triple in names})


def text_of(row: LockRow) -> str:
    """Return a row in one line."""
    parts = (row.builder, row.flavour, row.image, f"Rust {row.toolchain}")
    return ", ".join(filter(None, parts))
