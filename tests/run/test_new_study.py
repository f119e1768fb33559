"""``new-study``: names that can be used, all files or none, and text that the house's tools accept."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import companion
from companion.run import new_study
from companion.run.new_study import LONGEST_NAME, RESERVED, places, rendered, write_study
from companion.settings.notebook import read_notebook
from companion.settings.profiles import resolve_parameters

REPOSITORY = Path(__file__).parents[2]
LONGEST = "z" + "_y" * 14 + "9"
PARAMS_FILES = [f"params/my_noise/{profile}.yaml" for profile in ("smoke", "laptop", "night", "paper")]
OWN_FILES = {
    "notebooks/my_noise.py",
    *PARAMS_FILES,
    *(f"own/my_noise/{module}.py" for module in ("study", "figures", "claims", "explorer", "test_my_noise")),
}
PACKAGE_FILES = {
    *(name for name in OWN_FILES if not name.startswith("own/")),
    *(f"src/companion/{room}/my_noise.py" for room in ("studies", "figures", "claims", "explore")),
    "tests/studies/test_my_noise.py",
}


@pytest.fixture
def empty(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without any study whose package is the one that is imported."""
    (project / "src" / "companion").mkdir(parents=True)
    monkeypatch.setattr(companion, "__path__", [str(project / "src" / "companion")])
    monkeypatch.chdir(project)
    return project


def files_in(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("options", "expected"), [((), PACKAGE_FILES), (("--own",), OWN_FILES)])
def test_a_study_is_written_and_what_comes_next_is_said(empty, command, options, expected):
    said = command("new-study", "my_noise", *options)
    assert (said.code, said.err) == (0, "")
    assert files_in(empty) == expected
    before, _, after = said.out.partition("\nnext:\n")
    assert set(re.findall(r"^wrote (.*)$", before, re.MULTILINE)) == expected
    commands = [line for line in after.splitlines() if not line.startswith("  #")]
    assert commands[0].endswith("run_all.py my_noise --profile smoke")
    found = subprocess.run(commands[1], shell=True, cwd=empty, capture_output=True, text=True).stdout
    assert {line.partition(":")[0] for line in found.splitlines()} == expected - set(PARAMS_FILES)
    assert re.search(r" -m pytest \S*test_my_noise\.py$", commands[2]) and len(commands) == 3
    assert all((empty / name).read_text().endswith("\n") for name in expected)


def test_elsewhere_it_says_where_the_commands_are_to_be_given(empty, command, monkeypatch):
    monkeypatch.chdir(empty / "notebooks")
    said = command("new-study", "my_noise", "--own")
    assert said.code == 0 and f"\nnext, in {empty}:\n" in said.out


def test_run_all_without_the_package_says_how_to_install_it(tmp_path):
    alone = [sys.executable, "-I", "-S", str(REPOSITORY / "run_all.py"), "--list"]
    done = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("companion is not installed for ") and "`make install`" in done.stderr


def test_parameters_are_right_at_every_profile_and_the_laptop_s_are_the_defaults(empty):
    write_study("my_noise", own=True)
    notebook = read_notebook(empty / "notebooks/my_noise.py")
    assert notebook.figure_ids == ("mynoise_f1_learning_curves",)
    resolved = {
        profile: resolve_parameters(notebook, profile, params_folder=empty / "params").values
        for profile in ("smoke", "laptop", "night", "paper")
    }
    assert resolved["laptop"] == notebook.schema.defaults
    assert resolved["smoke"]["dimension"] < resolved["laptop"]["dimension"] < resolved["paper"]["dimension"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("My-Noise", "not a name that can be used here (how about `my_noise`?)"),
        ("2fast", "not a name that can be used here (how about `fast`?)"),
        ("", "not a name that can be used here\n      given ''; allowed: small letters, digits"),
        ("../noise", "(how about `noise`?)"),
        (LONGEST + "x", f"{LONGEST_NAME} at most"),
        ("lambda", "a word of Python"),
        ("store", "a name with another meaning here"),
        ("random", "hides a module that can be imported already (the standard library)"),
        ("xarray", "hides a module that can be imported already ("),
    ],
)
def test_a_name_that_cannot_be_used_is_told_with_what_is_allowed(empty, command, name, told):
    said = command("new-study", name)
    assert said.code == 2 and told in said.err and "allowed: " in said.err
    assert files_in(empty) == set()


def test_words_of_the_command_line_name_no_study():
    source = (REPOSITORY / "src/companion/run/cli.py").read_text()
    words = set(re.findall(r'given\[:1\] == \["([a-z]+)"\]', source))
    assert {"store", "status"} <= words <= RESERVED


@pytest.mark.parametrize("taken", sorted(PACKAGE_FILES))
def test_nothing_that_exists_is_overwritten(empty, command, taken):
    (empty / taken).parent.mkdir(parents=True, exist_ok=True)
    (empty / taken).write_text("mine\n")
    said = command("new-study", "my_noise")
    assert said.code == 2 and f"taken: {taken} exist" in said.err
    assert files_in(empty) == {taken} and (empty / taken).read_text() == "mine\n"


def test_ids_of_two_studies_never_begin_alike(empty, command):
    assert command("new-study", "my_noise").code == 0
    said = command("new-study", "mynoise")
    assert said.code == 2 and "figures of notebooks/my_noise.py begin with mynoise_ too" in said.err


def test_a_package_from_elsewhere_is_told(empty, command, monkeypatch):
    monkeypatch.setattr(companion, "__path__", [str(empty / "lib" / "companion")])
    said = command("new-study", "my_noise")
    assert said.code == 2 and f"companion is imported from {empty / 'lib' / 'companion'}" in said.err
    assert "--own keeps a study beside run_all.py" in said.err and files_in(empty) == set()
    assert command("new-study", "my_noise", "--own").code == 0


@pytest.mark.parametrize("written", [0, 3, 8])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_all_is_written_or_nothing(empty, monkeypatch, written, error):
    left, write = iter(range(written)), new_study.write_atomically

    def refuse(path, text):
        if next(left, None) is None:
            raise error
        write(path, text)

    before = set(empty.rglob("*"))
    monkeypatch.setattr(new_study, "write_atomically", refuse)
    with pytest.raises(type(error)):
        write_study("my_noise")
    assert set(empty.rglob("*")) == before


@pytest.mark.parametrize("name", ["a", LONGEST])
@pytest.mark.parametrize("own", [False, True])
def test_ruff_finds_nothing_whatever_the_name(empty, name, own):
    assert len(LONGEST) == LONGEST_NAME
    shutil.copy(REPOSITORY / "pyproject.toml", empty)
    for template, path in places(name, own=own).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered(template, name, own=own))
    ruff = Path(sys.executable).with_name("ruff")
    where = f"src=['src', 'tests', '{REPOSITORY / 'src'}']"  # imports are sorted by where their modules lie
    for options in (["check"], ["format", "--check", "--diff"]):
        command = [ruff, *options, "--no-cache", "--config", where, "."]
        done = subprocess.run(command, cwd=empty, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
