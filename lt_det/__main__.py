"""``python -m lt_det`` is ``lt-det``."""

from lt_det.cli import main

if __name__ == "__main__":
    main()
