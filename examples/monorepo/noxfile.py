# /// script
# requires-python = ">=3.11"
# dependencies = ["crosstasks", "nox"]
# ///
"""Sessions of both crates: `nox -l` lists them, `nox -s tools-cross-windows` builds the tools for Windows."""

import nox

import crosstasks.nox

crosstasks.nox.register(root="server", prefix="server")
crosstasks.nox.register(root="tools", prefix="tools")

if __name__ == "__main__":
    nox.main()
