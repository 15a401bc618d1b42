"""``python -m crosstasks`` is the program ``crosstasks``."""

from .cli import main

if __name__ == "__main__":
    main()
