"""What is recommended, and why."""

import math

import pytest

from lt_det.compare.answer import Direction, Measured, answer, both_directions, surest
from lt_det.compare.figures import BY_AP
from lt_det.compare.page import answer_page, answer_text


def interval(value, half=0.5):
    return {"value": value, "low": value - half, "high": value + half}


def direction(chosen, gains, head=None, images=100, half=0.5):
    """Figures of a baseline with AP 20 and of others, by what they have over it."""
    head = head or {}
    names = ["base", *gains]
    figures = {
        name: {**dict.fromkeys(("AP", "AP_fixed"), 20 + gains.get(name, 0.0)), "APr": 5.0,
               "APc": 9.0, "APf": 30 + head.get(name, 0.0)}
        for name in names
    }  # fmt: skip
    over = {"base": 0.0, **gains}
    minus = {
        first: {
            name: {
                "AP": interval(over[name] - over[first], half),
                "APf": interval(head.get(name, 0.0) - head.get(first, 0.0)),
            }
            for name in names
            if name != first
        }
        for first in names
    }
    return Direction(chosen, figures, minus, images)


def test_a_gain_on_both_halves_is_recommended():
    made = answer([direction("tde", {"tde": 2.0}), direction("tde", {"tde": 1.0})], "base")
    assert made.recommended == "tde"
    assert made.level == []
    assert made.sentences[0].startswith(
        "Take tde: AP +2.0 [1.5, 2.5] and +1.0 [0.5, 1.5] over base"
    )
    assert len(made.sentences) == 1


def test_a_gain_that_one_half_does_not_show_is_none():
    made = answer([direction("base", {"tde": 2.0}), direction("tde", {"tde": 0.3})], "base")
    assert made.recommended == "base"
    assert "the other half does not show it" in made.sentences[0]
    assert "would take about" not in " ".join(made.sentences)  # 200 images would be enough for 1.15


def test_of_two_choices_the_one_that_the_other_half_shows():
    """tde is shown where norcal was chosen, norcal is not where tde was."""
    first = direction("norcal", {"tde": 1.0, "norcal": 0.3})
    second = direction("tde", {"tde": 0.8, "norcal": 0.9})
    for halves in ([first, second], [second, first]):
        made = answer(halves, "base")
        assert made.recommended == "tde"
        assert made.sentences[0] == (
            "Take tde: AP +0.8 [0.3, 1.3] over base on the half not chosen on."
        )


def test_how_many_images_would_tell():
    halves = [direction("tde", {"tde": 0.25}, images=100) for _ in range(2)]
    made = answer(halves, "base")
    # An interval of ±0.5 from 200 images; to be ±0.25 it takes four times as many.
    assert "A gain of 0.2 points" in made.sentences[1]
    assert "about 800 images to be told from none; there are 200" in made.sentences[1]
    assert made.level == ["tde"]


def test_nothing_better_than_the_baseline():
    halves = [direction("base", {"tde": -1.0}), direction("base", {"tde": -2.0})]
    made = answer(halves, "base")
    assert made.recommended == "base"
    assert made.sentences == ["Take base: neither half shows another reading to have a better AP."]


def test_what_it_costs_at_the_head_is_said():
    halves = [direction("pc", {"pc": 2.0}, {"pc": -1.5}), direction("pc", {"pc": 2.0}, {"pc": 0.1})]
    made = answer(halves, "base")
    assert made.recommended == "pc"
    assert (
        "pays with the frequent categories (APf -1.5 [-2.0, -1.0], +0.1 [-0.4, 0.6])"
        in (made.sentences[1])
    )
    assert "base keeps them" in made.sentences[1]


def test_a_group_that_the_images_are_too_few_for_is_named():
    """APr by hand: ±3 from 100 images a half, so ±1 would take nine times as many."""
    halves = [direction("pc", {"pc": 2.0}, {"pc": 1.0}) for _ in range(2)]
    for half in halves:
        half.minus["base"]["pc"]["APr"] = interval(1.5, 3.0)
        for figures in half.figures.values():
            figures["APc"] = math.nan
    made = answer(halves, "base")
    assert made.sentences[1:] == [
        "Nothing is known of APc: no image has one.",
        "Of APr by itself neither half tells a difference (+1.5 [-1.5, 4.5], +1.5 [-1.5, 4.5]): "
        "one of a point would take about 1,800 images.",
    ]


def test_the_level_ones_are_named():
    gains = {"tde": 2.0, "norcal": 1.8, "other": 1.0}
    made = answer([direction("tde", gains), direction("norcal", gains)], "base")
    assert made.recommended == "tde"
    assert made.level == ["norcal"]
    assert "Not told from it by both halves: norcal." in made.sentences


