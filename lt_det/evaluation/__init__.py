"""LVIS AP by frequency group, COCO AP, and tables. Imports neither models nor data catalogs."""

from .lvis.coco_ap import COCO_METRICS, coco_ground_truth, evaluate_coco, evaluate_coco_reference
from .lvis.detections import Detections, save_detections
from .lvis.ground_truth import normalize_ground_truth
from .lvis.instance_weighted_ap import instance_weighted_ap
from .lvis.lvis_ap import (
    GroundTruth,
    evaluate_lvis,
    evaluate_lvis_fixed,
)
from .lvis.metrics import GROUP_AP50, LVIS_METRICS, zero_metrics
from .lvis.reference import evaluate_lvis_fixed_reference, evaluate_lvis_reference
from .lvis.results_file import read_detections, read_results
from .tables import differences_table, results_table, results_text, write_results

__all__ = [
    "COCO_METRICS",
    "GROUP_AP50",
    "LVIS_METRICS",
    "Detections",
    "GroundTruth",
    "coco_ground_truth",
    "differences_table",
    "evaluate_coco",
    "evaluate_coco_reference",
    "evaluate_lvis",
    "evaluate_lvis_fixed",
    "evaluate_lvis_fixed_reference",
    "evaluate_lvis_reference",
    "instance_weighted_ap",
    "normalize_ground_truth",
    "read_detections",
    "read_results",
    "results_table",
    "results_text",
    "save_detections",
    "write_results",
    "zero_metrics",
]
