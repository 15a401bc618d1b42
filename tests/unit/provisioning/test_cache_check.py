"""What smells of damaged files, and what is done then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock, Timeout

from crosstasks.catalog.ingredients import Toolchain
from crosstasks.core import cache
from crosstasks.core.errors import ToolDamaged
from crosstasks.provisioning import cache_check, toolchain
from crosstasks.testing import AMD64 as HOST
from crosstasks.testing import ARM64 as ARM
from crosstasks.testing import config

RLIB = "/t/lib/rustlib/x86_64-unknown-linux-gnu/lib/libstd-d0233f198e8667ce.rlib"


@pytest.mark.parametrize(
    "said",
    [
        "cargo exited with -11",
        "cargo exited with 139",
        "error: process didn't exit successfully: `/t/bin/rustc -vV` (signal: 11, SIGSEGV: invalid memory reference)",
        "  process didn't exit successfully: `/t/bin/rustc --crate-name small src/main.rs` (signal: 4, SIGILL: illegal instruction)",
        "error: process didn't exit successfully: `/t/bin/rustc -vV` (exit status: 127)",
        "error: could not execute process `/t/bin/rustc -vV` (never executed)",
        "  Exec format error (os error 8)",
        "\x1b[1m\x1b[91merror\x1b[0m: rustc interrupted by SIGSEGV, printing backtrace",
        "/t/bin/rustc: error while loading shared libraries: /t/bin/../lib/librustc_driver-df2.so: invalid ELF header",
        "/t/bin/cargo: symbol lookup error: /t/bin/cargo: undefined symbol: stzchr, version GLIBC_2.2.5",
        "Inconsistency detected by ld.so: ../sysdeps/x86_64/dl-machine.h: 487: elf_machine_rela_relative: Assertion",
        "\x1b[1m\x1b[91merror[E0786]\x1b[0m\x1b[1m: found invalid metadata files for crate `std`\x1b[0m",
        "error[E0463]: can't find crate for `core`",
        "error: internal compiler error: compiler/rustc_metadata/src/rmeta/decoder.rs:968:9: missing `associated_item`",
        f"  = note: /usr/bin/ld: {RLIB}: error adding symbols: archive has no index; run ranlib to add one",
        f"/usr/bin/ld: {RLIB}(std-d0233f198e8667ce.o): in function `fmt':\n  mod.rs:593: undefined reference to `anon.f6edb'",
        "error: crate `core` required to be available in rlib format, but was not found in this form",
        "the program '/t/bin/cross' cannot be run: its interpreter or loader is missing",
    ],
)
def test_what_damage_makes_programs_say(said):
    """All of it was seen when bytes of a toolchain were flipped."""
    line = cache_check.suspicious(f"   Compiling small v0.1.0\n{said}\nerror: could not compile\n")
    assert line
    assert "\x1b" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "said",
    [
        "",
        "cargo exited with 101",
        "[FATAL tini (7)] exec sh failed: Exec format error",  # the image's own
        "error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:1:13",
        "error[E0463]: can't find crate for `serde`",
        "error: linking with `cc` failed: exit status: 1\n  = note: /usr/bin/ld: cannot find -lssl: No such file or directory",
        f'  = note: "cc" "{RLIB}" "-lc"\n  = note: /usr/bin/ld: /target/small.o: in function `main\': undefined reference to `absent\'',
        "error: test failed\n\nCaused by:\n  process didn't exit successfully: `/target/debug/deps/small-1` (signal: 11, SIGSEGV)",
        "error: failed to run custom build command for `a`\n  process didn't exit successfully: `/target/build-script-build` (exit status: 101)",
        "thread 'main' panicked at src/main.rs:1:1:\nboom",
    ],
)
def test_ordinary_failures_do_not_smell(said):
    """Nothing is compared after an error of the crate's own, or of its tests."""
    assert "" == cache_check.suspicious(said)


@pytest.fixture
def used(tmp_path):
    """A cache with a toolchain and a tool, as a route names them; a toolchain of the user's own is the other."""
    ours, tool, theirs = (tmp_path / name for name in ("cache/rustup/toolchains/1.85.0-x", "cache/tools/cross-x", "home/toolchains/mine"))
    for folder in (ours, tool, theirs):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/cross").write_text("a program")
        cache.note_checksums(folder)
    named = {
        "toolchain": SimpleNamespace(path=str(ours)),
        "host_toolchain": SimpleNamespace(path=str(theirs)),
        "tool": SimpleNamespace(path=f"{tool}/bin/cross"),
    }
    named["target"] = ARM
    return SimpleNamespace(**named), SimpleNamespace(cache=tmp_path / "cache", config=config(), say=lambda _line: None)


