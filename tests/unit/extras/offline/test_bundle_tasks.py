"""What a machine takes of a bundle."""

from __future__ import annotations

import tarfile
from contextlib import nullcontext
from io import BytesIO
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from crosstasks.catalog.ingredients import Toolchain
from crosstasks.core import cache, files
from crosstasks.core.errors import ConfigError
from crosstasks.extras.offline import bundle, bundle_tasks
from crosstasks.extras.offline.bundle import Member
from crosstasks.extras.offline.bundle_tasks import Ready, fits
from crosstasks.facts import inventory
from crosstasks.provisioning import toolchain
from crosstasks.testing import config, facts

AMD64, ARM64 = "linux/amd64", "linux/arm64"
AMD, ARM, MUSL = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"


@pytest.mark.parametrize(
    ("kind", "host", "engine", "taken"),
    [
        ("tool", AMD64, AMD64, [AMD64]),
        ("toolchain", AMD64, AMD64, [AMD64]),
        ("images", AMD64, AMD64, [AMD64]),
        ("tool", AMD64, ARM64, [AMD64]),
        ("toolchain", AMD64, ARM64, [AMD64, ARM64]),
        ("images", AMD64, ARM64, [ARM64]),
        ("tool", "macos/arm64", ARM64, []),
        ("toolchain", "macos/arm64", ARM64, [ARM64]),
        ("images", "macos/arm64", ARM64, [ARM64]),
    ],
)
def test_a_machine_takes_what_is_for_it(kind, host, engine, taken):
    """Programs are for the machine, images for its engine, toolchains for both; what is for all is taken everywhere."""
    members = [Member(path="x", kind=kind, name="x", platforms=(platform,), sha256="", size=0) for platform in (AMD64, ARM64)]
    assert taken == [member.platforms[0] for member in members if fits(member, host, engine)]
    assert fits(Member(path="x", kind=kind, name="x", sha256="", size=0), host, engine)


@pytest.mark.parametrize(
    ("selected", "judged"),
    [
        ((), [("brought", MUSL), ("brought", ARM), ("other", AMD)]),
        ((ARM,), [("brought", ARM)]),
        ((AMD,), [("brought", AMD)]),
    ],
)
def test_which_targets_are_judged(monkeypatch, selected, judged):
    """What the bundle brings must be usable, and what is named; of the rest of the file it is only told."""
    monkeypatch.setattr(bundle_tasks, "_provide", lambda triple, *_: ("brought", triple))
    monkeypatch.setattr(bundle_tasks, "_look_offline", lambda triple, *_: ("other", triple))
    options = config("aarch64", "x86_64")
    context = SimpleNamespace(config=replace(options, targets=selected or options.targets))
    assert judged == list(bundle_tasks.readiness(context, (MUSL, ARM), "build"))


def test_a_line_for_each_target():
    """What is not ready has its reason beside it."""
    error = ConfigError("the engine did not keep the image")
    rows = [Ready(ARM, why=error.what, error=error), Ready(MUSL, why="the bundle was made without it")]
    assert bundle_tasks.readiness_text(rows).splitlines() == [
        f"{ARM}   not ready  the engine did not keep the image",
        f"{MUSL}  not ready  the bundle was made without it",
    ]


