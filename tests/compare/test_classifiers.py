"""Classifiers' readings: honest where nothing helps, or where a tail is bought with the head."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lt_det.commands.compare import by_seed, run
from lt_det.compare.answer import answer
from lt_det.compare.classifiers import (
    measure_classifiers,
    read_classifier_seeds,
    read_classifiers,
)
from lt_det.compare.figures import BY_TOP1
from lt_det.errors import DataError
from lt_det.evaluation.classification.predictions import Predictions, save_predictions

# Many, medium, few: two classes each.
TRAIN = np.array([500, 200, 80, 40, 10, 5])
EVEN = np.full(6, 100)
HEAD_FIRST, TAIL_FIRST = [0.9, 0.9, 0.5, 0.5, 0.1, 0.1], [0.7, 0.7, 0.6, 0.6, 0.5, 0.5]


def predictions(rows, test=EVEN, train=TRAIN, seed=0):
    """Rows with the given recall in each class; what is wrong goes to the next class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(test)), test)
    right = np.array([rng.random(len(labels)) < np.asarray(recall)[labels] for recall in rows])
    return Predictions(
        image_names=tuple(map(str, range(len(labels)))),
        class_names=tuple(map(str, range(len(test)))),
        labels=labels,
        class_counts=train,
        limits={"many": 100, "few": 20},
        row_names=tuple(f"row {number}" for number in range(len(rows))),
        predicted=np.where(right, labels, (labels + 1) % len(test)),
        probs=np.full(right.shape, 0.5, dtype=np.float32),
        tests={"balanced": np.arange(len(labels))},
    )


def save(folder, made):
    folder.mkdir(exist_ok=True, parents=True)
    save_predictions(made, folder / "predictions.npz")
    return folder


def compared(folder, *rows, resamples=100, by="", **how):
    readings, tested = read_classifiers({"run": save(folder, predictions(rows, **how))})
    baseline = readings[0].name
    chosen_by = BY_TOP1.by(by)
    directions = measure_classifiers([readings], tested, baseline, resamples, chosen_by)
    return answer(directions, baseline, chosen_by)


def test_on_an_even_test_what_serves_the_tail_is_recommended_and_its_price_said(tmp_path):
    made = compared(tmp_path / "run", HEAD_FIRST, TAIL_FIRST)
    assert made.recommended == "run: row 1"
    assert made.sentences[0].startswith("Take run: row 1: top1 +")
    assert made.sentences[1].startswith("It pays with the many-shot classes (many -")


def test_where_validation_has_the_training_sets_tail_it_is_not(tmp_path):
    made = compared(tmp_path / "run", HEAD_FIRST, TAIL_FIRST, test=TRAIN)
    assert made.recommended == "run: row 0"
    assert made.level == []
    by_recall = compared(tmp_path / "run", HEAD_FIRST, TAIL_FIRST, test=20 * TRAIN, by="recall")
    assert by_recall.sentences[0].startswith("Take run: row 1: mean recall +")


def test_on_balanced_data_the_baseline_is_recommended(tmp_path):
    """A method that has nothing to do is the baseline with other errors."""
    recalls = [0.7] * 6
    made = compared(tmp_path / "run", recalls, recalls, train=EVEN * 3)
    assert made.recommended == "run: row 0"


def test_two_copies_of_one_method_are_no_different(tmp_path):
    """In 95 % of 40 repetitions at least: one method, its errors drawn anew."""
    told = []
    for seed in range(40):
        made = compared(tmp_path / "run", HEAD_FIRST, HEAD_FIRST, seed=seed)
        told.append(made.recommended == "run: row 0" and made.level == ["run: row 1"])
    assert np.mean(told) >= 0.95


def test_figures_are_those_of_the_half(tmp_path):
    """By hand: of 4 images each half has one of a class that is always right, one never."""
    made = predictions([[1.0, 0.0]], np.array([2, 2]), np.array([200, 5]))
    readings, tested = read_classifiers({"run": save(tmp_path / "run", made)})
    for direction in measure_classifiers([readings], tested, readings[0].name):
        assert direction.images == 2
        figures = direction.figures["run: row 0"]
        assert np.isnan(figures.pop("medium"))
        assert figures == {"top1": 50.0, "mean recall": 50.0, "many": 100.0, "few": 0.0}


