"""The post-hoc methods that a config names: of the model itself, and of its result rows."""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

from detectron2.config import CfgNode

from lt_det.core.post_hoc import (
    TDE,
    BackgroundExempt,
    NoPostHoc,
    PostHocMethod,
    asks_for_alpha,
    parse_post_hoc,
    with_alpha,
)
from lt_det.errors import ConfigError

from .checkpoints.safe_load import load_tensors
from .config_names import value_of

# Its entry in a checkpoint.
MEASURED_ALPHA = "measured_tde_alpha"

logger = logging.getLogger(__name__)


def model_post_hoc(cfg: CfgNode, *, has_background: bool) -> PostHocMethod:
    """Return what MODEL.LT.TDE asks of the model itself."""
    tde = cfg.MODEL.LT.TDE
    return tde_method(tde.ALPHA if tde.ENABLED else 0.0, has_background and tde.BACKGROUND_EXEMPT)


def spelled_methods(
    cfg: CfgNode, *, has_background: bool, old_names: Sequence[str] = ()
) -> list[PostHocMethod]:
    """Read TEST.POST_HOC, a list of spelled calls.

    Args:
        cfg: with lt_det's keys.
        has_background: whether the classifier has a background column.
        old_names: keys that say a part of it, too; they give way.

    Returns:
        the methods in their order; empty where the key is.

    Raises:
        ConfigError: a call that is none, or twice the same.
    """
    methods: list[PostHocMethod] = []
    for call in cfg.TEST.POST_HOC:
        try:
            method = parse_post_hoc(str(call), has_background=has_background)
        except ValueError as error:
            raise ConfigError(f"TEST.POST_HOC: {error}") from error
        if asks_for_alpha(method):
            if not has_background:
                raise ConfigError(
                    f"TEST.POST_HOC: {call}: tools/measure_alpha.py says a classifier's number"
                )
            method = with_alpha(method, measured_alpha(cfg.MODEL.WEIGHTS))
        if method in methods:
            raise ConfigError(f"TEST.POST_HOC: {call!r} is there twice")
        methods.append(method)
    for key in old_names if methods else ():
        if len(value_of(cfg, key)):
            logger.info("TEST.POST_HOC takes the place of %s", key)
    return methods


def check_names(
    methods: Sequence[PostHocMethod], names_of: Callable[[PostHocMethod], Iterable[str]], key: str
) -> None:
    """Refuse two rows of one name, or folder: the second's results would replace the first's.

    Args:
        methods: a row each.
        names_of: what a row's results are kept under.
        key: of the config, which says the rows.

    Raises:
        ConfigError: names both.
    """
    named: dict[str, PostHocMethod] = {}
    for method in methods:
        for name in names_of(method):
            other = named.setdefault(name, method)
            if other is not method:
                rows = " and ".join(f"{m.name} {m.params}" for m in (other, method))
                raise ConfigError(f"{key}: {rows} would both be called {name!r}: leave one out")


def measured_alpha(weights: str) -> float:
    """Return the α that tools/track_direction.py has written beside the direction.

    Raises:
        ConfigError: the weights say none.
    """
    loaded = load_tensors(weights, mmap=True) if Path(weights).is_file() else {}
    alpha = loaded.get(MEASURED_ALPHA) if isinstance(loaded, dict) else None
    if alpha is None:
        raise ConfigError(
            f'TEST.POST_HOC: tde(alpha="auto"): {weights or "MODEL.WEIGHTS"} says no measured α: '
            "tools/track_direction.py measures it on the training set"
        )
    return float(alpha)


def swept_tde(cfg: CfgNode, *, has_background: bool) -> list[PostHocMethod]:
    """Read TEST.TDE_ALPHAS × TEST.TDE_BACKGROUND_EXEMPT; the model's own where both are empty."""
    tde = cfg.MODEL.LT.TDE
    alphas = list(cfg.TEST.TDE_ALPHAS) or [tde.ALPHA if tde.ENABLED else 0.0]
    exempts = [False]
    if has_background:
        exempts = list(cfg.TEST.TDE_BACKGROUND_EXEMPT) or [tde.BACKGROUND_EXEMPT]
    methods = [tde_method(alpha, bool(exempt)) for alpha, exempt in product(alphas, exempts)]
    return list(dict.fromkeys(methods))


def tde_method(alpha: float, exempt: bool) -> PostHocMethod:
    """Return TDE at α, background exempt or not; α = 0 is inference as trained."""
    if alpha == 0:
        # Nothing is taken off, so nothing is exempt.
        return NoPostHoc()
    method = TDE(float(alpha))
    return BackgroundExempt(method) if exempt else method
