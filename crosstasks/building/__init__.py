"""ACT: start the builder behind the guard, and read what it says."""
