"""README as written: its table is complete, its commands are understood, its examples run, its links lead somewhere."""

import contextlib
import doctest
import io
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
import typer.main

from companion.run import cli, evaluate, new_study, since, status
from companion.run.choose import find_notebooks
from companion.settings.profiles import list_profiles, resolve_parameters
from companion.site.papers import PAPERS, paper_of
from companion.store import commands

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
APPS = {
    "store": commands.app,
    "evaluate": evaluate.app,
    "status": status.app,
    "report": since.app,
    "new-study": new_study.app,
}
ROW = re.compile(
    r"^\| (?P<title>[^|]+) \| `python run_all\.py (?P<notebook>\S+) --only (?P<figure>\S+)` "
    r'\| (?P<time>[^|]+) \| <img src="(?P<picture>[^"]+)" alt="(?P<alt>[^"]+)" width="\d+"> \|$',
    re.MULTILINE,
)


def blocks(language: str) -> list[str]:
    """Texts of README's fenced blocks in ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def given_commands() -> list[str]:
    """Every run_all.py or companion command that README gives, in blocks and in its text; those of the table once."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    prose = re.findall(
        r"`([^`\n]+)`", re.sub(r"^(```.*?^```|\|.*?)$", "", README, flags=re.MULTILINE | re.DOTALL)
    )
    begins = re.compile(r"(python )?run_all\.py |companion ")
    return list(dict.fromkeys(text.split(" #")[0].strip() for text in (*lines, *prose) if begins.match(text)))


@pytest.fixture(scope="module")
def notebooks():
    """The project's notebooks by name, with their figures and parameters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_ROOT", str(ROOT))
        yield {notebook.name: notebook for notebook in find_notebooks()}


def ours(figure):
    """Whether a figure is of a paper that README is about: studies of one's own need no place in it."""
    return paper_of(figure) in PAPERS


def test_the_table_has_a_row_for_every_figure_and_each_shows_its_own(notebooks):
    rows = [match.groupdict() for match in ROW.finditer(README)]
    listed = {row["figure"]: row for row in rows}
    assert len(listed) == len(rows)
    assert set(listed) == {path.stem for path in (ROOT / "figures/laptop").glob("*.png") if ours(path.stem)}
    for figure, row in listed.items():
        assert figure in notebooks[row["notebook"]].figure_ids
        assert row["picture"] == f"figures/laptop/{figure}.png" and row["alt"] == row["title"]
    times = {(row["notebook"], row["time"]) for row in rows}
    assert len(times) == len({name for name, _ in times})  # a figure's time is that of its notebook


def test_every_notebook_is_named(notebooks):
    named = [name for name, notebook in notebooks.items() if any(map(ours, notebook.figure_ids))]
    assert len(named) >= 14 and [name for name in (*named, "tour") if f"`{name}`" not in README] == []


@pytest.mark.parametrize("command", given_commands())
def test_commands_are_understood(command, notebooks):
    words = shlex.split(command)
    arguments = words[2:] if words[0] == "python" else words[1:]
    app = APPS.get(arguments[0])
    made = set(re.findall(r"new-study (\w+)", README))
    if app is not None:
        parse(app, arguments[1:])
        return
    found = parse(cli.app, arguments)
    books = [name for name in found["notebooks"] or () if not name.isupper()]
    assert set(books) <= set(notebooks) | made
    profiles = {profile for name in notebooks for profile in list_profiles(name, ROOT / "params")}
    assert found["profile"] in profiles | {"NAME"}
    assert set(found["only"] or ()) <= {
        figure for each in notebooks.values() for figure in each.figure_ids
    } | {"FIGURE"}
    for name in books:
        if name not in made:  # raises where a parameter or its value is wrong
            resolve_parameters(
                notebooks[name],
                str(found["profile"]),
                found["overrides"] or (),
                params_folder=ROOT / "params",
            )
    if found["cluster"] and found["cluster"].islower() and "://" not in found["cluster"]:
        assert (
            found["cluster"] in ("inline", "local")
            or (ROOT / f"params/clusters/{found['cluster']}.yaml").exists()
        )


def parse(app: typer.Typer, arguments: list[str]) -> dict[str, object]:
    """Values of a command line's options, nothing of it carried out. Fails where an option is not known."""
    command = typer.main.get_command(app)
    while isinstance(command, click.Group):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    return command.make_context("run_all.py", list(arguments)).params


@pytest.mark.parametrize("example", blocks("python"))
def test_examples_run_and_print_what_they_say(example):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})
    promised = re.findall(r"^print\(.*\)  # (.+)$", example, re.MULTILINE)
    said = printed.getvalue().splitlines()
    assert len(said) == len(promised)
    for want, got in zip(promised, said, strict=True):
        assert doctest.OutputChecker().check_output(f"{want}\n", f"{got}\n", doctest.ELLIPSIS), got


def test_examples_of_docstrings_run_with_the_tests():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert "--doctest-modules" in options["addopts"] and "src" in options["testpaths"]


def test_links_pictures_and_named_files_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    made = ("build/", "figures/smoke", "figures/gpu", "own/")
    named = re.findall(r"`((?:benchmarks|params|src|notebooks|figures|tests)/[\w./-]+)`", README)
    named = [path for path in named if "NAME" not in path]
    assert [
        path for path in (*links, *named) if not path.startswith(made) and not (ROOT / path).exists()
    ] == []


def test_variables_and_make_targets_exist():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert [name for name in set(re.findall(r"COMPANION_[A-Z_]+", README)) if f'"{name}"' not in source] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE)) <= targets
