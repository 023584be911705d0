"""Detectron2's mapper and training loader with lt_det's way of reading images."""
