"""Training of classifiers on Detectron2's engine."""

import logging
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.engine import HookBase
from detectron2.solver.build import (
    get_default_optimizer_params,
    maybe_add_gradient_clipping,
)
from detectron2.utils import comm
from torch import nn

from lt_det.core import HeadDirection
from lt_det.data.classification import ResumableSampler
from lt_det.data.classification.augment import training_transform
from lt_det.data.classification.loaders import (
    BatchShard,
    FileLoader,
    InMemoryLoader,
    TwoStreams,
)
from lt_det.data.workers import num_workers
from lt_det.engine import LTTrainerBase, ModelRecord
from lt_det.engine.seeding import derived_seed

from .building import build_model, load_first_stage
from .choose import evaluate_and_choose
from .datasets import ImageData
from .epochs import FollowsTraining, StartsEpochs
from .evaluate import evaluate
from .inference import checked_rows, collect_features
from .keep_best import KeepsBest
from .methods.base import TRAINING_METHODS, method_name
from .test_time_weights import check_experts
from .trained_on import check_start

logger = logging.getLogger(__name__)


class LTClassifierTrainer(LTTrainerBase):
    """Detectron2's trainer of image classifiers; an evaluation leaves OUTPUT_DIR/results.json.

    Every step's images, augmentation and other randomness are functions of SEED, iteration and
    rank, so a resumed run goes on as the uninterrupted one would have.

    Args:
        cfg: frozen, of :func:`~lt_det.classification.setup.setup`.
        data: as set up.
    """

    def __init__(self, cfg: CfgNode, data: ImageData) -> None:
        self._run_cfg, self._data = cfg, data
        engine_cfg = cfg.clone()
        engine_cfg.defrost()
        if cfg.MODEL.DEVICE == "cpu":
            # AMPTrainer is for CUDA: on the CPU the model opens its autocast itself.
            engine_cfg.SOLVER.AMP.ENABLED = False
        if cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE:
            # Loaded in part, by build_model.
            engine_cfg.MODEL.WEIGHTS = ""
        super().__init__(engine_cfg)

    def build_model(self, cfg: CfgNode) -> nn.Module:
        """Return the config's classifier, with its teacher under xERM."""
        check_start(self._run_cfg, self._data)
        model = build_model(self._run_cfg, self._data.class_counts)
        check_experts(model, self._run_cfg)
        if self._run_cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE and self._run_cfg.MODEL.WEIGHTS:
            load_first_stage(model, self._run_cfg.MODEL.WEIGHTS)
            # A second stage tracks no direction of its own.
            checked_rows(model, self._run_cfg)
        logger.info(
            "%s on %s, %.2f M parameters",
            self._run_cfg.MODEL.CLASSIFICATION.METHOD,
            self._run_cfg.MODEL.CLASSIFICATION.BACKBONE,
            sum(p.numel() for p in model.parameters()) / 1e6,
        )
        return model

    def resume_or_load(self, resume: bool = True) -> None:
        """Load what training goes on from, or starts from: then its method is made ready."""
        super().resume_or_load(resume)
        model: Any = self._trainer.model
        model = model.module if hasattr(model, "module") else model
        if self.start_iter or not model.method.needs_first_features:
            return
        train = self._data.train
        features, labels = collect_features(model, train, self._run_cfg, self._data.train_images)
        if comm.is_main_process():
            model.method.prepare(model, features, labels)
        for tensor in model.state_dict().values() if comm.get_world_size() > 1 else ():
            torch.distributed.broadcast(tensor, src=0)

    @classmethod
    def build_optimizer(cls, cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
        """Return Detectron2's SGD, with the backbone's learning rate scaled."""
        factor = cfg.SOLVER.BACKBONE_LR_FACTOR
        groups = get_default_optimizer_params(
            model,
            base_lr=cfg.SOLVER.BASE_LR,
            weight_decay_norm=cfg.SOLVER.WEIGHT_DECAY_NORM,
            bias_lr_factor=cfg.SOLVER.BIAS_LR_FACTOR,
            weight_decay_bias=cfg.SOLVER.WEIGHT_DECAY_BIAS,
            lr_factor_func=lambda name: factor if name.startswith("backbone.") else 1.0,
        )
        optimizer: Any = maybe_add_gradient_clipping(cfg, torch.optim.SGD)
        built: torch.optim.Optimizer = optimizer(
            groups,
            lr=cfg.SOLVER.BASE_LR,
            momentum=cfg.SOLVER.MOMENTUM,
            nesterov=cfg.SOLVER.NESTEROV,
            weight_decay=cfg.SOLVER.WEIGHT_DECAY,
        )
        return built

    def build_train_loader(self, cfg: CfgNode) -> Any:
        """Build endless batches, from iteration 0; ``start_iter`` moves the start."""
        second_sampler = TRAINING_METHODS.get(method_name(cfg)).second_sampler
        return training_batches(cfg, self._data, second_sampler)

    def build_hooks(self) -> list[Any]:
        """Build Detectron2's hooks, after ours."""
        follows = self._run_cfg.MODEL.LT.HEAD_DIRECTION.FOLLOW_LR
        epochs = StartsEpochs(len(self._data.train), self._run_cfg.SOLVER.IMS_PER_BATCH)
        method = FollowsTraining(self._run_cfg, self._data)
        built = [epochs, method, *([_DirectionFollowsLR()] if follows else [])]
        built += super().build_hooks()
        self._best: KeepsBest | None = None
        if self._run_cfg.TEST.CLASSIFICATION.KEEP_BEST:
            split = self._run_cfg.TEST.CLASSIFICATION.KEEP_BEST
            self._best = KeepsBest(split, self.checkpointer, self.identity)
            built.append(self._best)
        return built

    def model_record(self) -> ModelRecord:
        """Return class names, and the training set's counts."""
        train, counts = self._data.train, self._data.class_counts.tolist()
        names = list(train.class_names)
        return ModelRecord(names, list(range(len(names))), counts, counts, train.name)

    def images_of(self, batch: dict[str, torch.Tensor]) -> list[str]:
        """Return file names, or numbers in a set that has none."""
        return [self._data.train.image_name(i) for i in batch["positions"].tolist()]

    def test(self, cfg: CfgNode, model: nn.Module, evaluators: Any = None) -> Any:  # type: ignore[override]
        """Evaluate on every test distribution; returns top-1 by method and test, in percent.

        Under TEST.CLASSIFICATION.KEEP_BEST, see
        :func:`~lt_det.classification.choose.evaluate_and_choose`.
        """
        if self._best is None:
            return evaluate(self._run_cfg, model, self._data)
        steps = min(self.iter + 1, self.max_iter)
        is_last = steps == self.max_iter
        return evaluate_and_choose(
            self._run_cfg, model, self._data, self._best, steps, is_last=is_last
        )


def training_batches(
    cfg: CfgNode, data: ImageData, second_sampler: str | None = None
) -> InMemoryLoader | FileLoader | TwoStreams:
    """Build endless augmented batches of this process.

    Args:
        cfg: of the run.
        data: its sets.
        second_sampler: of a second stream, in ``batch["second"]``; ``None``: there is none.
    """
    first = _stream(cfg, data, cfg.DATALOADER.IMAGE_SAMPLER, cfg.SEED)
    if second_sampler is None:
        return first
    return TwoStreams(first, _stream(cfg, data, second_sampler, derived_seed(cfg.SEED, 1)))


def _stream(cfg: CfgNode, data: ImageData, sampler: str, seed: int) -> InMemoryLoader | FileLoader:
    options, train = cfg.INPUT.CLASSIFICATION, data.train
    shard = BatchShard(cfg.SOLVER.IMS_PER_BATCH, comm.get_rank(), comm.get_world_size(), seed)
    stream = ResumableSampler(train.labels, sampler, seed)
    if data.train_images is None:
        transform = training_transform(options.SIZE, options.COLOR_JITTER, flip=options.FLIP)
        return FileLoader(train, stream, shard, transform, num_workers(cfg.DATALOADER.NUM_WORKERS))
    return InMemoryLoader(
        data.train_images,
        train.labels,
        stream,
        shard,
        padding=options.PADDING,
        flip=options.FLIP,
    )


class _DirectionFollowsLR(HookBase):
    """μ = 1 − 0.1 · min(50 · lr, 1): as the published classifier outside CIFAR has it."""

    def before_step(self) -> None:
        """Run before each iteration."""
        rate = self.trainer.optimizer.param_groups[-1]["lr"]
        for module in self.trainer.model.modules():
            if isinstance(module, HeadDirection):
                module.momentum = direction_momentum(rate)


def direction_momentum(learning_rate: float) -> float:
    """Return the head direction's μ at a learning rate (Tang et al., NeurIPS 2020, their code)."""
    return 1 - 0.1 * min(50 * learning_rate, 1)
