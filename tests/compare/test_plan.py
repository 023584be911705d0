"""Which trainings are made."""

from dataclasses import replace

import pytest

from lt_det.classification.config_checks import check_config as check_classification_config
from lt_det.classification.setup import argument_parser as classification_parser
from lt_det.classification.setup import load_config as load_classification_config
from lt_det.classification.unused_keys import check_unused_keys
from lt_det.compare.durations import duration, seconds_of
from lt_det.compare.kinds import CLASSIFICATION, DETECTION
from lt_det.compare.plan import (
    Room,
    make_plan,
    plan_text,
    sensible,
    shared_text,
)
from lt_det.compare.trainings import Trainings
from lt_det.detection.config_checks import check_config
from lt_det.detection.evaluation.row_info import post_hoc_rows
from lt_det.detection.setup import argument_parser, load_config
from lt_det.errors import ConfigError
from lt_det.model_zoo import config_folder

METHODS = DETECTION.methods


def plan(methods=METHODS, seconds=60.0, imbalance=100.0, threshold=0.01, **room):
    """Of methods that take the same time; of a dict, each its own."""
    of_each = {m.name: seconds for m in methods} if isinstance(seconds, float) else seconds
    return make_plan(methods, of_each, sensible(methods, imbalance, threshold), Room(**room))


def made(planned):
    return [each.method.name for each in planned if not each.left_out]


def named(*names):
    return [method for method in METHODS if method.name in names]


def test_without_a_budget_a_long_tail_has_all():
    assert made(plan()) == [method.name for method in METHODS]


def test_nearly_balanced_data_have_what_is_not_for_tails():
    planned = plan(imbalance=2.0)
    assert made(planned) == ["baseline", "tde"]
    assert planned[2].left_out == "nothing to do: the imbalance is 2.0"


def test_nothing_is_repeated_where_no_category_is_rare():
    assert not [name for name in made(plan(threshold=None)) if name.endswith("rfs")]


@pytest.mark.parametrize(("jobs", "seeds", "count"), [(1, 1, 3), (2, 1, 6), (2, 2, 3)])
def test_a_budget_holds_whole_trainings_in_every_place(jobs, seeds, count):
    methods = [method for method in METHODS if not method.starts]
    planned = plan(methods, budget=200.0, jobs=jobs, seeds=seeds)
    assert made(planned) == [method.name for method in methods[:count]]
    assert planned[-1].left_out == "the budget is used up"


def test_what_still_fits_is_trained_after_what_does_not():
    seconds = {"baseline": 60.0, "tde": 100.0, "eqlv2": 40.0}
    methods = named("baseline", "tde", "eqlv2")
    assert made(plan(methods, seconds, budget=110.0)) == ["baseline", "eqlv2"]


def test_a_student_waits_for_all_that_start_from_nothing():
    """By hand: 60 and 100 side by side, then the student's 30."""
    methods = named("baseline", "tde", "xerm_tde")
    seconds = {"baseline": 60.0, "tde": 100.0, "xerm_tde": 30.0}
    room = Room(jobs=2)
    assert room.seconds(plan(methods, seconds)) == 130
    assert Room(jobs=2, seeds=2).seconds(plan(methods, seconds)) == 160 + 30
    assert made(plan(methods, seconds, jobs=2, budget=129.0)) == ["baseline", "tde"]


def test_a_student_without_its_teacher_is_left_out():
    (planned,) = [each for each in plan(named("baseline", "xerm_tde")) if each.left_out]
    assert planned.left_out == "starts from tde, which is not trained"


def test_a_budget_that_holds_nothing_is_refused():
    with pytest.raises(ConfigError, match="--budget: baseline takes 1 min, 30 s are given"):
        plan(budget=30.0)


def test_methods_of_nothing_but_tails_on_balanced_data():
    with pytest.raises(ConfigError, match="seesaw_rfs: nothing to do"):
        plan([METHODS[2]], imbalance=1.0)


