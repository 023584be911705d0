"""Tests of lt_det.compare."""
