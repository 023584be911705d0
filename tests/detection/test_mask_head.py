"""The mask head: one mask an RoI equals the full computation's channel of that class."""

import pytest
import torch
import torch.nn.functional as F
from detectron2.layers import ShapeSpec
from detectron2.modeling.roi_heads.mask_head import MaskRCNNConvUpsampleHead
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage
from torch.utils._python_dispatch import TorchDispatchMode

from lt_det.detection import LTMaskHead

from .helpers import ground_truth, small_config

C, CHANNELS, SIDE = 6, 8, 7


def make(normalization="deconfound", num_classes=C, alpha=0.0, **kwargs):
    predictor = {"direction_momentum": 0.9, "alpha": alpha}
    return LTMaskHead(
        ShapeSpec(channels=CHANNELS, height=SIDE, width=SIDE),
        num_classes=num_classes,
        conv_dims=[CHANNELS, CHANNELS],
        normalization=normalization,
        predictor=predictor,
        **kwargs,
    )


def instances_for_training(counts=(3, 2), bitmasks=False):
    made = []
    for count in counts:
        truth = ground_truth(C, count=count, bitmasks=bitmasks)
        truth.proposal_boxes = Boxes(truth.gt_boxes.tensor + torch.tensor([-3.0, -2, 4, 1]))
        made.append(truth)
    return made


def full_logits(head, x):
    """(R, C, S, S) logits of every class, pixel by pixel through the classifier's own forward."""
    features = head.pixel_features(x)
    flat = features.permute(0, 2, 3, 1).reshape(-1, CHANNELS)
    classifier = head.predictor.classifier
    if head.predictor.alpha and not head.training:
        direction = head.predictor.head_direction.direction
        logits = classifier.tde(flat, direction, head.predictor.alpha)
    else:
        logits = classifier(flat)
    side = features.shape[-1]
    return logits.view(len(x), side, side, -1).permute(0, 3, 1, 2)


def train(head, x, instances):
    head.train()
    with EventStorage():
        return head(x, instances)["loss_mask"]


@pytest.mark.parametrize("normalization", ["deconfound", "cosine", "capsule", "tau_norm", "lws"])
def test_training_equals_the_full_computation(normalization):
    head, x, instances = make(normalization), torch.randn(5, CHANNELS, SIDE, SIDE), None
    instances = instances_for_training()
    loss = train(head, x, instances)
    classes = torch.cat([i.gt_classes for i in instances])
    own = full_logits(head, x)[torch.arange(5), classes]
    masks = torch.cat([i.gt_masks.crop_and_resize(i.proposal_boxes.tensor, 14) for i in instances])
    expected = F.binary_cross_entropy_with_logits(own, masks.float())
    torch.testing.assert_close(loss, expected)
    gradients = [
        torch.autograd.grad(value, head.predictor.classifier.weight, retain_graph=True)[0]
        for value in (loss, expected)
    ]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_inference_equals_the_full_computation(alpha):
    head, x = make(alpha=alpha), torch.randn(5, CHANNELS, SIDE, SIDE)
    train(head, x, instances_for_training())
    head.eval()
    found = [
        Instances((96, 96), pred_classes=torch.randint(C, (n,)), pred_boxes=Boxes(torch.rand(n, 4)))
        for n in (2, 0, 3)
    ]
    head(x, found)
    classes = torch.cat([i.pred_classes for i in found])
    expected = full_logits(head, x)[torch.arange(5), classes].sigmoid()
    torch.testing.assert_close(torch.cat([i.pred_masks for i in found])[:, 0], expected)
    assert [tuple(i.pred_masks.shape) for i in found] == [(n, 1, 14, 14) for n in (2, 0, 3)]


