"""A release: prepared, built, verified, signed, published."""
