"""The systems that a comparison trains: each a config, what it starts from, how it is read."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class System:
    """A trained model and the rows that are read from it.

    Attributes:
        name: of its own row; in :data:`SYSTEMS`, too.
        leaf: ``resnet32_<leaf>.yaml`` of the data set's configs.
        starts: config key → the system whose checkpoint is its value.
        post_hoc: further rows: name → call of TEST.POST_HOC; ``{alpha}`` and ``{p}`` stand for what
            was chosen on the held-out images.
        options: KEY VALUE pairs beside the config's; ``{alpha}`` as above.
        is_short: a second stage, whose schedule is its config's whatever the first stages' is.
        replicated: trained with every seed of a study, not with the first alone.
        holds_out: what the study holds out of the training images, for it is measured on it.
        own_backbone: on the network that its config names, whatever the study's is.
        folder: of its runs, before the seed; "" is the leaf's name.
    """

    name: str
    leaf: str
    starts: dict[str, str] = field(default_factory=dict)
    post_hoc: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    is_short: bool = False
    replicated: bool = False
    holds_out: bool = False
    own_backbone: bool = False
    folder: str = ""


_TEACHER, _WEIGHTS = "MODEL.LT.XERM.TEACHER_WEIGHTS", "MODEL.WEIGHTS"
_ALPHA = ("MODEL.LT.TDE.ALPHA", "{alpha}")
_NEUTRAL = ("MODEL.LT.LOSS.OPTIONS.gamma", "0.0")  # of focal loss: cross-entropy

_ALL = (
    System(
        "XE",
        "xe",
        post_hoc={"PC": "logit_adjustment(tau=1)", "τ-norm": "tau_norm(power={p})"},
        replicated=True,
    ),
    System("De-confound", "tde", post_hoc={"TDE": "tde(alpha={alpha})"}, replicated=True),
    System("xERM_TDE", "xerm_tde", {_TEACHER: "De-confound"}, options=_ALPHA, replicated=True),
    System("xERM_PC", "xerm_pc", {_TEACHER: "XE"}, replicated=True),
    System("cRT", "crt", {_WEIGHTS: "XE"}, is_short=True, replicated=True),
    System("LWS", "lws", {_WEIGHTS: "XE"}, is_short=True, replicated=True),
    System("Balanced softmax", "balanced_softmax", replicated=True),
    System("LDAM-DRW", "ldam_drw", replicated=True),
    System("LADE", "lade", replicated=True),
    System("LDAM", "ldam"),
    System("Focal", "focal"),
    # Cross-entropy with the batch, rate, decay and steps of LDAM, focal and class-balanced loss:
    # what of their distance from XE is the recipe's.
    System("XE, LDAM's recipe", "focal", options=_NEUTRAL, folder="xe_ldam_recipe"),
    System("Class-balanced", "class_balanced"),
    System("Softmax equalization", "softmax_equalization"),
    System("Cosine", "cosine"),
    System("Capsule", "capsule"),
    System("RIDE", "ride", replicated=True, own_backbone=True),
    System("SADE", "sade", replicated=True, own_backbone=True),
    System("BBN", "bbn", own_backbone=True),
    System("RIDE (LDAM)", "ride_ldam", own_backbone=True),
    System("xERM_RIDE", "xerm_ride", {_TEACHER: "RIDE (LDAM)"}, own_backbone=True),
    System("DiVE", "dive", {_TEACHER: "Balanced softmax"}),
    System("BKD", "bkd", {_TEACHER: "XE"}),
    System("cRT (published)", "crt_published", {_WEIGHTS: "XE"}, is_short=True),
    System("LWS (published)", "lws_published", {_WEIGHTS: "XE"}, is_short=True),
    System("DisAlign", "disalign", {_WEIGHTS: "XE"}, is_short=True),
    System("OLTR", "oltr", {_WEIGHTS: "XE"}, is_short=True),
    System("Decouple-OLTR", "decouple_oltr", {_WEIGHTS: "XE"}, is_short=True),
    System("XE, mixup", "mixup"),
    System("MiSLAS", "mislas", {_WEIGHTS: "XE, mixup"}, is_short=True),
    System("xERM_PC (published)", "xerm_pc_published", {_TEACHER: "XE"}),
)
# LFME measures its student on images that nothing is trained on.
_GROUPS = ("many", "medium", "few")
_EXPERTS = tuple(
    System(f"LFME's expert, {group}", f"lfme_{group}", holds_out=True) for group in _GROUPS
)
_LFME = System(
    "LFME",
    "lfme",
    {
        f"MODEL.CLASSIFICATION.GROUP_EXPERTS.{group.upper()}": expert.name
        for group, expert in zip(_GROUPS, _EXPERTS, strict=True)
    },
    holds_out=True,
)
_CONTINUED = ("MODEL.LT.XERM.INIT_FROM_TEACHER", "True")


def _decay(value: str) -> tuple[str, ...]:
    return ("SOLVER.WEIGHT_DECAY", value, "SOLVER.WEIGHT_DECAY_NORM", value)


def _students() -> tuple[System, ...]:
    """Make xERM's students by where they start, weight decay and g, and the controls.

    A control goes on from the same weights, with the same schedule and decay, without a teacher.
    """
    students = []
    for kind, leaf, teacher in (("TDE", "xerm_tde", "De-confound"), ("PC", "xerm_pc", "XE")):
        alpha = _ALPHA if kind == "TDE" else ()
        for start in ("scratch", "continued"):
            for decay in ("5e-4", "1e-4"):
                for g in ("1.5", "2.0"):
                    options = (*alpha, *_decay(str(float(decay))), "MODEL.LT.XERM.EXPONENT", g)
                    options += _CONTINUED if start == "continued" else ()
                    name = f"xERM_{kind} {start}, wd {decay}, g {g}"
                    folder = f"{leaf}_{start}_wd{decay}_g{g}"
                    starts = {_TEACHER: teacher}
                    students.append(System(name, leaf, starts, options=options, folder=folder))
        for value in ("0.5", "1.0", "1.5") if kind == "TDE" else ():
            options = ("MODEL.LT.TDE.ALPHA", value, "MODEL.LT.XERM.EXPONENT", "2.0")
            name, folder = f"xERM_TDE, α {value} of the teacher", f"{leaf}_alpha{value}"
            starts = {_TEACHER: teacher}
            students.append(System(name, leaf, starts, options=options, folder=folder))
    xe, te = _ALL[0], _ALL[1]
    for system in (xe, te):
        for decay in ("5e-4", "1e-4"):
            name = f"{system.name} continued, wd {decay}"
            rows = {f"{name}, {row}": call for row, call in system.post_hoc.items()}
            starts, options = {_WEIGHTS: system.name}, _decay(str(float(decay)))
            folder = f"{system.leaf}_continued_wd{decay}"
            students.append(System(name, system.leaf, starts, rows, options, folder=folder))
    return tuple(students)


# What xERM's students start from, decay by and are weighted by, beside their controls.
XERM_STUDENTS = {system.name: system for system in _students()}
SYSTEMS = {s.name: s for s in (*_ALL, _LFME, *_EXPERTS, *XERM_STUDENTS.values())}
# What a comparison has unless it is told.
COMPARED = [system.name for system in (*_ALL, _LFME)]


def waves(names: list[str]) -> list[list[System]]:
    """Return systems in the order in which they can be trained, with those that they start from.

    Args:
        names: in :data:`SYSTEMS`.

    Returns:
        lists of systems: what those of one start from is in those before it.

    Raises:
        KeyError: a name that is none.
    """
    depth: dict[str, int] = {}

    def visit(name: str) -> int:
        starts = SYSTEMS[name].starts.values()
        depth[name] = max((visit(start) + 1 for start in starts), default=0)
        return depth[name]

    for name in names:
        visit(name)
    levels = range(max(depth.values(), default=-1) + 1)
    systems = SYSTEMS.values()
    return [[system for system in systems if depth.get(system.name) == level] for level in levels]
