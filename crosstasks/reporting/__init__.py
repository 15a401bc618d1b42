"""TELL: text, JSON, and the logs of CI services."""
