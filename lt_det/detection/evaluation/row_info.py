"""Which rows of results a config asks for, and how they are called."""

import re
from typing import Any

from detectron2.config import CfgNode

from lt_det.config import LINEAR
from lt_det.core.losses import LOSSES
from lt_det.core.post_hoc import TDE, BackgroundExempt, NoPostHoc, PostHocMethod
from lt_det.engine.post_hoc import check_names, spelled_methods, swept_tde

_TE_NAMES = {
    LINEAR: "Baseline",
    "linear_with_direction": "Baseline",
    "deconfound": "De-confound",
    "cosine": "Cosine",
    "capsule": "Capsule",
    "tau_norm": "τ-norm",
    "lws": "LWS",
}
# Losses that are Detectron2's own.
_DETECTRON2S = {"federated": "Federated", "sigmoid": "Sigmoid"}
_OLD_NAMES = ("TEST.TDE_ALPHAS", "TEST.TDE_BACKGROUND_EXEMPT")


def post_hoc_rows(cfg: CfgNode) -> list[PostHocMethod]:
    """Return the post-hoc method of each row.

    They are TEST.POST_HOC's, else TEST.TDE_ALPHAS × TEST.TDE_BACKGROUND_EXEMPT, else the one of
    MODEL.LT.TDE.

    Raises:
        ConfigError: a call of TEST.POST_HOC that is none, or two that results would not tell apart.
    """
    spelled = spelled_methods(cfg, has_background=True, old_names=_OLD_NAMES)
    methods = spelled or swept_tde(cfg, has_background=True)

    def names_of(method: PostHocMethod) -> tuple[str, str]:
        info = row_info(cfg, method)
        return info["name"], info["slug"]

    check_names(methods, names_of, "TEST.POST_HOC" if spelled else "TEST.TDE_ALPHAS")
    return methods


def row_info(cfg: CfgNode, method: PostHocMethod) -> dict[str, Any]:
    """Return what a row says of itself.

    Returns:
        ``name``; ``method`` and ``params`` of the post-hoc method; ``alpha`` and
        ``background_exempt``, ``None`` where the classifier tracks no direction; ``slug``, its
        folder.
    """
    name, slug = _model_name(cfg)
    info = {"method": method.name, "params": method.params, **_tde_columns(cfg, method)}
    if isinstance(method, NoPostHoc):
        return {"name": name, "slug": slug, **info}
    return {"name": f"{name}{_label(method)}", "slug": f"{slug}_{_slug(method)}", **info}


def _model_name(cfg: CfgNode) -> tuple[str, str]:
    """Return the trained model's name, and its slug."""
    if cfg.MODEL.LT.XERM.ENABLED:
        balanced = cfg.MODEL.LT.XERM.BALANCED
        return f"xERM_{balanced.upper()}", f"xerm_{_as_slug(balanced)}"
    classifier, loss = cfg.MODEL.LT.CLASSIFIER.NAME, cfg.MODEL.LT.LOSS.NAME
    name = _TE_NAMES.get(classifier, classifier)
    slug = "baseline" if classifier == LINEAR else classifier
    if cfg.MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE:
        loss = "federated" if cfg.MODEL.ROI_BOX_HEAD.USE_FED_LOSS else "sigmoid"
    if loss == "cross_entropy":
        return name, slug
    shown = _loss_label(loss)
    return (shown if classifier == LINEAR else f"{name}, {shown}"), f"{slug}_{_as_slug(loss)}"


def _loss_label(loss: str) -> str:
    if loss in _DETECTRON2S:
        return _DETECTRON2S[loss]
    # Of the class itself: a person's loss is not called as the one it derives from.
    label: str = vars(LOSSES.get(loss)).get("label", "")
    return label or loss


def _tde_columns(cfg: CfgNode, method: PostHocMethod) -> dict[str, Any]:
    exempt = isinstance(method, BackgroundExempt)
    inner = method.method if isinstance(method, BackgroundExempt) else method
    if isinstance(inner, TDE):
        return {"alpha": inner.alpha, "background_exempt": exempt}
    normalized = cfg.MODEL.LT.CLASSIFIER.NAME != LINEAR
    if normalized and not cfg.MODEL.LT.XERM.ENABLED and isinstance(method, NoPostHoc):
        # Nothing was subtracted, so nothing was exempted.
        return {"alpha": 0.0, "background_exempt": False}
    return {"alpha": None, "background_exempt": None}


def _label(method: PostHocMethod) -> str:
    # TDE is shown both ways, so each is named.
    return f"{method.label} without exemption" if isinstance(method, TDE) else method.label


def _slug(method: PostHocMethod) -> str:
    inner = method.method if isinstance(method, BackgroundExempt) else method
    if isinstance(inner, TDE):
        with_or_without = "without" if isinstance(method, TDE) else "with"
        return f"tde_{inner.alpha:g}_{with_or_without}_exemption"
    return _as_slug(f"{method.name}_{method.params}")


def _as_slug(text: str) -> str:
    # A number keeps its sign: τ = 1 and −1 have a folder each.
    return re.sub(r"(?:(?!(?<![a-z0-9])-[0-9])[^a-z0-9.])+", "_", text.lower()).strip("_")
