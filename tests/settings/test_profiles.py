from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
from ruamel.yaml import YAML

from companion.settings.notebook import Notebook, read_notebook
from companion.settings.problems import SettingsError
from companion.settings.profiles import list_profiles, resolve_parameters, validate_namespace
from companion.settings.schema import ParameterSchema, read_schema


@pytest.fixture
def resolve(notebook, project):
    def call(profile: str = "laptop", *overrides: str):
        return resolve_parameters(notebook, profile, overrides, params_folder=project / "params")

    return call


@pytest.fixture
def problems_of(resolve):
    def call(profile: str = "laptop", *overrides: str):
        with pytest.raises(SettingsError) as caught:
            resolve(profile, *overrides)
        return caught.value.problems

    return call


def test_defaults_then_file_then_command_line(resolve, write_profile, notebook):
    write_profile(
        "night", "# more of it\ninitialisations: 1000\nsizes: [10, 12]\ntolerance: 1\ndevice: cpu\n"
    )
    parameters = resolve("night", "initialisations=20", "seed = 3", "cluster=tcp://127.0.0.1:8786")
    assert parameters.values == notebook.schema.defaults | {
        "profile": "night",
        "device": "cpu",
        "cluster": "tcp://127.0.0.1:8786",
        "seed": 3,
        "initialisations": 20,
        "sizes": [10, 12],
        "tolerance": 1.0,
    }
    assert type(parameters.values["tolerance"]) is float
    assert parameters.origins == {
        "profile": "--profile",
        "device": "params/demo/night.yaml:5",
        "cluster": "--set",
        "seed": "--set",
        "initialisations": "--set",
        "sizes": "params/demo/night.yaml:3",
        "tolerance": "params/demo/night.yaml:4",
        "normalise": "default",
        "activation": "default",
    }
    assert list(parameters.values) == list(notebook.schema.names)


def test_an_empty_file_leaves_the_defaults(resolve, write_profile, notebook):
    write_profile("laptop", "")
    assert resolve().values == notebook.schema.defaults


def test_values_are_plain_python(resolve, write_profile):
    write_profile("laptop", "sizes: &s [6]\ntolerance: 1.0e-3\nactivation: 'erf'\nseed: 0x10\n")
    values = resolve().values
    assert [type(value) for value in values.values()] == [str, str, str, int, int, list, float, bool, str]
    assert values["seed"] == 16


def test_the_files_own_profile_must_be_its_name(resolve, problems_of, write_profile):
    write_profile("laptop", "profile: laptop\n")
    assert resolve().origins["profile"] == "params/demo/laptop.yaml:1"
    write_profile("laptop", "seed: 1\nprofile: night\n")
    [problem] = problems_of()
    assert (problem.line, problem.name, problem.given, problem.allowed) == (2, "profile", "'night'", "laptop")


BROKEN = """\
# everything that can be wrong
initialisation: 500
initialisations: 0
sizes: []
sizes: [6]
tolerance: "1e-3"
device: gpu
seed: true
normalise: 1
"""


def test_all_problems_of_file_and_command_line_come_at_once(problems_of, write_profile):
    write_profile("laptop", BROKEN)
    overrides = ("actvation=erf", "seed=1.5", "seed=2", "profile=night", "sizes", "sizes=[6", "activation=")
    problems = problems_of("laptop", *overrides)
    assert [(problem.file, problem.line, problem.name, problem.message) for problem in problems] == [
        ("params/demo/laptop.yaml", 2, "initialisation", "unknown parameter"),
        ("params/demo/laptop.yaml", 3, "initialisations", "out of range"),
        ("params/demo/laptop.yaml", 4, "sizes", "must not be empty"),
        ("params/demo/laptop.yaml", 5, "sizes", "given twice, first on line 4"),
        ("params/demo/laptop.yaml", 6, "tolerance", "wrong type"),
        ("params/demo/laptop.yaml", 7, "device", "not one of the choices"),
        ("params/demo/laptop.yaml", 8, "seed", "wrong type"),
        ("params/demo/laptop.yaml", 9, "normalise", "wrong type"),
        ("--set actvation=erf", None, "actvation", "unknown parameter"),
        ("--set seed=1.5", None, "seed", "wrong type"),
        ("--set seed=2", None, "seed", "given twice, first as --set seed=1.5"),
        ("--set profile=night", None, "profile", "cannot be set this way"),
        ("--set sizes", None, None, "not an assignment"),
        ("--set sizes=[6", None, "sizes", problems[13].message),
        ("--set activation=", None, "activation", "wrong type"),
    ]
    assert problems[13].message.startswith("not valid YAML")
    assert problems[0].hint == "did you mean `initialisations`?"
    assert problems[0].allowed is not None
    assert "initialisations, sizes, tolerance" in problems[0].allowed
    assert (problems[1].given, problems[1].allowed) == ("0", "a whole number >= 1")
    assert problems[4].hint is not None
    assert problems[4].hint.startswith("write 1.0e-3")
    assert problems[11].hint == "write --profile night"


def test_the_text_of_an_unknown_name(problems_of, write_profile):
    write_profile("laptop", "seed: 1\ninitialisation: 500\n")
    text = str(SettingsError(problems_of()))
    assert text == (
        "params/demo/laptop.yaml:2: `initialisation`: unknown parameter (did you mean `initialisations`?)\n"
        "      given 500; allowed: profile, device, cluster, seed, initialisations, sizes, tolerance, "
        "normalise, activation"
    )


