"""Our own use of crosstasks with Invoke: ``invoke plan``, ``invoke build``, … for the example."""

from pathlib import Path

import crosstasks.invoke

namespace = crosstasks.invoke.collection(root=Path(__file__).parent / "examples" / "hello")
