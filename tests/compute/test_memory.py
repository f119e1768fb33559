"""Freed memory is kept: a process that frees and allocates the same blocks again is handed no new pages."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from companion.compute.memory import keep_freed_memory
    assert keep_freed_memory() and keep_freed_memory()

def round_of_blocks():
    blocks = [np.ones(1 << 17) for _ in range(8)]

round_of_blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    round_of_blocks()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    # A run asks the same of its processes by variables, which tests of runs may have left behind.
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    program = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=bare)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep memory")
def test_blocks_that_were_freed_are_used_again():
    plain, kept = faults("plain"), faults("kept")
    assert plain > 5000 and kept < plain / 10, (plain, kept)
