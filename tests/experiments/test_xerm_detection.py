"""The study of xERM in detection: what is run, what is subtracted, and a whole one, tiny."""

import json
import math
import re

import pytest

from experiments import study_xerm_detection as command
from experiments import xerm_detection
from experiments.xerm_detection import VARIANTS, differences, mean_report, run_reports, run_study
from lt_det.detection.config_checks import check_config
from lt_det.detection.setup import argument_parser, load_config
from lt_det.engine.config_merge import changed_keys
from lt_det.engine.config_names import value_of

# What a variant changes of today's student.
CHANGED = {
    "foreground_columns": {"MODEL.LT.XERM.LOSS": "xerm_foreground_columns"},
    "foreground_columns_background_label": {
        "MODEL.LT.XERM.LOSS": "xerm_foreground_columns_background_label"
    },
    "background_label": {"MODEL.LT.XERM.LOSS": "xerm_background_label"},
    "g0": {"MODEL.LT.XERM.EXPONENT": 0.0},
    "g0.5": {"MODEL.LT.XERM.EXPONENT": 0.5},
    "alpha0.5": {"MODEL.LT.TDE.ALPHA": 0.5},
    "alpha1": {"MODEL.LT.TDE.ALPHA": 1.0},
    "ramp": {"MODEL.LT.XERM.RAMP": 0.5},
    "from_teacher": {"MODEL.LT.XERM.INIT_FROM_TEACHER": True},
    "self": {"MODEL.LT.XERM.TEACHER": "self", "MODEL.LT.XERM.TEACHER_WEIGHTS": ""},
    "self_ramp": {
        "MODEL.LT.XERM.TEACHER": "self",
        "MODEL.LT.XERM.TEACHER_WEIGHTS": "",
        "MODEL.LT.XERM.RAMP": 0.5,
    },
}


def config_of(run):
    """As the tool reads the run's arguments, checked as it checks them."""
    args = argument_parser().parse_args(list(run.arguments))
    cfg = load_config(args.config_file, args.opts, args)
    check_config(cfg)
    return cfg


def settings(cfg):
    return {key: value_of(cfg, key) for key in changed_keys(cfg) if key != "OUTPUT_DIR"}


@pytest.fixture
def made(monkeypatch):
    """Runs that are not run: each leaves a row, or a report."""
    runs = []

    def fake(tool, planned, jobs=1):
        for run in planned:
            runs.append((tool.name, run))
            run.folder.mkdir(parents=True, exist_ok=True)
            row = {"name": run.name.rpartition("_seed")[0], "segm": {"AP": float(len(runs))}}
            report = {"rare": {"w_balanced": float(len(runs))}}
            content = [row] if run.result == "results.json" else report
            (run.folder / run.result).write_text(json.dumps(content))

    monkeypatch.setattr(xerm_detection, "run_all", fake)
    return runs


@pytest.mark.parametrize("configs", ["synthetic", "custom"])
def test_students_differ_from_today_s_in_one_thing(configs, made, root, tmp_path):
    """In a folder with a config for each method, and in one where all are made of tde's."""
    network = {"synthetic": "cascade_small", "custom": "cascade_lite0"}[configs]
    words = ["--configs", str(root / "configs" / configs), "--network", network]
    words += ["--output", str(tmp_path), "--seeds", "4"]
    words += ["--options", "SOLVER.MAX_ITER", "9"]
    args, study = command.parsed(words)
    metrics = run_study(study, args.variants, args.seeds)
    cfgs = {run.name: config_of(run) for _, run in made}
    assert list(cfgs)[:2] == ["baseline_seed4", "tde_seed4"]
    assert set(cfgs) == {f"{name}_seed4" for name in ("baseline", "tde", *VARIANTS)}
    today = settings(cfgs["xerm_seed4"])
    weights = str(tmp_path / "tde_seed4" / "model_final.pth")
    assert today["MODEL.LT.XERM.ENABLED"]
    assert today["MODEL.LT.XERM.TEACHER_WEIGHTS"] == weights
    assert (today["SEED"], today["SOLVER.MAX_ITER"]) == (4, 9)
    for name, expected in CHANGED.items():
        cfg = cfgs[f"{name}_seed4"]
        changed = {key for key in settings(cfg).keys() | today.keys()
                   if value_of(cfg, key) != value_of(cfgs["xerm_seed4"], key)}  # fmt: skip
        assert {key: value_of(cfg, key) for key in changed - {"OUTPUT_DIR"}} == expected, name
    assert {*CHANGED, "xerm", "pc", "trained_on"} == set(VARIANTS)
    # Controls, and what is not of the de-confounded family.
    trained_on, tde = cfgs["trained_on_seed4"], cfgs["tde_seed4"]
    assert settings(trained_on) == {**settings(tde), "MODEL.WEIGHTS": weights}
    assert not trained_on.MODEL.LT.XERM.ENABLED
    pc = cfgs["pc_seed4"].MODEL.LT
    assert (pc.CLASSIFIER.NAME, pc.XERM.BALANCED) == ("linear", "pc")
    assert str(tmp_path / "baseline_seed4" / "model_final.pth") == pc.XERM.TEACHER_WEIGHTS
    assert cfgs["baseline_seed4"].MODEL.LT.CLASSIFIER.NAME == "linear"
    assert len(tde.TEST.POST_HOC) == 5
    assert set(metrics) == {"baseline", "tde", *(
        f"{name}, {v.label}" if v.label else name for name, v in VARIANTS.items())}  # fmt: skip


