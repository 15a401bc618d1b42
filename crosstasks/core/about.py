"""Pure: what this package is: its version, and the folder that it lies in, under whatever name it was copied."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__version__ = "0.1.0"

SCHEMA_VERSION: Final = 2
"""Of everything that crosstasks writes as JSON; raised when a key changes its meaning or goes."""

PACKAGE: Final = Path(__file__).absolute().parents[1]
"""The package's own folder."""

NAME: Final = __name__[: -len(".core.about")]
"""What the package is imported as: a vendored copy has its parents before its name."""

__all__ = ["NAME", "PACKAGE", "SCHEMA_VERSION", "__version__"]
