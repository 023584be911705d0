"""Which rows of results a config asks for, and how they are called."""

from typing import Any

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.detection.modeling.box_predictor import TDEInference

_TE_NAMES = {
    "deconfound": "De-confound",
    "cosine": "Cosine",
    "capsule": "Capsule",
    "tau_norm": "τ-norm",
    "lws": "LWS",
}


def inference_settings(cfg: CfgNode) -> list[TDEInference]:
    """Settings of TEST.TDE_ALPHAS × TEST.TDE_BACKGROUND_EXEMPT, or the one of MODEL.LT.TDE.

    α = 0 has nothing to exempt: it gives one setting.
    """
    tde = cfg.MODEL.LT.TDE
    alphas = list(cfg.TEST.TDE_ALPHAS) or [tde.ALPHA if tde.ENABLED else 0.0]
    exempts = list(cfg.TEST.TDE_BACKGROUND_EXEMPT) or [tde.BACKGROUND_EXEMPT]
    settings = []
    for alpha in alphas:
        for exempt in exempts if alpha else [exempts[-1]]:
            settings.append(TDEInference(float(alpha), bool(exempt)))
    return settings


def row_info(cfg: CfgNode, setting: TDEInference) -> dict[str, Any]:
    """``name``, ``alpha``, ``background_exempt`` and ``slug`` of a setting's row."""
    normalization = cfg.MODEL.LT.CLASSIFIER.NORMALIZATION
    if cfg.MODEL.LT.XERM.ENABLED and setting.alpha == 0:
        balanced = cfg.MODEL.LT.XERM.BALANCED
        name = f"xERM_{balanced.upper()}"
        return {"name": name, "alpha": None, "background_exempt": None, "slug": f"xerm_{balanced}"}
    if normalization == LINEAR:
        return {"name": "Baseline", "alpha": None, "background_exempt": None, "slug": "baseline"}
    te_name = _TE_NAMES[normalization]
    head = {"alpha": setting.alpha, "background_exempt": setting.background_exempt}
    if setting.alpha == 0:
        # Nothing was subtracted, so nothing was exempted.
        return {**head, "background_exempt": False, "name": te_name, "slug": normalization}
    exemption = "with" if setting.background_exempt else "without"
    return {
        **head,
        "name": f"{te_name}-TDE α={setting.alpha:g} {exemption} exemption",
        "slug": f"{normalization}_tde_{setting.alpha:g}_{exemption}_exemption",
    }
