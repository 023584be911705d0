"""Logit adjustment to a test distribution that is known."""

import pytest
import torch

from lt_det.core import parse_post_hoc
from lt_det.core.post_hoc import ClassifierOutputs, PostHocContext

TRAIN, TEST = torch.tensor([90, 9, 1]), torch.tensor([1, 4, 15])


def context(**more):
    return PostHocContext(class_counts=TRAIN, test_counts={"imbalance_15_reversed": TEST}, **more)


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_bayes_rule_by_hand(tau):
    """p(y | x) of the test is that of the training, times π_test / π_train."""
    method = parse_post_hoc(
        f"logit_adjustment(tau={tau}, test='imbalance_15_reversed')", has_background=False
    )
    logits = torch.randn(4, 3)
    probs = method.probs(ClassifierOutputs(logits), context())
    for row, adjusted in zip(logits.softmax(1).tolist(), probs, strict=True):
        raw = [p * (t / 20 / (n / 100)) ** tau
               for p, t, n in zip(row, TEST.tolist(), TRAIN.tolist(), strict=True)]  # fmt: skip
        torch.testing.assert_close(adjusted, torch.tensor([r / sum(raw) for r in raw]))
    ending = "PC" if tau == 1 else "LA τ=0.5"
    assert method.label == f", {ending} for imbalance_15_reversed"


def test_the_training_s_own_distribution_changes_nothing():
    method = parse_post_hoc("logit_adjustment(test='train')", has_background=False)
    logits = torch.randn(4, 3)
    known = PostHocContext(class_counts=TRAIN, test_counts={"train": TRAIN})
    torch.testing.assert_close(method.probs(ClassifierOutputs(logits), known), logits.softmax(1))
    # A class that is not tested has no chance.
    absent = PostHocContext(class_counts=TRAIN, test_counts={"train": torch.tensor([3, 0, 3])})
    assert (method.probs(ClassifierOutputs(logits), absent)[:, 1] == 0).all()


def test_a_test_that_is_not_there():
    method = parse_post_hoc("logit_adjustment(test='balanced')", has_background=False)
    with pytest.raises(ValueError, match="no test is called 'balanced'; known: imbalance_15_rev"):
        method.check(context())
    with pytest.raises(ValueError, match="known: none"):
        method.check(PostHocContext(class_counts=TRAIN))
    with pytest.raises(ValueError, match="of classifiers without background"):
        method.check(context(background_index=3))
