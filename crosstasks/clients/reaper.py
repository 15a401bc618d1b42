"""A program of its own: end what a run of crosstasks leaves behind when it is killed.

``python -I -S reaper.py ENGINE LABEL`` (both empty where there are no containers) reads lines on its standard input: ``begun N`` and
``over N`` name a process group, ``done`` ends it. If the pipe closes without that word, whoever held the other end is no more: the
groups and the containers with the label are ended, and looked for again for some seconds, since a container may just be starting.

It is started in a session of its own, where no signal to the caller's group reaches it. It imports nothing of crosstasks,
and what starting does not need is imported late: it must cost its caller nothing.
"""

import os
import sys

LOOKS = (0.0, 0.5, 1.0, 2.0)
"""Seconds to wait before each look for containers."""


def main() -> None:
    """Wait for the word, or for the end of the pipe."""
    engine, label = sys.argv[1:3]
    lines = b""
    while b"done\n" not in lines:
        chunk = os.read(0, 4096)
        if not chunk:
            end(engine, label, groups(lines.decode()))
            return
        lines += chunk


def groups(lines: str) -> "set[int]":
    """Return the process groups that have begun, and are not over."""
    running = set()
    for line in lines[: lines.rfind("\n") + 1].splitlines():  # half a number would name another group
        word, _, group = line.partition(" ")
        if word == "begun":
            running.add(int(group))
        elif word == "over":
            running.discard(int(group))
    return running


def end(engine: str, label: str, running: "set[int]") -> None:
    """End process groups and containers."""
    import signal
    import time

    for number, wait in ((signal.SIGTERM, LOOKS[:2]), (signal.SIGKILL, LOOKS[2:])):
        for group in running:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                continue
        for seconds in wait:
            time.sleep(seconds)  # the engine may still be making the container that it was asked for
            if engine:
                remove(engine, label)


def remove(engine: str, label: str) -> None:
    """Remove the containers that carry the label."""
    import subprocess

    search = [engine, "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}"]
    ids = subprocess.run(search, stdout=subprocess.PIPE, check=False).stdout.decode().split()
    if ids:
        subprocess.run([engine, "rm", "--force", "--volumes", *ids], check=False)


if __name__ == "__main__":
    main()
