"""extras.packaging."""
