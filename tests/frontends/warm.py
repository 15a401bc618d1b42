"""A Python that has imported the libraries once, and runs a module as its program as often as it is asked, each time in a child of its own.

A start by the command costs half a second of processor time, nearly all of it for imports; a child of this one costs a twentieth. The child has
the folder, arguments, environment and streams that it is given, and ends as any Python does, but for taking down what was imported: with
what ``SystemExit`` says, what is registered for the end, and its streams written.
"""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import runpy
import sys
import threading
import traceback

PRELOADED = (
    "nox.__main__",
    "nox._cli",
    "invoke",
    "docker",
    "msgspec",
    "rich.console",
    "rich.table",
    "rich.progress",
    "tomlkit",
    "requests",
    "filelock",
    "check_jsonschema.cli",
    "crosstasks.tasks",
    "crosstasks.invoke",
    "crosstasks.nox",
    "crosstasks.pipeline",
    "crosstasks.clients.docker_sdk",
)


def serve(requests, replies):
    """Answer each line of *requests* with the exit code of the program that it asks for."""
    for name in PRELOADED:
        __import__(name)
    sys.modules.pop("nox.__main__")  # it is what is run
    gc.freeze()  # else each child looks through, and so copies, all that was imported
    with open(requests, encoding="utf-8") as lines, open(replies, "w", buffering=1, encoding="utf-8") as answers:
        for line in lines:
            child = os.fork()
            if child == 0:
                return json.loads(line)
            _, status = os.waitpid(child, 0)
            answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
    return None


def become(asked):
    """Have the folder, environment, arguments and streams of a program that was just started."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        file = os.open(asked[name], mode)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), encoding="utf-8")  # noqa: SIM115  # it is open to the end
    sys.path[0] = asked["cwd"]
    sys.argv = [asked["module"], *asked["arguments"]]


def run(module):
    """Run a module as a program, and return the exit code that Python would end with."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  # Python itself shows it, and ends with 1
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    asked = serve(int(sys.argv[1]), int(sys.argv[2]))
    if asked:
        become(asked)
        code = run(asked["module"])
        threading._shutdown()  # noqa: SLF001  # these two are what Python does at its end
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
