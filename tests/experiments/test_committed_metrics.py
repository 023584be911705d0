"""The committed metrics of classification agree with one another."""

import json

import pytest

from lt_det.core import group_f1

GROUPS = ("many", "medium", "few", "all")


@pytest.fixture(scope="module")
def metrics(root):
    folder = root / "docs" / "results"
    by_seed = json.loads((folder / "tiny_imagenet100_by_seed.json").read_text())["seeds"]
    return by_seed, json.loads((folder / "tiny_imagenet100.json").read_text())


def test_the_papers_f1_is_of_each_seeds_recall_and_precision(metrics):
    by_seed, _ = metrics
    checked = 0
    for methods in by_seed.values():
        for tests in methods.values():
            for found in tests.values():
                for group in GROUPS:
                    recall, precision = found["recall"][group], found["precision"][group]
                    # The harmonic mean as a mean of reciprocals; 0 where nothing was found.
                    expected = 2 / (1 / recall + 1 / precision) if recall else 0.0
                    assert found["f1_paper"][group] == pytest.approx(expected)
                    assert found["f1_paper"][group] == group_f1(recall, precision)
                    checked += 1
    assert checked == 21 * 7 * 4


def test_means_are_those_of_the_seeds(metrics):
    by_seed, mean = metrics
    for method, tests in mean.items():
        seeds = [methods[method] for methods in by_seed.values() if method in methods]
        for test, found in tests.items():
            for key in ("recall", "precision", "f1", "f1_paper"):
                for group in GROUPS:
                    values = [one[test][key][group] for one in seeds]
                    assert found[key][group] == pytest.approx(sum(values) / len(values))


def test_the_table_shows_both(metrics, root):
    """XE on the balanced test: 23.3 by the classes' F1, 30.3 by the papers'."""
    _, mean = metrics
    lines = (root / "docs" / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    heading = next(i for i, line in enumerate(lines) if "| F1p all |" in line)
    names = [cell.strip() for cell in lines[heading].split("|")]
    cells = [cell.strip() for cell in lines[heading + 2].split("|")]
    row = dict(zip(names, cells, strict=True))
    found = mean["XE"]["balanced"]
    assert (row["F1 all"], row["F1p all"]) == ("23.3", "30.3")
    for group in GROUPS:
        assert row[f"F1 {group}"] == f"{found['f1'][group]:.1f}"
        assert row[f"F1p {group}"] == f"{found['f1_paper'][group]:.1f}"
