"""The commands, outside a checkout: ``python -m lt_det.commands.train_net``."""

from lt_det.known_warnings import ignore_known_warnings

# Before a command's module imports Detectron2, which is what warns.
ignore_known_warnings()