def test_tde_changes_masks_where_it_is_asked_for():
    x = torch.randn(3, CHANNELS, SIDE, SIDE)
    plain, tde = make(), make(alpha=1.5)
    train(plain, x, instances_for_training((3,)))
    tde.load_state_dict(plain.state_dict())
    classes = torch.tensor([0, 1, 2])
    logits = []
    for head in (plain, tde):
        head.eval()
        logits.append(head.predictor(head.pixel_features(x), classes))
    assert not torch.allclose(*logits)


def test_tde_leaves_training_as_it_is():
    x, instances = torch.randn(5, CHANNELS, SIDE, SIDE), instances_for_training()
    plain, tde = make(), make(alpha=1.5)
    # A direction, without which TDE is TE anyway.
    train(plain, x, instances)
    tde.load_state_dict(plain.state_dict())
    assert torch.equal(train(plain, x, instances), train(tde, x, instances))


@pytest.mark.parametrize("of_boxes", [True, False])
@pytest.mark.parametrize("of_masks", [True, False])
def test_masks_follow_their_own_key_not_the_boxes(of_boxes, of_masks):
    cfg = small_config(
        *("Base-RCNN-FPN.yaml", "MODEL.LT.MASK.NORMALIZATION", "deconfound"),
        *("MODEL.LT.TDE.ENABLED", of_boxes, "MODEL.LT.TDE.ALPHA", 0.75),
        *("MODEL.LT.MASK.TDE", of_masks),
    )
    head = LTMaskHead(cfg, ShapeSpec(channels=CHANNELS, height=SIDE, width=SIDE))
    assert head.predictor.alpha == (0.75 if of_masks else 0.0)


