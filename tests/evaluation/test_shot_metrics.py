"""Figures by shot group, on cases small enough for paper and pencil."""

import math

import pytest
import torch

from lt_det.evaluation.classification.shot_metrics import (
    class_bias,
    expected_calibration_error,
    shot_metrics,
)
from lt_det.evaluation.classification.tables import group_table, top1_table

# Classes 0 and 1 are many, 2 and 3 medium (100 and 20 are), 4 few.
COUNTS = torch.tensor([500, 101, 100, 20, 19])
LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
PREDICTIONS = torch.tensor([0, 0, 1, 0, 2, 0, 2, 2, 1, 0])


def test_by_hand():
    found = shot_metrics(PREDICTIONS, LABELS, COUNTS)
    assert found["top1"] == pytest.approx(40)
    # Recall: 1, ½ | ½, 0 | 0.
    assert found["recall"] == pytest.approx({"many": 75, "medium": 25, "few": 0, "all": 40})
    # Precision: 2/5, 1/2 | 1/3, never | never.
    assert found["precision"]["many"] == pytest.approx(45)
    assert found["precision"]["medium"] == pytest.approx(100 / 3)
    assert math.isnan(found["precision"]["few"])
    assert found["precision_zero"]["medium"] == pytest.approx(100 / 6)
    assert found["precision_zero"]["few"] == 0
    # F1 = 2TP / (2TP + FP + FN): 4/7, 1/2 | 2/5, 0 | 0.
    assert found["f1"]["many"] == pytest.approx(100 * (4 / 7 + 1 / 2) / 2)
    assert found["f1"]["medium"] == pytest.approx(20)
    assert found["f1"]["few"] == 0
    # The papers': 2RP / (R + P) of the group's means above, which is another figure.
    assert found["f1_paper"]["many"] == pytest.approx(2 * 75 * 45 / (75 + 45))
    assert found["f1_paper"]["medium"] == pytest.approx(2 * 25 * (100 / 3) / (25 + 100 / 3))
    assert math.isnan(found["f1_paper"]["few"])
    # All: recall 40, precision the mean of 2/5, 1/2 and 1/3.
    precision = 100 * (2 / 5 + 1 / 2 + 1 / 3) / 3
    assert found["f1_paper"]["all"] == pytest.approx(2 * 40 * precision / (40 + precision))
    assert found["per_class"]["recall"] == pytest.approx([100, 50, 50, 0, 0])


def test_everything_right():
    found = shot_metrics(LABELS, LABELS, COUNTS)
    for figure in ("recall", "precision", "precision_zero", "f1", "f1_paper"):
        assert set(found[figure].values()) == {100}


def test_empty_group_is_nan():
    found = shot_metrics(PREDICTIONS, LABELS, torch.tensor([500] * 5))
    assert math.isnan(found["recall"]["few"])
    assert math.isnan(found["precision_zero"]["medium"])
    assert not math.isnan(found["recall"]["many"])


def test_class_without_test_images_has_no_recall():
    at = LABELS != 4
    found = shot_metrics(PREDICTIONS[at], LABELS[at], COUNTS)
    assert math.isnan(found["recall"]["few"])
    assert found["recall"]["all"] == pytest.approx(50)
    # Neither images nor predictions: no F1; and never predicted counts 0 where asked to.
    assert math.isnan(found["f1"]["few"])
    assert found["precision_zero"]["few"] == 0


def test_own_limits():
    found = shot_metrics(PREDICTIONS, LABELS, COUNTS, many=499, few=101)
    assert found["recall"] == pytest.approx({"many": 100, "medium": 50, "few": 100 / 6, "all": 40})


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="predictions"):
        shot_metrics(PREDICTIONS[:0], LABELS[:0], COUNTS)
    with pytest.raises(ValueError, match="predictions"):
        shot_metrics(PREDICTIONS[:3], LABELS, COUNTS)


def test_calibration_by_hand():
    probs = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
    labels = torch.tensor([0, 1, 1, 1])
    # Bin of 0.9: two, accuracy ½, gap 0.4; 0.6 and 0.7 right in bins of their own: 0.4 and 0.3.
    assert expected_calibration_error(probs, labels, 10) == pytest.approx(
        100 * (2 * 0.4 + 0.4 + 0.3) / 4, abs=1e-4
    )


def test_calibration_ends():
    sure = torch.tensor([[1.0, 0.0]] * 4)
    assert expected_calibration_error(sure, torch.zeros(4, dtype=torch.int64)) == 0
    assert expected_calibration_error(sure, torch.ones(4, dtype=torch.int64)) == 100
    assert math.isnan(expected_calibration_error(sure[:0], LABELS[:0]))


def test_bias_counts():
    found = class_bias(PREDICTIONS, LABELS, COUNTS)
    assert found["predicted"] == [5, 2, 3, 0, 0]
    assert found["true"] == [2] * 5
    assert found["true_positives"] == {"many": 3, "medium": 1, "few": 0}
    assert found["false_positives"] == {"many": 4, "medium": 2, "few": 0}


def test_tables():
    metrics = shot_metrics(PREDICTIONS, LABELS, COUNTS)
    results = {"XE": {"balanced": {**metrics, "ece": 3.04}}}
    shown = group_table(results, "balanced")
    assert "| XE       | 40.0  | 75.0" in shown
    heading, _, row = shown.splitlines()
    cells = dict(zip(heading.split(" | "), row.split(" | "), strict=True))
    found = {key.strip("| "): value.strip("| ") for key, value in cells.items()}
    assert (found["f1 many"], found["f1 (paper) many"]) == ("53.6", "56.2")
    assert "–" in shown
    assert "3.0" in shown
    assert top1_table(results).splitlines()[-1] == "| XE    | 40.0     |"
