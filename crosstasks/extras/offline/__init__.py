"""For machines without a network: the lock, bundles, mirrors, and what is new upstream."""
