"""A training method of one's own, for classifiers: mixup that ends early (Zhang et al., ICLR 2018).

    tools/train_cls.py --import examples/mixup.py \
        --config-file configs/classification/digits_lt/resnet32_xe.yaml \
        MODEL.CLASSIFICATION.TRAINING_METHOD.NAME clean_mixup MODEL.CLASSIFICATION.METHOD mixup
"""

import torch

from lt_det.classification.methods import TRAINING_METHODS, TrainingMethod


@TRAINING_METHODS.register("clean_mixup")
class Mixup(TrainingMethod):
    """The config's loss on mixtures of two images of a batch, and on both labels.

    Args:
        alpha: of the Beta distribution that the mixture is drawn from.
        clean_from: the epoch from which on images are left as they are.
    """

    def __init__(self, alpha=1.0, clean_from=10**9):
        self.distribution = torch.distributions.Beta(alpha, alpha)
        self.clean_from = clean_from
        self.mixes = True

    def start_epoch(self, epoch):
        """Stop mixing at the epoch ``clean_from``."""
        self.mixes = epoch < self.clean_from

    def losses(self, model, batch):
        """Compute ``loss_cls`` of ``{"images": (B, 3, H, W), "labels": (B,)}``."""
        images, labels = batch["images"].to(model.device).float(), batch["labels"].to(model.device)
        share = self.distribution.sample().item() if self.mixes else 1.0
        other = torch.randperm(len(labels)).to(model.device)
        features = model.features(share * images + (1 - share) * images[other])
        logits = model.classifier(features)
        model.track(features)
        loss = share * model.loss(logits, labels)
        return {"loss_cls": loss + (1 - share) * model.loss(logits, labels[other])}
