"""Looks and answers to give to facts: programs that say what they are told to, and files in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from crosstasks.core.errors import ToolMissing
from crosstasks.core.looking import Look, Platform
from crosstasks.core.steps import Done

DATA = Path(__file__).parent / "data"
LINUX = Platform(system="linux", machine="x86_64", glibc="glibc 2.36", release="6.1.0", node="builder")


def recorded(name, *, code=0, err=""):
    """Return what a real program said."""
    out = (DATA / name).read_text("utf-8")
    said = (DATA / err).read_text("utf-8") if err else ""
    return Done(argv=(), code=code, out=out, err=said)


class Programs:
    """A runner whose programs say, for their name and first argument, what is laid down; all calls are kept."""

    def __init__(self, said: Mapping[str, Done] | None = None) -> None:
        self.said = dict(said or {})
        self.calls: list[tuple[str, ...]] = []
        self.envs: list[Mapping[str, str | None]] = []

    def __call__(self, argv: Sequence[str], *, env=None, cwd="", timeout=None, stdin=None) -> Done:
        key = " ".join((Path(argv[0]).name, *argv[1:2]))
        self.calls.append((Path(argv[0]).name, *argv[1:]))
        self.envs.append(env or {})
        if key not in self.said:
            raise ToolMissing(f"nothing was laid down for {key!r}")
        return self.said[key]


def program(folder: Path, name: str, text: str = "#!/bin/sh\n") -> Path:
    """Put a program into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path


def look(tmp_path: Path, run=None, *, programs: Sequence[str] = (), environ: Mapping[str, str] | None = None, **more) -> Look:
    """Return a look at a machine in *tmp_path* that has these programs on PATH and nothing else."""
    for name in programs:
        program(tmp_path / "bin", name)
    cwd = tmp_path / "project"
    cwd.mkdir(exist_ok=True)
    return Look(
        run=run or Programs(),
        environ={"PATH": str(tmp_path / "bin"), **(environ or {})},
        cwd=cwd,
        cache=tmp_path / "cache",
        home=tmp_path / "home",
        root=more.pop("root", tmp_path / "root"),
        platform=more.pop("platform", lambda: LINUX),
        **more,
    )
