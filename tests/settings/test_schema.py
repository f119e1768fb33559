import pytest

from companion.settings.problems import Problem, SettingsError
from companion.settings.schema import read_schema

COMMON = """\
profile: Profile = "laptop"  # parameter file
device: Device = "auto"  # where
cluster: Cluster = "inline"  # who
seed: Seed = 7  # root seed
"""


def problems_of(source: str, line: int = 1) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        read_schema(source, "notebooks/demo.py", line)
    return caught.value.problems


def problem_of(addition: str) -> Problem:
    [problem] = problems_of(COMMON + addition)
    return problem


def test_a_cell_becomes_a_schema_with_types_comments_and_lines():
    source = COMMON + (
        "\n"
        "# a line of its own is no parameter's comment\n"
        "times: Positives = [  # of diffusion\n"
        "    1, 2.5,\n"
        "]\n"
        'label: Text = "a # b"  # drawn in the legend\n'
    )
    schema = read_schema(source, "notebooks/demo.py", 20)
    assert schema.names == ("profile", "device", "cluster", "seed", "times", "label")
    times = schema["times"]
    assert (times.type_name, times.default, times.comment, times.line) == (
        "Positives",
        [1.0, 2.5],
        "of diffusion",
        26,
    )
    assert schema["label"].comment == "drawn in the legend"
    assert times.allowed == "a list, not empty, of finite numbers > 0"
    assert "times" in schema
    assert "time" not in schema
    with pytest.raises(KeyError):
        schema["time"]


def test_defaults_are_copies():
    schema = read_schema(COMMON + "sizes: Counts = [6]  # students\n", "demo.py", 1)
    schema.defaults["sizes"].append(8)
    assert schema.defaults["sizes"] == [6]


def test_nothing_in_the_cell_is_executed():
    problem = problem_of("a: Count = [].append(print('never')) or 1  # runs\n")
    assert problem.message == "default is not a literal"


@pytest.mark.parametrize(
    ("addition", "name", "message", "hint"),
    [
        ("a: Count = 3\n", "a", "has no comment", "say after #"),
        ("a: Count = 3  #\n", "a", "has no comment", "say after #"),
        ("a: Cuont = 3  # runs\n", "a", "unknown type", "did you mean `Count`?"),
        ("a: int = 3  # runs\n", "a", "unknown type", "did you mean `Count`?"),
        ("a: int = 0  # runs\n", "a", "unknown type", "did you mean `Natural`?"),
        ("a: float = 0.5  # rate\n", "a", "unknown type", "did you mean `Positive`?"),
        ("a: bool = True  # whether\n", "a", "unknown type", "did you mean `Flag`?"),
        ("a: list[float] = [0.5]  # rates\n", "a", "unknown type", "did you mean `Positives`?"),
        ("a: types.Counts = [5]  # sizes\n", "a", "unknown type", "did you mean `Counts`?"),
        ("a: Wavelength = 0.0  # of light\n", "a", "unknown type", "did you mean `NonNegative`?"),
        ("a: Wavelength = None  # of light\n", "a", "unknown type", None),
        ("a: Count = 3 * x  # runs\n", "a", "default is not a literal", "read, not executed"),
        ("a: Count\n", "a", "has no default", None),
        ("a: Count = 0  # runs\n", "a", "default: out of range", None),
        ("a: Count = True  # runs\n", "a", "default: wrong type", None),
        ("a: Positive = '1e-3'  # rate\n", "a", "default: wrong type", "write 1.0e-3"),
        ("a: Counts = (6, 8)  # sizes\n", "a", "default: wrong type", "write [6, 8]"),
        ("seed: Seed = 8  # again\n", "seed", "given twice, first on line 4", None),
        ("a = 3  # runs\n", "a", "has no type", "write `a: Count = 3  # what it is`"),
        ("a = x  # runs\n", "a", "has no type", "write `a: Type = x  # what it is`"),
        ("import math\n", None, "only parameters belong in this cell", None),
        ("'text'\n", None, "only parameters belong in this cell", None),
        ("a.b: Count = 3  # runs\n", None, "only parameters belong in this cell", None),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_its_line(addition, name, message, hint):
    problems = problems_of(COMMON + addition)
    problem = next(problem for problem in problems if problem.message == message)
    assert (problem.file, problem.line, problem.name) == ("notebooks/demo.py", 5, name)
    assert hint in (problem.hint or "") if hint else problem.hint is None


@pytest.mark.parametrize("name", ["profile", "device", "cluster", "seed"])
def test_every_notebook_has_the_common_parameters(name):
    source = "".join(line for line in COMMON.splitlines(keepends=True) if not line.startswith(name))
    [problem] = problems_of(source, line=12)
    assert (problem.name, problem.message, problem.line) == (name, "missing", 12)
    assert problem.allowed is not None
    assert problem.allowed.startswith(f"{name}: {name.capitalize()} = ")


def test_common_parameters_keep_their_types():
    [wrong] = problems_of(COMMON.replace("Seed", "Count"))
    assert (wrong.name, wrong.line, wrong.given, wrong.allowed) == ("seed", 4, "Count", "Seed")
    [unknown] = problems_of(COMMON.replace("Device", "str"))
    assert (unknown.name, unknown.hint) == ("device", "did you mean `Device`?")


def test_all_problems_of_a_cell_come_at_once_in_order():
    source = COMMON.replace("seed: Seed", "seed: Count") + "a: int = 1  # runs\nb: Count = 0\n"
    problems = problems_of(source, line=30)
    assert [(problem.line, problem.name) for problem in problems] == [
        (33, "seed"),
        (34, "a"),
        (35, "b"),
        (35, "b"),
    ]


def test_broken_python_is_a_problem_with_its_line():
    [problem] = problems_of("seed: Seed = 1  # root\ndevice: = 2\n", line=10)
    assert problem.line == 11
    assert "not valid Python" in problem.message


def test_validate_wants_all_parameters_and_no_others():
    schema = read_schema(COMMON + "rate: Positive = 0.5  # of learning\n", "demo.py", 1)
    right = {"rate": 1, "seed": 3, "profile": "night", "device": "cpu", "cluster": "local"}
    checked = schema.validate(right, "the test")
    assert checked == right
    assert list(checked) == list(schema.names)
    assert type(checked["rate"]) is float
    with pytest.raises(SettingsError) as caught:
        schema.validate({"rate": "1e-3", "sead": 3, "profile": "night", "device": "cpu"}, "the test")
    assert [(problem.name, problem.message) for problem in caught.value.problems] == [
        ("rate", "wrong type"),
        ("sead", "unknown parameter"),
        ("cluster", "not given"),
        ("seed", "not given"),
    ]
    assert {problem.file for problem in caught.value.problems} == {"the test"}