SAID = "error: rustc interrupted by SIGSEGV, printing backtrace"


@pytest.mark.parametrize("name", ["toolchain", "tool"])
def test_what_is_damaged_goes(used, name):
    """The error says which file, and what to do; a second look finds nothing, and nothing else went."""
    route, context = used
    folder = Path(route.toolchain.path) if name == "toolchain" else Path(route.tool.path).parents[1]
    (folder / "bin/cross").write_text("another")
    assert cache_check.check_after_failure(route, "error[E0425]: cannot find value", context) is None
    error = cache_check.check_after_failure(route, SAID, context)
    assert f"{folder.name} in the cache was damaged, and has been removed" == error.what
    assert f"bin/cross is not what was installed: {SAID}" == error.why
    assert "call again" in error.hint
    assert not folder.exists()
    assert cache_check.check_after_failure(route, SAID, context) is None
    assert 1 == len([place for place in (Path(route.toolchain.path), Path(route.tool.path)) if place.exists()])
    assert [] == [path for path in context.cache.rglob("*.damaged*") if path.is_dir()]


def test_without_a_network_it_is_not_made_anew(used):
    """Who brought it brings it again."""
    route, context = used
    context.config = config(offline=True)
    (Path(route.tool.path).parents[1] / "bin/cross").write_text("another")
    assert "`tools.provision --from`" in cache_check.check_after_failure(route, SAID, context).hint


def test_what_is_being_packed_is_not_added_to(used):
    """Its files and their checksums must fit; what is damaged is not packed."""
    route, context = used
    folder = Path(route.toolchain.path)
    lock = FileLock(context.cache / "rustup/making" / f".{folder.name}.lock", timeout=0)
    with cache_check.intact(folder, context, ()), pytest.raises(Timeout):
        lock.acquire()
    with lock:
        pass
    (folder / "bin/cross").write_text("another")
    with pytest.raises(ToolDamaged), cache_check.intact(folder, context, ()):
        pytest.fail("it was taken for whole")


def test_what_a_kill_leaves_of_a_damaged_tool_is_no_tool(used, monkeypatch):
    """It is hidden, and whoever makes the tool anew removes it."""
    route, context = used
    folder = Path(route.tool.path).parents[1]
    (folder / "bin/cross").write_text("another")
    monkeypatch.setattr("shutil.rmtree", lambda *_arguments, **_options: None)
    assert cache_check.check_after_failure(route, SAID, context)
    monkeypatch.undo()
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [".cross-x.damaged"]
    cache.make_once(folder, lambda draft: (draft / "cross").touch(), ["*"])
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["cross-x"]


def test_only_what_the_target_needs_is_compared(used):
    """A toolchain of sixty targets is no reason to read sixty standard libraries for one."""
    route, context = used
    folder = Path(route.toolchain.path)
    (folder / "bin/rustc").touch()
    for triple in (HOST, ARM, "s390x-unknown-linux-gnu"):
        (folder / "lib/rustlib" / triple).mkdir(parents=True)
        (folder / "lib/rustlib" / triple / "std").write_text("a library")
    cache.note_checksums(folder)
    here = {"name": folder.name, "path": str(folder), "source": "cache", "why": ""}
    toolchain.mark(folder, Toolchain(release="1.85.0", host=HOST, standard=(HOST, ARM, "s390x-unknown-linux-gnu"), **here))
    (folder / "lib/rustlib/s390x-unknown-linux-gnu/std").write_text("another")
    assert cache_check.check_after_failure(route, SAID, context) is None
    (folder / f"lib/rustlib/{ARM}/std").write_text("another")
    assert f"lib/rustlib/{ARM}/std is not what was installed" in cache_check.check_after_failure(route, SAID, context).why


def test_what_is_the_users_stays(used):
    """It is not even compared; nor does what is whole go."""
    route, context = used
    (Path(route.host_toolchain.path) / "bin/cross").write_text("another")
    assert cache_check.check_after_failure(route, SAID, context) is None
    assert all(Path(path).exists() for path in (route.host_toolchain.path, route.toolchain.path, route.tool.path))


def test_what_has_no_checksums_goes_where_it_smells(used):
    """An older crosstasks made it: nothing else could tell what is wrong, and it is made anew with them."""
    route, context = used
    folder = Path(route.toolchain.path)
    (folder / cache.ALL).unlink()
    with cache_check.intact(folder, context, ()):
        pass
    assert cache_check.check_after_failure(route, "error[E0425]: cannot find value", context) is None
    assert "an older crosstasks made it, and noted no checksums: " + SAID == cache_check.check_after_failure(route, SAID, context).why
    assert not folder.exists()
