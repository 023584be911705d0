"""Evaluation of detectors: result rows, sweeps, the report on head directions."""
