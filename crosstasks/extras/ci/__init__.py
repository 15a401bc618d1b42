"""extras.ci."""
