"""extras.maintenance."""
