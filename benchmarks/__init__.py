"""What lt_det costs beside Detectron2 and the lvis package: ratios of one run on one machine."""

from lt_det.known_warnings import ignore_known_warnings

# Of Detectron2, which what follows imports.
ignore_known_warnings()
