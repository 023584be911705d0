"""Studies that compare methods; commands and what they share."""

from lt_det.known_warnings import ignore_known_warnings

# Of Detectron2, which what follows imports.
ignore_known_warnings()
