"""From a clean tree to verified packages for every target."""
