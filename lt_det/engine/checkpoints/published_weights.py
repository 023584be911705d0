"""Weights of the published TDE repositories under lt_det's names.

https://github.com/KaihuaTang/Long-Tailed-Recognition.pytorch (Tang et al., NeurIPS 2020): its
``classification`` folder, and its detector on mmdetection 2 (``lvis1.0``).
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.engine.config_names import value_of
from lt_det.errors import ConfigError, WeightsError

from .safe_load import load_tensors

# (their name, ours), or ours = "!reason" for what is left out.
Rules = list[tuple[str, str]]

_LEFT_OUT = "!"

_CLASSIFICATION: Rules = [
    (r"feat_model\.(conv1|bn1|layer\d|cb_block|rb_block)\.(.+)", r"backbone.body.\1.\2"),
    (r"feat_model\.fc_add\.(.+)", r"backbone.fc_add.\1"),
    (r"classifier\.weight", "classifier.weight"),
    (r"classifier\.fc\.(weight|bias)", r"classifier.\1"),
    (r"embed", "head_direction.direction"),
]

_NO_COUNT = (r".*\.num_batches_tracked", "!Detectron2's norms do not count batches")
_MMDET: Rules = [
    _NO_COUNT,
    (r"backbone\.conv1\.(.+)", r"backbone.bottom_up.stem.conv1.\1"),
    (r"backbone\.bn1\.(.+)", r"backbone.bottom_up.stem.conv1.norm.\1"),
    (r"backbone\.layer(\d)\.(\d+)\.conv(\d)\.(.+)", r"backbone.bottom_up.res{\1+1}.\2.conv\3.\4"),
    (r"backbone\.layer(\d)\.(\d+)\.bn(\d)\.(.+)",
     r"backbone.bottom_up.res{\1+1}.\2.conv\3.norm.\4"),
    (r"backbone\.layer(\d)\.(\d+)\.downsample\.0\.(.+)",
     r"backbone.bottom_up.res{\1+1}.\2.shortcut.\3"),
    (r"backbone\.layer(\d)\.(\d+)\.downsample\.1\.(.+)",
     r"backbone.bottom_up.res{\1+1}.\2.shortcut.norm.\3"),
    (r"neck\.lateral_convs\.(\d)\.conv\.(.+)", r"backbone.fpn_lateral{\1+2}.\2"),
    (r"neck\.fpn_convs\.(\d)\.conv\.(.+)", r"backbone.fpn_output{\1+2}.\2"),
    (r"rpn_head\.rpn_conv\.(.+)", r"proposal_generator.rpn_head.conv.\1"),
    (r"rpn_head\.rpn_cls\.(.+)", r"proposal_generator.rpn_head.objectness_logits.\1"),
    (r"rpn_head\.rpn_reg\.(.+)", r"proposal_generator.rpn_head.anchor_deltas.\1"),
    (r"roi_head\.bbox_head\.(\d)\.shared_fcs\.(\d)\.(.+)", r"roi_heads.box_head.\1.fc{\2+1}.\3"),
    (r"roi_head\.bbox_head\.(\d)\.fc_cls", r"roi_heads.box_predictor.\1.cls_score.weight"),
    (r"roi_head\.bbox_head\.(\d)\.fc_cls\.(.+)", r"roi_heads.box_predictor.\1.cls_score.\2"),
    (r"roi_head\.bbox_head\.(\d)\.causal_embed",
     r"roi_heads.box_predictor.\1.head_direction.direction"),
    (r"roi_head\.bbox_head\.(\d)\.fc_reg\.(.+)", r"roi_heads.box_predictor.\1.bbox_pred.\2"),
    (r"roi_head\.mask_head\.[01]\..+", "!masks come from the last stage's head alone"),
    (r"roi_head\.mask_head\.\d\.conv_res\..+", "!HTC's mask information flow"),
    (r"roi_head\.mask_head\.2\.convs\.(\d)\.conv\.(.+)", r"roi_heads.mask_head.mask_fcn{\1+1}.\2"),
    (r"roi_head\.mask_head\.2\.upsample\.(.+)", r"roi_heads.mask_head.deconv.\1"),
    (r"roi_head\.mask_head\.2\.conv_logits\.(.+)", r"roi_heads.mask_head.predictor.\1"),
    (r"roi_head\.semantic_head\..+", "!HTC's semantic branch"),
]  # fmt: skip

# Pixel statistics, red first, in [0, 255]: classification/data/dataloader.py, and the detector's
# configs (htc_without_semantic_r50_fpn_1x_lvis.py), whose ResNets are torchvision's.
_IMAGENET = {
    "MODEL.PIXEL_MEAN": [123.675, 116.28, 103.53],
    "MODEL.PIXEL_STD": [58.395, 57.12, 57.375],
}
_INATURALIST = {
    "MODEL.PIXEL_MEAN": [118.83, 119.85, 97.155],
    "MODEL.PIXEL_STD": [49.725, 49.47, 48.96],
}
_INATURALIST_CLASSES = 8142
# classification/data/ImbalanceCIFAR.py, for CIFAR-10 and CIFAR-100 alike.
_CIFAR = {
    "MODEL.PIXEL_MEAN": [125.307, 122.961, 113.8575],
    "MODEL.PIXEL_STD": [51.5865, 50.847, 51.255],
    "MODEL.CLASSIFICATION.BACKBONE": "resnet32_bbn",
}
_DETECTOR = {**_IMAGENET, "INPUT.FORMAT": "RGB", "MODEL.RESNETS.STRIDE_IN_1X1": False}


@dataclass
class Conversion:
    """What became of each tensor.

    Attributes:
        weights: by our name.
        renamed: (their name, ours), in their order.
        left_out: (their name, why).
        needs: config keys that say what the network was trained on, besides its shapes.
    """

    weights: OrderedDict[str, Tensor] = field(default_factory=OrderedDict)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    needs: dict[str, Any] = field(default_factory=dict)

    def check_config(self, cfg: CfgNode) -> None:
        """Refuse a config by which the weights would be given other images than they know.

        Raises:
            ConfigError: the KEY VALUE pairs that are missing.
        """
        wrong = [key for key, value in self.needs.items() if not _equal(value_of(cfg, key), value)]
        if wrong:
            pairs = " ".join(f"{key} {_as_option(self.needs[key])}" for key in wrong)
            raise ConfigError(
                f"{', '.join(wrong)}: the published network was trained with other values than "
                f"the config's; give, here and wherever the weights are used: {pairs}"
            )


def _equal(value: Any, needed: Any) -> bool:
    if not isinstance(needed, list):
        return bool(value == needed)
    return len(value) == len(needed) and bool(np.allclose(value, needed, atol=0.01))


def _as_option(value: Any) -> str:
    """As a command line takes it: a list in one word."""
    return str(value).replace(" ", "")


def convert_published(path: str) -> Conversion:
    """Read a published checkpoint and rename its tensors.

    Raises:
        WeightsError: the file is none of the known kinds, would run code, or is of a network that
            lt_det has not.
    """
    loaded = _read(path)
    if "state_dict_best" in loaded or ("state_dict" in loaded and "embed" in loaded):
        result = _converted(_flat_classification(loaded), _CLASSIFICATION)
        result.needs = _classification_needs(result.weights)
        return result
    state = loaded.get("state_dict", loaded)
    if any(name.startswith("roi_head.bbox_head.") for name in state):
        result = _converted(state, _MMDET)
        result.needs = dict(_DETECTOR)
        return result
    if any(name.startswith("bbox_head.") for name in state):
        raise WeightsError(
            f"{path}: of mmdetection 1 (lvis_old), whose background is class 0 and whose boxes are "
            "a pixel larger: not convertible"
        )
    raise WeightsError(f"{path}: no checkpoint of the published classification or detection code")


def _classification_needs(weights: OrderedDict[str, Tensor]) -> dict[str, Any]:
    if any(name.startswith("backbone.body.cb_block.") for name in weights):
        return dict(_CIFAR)
    classes = len(weights.get("classifier.weight", ()))
    needs: dict[str, Any] = dict(_INATURALIST if classes == _INATURALIST_CLASSES else _IMAGENET)
    added = weights.get("backbone.fc_add.bias")
    if added is not None:
        needs["MODEL.CLASSIFICATION.FC_DIM"] = len(added)
    return needs


def _read(path: str) -> dict[str, Any]:
    numpy_globals: list[Any] = [np.ndarray, np.dtype, type(np.dtype("f4")), type(np.dtype("f8"))]
    core: Any = getattr(np, "_core", None) or np.core
    # Their head direction is a numpy array; both names of its maker are in use.
    made = core.multiarray._reconstruct
    numpy_globals += [made, (made, "numpy.core.multiarray._reconstruct")]
    loaded = load_tensors(path, numpy_globals)
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path}: holds no weights: no dict at the top")
    return loaded


def _flat_classification(loaded: dict[str, Any]) -> dict[str, Tensor]:
    """Return one dict of ``feat_model.…``, ``classifier.…`` and ``embed``."""
    networks = loaded["state_dict_best"] if "state_dict_best" in loaded else loaded["state_dict"]
    flat = {
        f"{network}.{name.removeprefix('module.')}": tensor
        for network, state in networks.items()
        for name, tensor in state.items()
    }
    if "embed" in loaded:
        flat["embed"] = torch.as_tensor(np.asarray(loaded["embed"]), dtype=torch.float32)
    return flat


def _converted(state: dict[str, Tensor], rules: Rules) -> Conversion:
    result = Conversion()
    for name, tensor in state.items():
        ours = _renamed(name, rules)
        if ours.startswith(_LEFT_OUT):
            result.left_out.append((name, ours.removeprefix(_LEFT_OUT)))
            continue
        is_direction = ours.endswith("head_direction.direction")
        result.weights[ours] = tensor.reshape(-1) if is_direction else tensor
        result.renamed.append((name, ours))
    return result


def _renamed(name: str, rules: Rules) -> str:
    for theirs, ours in rules:
        match = re.fullmatch(theirs, name)
        if match and ours.startswith(_LEFT_OUT):
            return ours
        if match:
            expanded = match.expand(ours.replace("{", "<").replace("}", ">"))
            # Stages are counted from another number: <1+1> is 2.
            return re.sub(r"<(\d+)\+(\d+)>", lambda m: str(int(m[1]) + int(m[2])), expanded)
    return f"{_LEFT_OUT}unknown"
