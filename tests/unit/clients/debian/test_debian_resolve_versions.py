"""The order of Debian's versions; each row was asked of ``dpkg --compare-versions``."""

import pytest

from crosstasks.clients.debian.resolve import fits, version_key

ORDER = (
    ("1.0~rc1", "1.0"),
    ("1.0~~", "1.0~"),
    ("1.0", "1.0-1"),
    ("1.0-1", "1.0-1+b1"),
    ("1.0-1~deb12u1", "1.0-1"),
    ("1.0-1", "1.0-1.1"),
    ("1.0a", "1.0+"),
    ("9", "10"),
    ("2.36-9+deb12u9", "2.36-9+deb12u14"),
    ("99.0", "1:0.1"),
    ("1.0-2", "1.0-10"),
    ("1.2.3-4-5", "1.2.4-1"),
    ("0.9.8~beta", "0.9.8~beta1"),
)

SAME = (("1.0", "1.0-0"), ("0:1.0", "1.0"), ("1.01", "1.1"), ("1a", "1a0"))


@pytest.mark.parametrize(("older", "newer"), ORDER)
def test_one_comes_before_the_other(older, newer):
    """And so in relations."""
    assert version_key(older) < version_key(newer)
    assert [fits(older, operator, newer) for operator in ("<<", "<=", "=", ">=", ">>", "")] == [True, True, False, False, False, True]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_are_one_version(one, other):
    """Neither is before the other."""
    assert version_key(one) == version_key(other)
    assert [fits(one, operator, other) for operator in ("<<", "<=", "=", ">=", ">>")] == [False, True, True, True, False]
