#!/usr/bin/env python3
"""Detect or classify in images, folders, patterns and videos: see tools/predict.py --help."""

from lt_det.commands.predict import run

if __name__ == "__main__":
    run()
