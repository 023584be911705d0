"""Checkpoints evaluated one after another, and their picture."""

import json

from PIL import Image

from experiments.learning_curves import (
    checkpoints,
    collect_curves,
    curves_table,
    draw_curves,
    evaluations,
)
from lt_det.compare.runner import Run


def test_every_checkpoint_is_evaluated_by_its_trainings_config(tmp_path):
    folder = tmp_path / "tde_seed1"
    folder.mkdir()
    for name in ("model_0000599.pth", "model_0000299.pth", "model_final.pth"):
        (folder / name).write_bytes(b"")
    assert [n for n, _ in checkpoints(folder)] == [300, 600]
    words = ("--config-file", "c.yaml", "SEED", "1", "OUTPUT_DIR", str(folder))
    planned = evaluations(Run("tde_seed1", folder, words), ["KEY", "VALUE"])
    assert [n for n, _ in planned] == [300, 600]
    run = planned[0][1]
    assert run.folder == folder / "at_300"
    assert run.arguments[:3] == ("--config-file", "c.yaml", "--eval-only")
    line = " ".join(run.arguments)
    assert f"MODEL.WEIGHTS {folder}/model_0000299.pth OUTPUT_DIR {folder}/at_300" in line
    assert line.endswith("KEY VALUE")


def test_curves_are_means_over_seeds(tmp_path):
    given = []
    for seed, iterations, ap in (("1", 300, 10.0), ("2", 300, 20.0), ("1", 600, 40.0)):
        folder = tmp_path / f"{seed}_{iterations}"
        folder.mkdir()
        rows = [{"name": "Baseline", "segm": {"AP": ap, "APr": ap / 2}, "bbox": {"AP": ap}}]
        (folder / "results.json").write_text(json.dumps(rows))
        given.append((seed, iterations, folder))
    curves = collect_curves(given)
    assert curves["Baseline"]["600"]["1"]["segm"]["AP"] == 40
    lines = curves_table(curves).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == ["iterations", "300", "600"]
    assert [cell.strip() for cell in lines[2].split("|")[2:-1]] == ["15.0", "40.0"]
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["APr, Baseline", "7.5", "20.0"]
    draw_curves(curves, tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").size[0] > 500
