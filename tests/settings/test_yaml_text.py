from pathlib import Path

import pytest

from companion.settings.yaml_text import read_mapping, read_value


def read(tmp_path: Path, text: str):
    path = tmp_path / "laptop.yaml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path, "laptop.yaml")


def test_entries_come_in_order_with_their_lines(tmp_path):
    entries, problems = read(tmp_path, "# a comment\nb: 1.0e-3\n\na:\n  - 1\n  - 2\nc: yes\nd:\n")
    assert problems == []
    assert entries == [("b", 1.0e-3, 2), ("a", [1, 2], 4), ("c", "yes", 7), ("d", None, 8)]


def test_an_empty_file_has_no_entries(tmp_path):
    assert read(tmp_path, "# nothing yet\n") == ([], [])


def test_a_name_given_twice_is_reported_with_both_lines(tmp_path):
    entries, problems = read(tmp_path, "a: 1\nb: 2\na: 3\na: 4\n")
    assert entries == [("a", 1, 1), ("b", 2, 2)]
    assert [(problem.line, problem.name, problem.message) for problem in problems] == [
        (3, "a", "given twice, first on line 1"),
        (4, "a", "given twice, first on line 1"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3),
        ("a: 1\nb: c: d\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 1\nb: *unknown\n", 2),
        ("a: \x00\n", None),
    ],
)
def test_broken_yaml_is_a_problem_with_its_line(tmp_path, text, line):
    entries, problems = read(tmp_path, text)
    assert entries == []
    [problem] = problems
    assert problem.line == line
    assert problem.message.startswith("not valid YAML: ")
    assert "\n" not in problem.message


@pytest.mark.parametrize(("text", "given"), [("\n- a\n- b\n", "a list"), ("\nhello\n", "a single value")])
def test_the_top_must_be_a_mapping(tmp_path, text, given):
    entries, [problem] = read(tmp_path, text)
    assert entries == []
    assert (problem.line, problem.given) == (2, given)


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object:os.system 1",
        "{c: 1, c: 2}",
        "!other 3",
        pytest.param("1" * 5000, id="very large number"),
    ],
)
def test_a_value_that_cannot_be_read_does_not_hide_the_others(tmp_path, value):
    entries, [problem] = read(tmp_path, f"a: 1\nb: {value}\nc: 2\n")
    assert entries == [("a", 1, 1), ("c", 2, 3)]
    assert (problem.line, problem.name) == (2, "b")


def test_a_name_must_be_a_word(tmp_path):
    entries, [problem] = read(tmp_path, "? [a, b]\n: 1\nc: 2\n")
    assert entries == [("c", 2, 3)]
    assert problem.line == 1


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path):
    path = tmp_path / "laptop.yaml"
    path.write_bytes(b"a: \xff\n")
    entries, [problem] = read_mapping(path, "laptop.yaml")
    assert entries == []
    assert "cannot be read" in problem.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("[6, 8]", [6, 8]),
        ("true", True),
        ("no", "no"),
        ("", None),
        ("tcp://host:8786", "tcp://host:8786"),
    ],
)
def test_read_value(text, value):
    result, problem = read_value(text, "--set a", "a")
    assert problem is None
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("text", ["[1, 2", "*a", "'open", pytest.param("9" * 5000, id="very large number")])
def test_read_value_reports_what_it_cannot_read(text):
    value, problem = read_value(text, "--set a", "a")
    assert value is None
    assert problem is not None
    assert (problem.file, problem.name) == ("--set a", "a")
