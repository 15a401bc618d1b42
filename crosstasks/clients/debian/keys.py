"""Look: the keys that an archive's Release files must be signed with: Debian's own, which come with us, or a file of the user's."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...core.errors import ConfigError, ToolDamaged

if TYPE_CHECKING:
    from pysequoia import Cert

FILE: Final = Path(__file__).with_name("keys.toml")


def archive(file: Path = FILE) -> tuple[Cert, ...]:
    """
    Return Debian's keys.

    Raises:
        ToolDamaged: one is another than its fingerprint says.
    """
    from pysequoia import Cert

    keys = []
    for row in tomllib.loads(file.read_text("utf-8"))["key"]:
        key = Cert.from_bytes(row["armor"].encode())
        if key.fingerprint.upper() != row["fingerprint"]:
            raise ToolDamaged(f"{row['name']} is another key in {file.name}", why=f"it has the fingerprint {key.fingerprint.upper()}")
        keys.append(key)
    return tuple(keys)


def keyring(file: str) -> tuple[Cert, ...]:
    """
    Return the keys of a file of the user's, armoured or not; Debian's where none is named.

    Raises:
        ConfigError: it cannot be read, or holds none.
    """
    if not file:
        return archive()
    from pysequoia import Cert

    try:
        keys = tuple(Cert.split_bytes(Path(file).expanduser().read_bytes()))
    except OSError as error:
        raise ConfigError(f"debian-keyring: {file!r} cannot be read", why=error.strerror or str(error)) from error
    except (RuntimeError, ValueError) as error:  # pysequoia has none of its own
        raise ConfigError(f"debian-keyring: {file!r} holds no keys", why=str(error).splitlines()[0]) from None
    if not keys:
        raise ConfigError(f"debian-keyring: {file!r} holds no keys")
    return keys
