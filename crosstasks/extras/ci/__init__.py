"""Jobs and files of CI services, and what a change reaches."""
