"""The cache of compiled code follows the code, callees in other files included."""

import os
import subprocess
import sys

KERNEL = """
from companion.compute.compiled import compiled

@compiled()
def kernel(x):
    return {gain} * x
"""
DRIVER = """
from companion.compute.compiled import compiled
from mykernel import kernel

@compiled()
def drive(x):
    return kernel(x) + 1.0
"""


def test_an_edited_callee_is_never_inlined_from_the_cache(project):
    (project / "mydriver.py").write_text(DRIVER)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mydriver; print(mydriver.drive(1.0))"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    printed = []
    for gain in ("2.0", "3.0"):
        (project / "mykernel.py").write_text(KERNEL.format(gain=gain))
        done = subprocess.run(
            [sys.executable, "-c", code, str(project)],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            cwd=project,
        )
        printed.append(float(done.stdout))
    assert printed == [3.0, 4.0]
    assert len(list((project / "build" / "numba").iterdir())) > 1


FIRST_USE = """
import sys; sys.path.insert(0, sys.argv[1])
from companion.store.meter import Meter
import mydriver
from companion.compute.compiled import not_compiled
measured = Meter()
print(sorted(not_compiled({"mydriver", "mykernel", "numpy"})), end=" ")
mydriver.drive(1.0)
found = measured.seconds()
print(found.compiling > 0, found.compiling <= found.cpu, not_compiled({"mydriver", "mykernel"}))
"""


def test_compilation_is_counted_and_known_to_be_needed_until_it_was_done(project):
    (project / "mydriver.py").write_text(DRIVER)
    (project / "mykernel.py").write_text(KERNEL.format(gain="2.0"))
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    printed = [
        subprocess.run(
            [sys.executable, "-c", FIRST_USE, str(project)],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
            cwd=project,
        ).stdout
        for _ in range(2)
    ]
    assert printed == ["['mydriver', 'mykernel'] True True []\n", "[] False True []\n"]
