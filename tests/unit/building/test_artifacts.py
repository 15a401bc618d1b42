"""Cargo's messages, recorded from cargo 1.85 in a container, and what is made of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crosstasks.building.artifacts import CargoOutput, Messages, Product, fat, localise, stable, to_keep, universal
from crosstasks.catalog.targets import find
from crosstasks.core.errors import VerificationFailed

DATA = Path(__file__).parents[1] / "data" / "cargo"
ARM = "aarch64-unknown-linux-gnu"
DEBUG = f"/target/kinds/{ARM}/debug"
KINDS = "path+file:///project#many-kinds@0.1.0"


def read(name: str) -> bytes:
    return (DATA / f"{name}.jsonl").read_bytes()


def built(*chunks: bytes) -> CargoOutput:
    messages = Messages()
    for chunk in chunks:
        messages.feed(chunk)
    return messages.result()


def test_programs_and_libraries_are_collected():
    """Programs, examples, shared and static libraries are told; an rlib is for cargo itself."""
    assert built(read("kinds")) == CargoOutput(
        products=(
            Product(path=f"{DEBUG}/examples/demo", kind="example"),
            Product(path=f"{DEBUG}/tool", kind="bin"),
            Product(path=f"{DEBUG}/libmany_kinds.so", kind="cdylib"),
            Product(path=f"{DEBUG}/libmany_kinds.a", kind="staticlib"),
        ),
        at_work=True,
        success=True,
    )


def test_a_workspace():
    """Of a workspace with build scripts, proc-macros and registry crates, only its own programs are told, with their tests."""
    found = built(read("workspace"))

    assert sorted((Path(item.path).name.partition("-")[0], item.kind) for item in found.products) == [
        ("checksum", "bench"),
        ("cli", "test"),
        ("place", "test"),
        ("rows", "test"),
        ("whereami", "bin"),
        ("whereami", "test"),
    ]


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_a_line_may_come_in_pieces(size):
    """How the output is cut into chunks does not matter."""
    whole = read("kinds")

    assert built(*(whole[start : start + size] for start in range(0, len(whole), size))) == built(whole)


def test_what_is_no_message_is_handed_back():
    """Lines of rustup, JSON of other programs and bytes that are no text go on as they are; messages do not."""
    noise = [b"stable-x86_64-unknown-linux-gnu unchanged\n", b'{"reason":"other"}\n', b'{"a": 1}\n', b'{"\xff\n', b"{\n", b"\n", b"last"]
    lines = read("fresh").splitlines(keepends=True)
    handed: list[bytes] = []
    messages = Messages(handed.append)

    messages.feed(b"".join([noise[0], lines[0], *noise[1:3], lines[1], *noise[3:6], lines[2], noise[6]]))

    assert (built(*lines), noise) == (messages.result(), handed)


def test_other_output_goes_to_stderr(capfdbinary):
    """Without a receiver, what is no message is shown on stderr: stdout is for results."""
    assert (built(b"info: syncing\n"), capfdbinary.readouterr()) == (CargoOutput(), (b"", b"info: syncing\n"))


@pytest.mark.parametrize(
    ("output", "at_work", "success"),
    [
        (b"", False, None),
        (b"docker: no matching manifest\n", False, None),
        (read("kinds").splitlines()[0], True, None),
        (read("fresh").splitlines()[0], False, None),
        (read("fresh"), True, True),
        (read("failed"), True, False),
        (read("diagnostics"), True, False),
    ],
    ids=["nothing", "engine", "compiled", "killed-while-fresh", "all-fresh", "failed", "as-json"],
)
def test_what_is_known_of_a_run(output, at_work, success):
    """A run has started when cargo compiled something, or came to an end; only then is a failure the crate's own."""
    found = built(output)

    assert (at_work, success) == (found.at_work, found.success)


def test_emscripten_makes_two_files():
    """A program for Emscripten is a script and the module that it starts; both are told."""
    line = (
        b'{"reason":"compiler-artifact","package_id":"path+file:///p#a@1.0.0","target":{"kind":["bin"],"crate_types":["bin"],"name":"a"},'
        b'"profile":{"test":false},"filenames":["/target/a.js","/target/a.wasm"],"executable":"/target/a.js","fresh":false}\n'
    )

    assert [item.path for item in built(line).products] == ["/target/a.js", "/target/a.wasm"]


def test_import_libraries_are_not_ours():
    """What Windows links a shared library by is no static library, and a registry crate's library is not the user's."""
    line = (
        b'{"reason":"compiler-artifact","package_id":"%s","target":{"kind":["cdylib"],"crate_types":["cdylib","staticlib"],"name":"a"},'
        b'"profile":{"test":false},"filenames":["a.dll","liba.dll.a","a.dll.lib","a.lib","a.pdb"],"executable":null,"fresh":false}\n'
    )
    ours, theirs = built(line % b"a 1.0.0 (path+file:///p)"), built(line % b"registry+https://example.org/index#a@1.0.0")

    assert [(item.path, item.kind) for item in ours.products] == [("a.dll", "cdylib"), ("a.lib", "staticlib")]
    assert theirs.products == ()


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/target/arm/debug/tool", ("out", "arm", "debug", "tool")),
        ("/target", ("out",)),
        ("/targets/tool", None),
        ("/project/src/main.rs", ("home", "crate", "src", "main.rs")),
        ("/project/sub/a", ("elsewhere", "a")),
        ("/home/crate/target/tool", None),
    ],
)
def test_paths_of_a_container(path, local):
    """The longest mount that a path lies in decides; whole names count; other paths stay."""
    mounts = {"/target": "out", "/project": os.path.join("home", "crate"), "/project/sub/": "elsewhere"}

    assert (os.path.join(*local) if local else path) == localise(path, mounts)


