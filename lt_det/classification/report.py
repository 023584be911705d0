"""The files that an evaluation of image classifiers leaves."""

import logging
from pathlib import Path

from detectron2.config import CfgNode

from lt_det.evaluation.classification.paired_rows import compare_rows
from lt_det.evaluation.classification.paired_table import paired_table
from lt_det.evaluation.classification.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    save_predictions,
)
from lt_det.evaluation.classification.tables import Results, group_table, top1_table
from lt_det.files import save_json, whole_file

logger = logging.getLogger(__name__)


def write_report(
    cfg: CfgNode,
    test_set: str,
    results: Results,
    predictions: Predictions,
    norms: dict[str, list[float]],
) -> dict[str, dict[str, float]]:
    """Write and print what was measured.

    Leaves in OUTPUT_DIR: results.json (``{method: {test: metrics}}``, see
    :func:`~lt_det.evaluation.classification.shot_metrics.shot_metrics`), results.md,
    predictions.npz (:class:`~lt_det.evaluation.classification.predictions.Predictions`),
    weight_norms.json (``{method: [C norms, most frequent class first]}``, see
    :func:`~lt_det.classification.inference.weight_norms`) and, of several rows, paired.json: each
    compared with the first on the whole test set
    (:func:`~lt_det.evaluation.classification.paired.compare`).

    Args:
        cfg: of the run.
        test_set: what messages call the images.
        results: the rows, the reference first.
        predictions: of the same rows.
        norms: of each model's class weights.

    Returns:
        ``{method: {test: top-1 in percent}}``.
    """
    folder = Path(cfg.OUTPUT_DIR)
    save_json(norms, folder / "weight_norms.json")
    written = folder / "results.json"
    save_json(results, written, indent=1)
    save_predictions(predictions, folder / PREDICTIONS_FILE)
    whole = next(iter(predictions.tests))
    tables = [group_table(results, whole), top1_table(results)]
    paired_file = folder / "paired.json"
    # An earlier evaluation's, of other rows.
    paired_file.unlink(missing_ok=True)
    if len(predictions.row_names) > 1:
        compared = compare_rows(predictions, whole)
        save_json(compared, paired_file, indent=1)
        tables.append(paired_table(compared, f"{whole}, minus {predictions.row_names[0]}"))
    shown = "\n\n".join(tables)
    with whole_file(written.with_suffix(".md")) as file:
        file.write(shown + "\n")
    images = len(predictions.labels)
    logger.info("%s, %d images, in percent (%s):\n%s", test_set, images, written, shown)
    return {m: {t: f["top1"] for t, f in tests.items()} for m, tests in results.items()}
