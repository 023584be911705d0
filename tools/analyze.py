#!/usr/bin/env python3
"""Say what a results file gets wrong: lt-det analyze."""

from lt_det.commands.analyze import run

if __name__ == "__main__":
    run()
