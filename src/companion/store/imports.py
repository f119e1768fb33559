"""The modules that a piece of source reaches through its imports, found without executing anything."""

import ast
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = Path(sysconfig.get_paths()["stdlib"]).resolve()
_known_installed: set[str] = set()  # what is missing is never remembered: its file may yet be written


def imported_names(tree: ast.AST, package: str) -> set[str]:
    """Dotted names that ``tree`` imports, at the top or inside functions; ``from a import b`` gives both.

    ``package`` is the package that relative imports start from.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
    return names


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


#: Source file of a module, and the folders in which its submodules lie, by its name.
Places = dict[str, tuple[Path | None, list[str]]]


def module_file(name: str, places: Places | None = None) -> Path | None:
    """Source file of the module ``name``, or None if it is not one of the project's or the user's own.

    The standard library and installed packages other than companion do not count. Parent packages
    are walked by path, so that nothing is imported. ``places`` remembers them for the length of one walk
    over many modules.
    """
    places = {} if places is None else places
    top, *rest = name.split(".")
    if not top or top in sys.stdlib_module_names or top in _known_installed:
        return None
    walked, (file, folders) = top, _place(top, None, places)
    for part in rest:
        walked = f"{walked}.{part}"
        file, folders = _place(walked, folders, places)
    if file is not None and top != "companion" and _is_installed(file):
        _known_installed.add(top)
        return None
    return file


def _place(name: str, folders: list[str] | None, places: Places) -> tuple[Path | None, list[str]]:
    if name not in places:
        places[name] = _find(name.rpartition(".")[2], folders)
    return places[name]


def _find(name: str, folders: list[str] | None) -> tuple[Path | None, list[str]]:
    """Source file of a module, and the folders in which its submodules lie; ``name`` without its parents.

    With them Python would ask for the parent of a folder without __init__.py among imported modules.
    """
    spec = PathFinder.find_spec(name, folders)
    if spec is None:
        return None, []
    file = Path(spec.origin).resolve() if spec.origin and spec.origin.endswith(".py") else None
    return file, list(spec.submodule_search_locations or [])


def _is_installed(file: Path) -> bool:
    return any(part in _INSTALLED for part in file.parts) or file.is_relative_to(_STANDARD)


def own_parents(name: str) -> Iterator[str]:
    """The packages that importing ``name`` runs first, then ``name`` itself."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])