def test_the_table_says_times_and_reasons():
    planned = plan(METHODS[:3], seconds=5400.0, threshold=None)
    text = plan_text(planned, Room(jobs=2))
    assert "| baseline   | 8        | 1 h 30 min | trained" in text
    assert "no category is rare enough to be repeated" in text
    assert text.endswith("2 trainings, 2 at a time: about 1 h 30 min")
    text = plan_text(planned, Room(jobs=2, seeds=3))
    assert "| 3 × 1 h 30 min | trained" in text
    assert text.endswith("6 trainings, 2 at a time: about 4 h 30 min")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("90m", 5400), ("1.5h", 5400)])
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "3", "h", "-1h", "0m", "nanh", "infh", "3 weeks"])
def test_no_times(text):
    with pytest.raises(ConfigError, match="not a time such as 90m"):
        seconds_of(text)


def test_durations():
    assert [duration(s) for s in (4.4, 61, 3599, 7260)] == ["4 s", "1 min", "1 h 00 min",
                                                            "2 h 01 min"]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_and_its_readings_are_permitted_on_own_data(method, tmp_path):
    configs = config_folder() / "custom"
    trainings = Trainings(DETECTION, configs, "cascade_lite0", (), (), 0.03, tmp_path)
    run = trainings.of(method)
    _, file, *keys = run.arguments
    cfg = load_config(file, keys, argument_parser().parse_args([]))
    check_config(cfg)
    assert len(post_hoc_rows(cfg)) == len(method.readings)
    expected = 0.03 if method.repeats else 0.001
    assert expected == cfg.DATALOADER.REPEAT_THRESHOLD
    assert ("RepeatFactor" in cfg.DATALOADER.SAMPLER_TRAIN) == method.repeats


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("method", CLASSIFICATION.methods, ids=lambda method: method.name)
def test_every_classifier_and_its_readings_are_permitted(method, is_shared, tmp_path):
    configs = config_folder() / CLASSIFICATION.configs
    like = configs / "resnet32_xe.yaml" if is_shared else None
    made = Trainings(
        CLASSIFICATION, configs, "resnet32", ("--data", "x"), (), None, tmp_path, 7, like
    )
    words = made.of(method).arguments
    cfg = load_classification_config(classification_parser().parse_args([*words]))
    check_classification_config(cfg, words[words.index("x") + 1 :])
    check_unused_keys(cfg, words[words.index("x") + 1 :])
    assert len(cfg.TEST.POST_HOC) == len(method.readings)
    words = made.short(method, is_evaluated=True).arguments
    short = load_classification_config(classification_parser().parse_args([*words]))
    assert (short.SOLVER.MAX_ITER, short.SOLVER.EPOCHS.MAX) == (20, 0)
    # Whose steps are the costly ones; otherwise it says nothing of the training.
    assert short.SOLVER.IMS_PER_BATCH == cfg.SOLVER.IMS_PER_BATCH
    check_classification_config(short, words[words.index("x") + 1 :])
    check_unused_keys(short, words[words.index("x") + 1 :])


def test_every_method_has_the_first_ones_schedule_but_second_stages(tmp_path):
    kind = CLASSIFICATION
    configs = config_folder() / kind.configs
    xe = configs / f"{kind.network}_xe.yaml"
    own = Trainings(kind, configs, kind.network, (), (), None, tmp_path)
    shared = replace(own, like=xe)
    for method in kind.methods:
        words = shared.of(method).arguments
        options = [word for word in words if not str(word).startswith("--")][1:]
        cfg = load_classification_config(
            classification_parser().parse_args(
                ["--config-file", str(shared.config_file(method)), *map(str, options)]
            )
        )
        is_shared = cfg.SOLVER.IMS_PER_BATCH == 256 and cfg.SOLVER.EPOCHS.STEPS == [120, 160]
        assert is_shared is not method.is_short, method.name
    changed = {method.name: shared.changed(method) for method in kind.methods}
    assert [name for name, keys in changed.items() if keys] == [
        *("bkd", "ldam_drw", "ride", "class_balanced", "focal")
    ]
    assert not any(own.changed(method) for method in kind.methods)
    said = shared_text(changed, "xe")
    assert said.startswith(
        "one schedule for all: bkd, ldam_drw, ride, class_balanced, focal with SOLVER."
    )
    assert shared_text(dict.fromkeys(changed, ()), "xe") == ""
