"""Task: vendor."""

from __future__ import annotations

from .call import Call


def vendor(call: Call) -> None:
    """Copy this package into a folder of another repository; --check compares, --update renews."""
    from ..core.errors import ConfigError, CrosstasksError
    from ..extras.maintenance import vendoring

    into, checking, updating, force = (call.options[name] for name in ("into", "check", "update", "force"))
    if not into:
        raise ConfigError("--into names no folder", hint="vendor --into third_party/crosstasks")
    if (checking and updating) or (force and not updating):
        raise ConfigError("--check, --update and --update --force are three things to do", hint="name one of them")
    if updating:
        print(vendoring.update(into, force=force))  # noqa: T201
    elif checking:
        diff, words = vendoring.check(into)
        if words:
            print(diff, end="")  # noqa: T201
            raise CrosstasksError(f"{into} differs from crosstasks", why=words, hint="`vendor --update` renews it")
    else:
        print(vendoring.make(into), end="")  # noqa: T201
