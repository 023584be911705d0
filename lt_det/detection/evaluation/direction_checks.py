"""TDE without a head direction is TE under TDE's name: found before any inference."""

from collections.abc import Sequence

from torch import nn

from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers, TDEInference
from lt_det.detection.modeling.mask_head import NormalizedMaskPredictor
from lt_det.errors import WeightsError


def untracked_direction(model: nn.Module, settings: Sequence[TDEInference]) -> str:
    """Name the first predictor that TDE is asked of and whose head direction is zero.

    Args:
        model: with its weights.
        settings: of the result rows; those with α = 0 ask for no direction.

    Returns:
        ``"the head direction of …"``; empty where nothing is missing.
    """
    alphas = [setting.alpha for setting in settings if setting.alpha]
    for name, module in model.named_modules():
        if isinstance(module, LTFastRCNNOutputLayers):
            wanted = alphas[0] if alphas else 0.0
        elif isinstance(module, NormalizedMaskPredictor):
            wanted = module.alpha
        else:
            continue
        if wanted and not module.head_direction.direction.any():
            return (
                f"the head direction of {name} is zero, none was tracked in training: TDE at "
                f"α={wanted:g} would be TE"
            )
    return ""


def check_directions(model: nn.Module, settings: Sequence[TDEInference], weights: str) -> None:
    """Refuse TDE of weights that have no head direction.

    Raises:
        WeightsError: names the file and the predictor.
    """
    missing = untracked_direction(model, settings)
    if missing:
        raise WeightsError(
            f"{weights}: {missing}; set MODEL.LT.TDE.ENABLED False and TEST.TDE_ALPHAS [] (and "
            "MODEL.LT.MASK.TDE False)"
        )
