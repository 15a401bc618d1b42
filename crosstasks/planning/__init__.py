"""THINK: the ingredients of a route, the ladder, the plan, the rows of the lock."""
