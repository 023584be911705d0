"""The α that needs no validation set."""

import pytest
import torch

from lt_det.classification import ImageClassifier
from lt_det.classification.alpha import alpha_of, cosines_to_direction
from lt_det.errors import ConfigError

from .helpers import batch, small_config


def test_cosines_are_each_head_s_with_its_part_of_the_direction():
    model = ImageClassifier(small_config("digits_lt/resnet32_tde.yaml"))
    model(batch())
    features = torch.randn(5, 64)
    cosines = cosines_to_direction(model.eval(), features)
    heads = model.classifier.num_heads
    direction = model.head_direction.direction.view(1, heads, -1)
    by_hand = torch.nn.functional.cosine_similarity(features.view(5, heads, -1), direction, dim=2)
    assert heads > 1
    torch.testing.assert_close(cosines, by_hand.mean(dim=1))


def test_alpha_makes_the_mean_one():
    cosines = torch.tensor([0.5, 0.3, -0.2])
    alpha = alpha_of(cosines)
    assert alpha == pytest.approx(5)
    assert (alpha * cosines).mean() == pytest.approx(1)


def test_what_has_no_direction():
    linear = ImageClassifier(small_config("digits_lt/resnet32_xe.yaml"))
    with pytest.raises(ConfigError, match="tracks no head direction"):
        cosines_to_direction(linear, torch.randn(2, 64))
    untrained = ImageClassifier(small_config("digits_lt/resnet32_tde.yaml"))
    with pytest.raises(ConfigError, match="it has not been trained"):
        cosines_to_direction(untrained, torch.randn(2, 64))
    with pytest.raises(ConfigError, match=r"mean cos\(x, d\) is -0.100: no α makes it 1"):
        alpha_of(torch.tensor([-0.1]))
