"""The only ways out: processes, the engine, registries, Debian's archive, git."""
