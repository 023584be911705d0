"""RoI heads of one's own: a subclass of lt_det's, accepted for TDE, xERM and all post-hoc methods.

    tools/train_net.py --import examples/own_roi_heads.py \
        --config-file configs/synthetic/cascade_small_tde.yaml MODEL.ROI_HEADS.NAME NoisyROIHeads
"""

import torch
from detectron2.modeling.roi_heads import ROI_HEADS_REGISTRY
from detectron2.structures import Boxes

from lt_det.detection import LTCascadeROIHeads


@ROI_HEADS_REGISTRY.register()
class NoisyROIHeads(LTCascadeROIHeads):
    """Cascade heads that train on jittered proposals: boxes as an RPN in use gives them."""

    jitter = 0.05

    @torch.no_grad()
    def label_and_sample_proposals(self, proposals, targets):
        """Move each proposal's corners by up to 5 % of its size, then label and sample them."""
        for of_image in proposals:
            boxes = of_image.proposal_boxes.tensor
            size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
            noise = (torch.rand_like(boxes) * 2 - 1) * self.jitter
            moved = Boxes(boxes + noise * size)
            moved.clip(of_image.image_size)
            of_image.proposal_boxes = moved
        return super().label_and_sample_proposals(proposals, targets)
