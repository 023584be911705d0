"""Which category of a file a model's class is: by name, whatever ids the file has."""

import json

import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis.reader import with_frequencies
from lt_det.data.lvis.vocabulary import Vocabulary
from lt_det.errors import DataError
from tests.data.helpers import valid, write

MODEL = Vocabulary(("cat", "dog", "owl"), (1, 2, 3), "train.json")


def categories(*pairs):
    return [{"id": number, "name": name} for number, name in pairs]


def test_renumbered_categories_are_found_by_name(caplog):
    found = MODEL.positions_in(categories((4, "owl"), (5, "dog"), (6, "cat")), "val.json")
    assert found == [2, 1, 0]
    assert "val.json: 3 of 3 categories have other ids than in train.json: mapped by name" in (
        caplog.text
    )


def test_same_ids_are_not_worth_a_word(caplog):
    assert MODEL.positions_in(categories((1, "cat"), (2, "dog"), (3, "owl")), "v") == [0, 1, 2]
    assert caplog.text == ""


def test_what_cannot_be_mapped_is_named():
    with pytest.raises(DataError, match=r"val\.json: .*train\.json: it lacks 'owl'$"):
        MODEL.positions_in(categories((1, "cat"), (2, "dog")), "val.json")
    many = categories((1, "cat"), (2, "dog"), (3, "ape"), *((9 + i, f"z{i}") for i in range(4)))
    with pytest.raises(DataError, match="lacks 'owl' and has besides 'ape', 'z0', 'z1' and 2 more"):
        MODEL.positions_in(many, "val.json")


def test_repeated_names_are_told_apart_by_their_ids():
    model = Vocabulary(("bat", "bat"), (1, 2), "train.json")
    assert model.positions_in(categories((2, "bat"), (1, "bat")), "val.json") == [1, 0]
    with pytest.raises(DataError, match="'bat' names several categories"):
        model.positions_in(categories((3, "bat"), (1, "bat")), "val.json")


def renumbered(data):
    """Category 7 becomes 1, category 3 becomes 2: their order is another, too."""
    new = {7: 1, 3: 2}
    for record in data["categories"]:
        record["id"] = new[record["id"]]
    for annotation in data["annotations"]:
        annotation["category_id"] = new[annotation["category_id"]]
    return data


def test_a_file_that_lacks_a_rare_category_is_told_where_it_belongs(tmp_path):
    """A tool that lists what has an instance leaves it out of the validation file."""
    data = valid()
    lone = data["categories"][-1]["id"]
    data["annotations"] = [a for a in data["annotations"] if a["category_id"] != lone]
    train = read_annotations(write(tmp_path / "train", valid()), tmp_path / "train")
    data["categories"] = data["categories"][:-1]
    val = read_annotations(write(tmp_path / "val", data), tmp_path / "val")
    with pytest.raises(DataError, match=r"it lacks '.*'; add it to its `categories`: they"):
        val.in_order_of(train.vocabulary)
    with pytest.raises(DataError, match=r"it has besides '[^;]*'$"):
        train.in_order_of(val.vocabulary)


def test_a_set_in_a_model_s_order(tmp_path):
    train = read_annotations(write(tmp_path / "train", valid()), tmp_path / "train")
    val = read_annotations(write(tmp_path / "val", renumbered(valid())), tmp_path / "val")
    assert (train.class_names, val.class_names) == (["dog", "cat"], ["cat", "dog"])
    ordered = val.in_order_of(train.vocabulary)
    assert ordered.class_names == ["dog", "cat"]
    assert ordered.class_of == {2: 0, 1: 1}  # its own ids
    assert ordered.classes.tolist() == train.classes.tolist() == [1, 1, 0]
    assert ordered.counts == train.counts == ([1, 2], [1, 2])
    assert val.classes.tolist() == [0, 0, 1]
    assert train.in_order_of(train.vocabulary) is train


def test_frequencies_come_from_the_category_of_the_same_name(tmp_path):
    data = renumbered(valid())
    for category in data["categories"]:
        for key in ("image_count", "instance_count", "frequency"):
            del category[key]
    val = read_annotations(write(tmp_path / "val", data), tmp_path / "val")
    own = valid()
    train = read_annotations(write(tmp_path / "own", own), tmp_path / "own")
    # As the training file says, where it does.
    assert [c["frequency"] for c in with_frequencies(val, train).categories] == ["c", "r"]
    for category in own["categories"]:
        del category["frequency"]
    train = read_annotations(write(tmp_path / "train", own), tmp_path / "train")
    cat, dog = with_frequencies(val, train, rare_max=1, common_max=1).categories
    assert (cat["name"], cat["instance_count"], cat["frequency"]) == ("cat", 2, "f")
    assert (dog["name"], dog["instance_count"], dog["frequency"]) == ("dog", 1, "r")


def test_frequencies_of_other_categories_are_refused(tmp_path):
    train = read_annotations(write(tmp_path / "train", valid()), tmp_path / "train")
    data = valid()
    data["categories"][1]["name"] = "wolf"
    val = read_annotations(write(tmp_path / "val", data), tmp_path / "val")
    # The file that is read last, here for training, is the one that does not fit the other.
    with pytest.raises(DataError, match="lacks 'wolf' and has besides 'dog'"):
        with_frequencies(val, train)


def test_the_published_renumbered_set_is_mapped(shared_cases):
    """The file keeps its names; its ids are a permutation."""
    path = shared_cases / "33d-synth-renumbered" / "val.json"
    found = read_annotations(path, "nowhere", check_images=False)
    names = sorted(found.class_names)
    model = Vocabulary(tuple(names), tuple(range(1, 61)), "train.json")
    ordered = found.in_order_of(model)
    assert ordered.class_names == names
    by_id = {c["id"]: c["name"] for c in json.loads(path.read_text())["categories"]}
    first = ordered.annotations[0]["category_id"]
    assert ordered.class_names[ordered.classes[0]] == by_id[first]
