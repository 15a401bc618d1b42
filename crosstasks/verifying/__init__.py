"""ACT: what a binary is, and whether that was promised."""
