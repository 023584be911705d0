"""The direction of a detector that was trained without one."""

import json
import math
import sys

import pytest
import torch
from detectron2.modeling import build_model

from lt_det.detection.tracking import Tracked, track_direction
from lt_det.engine.post_hoc import measured_alpha
from lt_det.errors import ConfigError

from ..test_tools import TINY, run
from .helpers import batch, calm, small_config

CASCADE = "lvis_v1/cascade_r50_baseline.yaml"


def model_of(*overrides):
    options = ["MODEL.LT.CLASSIFIER.NAME", "linear_with_direction", *overrides]
    return calm(build_model(small_config(CASCADE, *options)))


def test_the_direction_is_the_mean_of_the_foregrounds_features(monkeypatch):
    """Of two batches, stage by stage; nothing else of the model changes."""
    torch.manual_seed(1)
    model = model_of()
    batches = [batch(5, images=2) for _ in range(4)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kept = [[] for _ in model.roi_heads.box_predictor]
    for stage, predictor in enumerate(model.roi_heads.box_predictor):
        original = predictor.forward

        def seen(x, stage=stage, original=original):
            predictions = original(x)
            kept[stage].append(predictions.features)
            return predictions

        monkeypatch.setattr(predictor, "forward", seen)
    labels = [[] for _ in kept]
    run_stage = model.roi_heads._run_stage

    def staged(features, proposals, stage):
        labels[stage].append(torch.cat([p.gt_classes for p in proposals]))
        return run_stage(features, proposals, stage)

    monkeypatch.setattr(model.roi_heads, "_run_stage", staged)
    tracked = track_direction(model, batches, 2)
    for stage, predictor in enumerate(model.roi_heads.box_predictor):
        of_two = [f[y < 5] for f, y in zip(kept[stage][:2], labels[stage][:2], strict=True)]
        features = torch.cat(of_two)
        assert tracked.rois[stage] == len(features) > 0
        direction = predictor.head_direction.direction
        torch.testing.assert_close(direction, features.mean(dim=0))
        later = torch.cat(
            [f[y < 5] for f, y in zip(kept[stage][2:], labels[stage][2:], strict=True)]
        )
        cosines = torch.nn.functional.cosine_similarity(later, direction[None])
        assert tracked.cosines[stage] == pytest.approx(cosines.mean().item(), abs=1e-5)
    for name, value in model.state_dict().items():
        if not name.endswith("head_direction.direction"):
            assert torch.equal(value, before[name]), name
    assert not model.training


def test_alpha_is_of_all_stages_rois():
    assert Tracked([0.5, 0.25], [10, 30]).alpha == pytest.approx(40 / (5 + 7.5))


def test_what_has_no_direction():
    linear = build_model(small_config(CASCADE))
    with pytest.raises(ConfigError, match="tracks no head direction"):
        track_direction(linear, [batch(5)], 1)


def test_weights_without_a_measured_alpha(tmp_path):
    for weights in ("", str(tmp_path / "absent.pth")):
        with pytest.raises(ConfigError, match="says no measured α"):
            measured_alpha(weights)


@pytest.mark.slow
def test_a_linear_detector_gets_tde(root, tmp_path):
    """Train, track, evaluate with the α that was measured; its own row is what it was."""
    options = [*TINY[:-2], "SOLVER.MAX_ITER", "3", "TEST.NUM_DRAWN_IMAGES", "0"]
    config = ["--config-file", str(root / "configs/synthetic/cascade_small_baseline.yaml")]
    tool = [sys.executable, str(root / "tools/train_net.py")]
    run(tmp_path, [*tool, *config, *options, "OUTPUT_DIR", str(tmp_path / "trained")])
    weights = str(tmp_path / "trained" / "model_final.pth")
    tracker = [sys.executable, str(root / "tools/track_direction.py")]
    done = run(tmp_path, [*tracker, *config, *options, "MODEL.WEIGHTS", weights,
                          "OUTPUT_DIR", str(tmp_path / "tracked")])  # fmt: skip
    measured = json.loads((tmp_path / "tracked" / "direction.json").read_text())
    assert f"at α = {measured['alpha']:.2f}" in done.stdout
    assert all(math.isfinite(c) for c in measured["cosines"])
    made = tmp_path / "tracked" / "model_final.pth"
    assert measured_alpha(str(made)) == pytest.approx(measured["alpha"])
    calls = ["TEST.POST_HOC", '["none","tde(alpha=\'auto\')"]']
    run(
        tmp_path,
        [
            *tool,
            "--config-file",
            str(tmp_path / "tracked/config.yaml"),
            "--eval-only",
            "MODEL.WEIGHTS",
            str(made),
            "OUTPUT_DIR",
            str(tmp_path / "out"),
            *calls,
        ],
    )
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    own = json.loads((tmp_path / "trained" / "results.json").read_text())
    assert [row["name"] for row in rows] == [
        "Baseline", f"Baseline-TDE α={measured['alpha']:g} with exemption"]  # fmt: skip
    assert rows[0]["bbox"]["AP"] == pytest.approx(own[0]["bbox"]["AP"])