def test_reports_of_the_teachers(made, root, tmp_path):
    args, study = command.parsed(["--output", str(tmp_path), "--seeds", "1", "2"])
    reports = run_reports(study, args.seeds, 30)
    assert reports == {"1": {"rare": {"w_balanced": 1.0}}, "2": {"rare": {"w_balanced": 2.0}}}
    assert mean_report(reports) == {"rare": {"w_balanced": 1.5}}
    (tool, run), _ = made
    assert tool == "show_detection_teacher.py"
    assert (root / "tools" / tool).is_file()
    assert run.arguments[4:6] == ("--images", "30")
    assert run.result == "teacher_rois.json"


def test_differences_are_paired_by_seed():
    def metrics(*values):
        return {str(seed): {"segm": {"AP": v, "APf": math.nan, "per_category": {}}}
                for seed, v in enumerate(values, 1)}  # fmt: skip

    study = {"teacher": metrics(10.0, 20.0), "student": metrics(11.0, 19.0, 5.0)}
    result = differences(study, "teacher")
    assert list(result) == ["student"]
    assert {s: m["segm"]["AP"] for s, m in result["student"].items()} == {"1": 1.0, "2": -1.0}
    assert math.isnan(result["student"]["1"]["segm"]["APf"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--configs", "nowhere"], "--configs: no such file: nowhere/cascade_small_tde.yaml"),
        (["--network", "resnet"], "no such file: .*resnet_tde.yaml"),
        (["--options", "SOLVER.MAX_ITER"], "SOLVER.MAX_ITER: has no value"),
        (["--variants", "g7"], "invalid choice: 'g7'"),
    ],
)
def test_a_wrong_command_line(words, message, capsys):
    with pytest.raises(SystemExit):
        command.parsed(words)
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.slow
def test_a_whole_study_of_a_few_iterations(tmp_path, monkeypatch, capsys):
    """Its commands run, its tables have a row a method, and nothing is made twice."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "datasets"))
    tiny = [
        "DATASETS.SYNTHETIC.NUM_CATEGORIES", "6", "DATASETS.SYNTHETIC.NUM_TRAIN", "16",
        "DATASETS.SYNTHETIC.NUM_VAL", "8", "DATASETS.SYNTHETIC.MAX_COUNT", "12",
        "TEST.DETECTIONS_PER_IMAGE", "5",
        "DATASETS.SYNTHETIC.IMAGE_SIZE", "96", "SOLVER.IMS_PER_BATCH", "4", "SOLVER.MAX_ITER", "3",
        "SOLVER.STEPS", "(2,)", "MODEL.TIMM.WEIGHTS", "", "INPUT.MIN_SIZE_TRAIN", "(96,)",
        "INPUT.MIN_SIZE_TEST", "96", "SOLVER.WARMUP_ITERS", "0", "SOLVER.BASE_LR", "0.0001",
    ]  # fmt: skip
    words = ["--output", str(tmp_path / "study"), "--seeds", "1", "--images", "8"]
    words += ["--variants", "foreground_columns_background_label", "self_ramp"]
    monkeypatch.setattr("sys.argv", ["study", *words, "--options", *tiny])
    command.main()
    said = capsys.readouterr().out
    assert said.count(": done") == 5
    saved = json.loads((tmp_path / "study" / "xerm.json").read_text())
    rows = ["xERM_TDE, foreground columns, background by label", "xERM_TDE, no teacher, ramp",
            "Baseline", command.TEACHER_ROW]  # fmt: skip
    assert set(rows) < set(saved["metrics"])
    for row in rows:
        assert 0 <= saved["metrics"][row]["1"]["segm"]["AP"] <= 100
        assert f"| {row}" in said
    report = saved["training_rois"]["1"]
    assert report["background"]["rois"] > 0
    assert report["background"]["w_balanced"] == pytest.approx(0.5, abs=1e-3)
    assert "| background " in said
    command.main()
    assert ": done" not in capsys.readouterr().out
