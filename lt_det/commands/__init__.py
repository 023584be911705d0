"""The commands, outside a checkout: ``python -m lt_det.commands.train_net``."""
