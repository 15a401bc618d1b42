"""How a program of WASM is started, what it is given, and what its end means; wasmtime itself runs in the integration tests."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from crosstasks.provisioning import wasi


class Exit(Exception):
    """A program that ends itself."""

    code = 7


class Trap(Exception):
    """A program that does what it must not."""


class Wasmtime:
    """What wasmtime offers, with one program in it, whose exports are called and which imports from some modules."""

    ExitTrap, Trap, WasmtimeError = Exit, Trap, type("WasmtimeError", (Exception,), {})

    def __init__(self, exports=None, imports=()):
        """Keep what is done, in order."""
        self.calls, self.functions = [], exports or {}
        self.imports = [SimpleNamespace(module=name) for name in imports]
        self.Engine = self.Linker = self.Store = self.WasiConfig = self.Module = self.Component = lambda *_arguments: self
        self.Module = self.Component = SimpleNamespace(from_file=lambda _engine, path: self.calls.append(("load", path)) or self)
        self.type = self

    def set_wasi(self, config):
        """Take what the program is given."""
        self.given = config.argv, config.env

    def exports(self, _engine):
        """Return what the program offers."""
        return self.functions

    def instantiate(self, _store, _module):
        """Return the program, started."""
        return self

    def get_export_index(self, _store, name, within=None):
        """Return a name's place in an interface."""
        return f"{within}#{name}" if within else name

    def get_func(self, _store, place):
        """Return a function, as components have it."""
        self.calls.append(("call", place))
        function = self.functions[place.partition("#")[0]]
        return type("Function", (), {"__call__": lambda _self, _store: function(), "post_return": lambda *_: None})()

    def __getattr__(self, name):
        """Keep every other call."""
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Run a program with a wasmtime."""

    def run(wasmtime, content=b"\0asm\1\0\0\0"):
        monkeypatch.setitem(sys.modules, "wasmtime", wasmtime)
        monkeypatch.setitem(sys.modules, "wasmtime.component", wasmtime)
        (tmp_path / "app.wasm").write_bytes(content)
        return wasi.run(tmp_path / "app.wasm", ["--flag"])

    return run


def ends(error):
    """Return a function that ends in an error."""

    def function(*_arguments):
        raise error

    return function


@pytest.mark.parametrize(
    ("exports", "imports", "code", "said"),
    [
        ({"_start": lambda _store: None}, ("wasi_snapshot_preview1",), 0, ""),
        ({"_start": ends(Exit())}, (), 7, ""),
        ({"_start": ends(Trap("unreachable"))}, (), 134, "unreachable\n"),
        ({"main": lambda _store, _count, _words: 3}, (), 3, f"{wasi.SILENT.format('app.wasm')}\n"),
        (
            {"_start": lambda _store: None},
            ("wasi_snapshot_preview1", "env", "__wbindgen"),
            134,
            f"{wasi.NO_HOST.format('__wbindgen, env')}\n",
        ),
    ],
)
def test_how_a_module_ends(start, capsys, exports, imports, code, said):
    """By its own code, by a trap, or before it begins, where nothing here has what it imports."""
    assert code == start(Wasmtime(exports, imports))
    assert ("", said) == tuple(capsys.readouterr())


@pytest.mark.parametrize(
    ("function", "code"),
    [(lambda: None, 0), (lambda: SimpleNamespace(tag="ok"), 0), (lambda: SimpleNamespace(tag="err"), 1), (ends(Exit()), 7)],
)
def test_how_a_component_ends(start, function, code):
    """Its interface is found whatever its version, and called by the name of its function."""
    wasmtime = Wasmtime({"wasi:io/error@0.2.0": None, "wasi:cli/run@0.2.6": function})
    assert code == start(wasmtime, wasi.COMPONENT + b"more")
    assert ("call", "wasi:cli/run@0.2.6#run") in wasmtime.calls


def test_what_a_program_is_given(start, monkeypatch, tmp_path):
    """Its name and arguments, this folder under both of its names, and of the environment what cargo says of the package."""
    monkeypatch.setattr(os, "environ", {"RUST_BACKTRACE": "1", "CARGO_PKG_NAME": "a", "CARGO_REGISTRY_TOKEN": "secret", "HOME": "/home/me"})
    monkeypatch.chdir(tmp_path)
    wasmtime = Wasmtime({"_start": lambda _store: None})
    start(wasmtime)
    assert ([str(tmp_path / "app.wasm"), "--flag"], [["RUST_BACKTRACE", "1"], ["CARGO_PKG_NAME", "a"]]) == wasmtime.given
    assert {("preopen_dir", ".", "."), ("preopen_dir", ".", str(tmp_path))} == {call for call in wasmtime.calls if call[0] == "preopen_dir"}
