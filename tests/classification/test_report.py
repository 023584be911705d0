"""What an evaluation leaves of every image, against the results it belongs to."""

import json

import numpy as np
import pytest
import torch

from lt_det.classification.run import train_or_evaluate
from lt_det.core import shot_groups
from lt_det.data.classification import read_digits
from lt_det.evaluation.classification.predictions import read_predictions
from lt_det.evaluation.classification.shot_metrics import shot_metrics

from .helpers import arguments


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three epochs of ten digits, read in three ways."""
    output = tmp_path_factory.mktemp("digits")
    options = ["MODEL.DEVICE", "cpu", "SEED", 2, "SOLVER.EPOCHS.MAX", 3, "SOLVER.EPOCHS.STEPS", [2]]
    options += ["SOLVER.EPOCHS.WARMUP", 0, "TEST.CLASSIFICATION.LA_TAUS", "[1.0,1.5]"]
    train_or_evaluate(arguments("digits_lt/resnet32_xe.yaml", *options, "OUTPUT_DIR", output))
    return output


def test_predictions_are_those_of_the_results(folder):
    results = json.loads((folder / "results.json").read_text())
    predictions = read_predictions(folder / "predictions.npz")
    assert list(predictions.row_names) == list(results)
    assert len(results) == 3
    counts = torch.as_tensor(predictions.class_counts)
    for row, (name, tests) in enumerate(results.items()):
        assert list(tests) == list(predictions.tests), name
        for test, metrics in tests.items():
            at = predictions.tests[test]
            predicted, labels = predictions.predicted[row, at], predictions.labels[at]
            again = shot_metrics(
                torch.as_tensor(predicted).long(),
                torch.as_tensor(labels).long(),
                counts,
                **predictions.limits,
            )
            assert again["top1"] == metrics["top1"]
            assert again["recall"] == pytest.approx(metrics["recall"])
        assert metrics["bias"]["train"] == counts.tolist()


def test_predictions_are_of_the_images(folder):
    predictions = read_predictions(folder / "predictions.npz")
    test = read_digits()["test"]
    assert predictions.labels.tolist() == test.labels.tolist()
    assert predictions.class_names == test.class_names
    assert predictions.image_names[3] == test.image_name(3)
    assert len(set(predictions.image_names)) == len(test)
    assert ((predictions.probs >= 0.1) & (predictions.probs <= 1)).all()


def test_rows_are_compared_with_the_first(folder):
    predictions = read_predictions(folder / "predictions.npz")
    compared = json.loads((folder / "paired.json").read_text())
    assert [c["reference"] for c in compared] == [predictions.row_names[0]] * 2
    assert [c["method"] for c in compared] == list(predictions.row_names[1:])
    hits = predictions.predicted == predictions.labels
    masks = shot_groups(torch.as_tensor(predictions.class_counts), **predictions.limits)
    for row, comparison in enumerate(compared, 1):
        recalls = np.array(
            [
                100 * (hits[row] * 1.0 - hits[0])[predictions.labels == label].mean()
                for label in range(10)
            ]
        )
        for group, mask in masks.items():
            value = comparison["differences"][group]["value"]
            assert value == pytest.approx(recalls[mask.numpy()].mean())
    text = (folder / "results.md").read_text()
    assert f"balanced, minus {predictions.row_names[0]}" in text