class Sizes(TorchDispatchMode):
    """Notes how many numbers each tensor made by an operation has."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
        return made


@pytest.mark.parametrize("normalization", ["linear", "deconfound"])
def test_no_channel_but_the_class_s_is_computed(normalization):
    """Nothing as large as the masks of all classes is made, in training or in inference."""
    many = 4000
    head, x = make(normalization, num_classes=many), torch.randn(5, CHANNELS, SIDE, SIDE)
    truth = instances_for_training()
    truth[0].gt_classes[:2] = torch.tensor([many - 1, 17])
    with Sizes() as training:
        train(head, x, truth).backward()
    found = [Instances((96, 96), pred_classes=torch.tensor([0, 5, many - 1, 5, 1229]))]
    with Sizes() as inference, torch.no_grad():
        head.eval()(x, found)
    of_all = 5 * many * 14 * 14
    # The predictor's weight is the largest there is.
    assert many * CHANNELS <= training.largest < of_all / 50
    assert many * CHANNELS <= inference.largest < of_all / 50


def test_linear_option_equals_detectron2_s_head():
    torch.manual_seed(1)
    head = make("linear", loss_weight=0.25)
    torch.manual_seed(1)
    theirs = MaskRCNNConvUpsampleHead(
        ShapeSpec(channels=CHANNELS),
        num_classes=C,
        conv_dims=[CHANNELS, CHANNELS],
        loss_weight=0.25,
    )
    # It starts as theirs does.
    assert all(torch.equal(value, theirs.state_dict()[k]) for k, value in head.state_dict().items())
    torch.nn.init.normal_(head.predictor.bias)
    theirs.load_state_dict(head.state_dict())
    x, instances = torch.randn(5, CHANNELS, SIDE, SIDE), instances_for_training()
    loss = train(head, x, instances)
    expected = train(theirs, x, instances)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    for name in ("weight", "bias"):
        own, other = (getattr(h.predictor, name).grad for h in (head, theirs))
        torch.testing.assert_close(own, other)
    found = [[Instances((96, 96), pred_classes=torch.arange(5))] for _ in range(2)]
    for model, instances in zip((head, theirs), found, strict=True):
        model.eval()(x, instances)
    torch.testing.assert_close(found[0][0].pred_masks, found[1][0].pred_masks)


@pytest.mark.parametrize("bitmasks", [False, True])
def test_direction_is_the_mean_over_foreground_pixels(bitmasks):
    head, x = make(), torch.randn(5, CHANNELS, SIDE, SIDE)
    instances = instances_for_training(bitmasks=bitmasks)
    train(head, x, instances)
    features = head.pixel_features(x)
    masks = [i.gt_masks.crop_and_resize(i.proposal_boxes.tensor, 14) for i in instances]
    masks = torch.cat([m if m.dtype == torch.bool else m > 0.5 for m in masks])
    pixels = [features[r, :, i, j] for r in range(5) for i, j in masks[r].nonzero()]
    expected = torch.stack(pixels).mean(0).detach()
    torch.testing.assert_close(head.predictor.head_direction.direction, expected)


@pytest.mark.parametrize(
    ("normalization", "alpha", "tracks"),
    [("cosine", 0.0, False), ("cosine", 1.5, True), ("deconfound", 0.0, True)],
)
def test_cosine_masks_track_no_direction_that_nothing_reads(normalization, alpha, tracks):
    head = make(normalization, alpha=alpha)
    train(head, torch.randn(5, CHANNELS, SIDE, SIDE), instances_for_training())
    assert head.predictor.head_direction.direction.any() == tracks
    # Under TDE they are refused: see test_direction_checks.py.
    assert list(head.predictor.state_dict()) == ["classifier.weight", "head_direction.direction"]


def test_direction_is_summed_in_float32_under_autocast():
    head = make()
    x, foreground = torch.rand(5, CHANNELS, 14, 14), torch.rand(5, 14, 14) < 0.5
    with torch.autocast("cpu", dtype=torch.bfloat16):
        head.predictor.update_direction(x, foreground)
    expected = x.permute(0, 2, 3, 1)[foreground].mean(0)
    torch.testing.assert_close(head.predictor.head_direction.direction, expected)


def test_no_rois_in_training_and_inference():
    head = make()
    empty = [Instances((96, 96), gt_classes=torch.zeros(0, dtype=torch.long),
                       gt_masks=ground_truth(C, count=1).gt_masks[torch.zeros(1).bool()],
                       proposal_boxes=Boxes(torch.zeros(0, 4)))]  # fmt: skip
    x = torch.zeros(0, CHANNELS, SIDE, SIDE)
    loss = train(head, x, empty)
    assert loss.item() == 0
    loss.backward()
    assert torch.equal(head.predictor.head_direction.direction, torch.zeros(CHANNELS))
    found = [Instances((96, 96), pred_classes=torch.zeros(0, dtype=torch.long))]
    head.eval()(x, found)
    assert found[0].pred_masks.shape[0] == 0


@pytest.mark.parametrize("normalization", ["linear", "deconfound"])
def test_class_agnostic_masks_are_of_the_one_channel_whatever_the_class(normalization):
    """CLS_AGNOSTIC_MASK: C is 1 to the mask head, and classes are still those of C categories."""
    cfg = small_config(
        *("Base-RCNN-FPN.yaml", "MODEL.ROI_MASK_HEAD.CLS_AGNOSTIC_MASK", True),
        *("MODEL.LT.MASK.NORMALIZATION", normalization),
    )
    head = LTMaskHead(cfg, ShapeSpec(channels=CHANNELS, height=SIDE, width=SIDE))
    x, instances = torch.randn(5, CHANNELS, SIDE, SIDE), instances_for_training()
    instances[0].gt_classes = torch.tensor([0, 4, 2])
    loss = train(head, x, instances)
    logits = head.predictor(head.pixel_features(x), torch.zeros(5, dtype=torch.long))
    masks = torch.cat([i.gt_masks.crop_and_resize(i.proposal_boxes.tensor, 14) for i in instances])
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], masks.float())
    torch.testing.assert_close(loss, expected)
    found = [Instances((96, 96), pred_classes=torch.tensor([0, 1, 2, 3, 4]))]
    head.eval()(x, found)
    torch.testing.assert_close(found[0].pred_masks, logits.sigmoid())
