"""Ways to train, and how a model of each is read."""

from dataclasses import dataclass

# What is read from a trained model costs no training: strengths below, at and above the published.
_EXEMPT = tuple(f"logit_adjustment(tau={tau}, exempt=True)" for tau in (0.5, 1))
_NORCAL = tuple(f"norcal(gamma={gamma})" for gamma in (0.3, 0.6, 0.9))
_SOFTMAX = ("none", *_NORCAL, *_EXEMPT, "fracal(strength=2)")
_TDE = tuple(f"tde(alpha={alpha})" for alpha in (0.5, 1, 1.5, 2))
_SIGMOID = ("none", *_NORCAL)


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        name: of its runs and in tables.
        config: what its config is called after the network's name.
        readings: of its model, TEST.POST_HOC.
        repeats: with repeat-factor sampling.
        for_tails: it has nothing to do on data that are nearly balanced.
    """

    name: str
    config: str
    readings: tuple[str, ...]
    repeats: bool = False
    for_tails: bool = True


# In the order in which they are worth their time, by the table of rivals in RESULTS.md.
DETECTORS = (
    Method("baseline", "baseline", (*_SOFTMAX, "tau_norm(power=0.5)"), for_tails=False),
    Method("tde", "tde", (*_SOFTMAX[:-1], *_TDE), for_tails=False),
    Method("seesaw_rfs", "seesaw", _SIGMOID, repeats=True),
    Method("tde_rfs", "tde", (*_SOFTMAX[:-1], *_TDE), repeats=True),
    Method("baseline_rfs", "baseline", _SOFTMAX, repeats=True),
    Method("federated_rfs", "federated", _SIGMOID, repeats=True),
    Method("balanced_softmax", "balanced_softmax", ("none",)),
    Method("eqlv2", "eqlv2", _SIGMOID),
)
_ADJUSTED = tuple(f"logit_adjustment(tau={tau})" for tau in (0.5, 1, 1.5))
# Those that start from no other run, the ones that the papers compare with first.
CLASSIFIERS = (
    Method("xe", "xe", ("none", *_ADJUSTED, "tau_norm(power=0.5)", "tau_norm(power=1)"),
           for_tails=False),
    Method("tde", "tde", ("none", *_TDE, *_ADJUSTED), for_tails=False),
    Method("balanced_softmax", "balanced_softmax", ("none",)),
    Method("ldam_drw", "ldam_drw", ("none",)),
    Method("lade", "lade", ("none",)),
    Method("class_balanced", "class_balanced", ("none",)),
    Method("focal", "focal", ("none",)),
)  # fmt: skip
