"""A build that is not what was asked for is never published, and says so."""

from __future__ import annotations

import json
import shutil


def test_what_is_not_as_promised_never_reaches_the_stable_place(crate, crosstasks):
    """The user's own linker brings the machine's glibc in: exit code 6, and an older good artifact stays as it was."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "zigbuild"\nglibc = "2.28"\n')
    good = crosstasks("build", "--format", "json", cwd=crate)
    assert good.returncode == 0, good.stderr
    (artifact,) = json.loads(good.stdout)["results"][0]["artifacts"]
    (crate / ".cargo").mkdir()
    (crate / ".cargo" / "config.toml").write_text(f'[target.x86_64-unknown-linux-gnu]\nrustflags = ["-Clinker={shutil.which("gcc")}"]\n')
    (place,) = (crate / "target" / "crosstasks").glob("x86_64-*/debug/small")
    before = place.read_bytes()

    bad = crosstasks("build", cwd=crate)

    assert bad.returncode == 6, bad.stderr
    assert "needs glibc 2.34, and 2.28 is promised" in bad.stderr
    assert (str(place), before) == (artifact["path"], place.read_bytes())
    shutil.rmtree(place.parent)
    assert crosstasks("build", cwd=crate).returncode == 6
    assert not place.exists()
