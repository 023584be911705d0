#!/usr/bin/env python3
"""Turn a checkpoint of the published TDE code into lt_det's: lt-det convert-weights."""

from lt_det.commands.convert_weights import run

if __name__ == "__main__":
    run()
