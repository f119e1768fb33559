"""The libraries of notebook formats, without the slowest thing that they bring along."""

import importlib
import sys
from types import ModuleType

# On import it builds 38 grammars, which takes longer than all else that a notebook's process imports.
_SLOW = "rfc3987_syntax"


def prepare() -> None:
    """Call it before nbformat, jupytext, papermill or nbconvert is imported: they load jsonschema.

    jsonschema checks international web addresses with a library that takes two seconds to import. No notebook
    holds any, and jsonschema does without that check where the library is not installed, as it seems to be here.
    """
    if "jsonschema" in sys.modules or _SLOW in sys.modules:
        return
    sys.modules[_SLOW] = ModuleType(_SLOW)  # it holds nothing: importing a name from it fails
    try:
        importlib.import_module("jsonschema")
    finally:
        del sys.modules[_SLOW]
