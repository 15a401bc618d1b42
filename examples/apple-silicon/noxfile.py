# /// script
# requires-python = ">=3.11"
# dependencies = ["crosstasks", "nox"]
# ///
"""Sessions of this project: `nox -l` lists them, `nox -s cross-aarch64` builds for aarch64-unknown-linux-gnu."""

import nox

import crosstasks.nox

# cross-<target> and cross-test-<target> for every target in crosstasks.toml, and `cross` and `cross-test` for all of them
crosstasks.nox.register()

if __name__ == "__main__":
    nox.main()
