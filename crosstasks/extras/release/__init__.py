"""From a clean tree to packages that others can trust: status, prepare, build, verify, publish."""
