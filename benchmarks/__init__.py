"""What lt_det costs beside Detectron2 and the lvis package: ratios of one run on one machine."""
