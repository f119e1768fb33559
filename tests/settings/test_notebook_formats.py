"""What the libraries of notebook formats need not load."""

import subprocess
import sys

_PROGRAM = """
import sys
from companion.settings.notebook_formats import prepare

prepare()
import jupytext, nbformat

node = jupytext.reads("# %%\\n1 + 1", fmt="py:percent")
nbformat.validate(node)
del node.cells[0]["cell_type"]
try:
    nbformat.validate(node)
except nbformat.ValidationError:
    print("noticed", sorted({"rfc3987_syntax", "lark"} & set(sys.modules)))
"""


def test_notebooks_are_read_and_checked_without_the_grammars_of_addresses():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True)
    assert done.stdout == "noticed []\n", done.stderr
