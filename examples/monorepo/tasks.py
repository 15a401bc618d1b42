"""Tasks of both crates: `invoke --list` lists them, `invoke tools.build --target windows` builds the tools for Windows."""

from invoke.collection import Collection

import crosstasks.invoke

namespace = Collection()
for name in ("server", "tools"):
    namespace.add_collection(crosstasks.invoke.collection(root=name), name)
