"""How the weights of convolutions lie in memory, which a CPU's time depends on."""

import torch
from detectron2.config import CfgNode
from torch import nn

MEMORY_FORMATS = ("auto", "channels_last", "channels_first")
_FORMATS = {
    "channels_last": torch.channels_last,
    "channels_first": torch.contiguous_format,
}


def in_memory_format(model: nn.Module, cfg: CfgNode) -> nn.Module:
    """Lay a detector's weights out as MODEL.LT.MEMORY_FORMAT says; returns the model.

    The same sums in another order: figures differ by rounding. ``"auto"`` is channels last on the
    CPU, where it was measured (docs/BENCHMARKS.md), and as Detectron2 has it elsewhere.

    Args:
        model: whose parameters are changed in place.
        cfg: of the run.
    """
    chosen = cfg.MODEL.LT.MEMORY_FORMAT
    if chosen == "auto":
        chosen = "channels_last" if cfg.MODEL.DEVICE == "cpu" else "channels_first"
    return model.to(memory_format=_FORMATS[chosen])
