"""predictions.npz: written, read, and two of them compared."""

import dataclasses
import importlib.util
import json

import numpy as np
import pytest

from lt_det.errors import DataError
from lt_det.evaluation.classification.paired import mcnemar
from lt_det.evaluation.classification.paired_rows import compare_models, compare_rows
from lt_det.evaluation.classification.predictions import (
    Predictions,
    read_predictions,
    save_predictions,
    without_common_folder,
)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 25).astype(np.int32)
    rows = [np.where(rng.random(100) < share, labels, (labels + 1) % 4) for share in (0.5, 0.8)]
    return Predictions(
        image_names=tuple(f"{number}.png" for number in range(100)),
        class_names=("ant", "bee", "cat", "dog"),
        labels=labels,
        class_counts=np.array([200, 120, 50, 4]),
        limits={"many": 100, "few": 20},
        row_names=("XE", "XE-LA τ=1"),
        predicted=np.stack(rows).astype(np.int32),
        probs=rng.random((2, 100)).astype(np.float32),
        tests={"balanced": np.arange(100), "imbalance_5": np.arange(40)},
    )


def test_what_is_written_is_read(predictions, tmp_path):
    save_predictions(predictions, tmp_path / "predictions.npz")
    read = read_predictions(tmp_path / "predictions.npz")
    for name, value in vars(predictions).items():
        again = getattr(read, name)
        if name == "tests":
            assert list(again) == list(value)
            assert all((again[test] == value[test]).all() for test in value)
        else:
            assert np.array_equal(again, value), name
    assert read.predicted.dtype == np.int32
    assert read.probs.dtype == np.float32
    assert [read.row(None), read.row("XE-LA τ=1")] == [0, 1]
    with pytest.raises(DataError, match="no row 'PC': there are XE, XE-LA τ=1"):
        read.row("PC")


def test_files_that_are_none(predictions, tmp_path):
    file = tmp_path / "predictions.npz"
    with pytest.raises(DataError, match=r"predictions\.npz: cannot be read: No such file"):
        read_predictions(file)
    for content in (b"", b"text", b"PK\x03\x04broken"):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"predictions\.npz: "):
            read_predictions(file)
    np.savez(file, labels=np.arange(3))
    with pytest.raises(DataError, match="no predictions of lt_det: has no image_names"):
        read_predictions(file)
    short = dataclasses.replace(predictions, predicted=predictions.predicted[:, :7])
    save_predictions(short, file)
    with pytest.raises(DataError, match=r"\(2, 7\) predictions for 2 rows and 100 images"):
        read_predictions(file)
    save_predictions(predictions, file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"predictions\.npz: "):
        read_predictions(file)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/d/a/1.png", "/d/b/1.png"], ("a/1.png", "b/1.png")),
        (["/d/a/1.png", "/d/a/12.png"], ("1.png", "12.png")),
        (["set: image 1", "set: image 2"], ("set: image 1", "set: image 2")),
        (["/d/one.png"], ("one.png",)),
        ([], ()),
    ],
)
def test_names_without_the_folder_of_all(paths, names):
    assert without_common_folder(paths) == names


def test_rows_are_compared_with_the_first(predictions):
    (compared,) = compare_rows(predictions, "balanced")
    hits = predictions.predicted == predictions.labels
    alone = [int((hits[0] & ~hits[1]).sum()), int((hits[1] & ~hits[0]).sum())]
    assert [compared["reference_alone"], compared["method_alone"]] == alone
    assert compared["p"] == mcnemar(*alone)
    assert compared["differences"]["top1"]["value"] == pytest.approx(alone[1] - alone[0])
    (cut,) = compare_rows(predictions, "imbalance_5")
    assert cut["images"] == 40
    top1 = 100 * (hits[1][:40].mean() - hits[0][:40].mean())
    assert cut["differences"]["top1"]["value"] == pytest.approx(top1)


def reordered(predictions):
    """The same, of a model with its classes in another order and its images, too."""
    order, to = np.random.default_rng(2).permutation(100), np.array([2, 0, 3, 1])
    names = [""] * 4
    for old, new in enumerate(to):
        names[new] = predictions.class_names[old]
    return dataclasses.replace(
        predictions,
        image_names=tuple(predictions.image_names[i] for i in order),
        class_names=tuple(names),
        labels=to[predictions.labels][order],
        predicted=to[predictions.predicted][:, order],
    )


def test_images_and_classes_may_come_in_another_order(predictions):
    expected = compare_models(predictions, predictions, (None, "XE-LA τ=1"))
    assert compare_models(predictions, reordered(predictions), (None, "XE-LA τ=1")) == expected
    assert compare_models(predictions, reordered(predictions))["p"] == 1
    assert expected == compare_rows(predictions, "balanced")[0]
    on_cut = compare_models(predictions, reordered(predictions), ("XE", None), test="imbalance_5")
    assert on_cut["images"] == 40


def test_other_images_are_not_compared(predictions):
    fewer = dataclasses.replace(
        predictions,
        image_names=predictions.image_names[:90],
        labels=predictions.labels[:90],
        predicted=predictions.predicted[:, :90],
    )
    with pytest.raises(DataError, match=r"not the same images: 100 and 90; 90\.png is in one"):
        compare_models(predictions, fewer)
    names = ("ant", "bee", "cow", "dog")
    other = dataclasses.replace(predictions, class_names=names)
    with pytest.raises(DataError, match=r"50\.png is of class cat in one file, cow in"):
        compare_models(predictions, other)
    with pytest.raises(DataError, match="no test 'full': there are balanced, imbalance_5"):
        compare_models(predictions, predictions, test="full")


@pytest.fixture(scope="module")
def tool(root):
    spec = importlib.util.spec_from_file_location("tool", root / "tools/compare_predictions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command(tool, predictions, tmp_path, capsys):
    for name in ("a:b", "c"):
        (tmp_path / name).mkdir()
        save_predictions(predictions, tmp_path / name / "predictions.npz")
    second = f"{tmp_path}/c/predictions.npz:XE-LA τ=1"
    words = [f"{tmp_path}/a:b", second, "--json", str(tmp_path / "out.json")]
    tool.main(tool.parser().parse_args(words))
    shown = capsys.readouterr().out
    assert "| minus a:b: XE" in shown
    assert "c: XE-LA τ=1" in shown
    (compared,) = json.loads((tmp_path / "out.json").read_text())
    expected = compare_rows(predictions, "balanced")[0]
    assert {name: compared[name] for name in expected} == expected
    assert tool.split_row(f"{tmp_path}/a:b:XE") == (tmp_path / "a:b" / "predictions.npz", "XE")


def test_the_command_says_what_is_wrong(tool, predictions, tmp_path):
    save_predictions(predictions, tmp_path / "p.npz")
    for words, message in [
        ([f"{tmp_path}/p.npz"], "two predictions at least"),
        ([f"{tmp_path}/p.npz", f"{tmp_path}/q.npz"], r"q\.npz: no such file"),
        ([f"{tmp_path}/p.npz", f"{tmp_path}/p.npz:PC"], r"p\.npz: no row 'PC'"),
    ]:
        with pytest.raises(DataError, match=message):
            tool.main(tool.parser().parse_args(words))
