"""Care of a machine and a repository: doctor, cleaning, a shell, emulation, new projects, vendored copies."""
