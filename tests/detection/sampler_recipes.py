"""What leaves named ``…_rfs`` and ``…_irfs`` change of the leaf before that."""

from typing import Any

SAMPLERS = {
    "rfs": "RepeatFactorTrainingSampler",
    "irfs": "InstanceAwareRepeatFactorTrainingSampler",
}
# t: Gupta et al.'s and Yaman et al.'s 0.001 on LVIS; small sets have no category that rare.
THRESHOLDS = {"lvis_v0.5": 0.001, "lvis_v1": 0.001, "synthetic": 0.05, "custom": 0.01}
BASES = [
    *(f"{v}/cascade_r50_{m}" for v in ("lvis_v0.5", "lvis_v1") for m in ("baseline", "tde")),
    *(f"synthetic/cascade_small_{m}" for m in ("baseline", "tde")),
    *(f"custom/cascade_{network}_tde" for network in ("lite0", "r50")),
]
LEAVES = {f"{base}_{suffix}" for base in BASES for suffix in SAMPLERS}


def split_sampler(name: str) -> tuple[str, dict[str, Any]]:
    """Return a leaf's name without the sampler, and what the sampler sets."""
    base, _, suffix = name.removesuffix(".yaml").rpartition("_")
    if suffix not in SAMPLERS:
        return name, {}
    threshold = THRESHOLDS[name.split("/")[0]]
    keys = {"SAMPLER_TRAIN": SAMPLERS[suffix], "REPEAT_THRESHOLD": threshold}
    return f"{base}.yaml", {f"DATALOADER.{key}": value for key, value in keys.items()}
