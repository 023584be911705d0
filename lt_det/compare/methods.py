"""Ways to train, and how a model of each is read."""

from collections.abc import Sequence
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
        starts: (config key, name of the method whose checkpoint is its value) pairs: of a teacher,
            or of weights that a second stage goes on from.
        is_short: a second stage, whose schedule is its config's whatever the others' is.
    """

    name: str
    config: str
    readings: tuple[str, ...]
    repeats: bool = False
    for_tails: bool = True
    starts: tuple[tuple[str, str], ...] = ()
    is_short: bool = False


_TEACHER, _WEIGHTS = "MODEL.LT.XERM.TEACHER_WEIGHTS", "MODEL.WEIGHTS"
# In the order in which they are worth their time, by the table of rivals in RESULTS.md.
DETECTORS = (
    Method("baseline", "baseline", (*_SOFTMAX, "tau_norm(power=0.5)"), for_tails=False),
    Method("tde", "tde", (*_SOFTMAX[:-1], *_TDE), for_tails=False),
    Method("seesaw_rfs", "seesaw", _SIGMOID, repeats=True),
    Method("tde_rfs", "tde", (*_SOFTMAX[:-1], *_TDE), repeats=True),
    Method("baseline_rfs", "baseline", _SOFTMAX, repeats=True),
    Method("xerm_tde", "xerm", ("none",), starts=((_TEACHER, "tde"),)),
    Method("federated_rfs", "federated", _SIGMOID, repeats=True),
    Method("balanced_softmax", "balanced_softmax", ("none",)),
    Method("eqlv2", "eqlv2", _SIGMOID),
)
_ADJUSTED = tuple(f"logit_adjustment(tau={tau})" for tau in (0.5, 1, 1.5))
# Cheap ones first, then the ones that the papers compare with.
CLASSIFIERS = (
    Method("xe", "xe", ("none", *_ADJUSTED, "tau_norm(power=0.5)", "tau_norm(power=1)"),
           for_tails=False),
    Method("lws", "lws", ("none",), starts=((_WEIGHTS, "xe"),), is_short=True),
    Method("crt", "crt", ("none",), starts=((_WEIGHTS, "xe"),), is_short=True),
    Method("tde", "tde", ("none", *_TDE, *_ADJUSTED), for_tails=False),
    Method("xerm_pc", "xerm_pc", ("none",), starts=((_TEACHER, "xe"),)),
    Method("balanced_softmax", "balanced_softmax", ("none",)),
    Method("bkd", "bkd", ("none",), starts=((_TEACHER, "xe"),)),
    Method("ldam_drw", "ldam_drw", ("none",)),
    Method("lade", "lade", ("none",)),
    Method("xerm_tde", "xerm_tde", ("none",), starts=((_TEACHER, "tde"),)),
    Method("ride", "ride", ("none",)),
    Method("class_balanced", "class_balanced", ("none",)),
    Method("focal", "focal", ("none",)),
)  # fmt: skip


def startable(methods: Sequence[Method]) -> list[Method]:
    """Return the methods that start from nothing, or from others of them."""
    names = {method.name for method in methods if not method.starts}
    return [m for m in methods if all(start in names for _, start in m.starts)]


def waves(methods: Sequence[Method]) -> list[list[Method]]:
    """Return methods in the order in which they can be trained.

    Returns:
        two lists: those that start from nothing, and those that start from one of these.
    """
    return [
        [method for method in methods if not method.starts],
        [method for method in methods if method.starts],
    ]