def test_a_member_names_the_platforms_that_need_it(monkeypatch, tmp_path):
    """What machines share is packed once, for all of them; images are for one, and crates for every machine."""

    def provide(triple, machine, _context):
        toolchains = [SimpleNamespace(path=str(tmp_path / name), host=name) for name in (f"rust-{machine}", "rust-shared")]
        tool = SimpleNamespace(path=str(tmp_path / f"cross-{machine}" / "bin" / "cross"))
        return SimpleNamespace(route=SimpleNamespace(target=triple, tool=tool, toolchain=toolchains[0], host_toolchain=toolchains[1]))

    def save_images(writer, _context, platform, plans):
        writer.add("images/x", "images", platform.replace("/", "-"), lambda write: write(b"x"))
        return tuple(plan.route.target for plan in plans)

    monkeypatch.setattr(bundle_tasks, "provide", provide)
    monkeypatch.setattr(bundle_tasks, "save_images", save_images)
    monkeypatch.setattr(bundle_tasks, "on_platform", lambda _context, platform: platform.rpartition("/")[2])
    monkeypatch.setattr(bundle_tasks.cache_check, "intact", lambda *_: nullcontext())
    monkeypatch.setattr(bundle_tasks.bundle, "pack", lambda folder, write: write(str(folder).encode()))
    monkeypatch.setattr(
        bundle_tasks,
        "_add_crates",
        lambda writer, _context, routes: writer.add("c", "crates", "crates", lambda write: write(b"c" * len(routes))),
    )
    monkeypatch.setattr(bundle_tasks, "Manifest", SimpleNamespace)
    monkeypatch.setattr(bundle_tasks.bundle.Writer, "close", lambda *_: None)
    monkeypatch.setattr(bundle_tasks.pipeline, "look", lambda context: context)
    context = SimpleNamespace(config=config("aarch64", "aarch64-musl"), facts=facts(), root=tmp_path, repository=None, say=lambda _: None)
    manifest = bundle_tasks.make(context, (), (AMD64, ARM64, AMD64), tmp_path / "b.tar")
    assert {(member.kind, member.name): member.platforms for member in manifest.members} == {
        ("tool", "cross-amd64"): (AMD64,),
        ("toolchain", "rust-amd64"): (AMD64,),
        ("toolchain", "rust-shared"): (AMD64, ARM64),
        ("images", "linux-amd64"): (AMD64,),
        ("tool", "cross-arm64"): (ARM64,),
        ("toolchain", "rust-arm64"): (ARM64,),
        ("images", "linux-arm64"): (ARM64,),
        ("crates", "crates"): (),
    }
    assert (AMD64, ARM64) == manifest.platforms
    assert (ARM, MUSL) * 2 == manifest.images


def test_a_toolchain_is_packed_with_what_the_targets_need(tmp_path):
    """Without the standard libraries that other projects asked for; what comes out is whole, and says what it holds."""
    host, folder, out = facts().host.triple, tmp_path / f"1.95.0-{facts().host.triple}", tmp_path / "out"
    for name in ("bin/rustc", f"lib/rustlib/{host}/lib/std", f"lib/rustlib/{ARM}/lib/std", f"lib/rustlib/{MUSL}/lib/std"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(name)
    toolchain.mark(
        folder, Toolchain(name=folder.name, path=str(folder), release="1.95.0", host=host, standard=(host, ARM, MUSL), origin="rustup")
    )
    packed = BytesIO()
    bundle.pack(folder, packed.write, **bundle_tasks._selection(folder, (ARM,)))  # noqa: SLF001 - a whole bundle takes an engine
    with tarfile.open(fileobj=BytesIO(packed.getvalue())) as tar:
        files.extract(tar, out)
    assert {host, ARM} == {path.name for path in (out / "lib/rustlib").iterdir()}
    assert {host, ARM} == set(inventory.toolchain(out).standard)
    assert () == cache.changed_files(out)
    assert {} == bundle_tasks._selection(folder, (ARM, MUSL))  # noqa: SLF001 - likewise


def test_dependencies_are_fetched_by_a_cargo_that_runs_here(monkeypatch):
    """For the targets of every machine."""
    here, there = (SimpleNamespace(host=host) for host in (facts().host.triple, "aarch64-apple-darwin"))
    routes = [SimpleNamespace(host_toolchain=toolchain) for toolchain in (there, here)]
    fetched = []
    monkeypatch.setattr(bundle_tasks.bundle, "collect", lambda routes, _context, _write: fetched.extend(routes))
    monkeypatch.setattr(bundle_tasks.structs, "replace", lambda _route, host_toolchain: host_toolchain)
    writer = SimpleNamespace(add=lambda _path, _kind, _name, fill: fill(None))
    bundle_tasks._add_crates(writer, SimpleNamespace(facts=facts()), routes)  # noqa: SLF001 - a whole bundle takes an engine
    assert [here, here] == fetched
