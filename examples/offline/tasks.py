"""Tasks of this project: `invoke --list` lists them, `invoke build --target aarch64` builds for aarch64-unknown-linux-gnu."""

import crosstasks.invoke

namespace = crosstasks.invoke.collection()
