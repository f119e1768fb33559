import pickle
from pathlib import Path

from companion.settings.problems import Problem, SettingsError, nearest, shown_path, shown_value

UNKNOWN = Problem(
    "params/demo/laptop.yaml",
    7,
    "initialisation",
    "unknown parameter",
    "500",
    "initialisations, seed",
    "did you mean `initialisations`?",
)


def test_problem_names_place_parameter_given_and_allowed():
    assert str(UNKNOWN) == (
        "params/demo/laptop.yaml:7: `initialisation`: unknown parameter (did you mean `initialisations`?)\n"
        "      given 500; allowed: initialisations, seed"
    )


def test_problem_leaves_out_what_it_does_not_know():
    assert str(Problem("demo.py", None, None, "has no parameters cell")) == "demo.py: has no parameters cell"
    assert str(Problem("demo.py", 3, "a", "missing", allowed="a: Count")) == (
        "demo.py:3: `a`: missing\n      allowed: a: Count"
    )


def test_error_shows_every_problem_as_a_paragraph_of_its_own():
    error = SettingsError(iter([UNKNOWN, Problem("demo.py", None, None, "cannot be read")]))
    assert str(error).split("\n\n") == [str(UNKNOWN), "demo.py: cannot be read"]


def test_error_survives_the_way_to_another_process():
    copy = pickle.loads(pickle.dumps(SettingsError([UNKNOWN])))
    assert copy.problems == (UNKNOWN,)
    assert str(copy) == str(UNKNOWN)


def test_nearest_ignores_case_and_declines_what_is_far():
    assert nearest("SEED", ["device", "seed"]) == "seed"
    assert nearest("temperature", ["device", "seed"]) is None


def test_shown_value_is_short_whatever_is_given():
    assert len(shown_value(list(range(1000)))) == 100
    assert shown_value(10**5000) == "a very large int"


def test_shown_path_is_relative_to_the_project(project: Path, tmp_path_factory):
    assert shown_path(project / "params" / "demo" / "laptop.yaml") == "params/demo/laptop.yaml"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.yaml"
    assert shown_path(elsewhere) == elsewhere.as_posix()
