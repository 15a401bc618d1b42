"""The site of the documentation: Sphinx, MyST and furo, with nothing from the network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from crosstasks.core.about import __version__

project = "crosstasks"
project_copyright = "the contributors of crosstasks"
release = version = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"crosstasks {release}"
html_show_sphinx = False
html_copy_source = False
