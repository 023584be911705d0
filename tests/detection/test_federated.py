"""Detectron2's federated loss: of which classes, by whose weights."""

import pytest
import torch

from lt_det.detection.modeling.sigmoid import knows_image_counts

from .helpers import small_config
from .test_box_predictor import C, D, make, train_step

LABELS = [0, C, C]
WEIGHTS = "fed_loss_cls_weights"


def federated(weights, sampled):
    return make(
        classifier="linear",
        classifier_options={},
        post_hoc=None,
        use_sigmoid_ce=True,
        use_fed_loss=True,
        get_fed_loss_cls_weights=lambda: torch.tensor(weights),
        fed_loss_num_classes=sampled,
    )


def classes_of(predictor):
    drawn = predictor.get_fed_loss_classes(
        torch.tensor(LABELS),
        num_fed_loss_classes=predictor.fed_loss_num_classes,
        num_classes=C,
        weight=predictor.fed_loss_cls_weights,
    )
    return sorted(drawn.tolist())


@pytest.mark.parametrize("sampled", [C, 50])
def test_of_no_more_classes_than_it_samples_it_takes_all(sampled):
    """Background is none of them, though it is among the labels."""
    assert classes_of(federated([1.0, 2.0, 3.0, 4.0], sampled)) == list(range(C))


def test_classes_without_an_image_cannot_be_sampled():
    """Three are wanted, two have images: Detectron2 fails there."""
    predictor = federated([1.0, 2.0, 0.0, 0.0], 3)
    assert classes_of(predictor) == list(range(C))
    assert train_step(predictor, torch.randn(3, D), LABELS)["loss_cls"].isfinite()


def test_of_more_classes_it_samples_as_detectron2():
    drawn = [classes_of(federated([1.0, 2.0, 3.0, 4.0], 3)) for _ in range(40)]
    assert all({0, C} < set(classes) and len(classes) == 3 for classes in drawn)
    assert {c for classes in drawn for c in classes} == {0, 1, 2, 3, C}


def test_its_weights_are_the_data_s_whatever_a_checkpoint_holds():
    predictor = federated([1.0, 2.0, 3.0, 4.0], 3)
    assert WEIGHTS not in predictor.state_dict()
    of_other_data = {**predictor.state_dict(), WEIGHTS: torch.tensor([9.0, 9.0, 9.0])}
    predictor.load_state_dict(of_other_data)
    assert predictor.fed_loss_cls_weights.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_where_nothing_is_trained_on_there_is_nothing_to_sample():
    cfg = small_config()
    cfg.DATASETS.TRAIN = ()
    assert not knows_image_counts(cfg)
