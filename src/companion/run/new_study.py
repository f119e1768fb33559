"""``new-study NAME``: a small experiment that works, where a study lives, to be changed into one's own."""

import contextlib
import keyword
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Annotated

import typer
from jinja2 import Environment, PackageLoader, StrictUndefined

import companion
from companion.session.files import write_atomically
from companion.session.root import project_root
from companion.settings.problems import Problem, SettingsError, shown_value

#: Longest name: with it every line of the templates keeps its place.
LONGEST_NAME = 30
#: Words that run_all.py takes for its own commands, and folders that stand beside a study's.
RESERVED = frozenset({"store", "evaluate", "status", "report", "tour", "clusters", "own"})

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ALLOWED = (
    f"small letters, digits and underscores, a letter first, {LONGEST_NAME} at most, as in ridge_noise; no word of "
    "Python and no name of a module that can be imported already"
)
_PROFILES = ("smoke", "laptop", "night", "paper")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def new_study(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and underscores.")],
    own: Annotated[
        bool, typer.Option("--own", help="Keep its modules in own/NAME beside run_all.py, not in src/.")
    ] = False,
) -> None:
    """Write a small experiment that works: notebook, parameters, study, figure, claim, explorer and test.

    It is to be changed: lines marked CHANGE say what and where. Nothing that exists is overwritten.
    Exit codes: 0 done, 2 the name cannot be used.
    """
    try:
        written = write_study(name, own=own)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    typer.echo(told(name, written))


def write_study(name: str, *, own: bool = False) -> list[Path]:
    """Write the study called ``name`` and return its files, all of them or, whatever happens, none.

    Its modules become part of the package or, with ``own``, modules in own/<name>/ beside run_all.py. Raises
    SettingsError with everything that is wrong with the name, and where the package is not this project's.
    """
    files = places(name, own=own)
    if problems := _problems(name, files, own=own):
        raise SettingsError(problems)
    texts = {path: rendered(template, name, own=own) for template, path in files.items()}
    _write_all(texts)
    return list(texts)


def places(name: str, *, own: bool = False) -> dict[str, Path]:
    """Where each file of the study called ``name`` belongs, by its template."""
    root = project_root()
    package, beside = root / "src" / "companion", root / "own" / name
    modules = {
        "study.py": beside / "study.py" if own else package / "studies" / f"{name}.py",
        "figures.py": beside / "figures.py" if own else package / "figures" / f"{name}.py",
        "claims.py": beside / "claims.py" if own else package / "claims" / f"{name}.py",
        "explorer.py": beside / "explorer.py" if own else package / "explore" / f"{name}.py",
        "test.py": (beside if own else root / "tests" / "studies") / f"test_{name}.py",
    }
    params = {f"{profile}.yaml": root / "params" / name / f"{profile}.yaml" for profile in _PROFILES}
    return {"notebook.py": root / "notebooks" / f"{name}.py", **params, **modules}


def prefix(name: str) -> str:
    """What the ids of its figures and claims begin with, so that the gallery shows them together.

    >>> prefix("ridge_noise")
    'ridgenoise'
    """
    return name.replace("_", "")


def rendered(template: str, name: str, *, own: bool = False) -> str:
    """The text of one file of the study called ``name``."""
    templates = Environment(
        loader=PackageLoader("companion.run", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        # Formulas and dicts are full of braces: templates have marks of their own.
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
    )
    return templates.get_template(f"{template}.jinja").render(name=name, prefix=prefix(name), own=own)


def told(name: str, written: Iterable[Path]) -> str:
    """What was written, and the three commands to go on with."""
    root = project_root()
    shown = [path.relative_to(root).as_posix() for path in written]
    here = Path(sys.executable)
    python = here.relative_to(root).as_posix() if here.is_relative_to(root) else "python"
    (test,) = [path for path in shown if Path(path).name.startswith("test_")]
    own = f"own/{name}/study.py" in shown
    where = f"notebooks/{name}.py own/{name}" if own else f"--include='*{name}.py' notebooks src tests"
    commands = (
        (f"{python} run_all.py {name} --profile smoke", "run it: half a minute to a figure and a verdict"),
        (f"grep -rn CHANGE: {where}", "what to make your own, line by line"),
        (f"{python} -m pytest {test}", "does its physics hold?"),
    )
    there = "" if Path.cwd().resolve() == root else f", in {root}"
    lines = [f"wrote {path}" for path in shown] + ["", f"next{there}:"]
    for command, why in commands:
        lines += [f"  # {why}", f"  {command}"]
    return "\n".join(lines)


def _problems(name: str, files: Mapping[str, Path], *, own: bool) -> list[Problem]:
    """All that speaks against writing ``files``."""
    given, place = shown_value(name), f"new-study {name}".rstrip()
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).lstrip("_0123456789")[:LONGEST_NAME].rstrip("_")
        hint = f"how about `{better}`?" if better else None
        return [Problem(place, None, None, "not a name that can be used here", given, _ALLOWED, hint)]
    if keyword.iskeyword(name) or name in RESERVED:
        what = "a word of Python" if keyword.iskeyword(name) else "a name with another meaning here"
        return [Problem(place, None, None, what, given, _ALLOWED)]
    root, problems = project_root(), []
    taken = [path.relative_to(root).as_posix() for path in files.values() if path.exists()]
    if taken:
        problems.append(Problem(place, None, None, f"taken: {', '.join(taken)} exist", given, "another name"))
    elif importable := _importable(name):
        message = f"hides a module that can be imported already ({importable})"
        problems.append(Problem(place, None, None, message, given, _ALLOWED))
    elif other := _other_with_prefix(prefix(name)):
        message = f"figures of notebooks/{other.name} begin with {prefix(name)}_ too"
        problems.append(Problem(place, None, None, message, given, "another name"))
    imported = Path(companion.__path__[0]).resolve()
    if not own and imported != (root / "src" / "companion").resolve():
        message = f"companion is imported from {imported}: there a study of this project would not be found"
        hint = "--own keeps a study beside run_all.py; or use the environment that `make install` makes here"
        problems.append(Problem(place, None, None, message, hint=hint))
    return problems


def _importable(name: str) -> str | None:
    """Where a module called ``name`` lies that a notebook of this name would hide, or be hidden by."""
    if name in sys.stdlib_module_names:
        return "the standard library"
    spec = PathFinder.find_spec(name)
    if spec is None:
        return None
    return str(spec.origin or next(iter(spec.submodule_search_locations or ()), "installed"))


def _other_with_prefix(begin: str) -> Path | None:
    """A notebook with cells tagged with ids that begin like this study's."""
    mark = re.compile(rf'# %%.*"{begin}_')
    notebooks = sorted((project_root() / "notebooks").glob("*.py"))
    return next((path for path in notebooks if mark.search(path.read_text(encoding="utf-8"))), None)


def _write_all(texts: Mapping[Path, str]) -> None:
    """Write every file; where one cannot be written, those before it go again, with folders made for them."""
    folders = {folder for path in texts for folder in path.parents if not folder.exists()}
    with contextlib.ExitStack() as undo:
        undo.callback(_remove, list(texts), sorted(folders, reverse=True))
        for path, text in texts.items():
            write_atomically(path, text)
        undo.pop_all()


def _remove(files: Iterable[Path], folders: Iterable[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
    for folder in folders:
        with contextlib.suppress(OSError):  # not made yet, or no longer ours alone
            folder.rmdir()
