"""Fingerprints of code: what a result depends on, blind to comments, docstrings and formatting.

A fingerprint is the set of digests of all own modules that a module reaches by imports. A digest is
taken of the parsed source with its docstrings removed, so that prose recomputes nothing. Code in
memory does not follow its file: `imported_closure` keeps what this process first saw of each module.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from companion.store import examined
from companion.store.content import file_digest
from companion.store.imports import Places, imported_names, module_file, own_parents

#: Rooms of the package whose code decides numbers; the others draw, judge, store or run.
SCIENCE = ("theory", "datasets", "models", "analysis", "training", "studies")
_SCIENCE_PREFIXES = (*(f"companion.{room}." for room in SCIENCE), "companion.compute.seeds")
#: Keywords of ``@stored`` that foresee what a call costs, or say whether it travels; they decide no number.
FORESEEING = frozenset({"work", "calls", "disk", "regenerable"})

_first_seen: dict[str, str] = {}


def counts_as_science(module: str) -> bool:
    """Whether a change of ``module`` recomputes results: science rooms, and all of the user's own code."""
    return module.partition(".")[0] != "companion" or module.startswith(_SCIENCE_PREFIXES)


def normalised(source: str) -> str:
    """``source`` without comments, docstrings and formatting, and without what only foresees costs.

    >>> normalised('@stored(work=f, disk=f)\\ndef f(x): return x') == normalised('@stored\\ndef f(x): return x')
    True
    >>> normalised('def f(x):\\n    "Doc."\\n    return  x # why') == normalised('def f(x): return x')
    True
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and node.body and _is_text(node.body[0]):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [_without_foresight(each) for each in node.decorator_list]
    return ast.unparse(tree)


def _without_foresight(decorator: ast.expr) -> ast.expr:
    """``decorator`` without the keywords of ``@stored`` in `FORESEEING`; ``@stored`` itself where none is left."""
    if not isinstance(decorator, ast.Call):
        return decorator
    name = decorator.func
    called = name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""
    kept = [keyword for keyword in decorator.keywords if keyword.arg not in FORESEEING]
    if called != "stored" or len(kept) == len(decorator.keywords):
        return decorator
    decorator.keywords = kept
    return decorator if kept or decorator.args else name


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


@lru_cache(maxsize=4096)
def _examine(file: Path, raw_digest: str, module: str) -> tuple[str, frozenset[str]]:
    """Normalised digest and imported names of one version of a source file."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    known = examined.recall(raw_digest, package)
    if known is not None:
        return known
    source = file.read_text(encoding="utf-8")
    digest = hashlib.sha256(normalised(source).encode()).hexdigest()
    found = digest, frozenset(imported_names(ast.parse(source), package))
    if file_digest(file) == raw_digest:  # it may have been written anew meanwhile
        examined.note(raw_digest, package, found)
    return found


def closure(modules: Iterable[str], *, science_only: bool = True) -> dict[str, str]:
    """Digest of every own module that ``modules`` reach by imports, themselves included.

    With ``science_only`` the rooms that decide no numbers are walked through but not listed.
    """
    found: dict[str, str] = {}
    waiting = [parent for module in modules for parent in own_parents(module)]
    seen: set[str] = set()
    places: Places = {}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        file = _source_file(module, places)
        if file is None:
            continue
        digest, names = _examine(file, file_digest(file), module)
        if not science_only or counts_as_science(module):
            found[module] = digest
        if science_only and module.startswith("companion.") and not counts_as_science(module):
            continue  # the other rooms import no science
        waiting.extend(parent for name in names for parent in own_parents(name))
    examined.keep()
    return dict(sorted(found.items()))


def _source_file(module: str, places: Places) -> Path | None:
    if module == "__main__":
        file = getattr(sys.modules["__main__"], "__file__", None)
        return Path(file).resolve() if file else None
    return module_file(module, places)


def imports_of_source(source: str) -> set[str]:
    """Names of own modules that the source of a notebook or script imports."""
    return {name for name in imported_names(ast.parse(source), "") if module_file(name) is not None}


def combined(digests: dict[str, str]) -> str:
    """One digest for a whole closure."""
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def imported_closure(modules: Iterable[str]) -> dict[str, str]:
    """`closure` of ``modules`` with each module as this process saw it first.

    Call it while the modules are being imported; the fingerprint then belongs to the code in memory.
    """
    return {module: _first_seen.setdefault(module, digest) for module, digest in closure(modules).items()}


def changed_since(imported: dict[str, str], modules: Iterable[str]) -> list[str]:
    """Names of modules whose digest on disk is no longer the one in ``imported``."""
    now = closure(modules)
    return sorted(name for name in imported.keys() | now.keys() if imported.get(name) != now.get(name))
