"""Draw what the program prints as SVG, into docs/pictures: ``nox -s pictures``.

Needs crosstasks installed, a container engine, and the servers of a first build. Nothing is drawn by hand: commands are run, and only
folders of this machine are replaced.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
HELLO: Final = ROOT / "examples" / "hello"
FIRST: Final = (("plan", "crosstasks plan --target aarch64"), ("build", "crosstasks build --target aarch64"))
"""Pictures of a crate that is built for the first time, with an empty cache: what is planned, and what is then done."""

TOML: Final = """\
version = 1
targets = ["aarch64"]

[target.aarch64]
packages = ["libssl-dev", "libsqlite3-dev"]
"""

TARGETS: Final = ("crosstasks tools.targets", 10)
"""The command of the catalogue, and how many lines of it are shown."""

WIDTH: Final = 100
"""Columns of the terminal that is drawn."""

LIVE: Final = "crosstasks release.build --jobs 2"
"""What shows a live table of targets on a terminal."""

FRAME: Final = re.compile(r"(?:\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*)+")
"""How rich takes away what it has drawn, to draw it anew."""

REDRAWN: Final = re.compile(r"[^\n]*\r(?:\x1b\[K|(?!\n))")
"""What stood in a line that was drawn anew."""

FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich would load fonts from a server; every viewer has a font for terminals."""


def neutral(text: str, folders: Mapping[str, str]) -> str:
    """Return text with other names for folders."""
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder, folders[folder])
    return text


def svg(name: str, command: str, output: str, lines: int = 0) -> str:
    """Return a picture of a terminal with a command and what it prints; the same text gives the same bytes."""
    from rich.console import Console
    from rich.text import Text

    shown = output.splitlines()[: lines or None]
    prompt = f"$ {command}{f' | head -n {lines}' if lines else ''}"
    text = Text("\n").join(map(Text.from_ansi, [prompt, *shown]))
    width = max(len(line) for line in text.plain.splitlines()) + 1  # the last letter of a line is cut in some viewers
    console = Console(record=True, file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print(text, highlight=False, soft_wrap=True)
    drawn = console.export_svg(title="hello", unique_id=f"crosstasks-{name}")
    return FONTS.sub("", drawn).replace("Fira Code, monospace", "monospace") + "\n"


def _printed(command: str) -> str:
    """Run a command of the program in the example, as on a terminal, and return what it prints as its result."""
    env = {key: value for key, value in os.environ.items() if key not in {"CI", "NO_COLOR"}} | {"FORCE_COLOR": "1"}
    argv = (sys.executable, "-m", *command.split())
    return subprocess.run(argv, cwd=HELLO, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def _first(folder: Path) -> None:
    """Draw the plan and the first build of a new crate; the image that it makes is removed, if no other build made it."""
    before = _images()
    with tempfile.TemporaryDirectory() as above:
        place, cache = Path(above) / "hello", Path(above) / "cache"
        (place / "src").mkdir(parents=True)
        (place / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n')
        (place / "src" / "main.rs").write_text('fn main() {\n    println!("hello");\n}\n')
        (place / "crosstasks.toml").write_text(TOML)
        names = {str(place): "/home/you/hello", str(cache): "/home/you/.cache/crosstasks", str(Path.home()): "/home/you"}
        for name, command in FIRST:
            seen = _seen((sys.executable, "-m", *command.split()), place, both=True, CROSSTASKS_CACHE_DIR=str(cache))
            drawn = svg(name, command, neutral(REDRAWN.sub("", seen.replace("\r\n", "\n")), names))
            (folder / f"{name}.svg").write_text(drawn, "utf-8")
    for image in _images() - before:
        subprocess.run(("docker", "rmi", image), check=True, stdout=subprocess.DEVNULL)


def _images() -> set[str]:
    argv = ("docker", "images", "--filter", "reference=crosstasks/*", "--format", "{{.Repository}}:{{.Tag}}")
    return set(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.split())


def _live() -> str:
    """Release the example of the tutorial on a terminal, and return the table as it is when one target is built, and one is not yet."""
    with tempfile.TemporaryDirectory() as above:
        place = Path(above) / "hello"
        shutil.copytree(ROOT / "examples" / "release", place, ignore=shutil.ignore_patterns("target", "dist"))
        as_you = ("-c", "user.name=you", "-c", "user.email=you@example.org")
        for words in (("init", "--quiet"), ("add", "--all"), (*as_you, "commit", "--quiet", "--message", "Say hello")):
            subprocess.run(("git", *words), cwd=place, check=True)
        frames = FRAME.split(_seen((sys.executable, "-m", *LIVE.split(), "--snapshot"), place))
    tables = [frame for frame in frames if "built in" in frame and "building" in frame]
    return (tables or frames)[-1].replace("\r\n", "\n").strip()


def _seen(argv: tuple[str, ...], cwd: Path, *, both: bool = False, **variables: str) -> str:
    """Run a program whose standard error is a terminal, with *both* its output as well, and return all that it wrote there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    env = (
        {key: value for key, value in os.environ.items() if key not in {"CI", "NO_COLOR", "COLUMNS"}}
        | {"TERM": "xterm-256color"}
        | variables
    )
    output = slave if both else subprocess.DEVNULL
    with subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=slave) as program:
        os.close(slave)
        written = bytearray()
        try:
            while chunk := os.read(master, 65536):
                written += chunk
        except OSError:  # Linux says so when the other end is closed
            pass
    os.close(master)
    if program.returncode:
        raise SystemExit(f"{argv} ended with {program.returncode}")
    return written.decode()


def _folders() -> dict[str, str]:
    from crosstasks.core import cache

    return {str(HELLO): "/home/you/hello", str(cache.folder(os.environ)): "/home/you/.cache/crosstasks", str(Path.home()): "/home/you"}


def main() -> None:
    """Draw all of them."""
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    _first(folder)
    command, lines = TARGETS
    (folder / "targets.svg").write_text(svg("targets", command, neutral(_printed(command), _folders()), lines), "utf-8")
    (folder / "release.svg").write_text(svg("release", LIVE, neutral(_live(), _folders())), "utf-8")


if __name__ == "__main__":
    main()