def made(folder: Path, *names: str) -> str:
    """A target folder with files in it."""
    for name in names:
        file = folder / "kinds" / ARM / "debug" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(0o755)
    return str(folder)


ALL = ("examples/demo", "tool", "libmany_kinds.so", "libmany_kinds.a")


def copied(folder: Path, target_dir: str) -> tuple[Path, ...]:
    messages = Messages()
    messages.feed(read("kinds").replace(b"/target/kinds/", b"/target/"))
    here = f"{target_dir}/kinds"
    folder.mkdir(exist_ok=True)
    return stable(to_keep(messages.result(), here), here, folder, ARM)


def test_copies_lie_where_they_are_looked_for(tmp_path):
    """What was built is copied below the profile's name, as a program that can be started, and nothing else is left there."""
    paths = copied(tmp_path / "to", made(tmp_path / "from", *ALL))

    assert paths == tuple(tmp_path / "to" / "crosstasks" / ARM / "debug" / name for name in ALL)
    assert [path.read_text() for path in paths] == list(ALL)
    assert all(os.access(path, os.X_OK) for path in paths)
    assert {path for path in (tmp_path / "to").rglob("*") if path.is_file()} == set(paths)


def test_a_copy_is_renewed_only_if_it_must_be(tmp_path):
    """A second build leaves an equal copy alone, and renews one that differs."""
    target_dir = made(tmp_path / "from", *ALL)
    first = [path.stat().st_ino for path in copied(tmp_path / "to", target_dir)]
    (tmp_path / "from" / "kinds" / ARM / "debug" / "tool").write_text("another")
    second = copied(tmp_path / "to", target_dir)

    assert [path.stat().st_ino == before for path, before in zip(second, first, strict=True)] == [True, False, True, True]
    assert second[1].read_text() == "another"


def test_tests_are_not_kept(tmp_path):
    """Who builds tests wants to run them: they have hashes in their names, and are not copied."""
    found = CargoOutput(products=(Product(path=f"/target/{ARM}/debug/deps/cli-1", kind="test"),))

    assert to_keep(found, str(tmp_path)) == ()


def test_a_file_that_is_not_there(tmp_path):
    """A build that is elsewhere than cargo says is told, with its place on the host."""
    with pytest.raises(VerificationFailed, match="tool is not there") as failed:
        copied(tmp_path / "to", made(tmp_path / "from", "examples/demo"))

    assert failed.value.why == "cargo says that it built it, and No such file or directory"


def test_a_failed_copy_leaves_nothing(tmp_path):
    """A copy that cannot take its place leaves no half of itself."""
    place = tmp_path / "to" / "crosstasks" / ARM / "debug" / "examples" / "demo"
    (place / "in the way").mkdir(parents=True)

    with pytest.raises(IsADirectoryError):
        copied(tmp_path / "to", made(tmp_path / "from", *ALL))

    assert list(place.parent.iterdir()) == [place]


def test_a_universal_file_holds_its_parts_as_they_are():
    """Each begins at a page of arm64, and nothing of it is changed; ``lipo`` and ``file`` read the same header."""
    arm64, amd64 = b"a" * 5, b"b" * 16384
    found = fat([("aarch64", arm64), ("x86_64", amd64)])
    assert found[:48].hex(" ", 4) == (
        "cafebabe 00000002 0100000c 00000000 00004000 00000005 0000000e 01000007 00000003 00008000 00004000 0000000e"
    )
    assert (found[0x4000:0x4005], found[0x8000:], set(found[48:0x4000])) == (arm64, amd64, {0})


def of_parts(folder: Path, *names: str) -> tuple[Product, ...]:
    """Programs that cargo built, each of which holds its own path."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return tuple(Product(path=str(folder / name), kind="bin") for name in names)


def test_a_universal_program_lies_where_cargo_would_have_put_it(tmp_path):
    """One for two; what is only tested is not joined."""
    programs = of_parts(tmp_path, "aarch64-apple-darwin/debug/tool", "x86_64-apple-darwin/debug/tool")
    tested = Product(path=str(tmp_path / "aarch64-apple-darwin/debug/deps/tool-1"), kind="test")
    joined = universal(CargoOutput(products=(*programs, tested), success=True), tmp_path, find("universal2"))

    (one,) = joined.products
    path = tmp_path / "universal2-apple-darwin/debug/tool"
    assert (one, joined.success) == (Product(path=str(path), kind="bin"), True)
    assert path.stat().st_mode & 0o111 == 0o111
    content = path.read_bytes()
    assert content == fat([(name.partition("-")[0], name.encode()) for name in (str(Path(p.path).relative_to(tmp_path)) for p in programs)])


def test_a_program_of_one_part_only_is_none(tmp_path):
    """It would not start on the other machine."""
    (program,) = of_parts(tmp_path, "x86_64-apple-darwin/debug/tool")
    with pytest.raises(VerificationFailed, match=r"debug/tool is not joined[\s\S]*not built for aarch64-apple-darwin"):
        universal(CargoOutput(products=(program,)), tmp_path, find("universal2"))
