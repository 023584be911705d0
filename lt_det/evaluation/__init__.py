"""LVIS AP by frequency group, and tables of it. Imports neither models nor data sets' catalogs."""

from .ground_truth import normalize_ground_truth
from .lvis_ap import GROUP_AP50, LVIS_FIGURES, evaluate_lvis, zero_figures
from .lvis_reference import evaluate_lvis_reference
from .tables import results_table, write_results

__all__ = [
    "GROUP_AP50",
    "LVIS_FIGURES",
    "evaluate_lvis",
    "evaluate_lvis_reference",
    "normalize_ground_truth",
    "results_table",
    "write_results",
    "zero_figures",
]