def test_what_is_chosen_is_the_surest_not_the_luckiest():
    over = {
        "lucky": {"AP": interval(3.0, half=3.5)},
        "sure": {"AP": interval(0.9, half=0.5)},
        "as sure": {"AP": interval(0.9, half=0.5)},
        "without a detection": {},
    }
    assert surest(over, "base", "AP") == "sure"
    assert surest({"lucky": over["lucky"], "none": {}}, "base", "AP") == "base"


def test_each_half_chooses_for_the_other():
    halves = [
        direction("", {"tde": 2.0, "pc": 1.0}, images=7),
        direction("", {"tde": 0.1, "pc": 1.0}, images=9),
    ]
    made = both_directions(
        [Measured([h.figures for h in halves], lambda half, first: halves[half].minus[first])],
        [half.images for half in halves], "base", BY_AP,
    )  # fmt: skip
    assert [(d.chosen, d.images) for d in made] == [("tde", 9), ("pc", 7)]
    assert made[0].figures == halves[1].figures
    assert made[0].spreads == {}
    assert list(made[0].minus) == ["base", "tde", "pc"]
    # tde is not shown on the second half; pc is on the first.
    assert answer(made, "base").recommended == "pc"


def test_text_and_page_mark_the_recommended_one():
    gains = {"tde": 2.0, "norcal": 1.8}
    made = answer([direction("tde", gains), direction("tde", gains, images=90)], "base")
    costs = {
        "tde": {"training": 7200.0, "image": 0.0123},
        "given": {"training": None, "image": None},
    }
    text = answer_text(made, costs)
    assert "| tde *" in text
    assert "| norcal =" in text
    assert "100 images of half 2; tde was chosen on the other" in text
    assert "| tde   | 2 h 00 min" in text
    assert "| 12.3 ms" in text
    assert "| given | –" in text
    page = answer_page(made, "Which helps", ["Its checkpoint: x.pth"], costs)
    titles = [section.title for section in page.sections]
    assert (titles[0], len(titles)) == ("Answer", 5)
    assert page.sections[0].paragraphs[-1] == "Its checkpoint: x.pth"
    (chart,) = page.sections[0].figures
    assert chart.caption.startswith("AP over base, in points")
    assert "norcal" in chart.markup
    assert "tde *" in chart.markup
    assert made.to_record()["directions"][1]["images"] == 90


def test_a_narrow_terminal_has_the_columns_that_matter_most():
    made = answer([direction("tde", {"tde": 2.0})] * 2, "base")
    heads = [
        answer_text(made, {}, columns).split("\n\n")[2].splitlines() for columns in (0, 200, 80, 1)
    ]
    assert heads[0] == heads[1]
    assert "AP_fixed" in heads[1][0]
    assert max(map(len, heads[2])) <= 80
    for name in ("| AP ", "| APr", "AP over the first"):
        assert name in heads[2][0]
    assert "APc" not in heads[3][0]


@pytest.mark.parametrize("flag", BY_AP.choosable)
def test_what_is_chosen_by_stays_on_any_terminal(flag):
    made = answer([direction("base", {"tde": 0.0})] * 2, "base", BY_AP.by(flag))
    (head, *_) = answer_text(made, {}, 1).split("\n\n")[2].splitlines()
    by = BY_AP.choosable[flag]
    assert f"| {by} " in head
    assert f"| {by} over the first |" in head


@pytest.mark.parametrize(("value", "half"), [(0.04, 0.5), (1e-14, 0.5), (math.nan, 0.5),
                                             (1.0, math.nan)])  # fmt: skip
def test_of_no_gain_or_one_without_an_interval_no_number_of_images_is_told(value, half):
    made = answer([direction("base", {"tde": value}, half=half)] * 2, "base")
    assert made.recommended == "base"
    assert not [sentence for sentence in made.sentences if "would take" in sentence]


def test_a_group_that_one_half_has_not_is_named():
    halves = [direction("base", {"tde": 0.0}), direction("base", {"tde": 0.0})]
    for figures in halves[1].figures.values():
        figures["APr"] = math.nan
    assert "One half alone has images with APr: what is chosen by it on one half" in " ".join(
        answer(halves, "base").sentences
    )


@pytest.mark.parametrize("value", [0.6, -0.6])
def test_an_interval_that_does_not_hold_0_is_told_in_words(value):
    made = answer([direction("base", {"tde": value})] * 2, "base")
    shown = "+0.6 [0.1, 1.1]" if value > 0 else "-0.6 [-1.1, -0.1]"
    assert shown in answer_text(made, {})
