"""The student's box predictor: whom its loss takes for background, and how it is weighted."""

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

from lt_det.core import xerm_loss
from lt_det.detection import build_box_predictor
from lt_det.detection.modeling.box_predictor import EXTRA_INPUT

from .helpers import small_config

C, D = 5, 16


@pytest.mark.parametrize("classifier", ["linear", "deconfound"])
@pytest.mark.parametrize("loss_name", ["xerm", "xerm_background_label"])
def test_loss_of_a_stage(classifier, loss_name):
    cfg = small_config(
        *("Base-RCNN-FPN.yaml", "MODEL.LT.XERM.ENABLED", True, "MODEL.LT.XERM.EXPONENT", 0.75),
        *("MODEL.LT.XERM.LOSS", loss_name),
        *("MODEL.LT.CLASSIFIER.NAME", classifier),
    )
    predictor = build_box_predictor(cfg, ShapeSpec(channels=D), loss_weight={"loss_cls": 0.5})
    # Class 0, which is no background, and background, which is the last.
    labels = torch.tensor([0, 0, 3, C, C, C])
    proposals = Instances((40, 40))
    proposals.proposal_boxes = Boxes(torch.tensor([[1.0, 1, 20, 20]]).repeat(6, 1))
    proposals.gt_boxes, proposals.gt_classes = proposals.proposal_boxes, labels
    te_logits = torch.randn(6, C + 1)
    balanced_logits = torch.randn(6, C + 1).log_softmax(1)
    proposals.set(EXTRA_INPUT + "te_logits", te_logits)
    proposals.set(EXTRA_INPUT + "balanced_logits", balanced_logits)
    predictions = predictor.train()(torch.randn(6, D))
    with EventStorage():
        loss = predictor.losses(predictions, [proposals])["loss_cls"]
    logits = predictions[0]
    each = xerm_loss(logits, te_logits, balanced_logits, labels, 0.75, reduction="none")
    if loss_name == "xerm_background_label":
        each = torch.cat([each[:3], F.cross_entropy(logits, labels, reduction="none")[3:]])
    torch.testing.assert_close(loss, 0.5 * each.mean())
