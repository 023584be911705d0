"""The choice on purpose-made predictions."""

import numpy as np

from lt_det.compare.answer import answer, choose
from lt_det.compare.classification_scores import ClassificationScores
from lt_det.compare.split import halves

TRAIN = np.array([200, 100, 50, 20, 10])
GROUPS = {"many": TRAIN >= 100, "medium": TRAIN == 50, "few": TRAIN <= 20}
BASE = np.array([0.9, 0.8, 0.6, 0.4, 0.2])
TAIL = np.array([0.7, 0.7, 0.7, 0.6, 0.6])


def scores(per_class, second, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(5), per_class)
    hits = {n: rng.random((2, len(labels))) < p[labels] for n, p in (("a", BASE), ("b", second))}
    return ClassificationScores(labels, TRAIN, GROUPS, hits)


def test_what_helps_is_recommended_on_a_balanced_validation():
    said = answer(scores(200, TAIL))
    assert said.recommended == "b"
    assert said.rows[1]["against_baseline"]["few"]["low"] > 0


def test_what_trades_head_for_tail_is_not_where_validation_has_the_tail():
    assert choose(scores(TRAIN * 4, TAIL))[0] == "a"


def test_copies_of_one_method_do_not_differ_in_95_of_100():
    said = [choose(scores(40, BASE, seed))[0] for seed in range(40)]
    assert said.count("a") >= 38


def test_halves_share_nothing_and_each_holds_the_rare_category():
    parts = halves([[0]] * 20 + [[0, 1]] * 4)
    assert sorted([*parts["choose"], *parts["report"]]) == list(range(24))
    assert all((part >= 20).sum() == 2 for part in parts.values())
