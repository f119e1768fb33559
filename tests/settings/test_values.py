import math

import pytest
import yaml

from companion.settings.values import fit


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("Profile", "my_own_2"),
        ("Device", "cuda"),
        ("Cluster", "inline"),
        ("Cluster", "tetralith-gpu"),
        ("Cluster", "tcp://127.0.0.1:8786"),
        ("Seed", 0),
        ("Flag", False),
        ("Text", "tanh"),
        ("Count", 1),
        ("Natural", 0),
        ("Integer", -3),
        ("Number", -0.5),
        ("Positive", 1e-300),
        ("NonNegative", 0.0),
        ("Fraction", 0.5),
        ("Counts", [1, 2]),
        ("Naturals", [0]),
        ("Numbers", [-1.5, 0.0]),
        ("Positives", [0.1]),
        ("NonNegatives", [0.0, 1.0]),
        ("Fractions", [0.1, 0.9]),
        ("Texts", ["a", "b"]),
    ],
)
def test_right_values_stay_as_they_are(type_name, value):
    fitted, misfit = fit(type_name, value)
    assert misfit is None
    assert fitted == value
    assert type(fitted) is type(value)


@pytest.mark.parametrize(
    ("type_name", "value", "message"),
    [
        ("Profile", "../laptop", "not a name that can be used here"),
        ("Profile", "Laptop", "not a name that can be used here"),
        ("Device", "tpu", "not one of the choices"),
        ("Cluster", "two words", "not a name that can be used here"),
        ("Seed", -1, "out of range"),
        ("Seed", True, "wrong type"),
        ("Flag", 1, "wrong type"),
        ("Text", "", "must not be empty"),
        ("Text", None, "wrong type"),
        ("Count", 0, "out of range"),
        ("Count", True, "wrong type"),
        ("Count", 1.5, "wrong type"),
        ("Natural", -1, "out of range"),
        ("Positive", 0, "out of range"),
        ("Positive", False, "wrong type"),
        ("Positive", math.inf, "out of range"),
        ("NonNegative", math.nan, "out of range"),
        ("Number", 10**400, "wrong type"),
        ("Fraction", 1.0, "out of range"),
        ("Fraction", 0, "out of range"),
        ("Fraction", math.nan, "out of range"),
        ("Counts", [], "must not be empty"),
        ("Counts", [3, 2.0], "element 2 of the list: wrong type"),
        ("Counts", [0, -1], "element 1 of the list: out of range"),
        ("Counts", {"a": 1}, "wrong type"),
    ],
)
def test_wrong_values_are_refused_for_what_they_are(type_name, value, message):
    fitted, misfit = fit(type_name, value)
    assert fitted is value
    assert misfit is not None
    assert misfit.message == message


def test_whole_numbers_become_floats_where_floats_are_meant():
    fitted, misfit = fit("Positives", [1, 2.5])
    assert misfit is None
    assert fitted == [1.0, 2.5]
    assert isinstance(fitted, list)
    assert [type(number) for number in fitted] == [float, float]


@pytest.mark.parametrize(
    ("type_name", "value", "remedy"),
    [
        ("Positive", "0.5", "write 0.5, without quotes"),
        ("Count", "12", "write 12"),
        ("Count", "1e3", "write 1000"),
        ("Count", 1000.0, "write 1000"),
        ("Flag", "yes", "write true"),
        ("Flag", 0, "write false"),
        ("Counts", "6, 8", "write [6, 8]"),
        ("Counts", 6, "write [6]"),
        ("Counts", (6, 8), "write [6, 8]"),
        ("Text", 3, 'write "3", in quotes'),
        ("Device", "gpu", "did you mean `cuda`?"),
        ("Device", "CPU", "did you mean `cpu`?"),
        ("Positive", "fast", None),
        ("Count", "few", None),
        ("Count", "2.5", None),
        ("Counts", None, None),
        pytest.param("Text", 10**5000, None, id="very large number"),
    ],
)
def test_likely_slips_are_told_the_remedy(type_name, value, remedy):
    misfit = fit(type_name, value)[1]
    assert misfit is not None
    assert misfit.hint == remedy


@pytest.mark.parametrize("text", ["1e-3", "1E5", "2.5e8", "-1e-2", "3e+4"])
def test_the_remedy_for_an_exponent_is_a_number_to_every_yaml_reader(text):
    assert isinstance(yaml.safe_load(text), str)
    misfit = fit("Number", text)[1]
    assert misfit is not None
    assert misfit.hint is not None
    written = misfit.hint.removeprefix("write ").split(",")[0]
    assert yaml.safe_load(written) == float(text)
