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
