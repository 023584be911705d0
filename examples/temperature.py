"""A post-hoc method of one's own, for detectors and classifiers alike: temperature scaling.

    tools/train_cls.py --import examples/temperature.py --eval-only \
        --config-file configs/classification/digits_lt/resnet32_xe.yaml \
        MODEL.WEIGHTS output/model_final.pth TEST.POST_HOC '["none", "temperature(t=2)"]'
"""

from dataclasses import dataclass

from lt_det.core.post_hoc import POST_HOC_METHODS, PostHocMethod


@POST_HOC_METHODS.register("temperature")
@dataclass(frozen=True)
class Temperature(PostHocMethod):
    """Logits over a temperature (Guo et al., ICML 2017): what is first stays first.

    Attributes:
        t: above 1 softens, below 1 sharpens.
    """

    t: float = 1.0

    def logits(self, outputs, context):
        """Return logits (N, C) whose softmax are the method's probabilities."""
        return outputs.te_logits / self.t
