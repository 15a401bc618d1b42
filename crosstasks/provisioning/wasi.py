"""Act: run a program of WASM with wasmtime; cargo starts this file as a runner: ``wasi.py <folder of wasmtime> <program> [arguments]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

VARIABLES: Final = ("RUST_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_TARGET_TMPDIR")
"""How the variables begin that a program is given: what cargo says of the package, and nothing secret."""

COMPONENT: Final = b"\0asm\x0d\0\1\0"

RUN: Final = "wasi:cli/run@"
"""The interface that a component exports which is a program; its version follows."""

NO_HOST: Final = (
    "the program imports from {}, which wasmtime does not have: name what runs it as `runner`, such as wasm-bindgen-test-runner"
)

SILENT: Final = "{}: ended without a trap; a program for wasm32-unknown-unknown prints nothing, and gets no arguments"

ABORT_CODE: Final = 134
"""What a shell makes of a program that aborted."""


def run(program: Path, arguments: Sequence[str]) -> int:
    """Run a program in this folder, which is all that it sees, and return its exit code."""
    wasmtime = import_module("wasmtime")
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    store.set_wasi(_config(wasmtime, program, arguments))
    with program.open("rb") as file:
        component = file.read(len(COMPONENT)) == COMPONENT
    try:
        return (_component if component else _module)(wasmtime, engine, store, program)
    except wasmtime.ExitTrap as ended:
        return int(ended.code)
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return ABORT_CODE


def _config(wasmtime: Any, program: Path, arguments: Sequence[str]) -> Any:
    config = wasmtime.WasiConfig()
    config.argv = [str(program), *arguments]
    config.env = [[name, value] for name, value in os.environ.items() if name.startswith(VARIABLES)]
    config.inherit_stdin()
    config.inherit_stdout()
    config.inherit_stderr()
    for place in {".", str(Path.cwd())}:
        config.preopen_dir(".", place)
    return config


def _module(wasmtime: Any, engine: Any, store: Any, program: Path) -> int:
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    module = wasmtime.Module.from_file(engine, str(program))
    if foreign := sorted({one.module for one in module.imports if not one.module.startswith("wasi_")}):
        print(NO_HOST.format(", ".join(foreign)), file=sys.stderr)  # noqa: T201
        return ABORT_CODE
    exports = linker.instantiate(store, module).exports(store)
    if "_start" in exports:
        exports["_start"](store)
        return 0
    # wasm32-unknown-unknown: what fails there ends in a trap, since it can neither print nor exit
    code = int(exports["main"](store, 0, 0))
    print(SILENT.format(program.name), file=sys.stderr)  # noqa: T201
    return code


def _component(_wasmtime: Any, engine: Any, store: Any, program: Path) -> int:
    component = import_module("wasmtime.component")
    linker = component.Linker(engine)
    linker.add_wasip2()
    whole = component.Component.from_file(engine, str(program))
    instance = linker.instantiate(store, whole)
    names = (name for name in whole.type.exports(engine) if name.startswith(RUN))
    interface = next(filter(None, (instance.get_export_index(store, name) for name in names)))
    function = instance.get_func(store, instance.get_export_index(store, "run", interface))
    result = function(store)
    function.post_return(store)
    return 0 if getattr(result, "tag", "ok") == "ok" else 1


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    sys.stdout.flush()
    raise SystemExit(run(Path(sys.argv[2]), sys.argv[3:]))
