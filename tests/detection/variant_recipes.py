"""What leaves with a further word, ``…_rfs`` or ``…_verified``, change of the leaf before that."""

from typing import Any

SAMPLERS = {
    "rfs": "RepeatFactorTrainingSampler",
    "irfs": "InstanceAwareRepeatFactorTrainingSampler",
}
# t: Gupta et al.'s and Yaman et al.'s 0.001 on LVIS; small sets have no category that rare.
THRESHOLDS = {
    "lvis_v0.5": 0.001,
    "lvis_v1": 0.001,
    "synthetic": 0.05,
    "glyph": 0.05,
    "custom": 0.01,
}
NEGATIVES = ("exhaustive", "verified")
BASELINES = [
    *(f"{version}/cascade_r50_baseline" for version in ("lvis_v0.5", "lvis_v1")),
    *(f"{folder}/cascade_small_baseline" for folder in ("synthetic", "glyph")),
]
SAMPLED = [
    *BASELINES,
    *(baseline.replace("baseline", "tde") for baseline in BASELINES),
    *(f"custom/cascade_{network}_tde" for network in ("lite0", "r50")),
]
LEAVES = {f"{base}_{suffix}" for base in SAMPLED for suffix in SAMPLERS}
LEAVES |= {f"{base}_{suffix}" for base in BASELINES for suffix in NEGATIVES}


def split_variant(name: str) -> tuple[str, dict[str, Any]]:
    """Return a leaf's name without its further word, and what that sets."""
    base, _, suffix = name.removesuffix(".yaml").rpartition("_")
    if suffix in NEGATIVES:
        return f"{base}.yaml", {"MODEL.LT.LOSS.NEGATIVES": suffix}
    if suffix in SAMPLERS:
        keys = {
            "DATALOADER.SAMPLER_TRAIN": SAMPLERS[suffix],
            "DATALOADER.REPEAT_THRESHOLD": THRESHOLDS[name.split("/")[0]],
        }
        return f"{base}.yaml", keys
    return name, {}
