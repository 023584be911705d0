"""Names of a seam: what is registered is found, what is mistyped is told."""

import pytest

from lt_det.core.name_table import NameTable


@pytest.fixture
def table():
    table = NameTable("fruit")
    table.register("apple")(dict)
    table.register("pear")(lambda size, *, ripe=True: (size, ripe))
    return table


def test_names_in_the_order_of_their_registration(table):
    assert list(table) == ["apple", "pear"]
    assert len(table) == 2
    assert "pear" in table
    assert "plum" not in table
    assert table.get("apple") is dict


def test_the_decorator_gives_its_object_back(table):
    @table.register("plum")
    class Plum:
        pass

    assert table.get("plum") is Plum


def test_a_taken_name_is_refused_unless_it_is_the_same_definition(table):
    with pytest.raises(ValueError, match=r"^fruit 'apple' is registered already: <class 'dict'>"):
        table.register("apple")(list)

    def defined():
        class Fig:
            pass

        return Fig

    first, again = defined(), defined()
    table.register("fig")(first)
    # As a module that is imported anew defines it.
    assert table.register("fig")(again) is again
    assert table.get("fig") is again


def test_unknown_names_come_with_the_nearest(table):
    with pytest.raises(ValueError, match=r"^unknown fruit 'aple'; did you mean 'apple'\?; known: "):
        table.get("aple")
    with pytest.raises(ValueError, match=r"^unknown fruit 'xyz'; known: apple, pear$"):
        table.get("xyz")


def test_options(table):
    table.check_options("pear", {"size": 3, "ripe": False})
    with pytest.raises(ValueError, match=r"^fruit 'pear' takes no 'color': it takes size, ripe$"):
        table.check_options("pear", {"color": 1})
    with pytest.raises(ValueError, match=r"takes no 'size': it takes ripe$"):
        table.check_options("pear", {"size": 1}, reserved=("size",))
    table.register("any")(lambda **options: options)
    table.check_options("any", {"color": 1})
    table.register("none")(lambda: None)
    with pytest.raises(ValueError, match=r"fruit 'none' takes no 'color': it has no options$"):
        table.check_options("none", {"color": 1})
