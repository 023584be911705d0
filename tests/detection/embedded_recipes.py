"""What the embedded sets' leaves differ in."""

# The embedded sets: their names, and a schedule of 700 iterations or, at convergence, 1,800.
EMBEDDED = {
    "synthetic": {
        "DATASETS.TRAIN": ["synthetic_lvis_train"],
        "DATASETS.TEST": ["synthetic_lvis_val"],
        **{"SOLVER.STEPS": [500, 640], "SOLVER.MAX_ITER": 700, "SOLVER.CHECKPOINT_PERIOD": 350},
    },
    "glyph": {
        "DATASETS.TRAIN": ["glyph_lvis_train"],
        "DATASETS.TEST": ["glyph_lvis_val"],
        **{"SOLVER.STEPS": [1300, 1650], "SOLVER.MAX_ITER": 1800},
        "SOLVER.CHECKPOINT_PERIOD": 300,
    },
}