def test_broken_yaml_does_not_hide_the_command_line(problems_of, write_profile):
    write_profile("laptop", "seed: 1\nsizes: [6, 8\nseed: 2\n")
    first, second = problems_of("laptop", "sead=1")
    assert (first.line, second.name) == (3, "sead")
    assert first.message.startswith("not valid YAML")


def test_a_missing_profile_lists_those_that_exist(problems_of, write_profile):
    write_profile("laptop", "")
    write_profile("smoke", "")
    first, second = problems_of("lapto", "sead=1")
    assert (first.file, first.line, first.message) == ("params/demo/lapto.yaml", None, "no such profile")
    assert (first.allowed, first.hint) == ("laptop, smoke", "did you mean `laptop`?")
    assert second.name == "sead"


def test_a_notebook_without_any_profile(problems_of, project):
    [problem] = problems_of()
    assert problem.allowed == "none"
    assert list_profiles("demo", project / "params") == []
    assert list_profiles("unheard_of", project / "params") == []


def test_a_profile_is_a_name_not_a_path(problems_of, write_profile, project):
    write_profile("laptop", "")
    assert problems_of("../demo/laptop")[0].message == "no such profile"
    write_profile("My Own", "")
    [problem] = problems_of("My Own")
    assert problem.name == "profile"
    assert problem.message == "not a name that can be used here"


def test_the_reserved_seed_is_refused_wherever_it_is_given(problems_of, write_profile):
    write_profile("laptop", "seed: 260409412\n")
    first, second = problems_of("laptop", "seed=260409412")
    assert first.name == second.name == "seed"
    assert first.allowed is not None
    assert "confirmatory" in first.allowed


def test_the_namespace_of_a_running_notebook_is_picked_and_checked(notebook):
    namespace = notebook.schema.defaults | {"tolerance": 1, "sizes": [10], "run": None, "In": ["", "x = 1"]}
    values = validate_namespace(notebook, namespace)
    assert values == notebook.schema.defaults | {"tolerance": 1.0, "sizes": [10]}
    assert type(values["tolerance"]) is float


def test_every_wrong_value_of_a_namespace_is_reported(notebook):
    namespace = notebook.schema.defaults | {"tolerance": "1e-3", "seed": True, "sizes": [6, 0]}
    del namespace["activation"]
    with pytest.raises(SettingsError) as caught:
        validate_namespace(notebook, namespace)
    assert [(problem.name, problem.message) for problem in caught.value.problems] == [
        ("seed", "wrong type"),
        ("sizes", "element 2 of the list: out of range"),
        ("tolerance", "wrong type"),
        ("activation", "not given"),
    ]
    assert {problem.file for problem in caught.value.problems} == {"running notebooks/demo.py"}
    assert "write 1.0e-3" in str(caught.value)


def test_names_that_papermill_injected_in_vain_are_reported(notebook):
    history = ["", "# Parameters\nold = 1\n", "x = 1", "# Parameters\nsead = 3\nsizes = [6]\n"]
    namespace = notebook.schema.defaults | {"sead": 3, "sizes": [6], "old": 1, "In": history}
    with pytest.raises(SettingsError) as caught:
        validate_namespace(notebook, namespace)
    [problem] = caught.value.problems
    assert (problem.name, problem.given, problem.hint) == ("sead", "3", "did you mean `seed`?")


@pytest.mark.parametrize("history", [None, "text", ["# Parameters\nthis is not Python\n"], [3]])
def test_a_strange_history_is_no_obstacle(notebook, history):
    assert (
        validate_namespace(notebook, notebook.schema.defaults | {"In": history}) == notebook.schema.defaults
    )


SOURCE = """\
profile: Profile = "laptop"  # parameter file
device: Device = "auto"  # where
cluster: Cluster = "inline"  # who
seed: Seed = 7  # root seed
runs: Count = 1  # runs
sizes: Counts = [6]  # students
rate: Positive = 0.1  # of learning
shift: Number = 0.0  # of the mean
share: Fraction = 0.5  # of the data
quick: Flag = False  # whether
label: Text = "a"  # in the legend
"""

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALID = {
    "device": st.sampled_from(["auto", "cpu", "cuda"]),
    "cluster": st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True),
    "seed": st.integers(0, 10**18).filter(lambda seed: seed != 260409412),
    "runs": st.integers(1, 10**18),
    "sizes": st.lists(st.integers(1, 1000), min_size=1),
    "rate": st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    "shift": FINITE,
    "share": st.floats(0, 1, exclude_min=True, exclude_max=True),
    "quick": st.booleans(),
    "label": st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1),
}


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory) -> tuple[Notebook, Path]:
    root = tmp_path_factory.mktemp("round_trip")
    (root / "params" / "written").mkdir(parents=True)
    path = root / "written.py"
    path.write_text('# %% tags=["parameters"]\n' + SOURCE, encoding="utf-8")
    return read_notebook(path), root / "params"


@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
@hypothesis.given(values=st.fixed_dictionaries({}, optional=VALID))
def test_valid_values_come_back_as_they_were_written(round_trip, values):
    notebook, params_folder = round_trip
    YAML(typ="safe", pure=True).dump(values, params_folder / "written" / "laptop.yaml")
    parameters = resolve_parameters(notebook, "laptop", params_folder=params_folder)
    assert parameters.values == notebook.schema.defaults | values
    assert validate_namespace(notebook, parameters.values) == parameters.values


def test_the_round_trip_covers_every_parameter_of_its_notebook():
    schema: ParameterSchema = read_schema(SOURCE, "written.py", 1)
    assert {"profile", *VALID} == set(schema.names)
