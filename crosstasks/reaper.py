"""A program of its own: end what a run of crosstasks leaves behind when it is killed.

``python -I -S reaper.py ENGINE RUN`` waits for its standard input to close. The word ``done`` before that means that all
is well. Otherwise whoever held the other end was killed, and the containers of the run are removed, and once more a little
later: a container may just have been starting. Nothing of crosstasks is imported, so that starting costs little.
"""

import os
import subprocess
import sys
import time


def remove(engine: str, run: str) -> None:
    """Remove the containers that carry the run's label."""
    listed = subprocess.run(
        [engine, "ps", "--all", "--quiet", "--filter", f"label=crosstasks.run={run}"], capture_output=True, text=True, check=False
    )
    if listed.stdout.split():
        subprocess.run([engine, "rm", "--force", "--volumes", *listed.stdout.split()], capture_output=True, check=False)


def main() -> None:
    """Wait for the end of standard input."""
    engine, run = sys.argv[1:3]
    os.setsid()
    word = b""
    while chunk := os.read(0, 64):
        word += chunk
    if word.strip() != b"done":
        for _ in range(6):
            remove(engine, run)
            time.sleep(1)


if __name__ == "__main__":
    main()
