"""Rows for people."""

from __future__ import annotations

from crosstasks.reporting.progress import align


def test_columns_stand_below_each_other():
    """Each column is as wide as its widest cell, and no line ends in spaces."""
    assert align([("target", "glibc", ""), ("aarch64", "2.17", "x")]) == "target   glibc\naarch64  2.17   x"
