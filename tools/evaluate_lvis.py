#!/usr/bin/env python3
"""Score an LVIS or COCO results file, without a model: lt-det evaluate."""

from lt_det.commands.evaluate import run

if __name__ == "__main__":
    run()
