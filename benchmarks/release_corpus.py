"""Release programs that others wrote, for four targets each, and write the table into docs/release-corpus.md.

``python benchmarks/release_corpus.py FOLDER [--builder zigbuild] [--only hexyl]``; the sources come from the crates registry, in
fixed versions. A second call with the same folder builds only what is missing. Needs crosstasks installed, git, cargo, and what the
routes need.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGETS = ("aarch64", "armv7", "x86_64-musl", "windows")
CORPUS = {
    "hexyl": ("pure Rust", ("hexyl@0.14.0",), ()),
    "b3sum": ("C and assembler, through cc", ("b3sum@1.5.4",), ()),
    "names": ("a workspace of two packages", ("uu_basename@0.0.27", "uu_dirname@0.0.27"), ("uucore@0.0.27", "uucore_procs@0.0.27")),
}
"""What is released: its name, what is special about it, the crates, and those that they need where the newest is for a newer Rust."""

HEAD = """\
# Releases of programs that others wrote

This page shows how releases of programs that others wrote went, with times and sizes.

Made by `python benchmarks/release_corpus.py FOLDER`: each program is fetched from the crates registry, committed, released into a
directory with `crosstasks release`, and verified, for four targets. Times are of one machine with two processors and other work on
them; toolchains and images that were not there yet were provided in them.

| program | what it is | target | route | seconds | archive | glibc | verified | started |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""

FOOT = """
*verified*: how many of the [checks](release-verify.md#the-checks) hold, of the archive and its programs; the others ask nothing of that
target, or `glibc` is not configured. *started*: `--version`, on the host or under an image's QEMU.
"""


def run(*argv: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command with its errors shown."""
    env = os.environ | {f"GIT_{who}_{what}": "corpus" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env["CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS"] = "fallback"
    return subprocess.run(argv, cwd=cwd, check=check, text=True, stdout=subprocess.PIPE, env=env)


def fetched(folder: Path, crates: tuple[str, ...]) -> list[Path]:
    """Let cargo fetch crates, and return where it has unpacked them."""
    asking = folder / "asking"
    run("cargo", "new", "--quiet", "--vcs=none", "--lib", str(asking), cwd=folder)
    for crate in crates:
        name, _, version = crate.partition("@")
        with (asking / "Cargo.toml").open("a") as manifest:
            manifest.write(f'{name} = "={version}"\n')
    run("cargo", "fetch", "--quiet", cwd=asking)
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    return [next((home / "registry" / "src").glob(f"*/{crate.replace('@', '-')}")) for crate in crates]


def repository(folder: Path, crates: tuple[str, ...], needed: tuple[str, ...], builder: str) -> Path:
    """Make a git repository of crates, the crate itself or a workspace of several; one of an earlier call is taken up again."""
    place = folder / "repository"
    if (place / ".git").is_dir() and not run("git", "rev-parse", "--quiet", "--verify", "HEAD", cwd=place, check=False).returncode:
        return place
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sources = fetched(folder, crates)
    if len(sources) == 1:
        shutil.copytree(sources[0], place)
    else:
        for source in sources:
            shutil.copytree(source, place / source.name)
            (place / source.name / "Cargo.lock").unlink(missing_ok=True)
        (place / "Cargo.toml").write_text(f"[workspace]\nresolver = '2'\nmembers = {[source.name for source in sources]}\n")
    for left in (".cargo_vcs_info.json", ".cargo-ok"):
        (place / left).unlink(missing_ok=True)
    names = ", ".join(f'"{target}"' for target in TARGETS)
    options = 'skip = ["changelog"]\npublish = ["directory"]\ndirectory = "../published"\n'
    (place / "crosstasks.toml").write_text(f'version = 1\ntargets = [{names}]\nbuilder = "{builder}"\n[release]\n{options}')
    (place / ".gitignore").write_text("/target/\n/dist/\n")
    if not (place / "Cargo.lock").exists():
        run("cargo", "generate-lockfile", "--quiet", cwd=place)
        for name, _, version in (crate.partition("@") for crate in needed):
            run("cargo", "update", "--quiet", name, "--precise", version, cwd=place)
    run("git", "init", "--quiet", cwd=place)
    run("git", "add", "--all", "--force", cwd=place)
    run("git", "commit", "--quiet", "--message", "As published", cwd=place)
    return place


def rows(name: str, what: str, place: Path) -> list[str]:
    """Return the lines of the table for one program."""
    said = run(sys.executable, "-m", "crosstasks", "release.verify", "--format", "json", cwd=place, check=False).stdout
    findings = json.loads(said or '{"findings": []}')  # nothing was packed
    lines = []
    for part in sorted((place / "dist" / ".parts").glob("*-*.json")):
        told = json.loads(part.read_text())
        if told.get("error"):
            lines.append(
                f"| {name} | {what} | {told['target']} | failed: {told['error'].splitlines()[0]} | {told['seconds']:.0f} | | | | |"
            )
        for file in told.get("files", ()):
            if file["kind"] == "archive":
                glibc = max((program["glibc"] for program in file["programs"]), default="", key=_numbers) or "none"
                size = f"`{file['name']}`, {file['size'] / 1000:.0f} kB"
                verified = " | ".join(_verified([row for row in findings["findings"] if row["package"] == file["name"]]))
                lines.append(
                    f"| {name} | {what} | {told['target']} | {told['route']} | {told['seconds']:.0f} | {size} | {glibc} | {verified} |"
                )
    return lines


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part]


def _verified(found: list[dict[str, Any]]) -> tuple[str, str]:
    """Return what the checks say of one archive, and whether its programs were started."""
    failed = [problem for row in found if row["state"] == "failed" for problem in row["problems"]]
    checks = [row for row in found if row["check"] != "smoke"]
    states = [row["state"] for row in found if row["check"] == "smoke"]
    started = f"{states.count('ok')} of {len(states)}"
    reasons = {row["why"] for row in found if row["check"] == "smoke" and row["why"]}
    return (
        f"failed: {'; '.join(failed)}".replace("|", "/") if failed else f"{sum(row['state'] == 'ok' for row in checks)} of {len(checks)}",
        f"{started}: {'; '.join(reasons)}" if reasons else started,
    )


def main() -> int:
    """Release all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--builder", default="auto")
    parser.add_argument("--only", action="append", choices=list(CORPUS))
    given = parser.parse_args()
    table, failed = [], 0
    for name in given.only or CORPUS:
        what, crates, needed = CORPUS[name]
        place = repository(given.folder.absolute() / name, crates, needed, given.builder)
        begun = time.monotonic()
        done = run(sys.executable, "-m", "crosstasks", "release", "--yes", cwd=place, check=False)
        print(f"{name}: {done.returncode} after {time.monotonic() - begun:.0f} s\n{done.stdout}", flush=True)
        table += rows(name, what, place)
        failed += bool(done.returncode) or any("failed: " in line for line in table)
        (ROOT / "docs" / "release-corpus.md").write_text(HEAD + "\n".join(table) + "\n" + FOOT)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
