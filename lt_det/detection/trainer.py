"""Detectron2's trainer with lt_det's data, checkpoints and evaluation."""

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.data import build_detection_test_loader
from detectron2.evaluation import inference_on_dataset
from detectron2.utils import comm
from torch import nn

from lt_det.core.post_hoc import PostHocMethod
from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.data.lvis.catalog import registered_set
from lt_det.data.lvis.class_counts import image_counts, instance_counts
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.data.workers import num_workers
from lt_det.engine import LTTrainerBase, ModelRecord
from lt_det.evaluation import results_text, write_results

from .data.mapper import CheckedMapper, Mapper, mapper_of
from .data.train_loader import TrainingLoader, build_training_loader, training_dicts
from .evaluation.directions import untracked_direction
from .evaluation.evaluator import Bootstrap, LTEvaluator
from .evaluation.post_hoc_sweep import PostHocSweep
from .evaluation.row_info import post_hoc_rows, row_info
from .evaluation.training_counts import check_methods, check_rows, training_counts
from .modeling.box_predictor import LTFastRCNNOutputLayers
from .modeling.cascade_inference import NO_COUNTS, Counts, box_predictors
from .modeling.memory_format import in_memory_format
from .modeling.teacher import set_teacher

logger = logging.getLogger(__name__)


class LTTrainer(LTTrainerBase):
    """Trains detectors, under xERM with a teacher; an evaluation leaves OUTPUT_DIR/results.json,
    .md and .csv.
    """

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__(cfg)
        if cfg.DATASETS.TEST:
            # What no evaluation can read ends here, not after hours.
            check_rows(self._trainer.model, cfg)
        if cfg.MODEL.LT.XERM.ENABLED:
            model = self._trainer.model
            detector: Any = model.module if hasattr(model, "module") else model
            sets = [registered_set(name) for name in cfg.DATASETS.TRAIN]
            set_teacher(detector, cfg, torch.tensor(instance_counts(sets)), sets[0].class_names)

    @classmethod
    def build_model(cls, cfg: CfgNode) -> nn.Module:
        """Build Detectron2's model of the config, its weights as MODEL.LT.MEMORY_FORMAT says."""
        return in_memory_format(super().build_model(cfg), cfg)

    @classmethod
    def build_train_loader(cls, cfg: CfgNode, mapper: Mapper | None = None) -> TrainingLoader:
        """Build batches of Detectron2's dicts, any of which may come first.

        Args:
            cfg: of the run.
            mapper: of a person's own, from a data set's dict to a model's input, in place of
                INPUT.MAPPER.
        """
        return build_training_loader(cfg, training_dicts(cfg), mapper)

    @classmethod
    def build_test_loader(
        cls, cfg: CfgNode, dataset_name: str, mapper: Mapper | None = None
    ) -> Any:
        """Build Detectron2's loader, whose errors name the image.

        Args:
            cfg: of the run.
            dataset_name: registered by lt_det.
            mapper: as above.
        """
        return build_detection_test_loader(
            to_detectron2_dicts(registered_set(dataset_name)),
            mapper=CheckedMapper(mapper or mapper_of(cfg, is_train=False)),
            num_workers=num_workers(cfg.DATALOADER.NUM_WORKERS),
        )

    def model_record(self) -> ModelRecord:
        """Return categories, and their counts over all training sets."""
        return record_of([registered_set(name) for name in self.cfg.DATASETS.TRAIN])

    def images_of(self, batch: list[dict[str, Any]]) -> list[str]:
        """Return image ids."""
        return [f"id {d['image_id']}" for d in batch]

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module, evaluators: Any = None) -> Any:
        """Evaluate on every DATASETS.TEST; write and print the rows.

        Args:
            cfg: TEST.POST_HOC (or TEST.TDE_ALPHAS) says which rows.
            model: with its weights.
            evaluators: Detectron2's own way, used instead of ours where given.

        Returns:
            {"bbox": {…}, "segm": {…}} for one row, {row: {…}} for several.
        """
        if evaluators is not None:
            return super().test(cfg, model, evaluators)
        methods = post_hoc_rows(cfg)
        rows_info = [row_info(cfg, method) for method in methods]
        tasks = ("bbox", "segm") if cfg.MODEL.MASK_ON else ("bbox",)
        detector = model.module if hasattr(model, "module") else model
        missing = untracked_direction(detector, methods)
        if missing:
            logger.warning("%s", missing)
        tested = answering(detector, methods, training_counts(cfg, methods))
        rows: list[dict[str, Any]] = []
        for name in cfg.DATASETS.TEST:
            evaluator = LTEvaluator(
                name,
                rows_info,
                tasks,
                Path(cfg.OUTPUT_DIR, "inference", name),
                per_category=cfg.TEST.PER_CATEGORY,
                boundary=cfg.TEST.BOUNDARY_AP,
                bootstrap=Bootstrap(cfg.TEST.BOOTSTRAP.RESAMPLES, cfg.TEST.BOOTSTRAP.MAX_MINUTES),
            )
            rows += inference_on_dataset(tested, cls.build_test_loader(cfg, name), evaluator) or []
        if not comm.is_main_process() or not rows:
            return {}
        written = write_results(rows, cfg.OUTPUT_DIR)
        logger.info("results, in percent (%s):\n%s", written, results_text(rows))
        return _as_detectron2_results(rows)


def record_of(sets: list[AnnotationSet]) -> ModelRecord:
    """Return what checkpoints say of a model trained on these sets."""
    return ModelRecord(
        sets[0].class_names,
        [category["id"] for category in sets[0].categories],
        instance_counts(sets),
        image_counts(sets),
        sets[0].json_file,
    )


def answering(
    model: Any,
    methods: list[PostHocMethod],
    counts: Counts = NO_COUNTS,
) -> nn.Module:
    """Return the model where it infers by the one method itself, else a sweep over the methods.

    A single α of TEST.TDE_ALPHAS need not be the model's own.

    Raises:
        ConfigError: a method that cannot read the model.
    """
    inferred_by = {
        predictor.post_hoc
        for predictor in box_predictors(model.roi_heads)
        if isinstance(predictor, LTFastRCNNOutputLayers)
    }
    if len(methods) == 1 and inferred_by <= set(methods):
        return model
    check_methods(model, methods, counts)
    return PostHocSweep(model, methods, counts)


def _as_detectron2_results(rows: list[dict[str, Any]]) -> OrderedDict[str, Any]:
    """Return nested dicts of floats, as Detectron2's hooks and EXPECTED_RESULTS read them."""
    nested = OrderedDict()
    for row in rows:
        metrics = {
            task: {k: v for k, v in row[task].items() if not isinstance(v, dict)}
            for task in ("bbox", "segm")
            if task in row
        }
        nested[f"{row['dataset']}/{row['name']}"] = metrics
    return OrderedDict(next(iter(nested.values()))) if len(nested) == 1 else nested
