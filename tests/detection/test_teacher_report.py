"""What a teacher teaches, by frequency group, recomputed RoI by RoI."""

import math

import pytest
import torch

from lt_det.detection.evaluation import teacher_report as report_module
from lt_det.detection.evaluation.teacher_report import teacher_report, teacher_table
from lt_det.detection.modeling.box_predictor import EXTRA_INPUT

from .helpers import batch
from .test_xerm import CASCADE, STANDARD, make_student, watched_step

C, G = 5, 0.75
FREQUENCIES = ["f", "f", "c", "r", "r"]
GROUP = {"f": "frequent", "c": "common", "r": "rare"}


def weight(te, target, label):
    a, b = (-math.log(row[label] / sum(row)) for row in (target, te))
    return a**G / (a**G + b**G)


@pytest.mark.parametrize("base", [CASCADE, STANDARD])
def test_means_over_the_rois_of_every_stage(base):
    student, _ = make_student(base)
    inputs = batch(C)
    for of_image, classes in zip(inputs, ([0, 2, 3], [1, 2, 4]), strict=True):
        of_image["instances"].gt_classes = torch.tensor(classes)
    torch.manual_seed(5)
    _, _, seen = watched_step(student, inputs)
    torch.manual_seed(5)  # the same RoIs are sampled
    report = teacher_report(student, [inputs], G, FREQUENCIES)
    rows = {"frequent": [], "common": [], "rare": [], "background": []}
    for _, proposals in seen:
        for of_image in proposals:
            te = of_image.get(f"{EXTRA_INPUT}te_logits").softmax(1).tolist()
            target = of_image.get(f"{EXTRA_INPUT}balanced_logits").exp().tolist()
            for label, p, q in zip(of_image.gt_classes.tolist(), te, target, strict=True):
                group = "background" if label == C else GROUP[FREQUENCIES[label]]
                among = math.nan if label == C else weight(p[:C], q[:C], label)
                rows[group].append([p[label], q[label], q[C], weight(p, q, label), among])
    assert list(report) == ["frequent", "common", "rare", "background"]
    for group, expected in rows.items():
        rois, *means = report[group].values()
        assert rois == len(expected) > 0
        by_hand = torch.tensor(expected, dtype=torch.float64).mean(0)
        torch.testing.assert_close(
            torch.tensor(means, dtype=torch.float64), by_hand, equal_nan=True, rtol=1e-4, atol=1e-5
        )
    # Background RoIs have the same loss in both domains: exemption leaves their probability.
    assert report["background"]["w_balanced"] == pytest.approx(0.5, abs=1e-4)


def test_a_group_without_rois():
    student, _ = make_student(STANDARD)
    report = teacher_report(student, [batch(C, count=0)], G, FREQUENCIES)
    assert report["rare"]["rois"] == 0
    assert math.isnan(report["rare"]["w_balanced"])
    lines = teacher_table(report).splitlines()
    assert lines[0].count("|") == len(report_module._COLUMNS) + 3
    assert "–" in lines[4]
    assert lines[5].startswith("| background ")
