"""What long runs share: they call the program as its users do, and keep what came of each cell at once, so that a run can go on later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from crosstasks.core import files  # noqa: E402

NO_ENGINE: Final = {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "CONTAINER_HOST": "unix:///nonexistent/podman.sock"}
"""The environment of a machine whose engines do not answer."""

ENGINES: Final = ("none", "amd64", "arm64")


@contextmanager
def engine(name: str) -> Iterator[Mapping[str, str]]:
    """Give the environment in which crosstasks sees an engine.

    *amd64* is this machine's own; *arm64* the same behind a proxy that says so (tests/integration/arm64_engine.py), for which arm64
    programs have to run here; *none* is one that does not answer.

    On that of arm64 QEMU runs in QEMU, and one of 32 bits finds no room for its programs, unless it is told where: by ``QEMU_GUEST_BASE``.
    """
    if name == "arm64":
        sys.path.insert(0, str(ROOT / "tests" / "integration"))
        import arm64_engine

        # its path leaves room for the name of a socket
        with tempfile.TemporaryDirectory(prefix="arm64-", dir="/tmp") as folder, arm64_engine.running(Path(folder)) as address:
            yield {"DOCKER_HOST": address, "QEMU_GUEST_BASE": "0x100000000"}
    else:
        yield NO_ENGINE if name == "none" else {}


NO_ROUTE: Final = (4, 7)
"""Exit codes of a target for which every route is refused before anything is provided: NoRoute, and no engine."""


class Kept:
    """The cells of a run, in a JSON file beside this one, written after each.

    Attributes:
        cells: what came of each, by its key.
    """

    def __init__(self, name: str) -> None:
        """Read what earlier runs have kept."""
        self.path = Path(__file__).with_name(name)
        self.cells: dict[str, Any] = {}
        self.read()

    def read(self) -> None:
        """Read what others may have kept meanwhile."""
        self.cells |= json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}

    def lacks(self, key: str, again: Sequence[str] = ()) -> bool:
        """Tell whether a cell is to be run: it was not yet, or what came of it is named in *again*, which may be ``all``."""
        cell = self.cells.get(key)
        return cell is None or "all" in again or any(one["result"] in again for one in cell.values() if isinstance(one, dict))

    def keep(self, key: str, cell: Mapping[str, Any]) -> None:
        """Write one cell; the others stay as they are, also those of a run beside this one."""
        with FileLock(Path(tempfile.gettempdir()) / f"{self.path.name}.lock"):
            self.read()
            self.cells[key] = cell
            files.write(self.path, json.dumps(dict(sorted(self.cells.items())), indent=1) + "\n")
            self.path.chmod(0o644)


def crosstasks(*arguments: str, cwd: Path, env: Mapping[str, str], limit: float = 3600) -> subprocess.CompletedProcess[str]:
    """Call the program in a folder, without options of crosstasks from the environment; *limit* is in seconds."""
    clean = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("CROSSTASKS_")}
    cache = {key: value for key, value in os.environ.items() if key == "CROSSTASKS_CACHE_DIR"}
    argv = (sys.executable, "-m", "crosstasks", *arguments)
    whole = {**clean, **cache, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(argv, cwd=cwd, env=whole, capture_output=True, text=True, check=False, timeout=limit)


def cell(verb: str, target: str, *more: str, cwd: Path, env: Mapping[str, str], arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Do something with a target, and return what came of it.

    ===========  =====================================================================
    ``result``   ``ok``, ``failed``, or ``refused`` where no route is possible
    ``route``    the one that was taken, or failed last; and its ``isolation``
    ``why``      of what did not go well, in the program's own words
    ``tools``    the versions of what was used
    ``seconds``  it took, with what had to be provided
    ``date``     of the run
    ===========  =====================================================================
    """
    begun = time.monotonic()
    options = (f"--target={target}", *more)
    done = crosstasks(verb, "--format=json", *options, *(("--", *arguments) if arguments else ()), cwd=cwd, env=env)
    seconds, date = round(time.monotonic() - begun, 1), time.strftime("%Y-%m-%d", time.gmtime())
    try:
        (result,) = json.loads(done.stdout[done.stdout.index('{\n  "schema_version"') :])["results"]
    except ValueError:
        return {"result": "failed", "why": _last(done.stderr), "seconds": seconds, "date": date}
    said = {"result": "failed" if result["code"] else "ok", "route": result["route"], "isolation": result["isolation"]}
    if result["code"]:
        # without a word to cargo nothing was tried
        refused = result["code"] in NO_ROUTE and not result["failures"] and not result["route"]
        said |= {"result": "refused" if refused else "failed", "why": result["error"]}
    else:
        said |= {"tools": _tools(verb.rpartition(".")[2], options, cwd, env)}
    if said["result"] == "failed":
        print(done.stderr[-3000:], file=sys.stderr, flush=True)
    artifacts = [{key: value for key, value in one.items() if key in SHOWN and value} for one in result["artifacts"]]
    return {**said, **({"artifacts": artifacts} if artifacts else {}), "seconds": seconds, "date": date}


SHOWN: Final = ("format", "machine", "system", "minimum", "interpreter", "glibc", "static", "entry", "signed", "sha256")
"""What is kept of an artifact."""


def _last(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])


def _tools(verb: str, options: Sequence[str], cwd: Path, env: Mapping[str, str]) -> list[str]:
    """Return names and versions of what the route has: Rust, the builder, the suite of an image, what starts programs."""
    done = crosstasks("plan", "--format=json", f"--verb={verb}", *options, cwd=cwd, env=env)
    route = json.loads(done.stdout)["plans"][0]["route"]
    tool, image, runner = route["tool"], route["image"], route["runner"]
    listed = [f"Rust {route['toolchain']['release']}" + (", std from source" if route["build_std"] else "")]
    listed += [f"{tool['name']} {tool['version']}"] if tool else []
    listed += [f"image of Debian {image['base']}" if image["base"] else image["ref"]] if image else []
    return [*listed, *([" ".join(runner["words"][:1]) or runner["kind"]] if runner and runner["kind"] != "wasmtime" else [])]