def test_runs_of_other_images_are_refused(tmp_path):
    first = save(tmp_path / "a", predictions([HEAD_FIRST]))
    for what, made in (
        ("image names", predictions([HEAD_FIRST], test=EVEN + 1)),
        ("class counts", predictions([HEAD_FIRST], train=TRAIN + 1)),
    ):
        with pytest.raises(DataError, match=f"b: other {what} than"):
            read_classifiers({"a": first, "b": save(tmp_path / "b", made)})
    with pytest.raises(DataError, match=r"predictions\.npz: cannot be read"):
        read_classifiers({"a": first, "b": tmp_path / "absent"})


def test_seeds_of_other_images_or_rows_are_refused(tmp_path):
    first = save(tmp_path / "a", predictions([HEAD_FIRST]))
    turned = predictions([HEAD_FIRST])
    turned = replace(turned, image_names=turned.image_names[::-1])
    for made, why in (
        (turned, "a_seed2: other image names than .*a"),
        (predictions([HEAD_FIRST, TAIL_FIRST]), "a_seed2: a: row 1: a row that the first seed has"),
    ):
        second = save(tmp_path / "a_seed2", made)
        with pytest.raises(DataError, match=why):
            read_classifier_seeds([{"a": first}, {"a": second}])
    with pytest.raises(DataError, match="a: a: row 1: no such row of this seed"):
        read_classifier_seeds([{"a": second}, {"a": first}])


def test_one_image_is_refused(tmp_path):
    with pytest.raises(DataError, match="1 validation image: none is left to choose on"):
        compared(tmp_path / "run", HEAD_FIRST, test=np.array([1, 0, 0, 0, 0, 0]))


def test_seeds_are_told_by_their_numbers_not_by_their_order():
    named = [Path(name) for name in ("x_seed10", "x_seed2", "x", "y", "y_seed2", "y_seed10")]
    assert by_seed(named) == {
        name: [Path(name), Path(f"{name}_seed2"), Path(f"{name}_seed10")] for name in "xy"
    }


def test_the_command_takes_classifiers(tmp_path, capsys):
    runs = [
        save(tmp_path / name, predictions([recalls], seed=seed))
        for seed, (name, recalls) in enumerate((("xe", HEAD_FIRST), ("tde", TAIL_FIRST)))
    ]
    run([*map(str, runs), "--output", str(tmp_path / "out")])
    shown = capsys.readouterr().out
    assert "Take tde: row 0: top1 +" in shown
    assert "| mean recall |" in shown
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert record["recommended"] == "tde: row 0"
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert "tde: row 0 *" in page


def test_runs_of_several_seeds_are_one_method(capsys):
    def of(*names):
        return {
            name: [str(f) for f in group] for name, group in by_seed([*map(Path, names)]).items()
        }

    assert of("a/xe", "b/tde") == {"xe": ["a/xe"], "tde": ["b/tde"]}
    assert of("xe_seed3") == {"xe_seed3": ["xe_seed3"]}
    assert of("xe_seed1", "tde_seed1", "xe_seed2", "tde_seed2") == {
        "xe": ["xe_seed1", "xe_seed2"], "tde": ["tde_seed1", "tde_seed2"],
    }  # fmt: skip
    assert of("xe", "xe_seed2") == {"xe": ["xe", "xe_seed2"]}
    assert of("a/xe", "b/xe") == {"a/xe": ["a/xe"], "b/xe": ["b/xe"]}
    assert capsys.readouterr().out == ""
    assert list(of("xe", "xe_seed2", "tde")) == ["xe", "xe_seed2", "tde"]
    assert "numbers of seeds differ (xe 2, tde 1)" in capsys.readouterr().out


def test_of_many_copies_none_is_recommended(tmp_path):
    """The luckiest of twelve is not lucky on the other half, too."""
    kept = [
        compared(tmp_path / "run", *[HEAD_FIRST] * 12, seed=seed).recommended == "run: row 0"
        for seed in range(20)
    ]
    assert np.mean(kept) >= 0.95
