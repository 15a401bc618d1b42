"""extras.offline."""
