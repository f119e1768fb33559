"""The kernel of a notebook under a run: IPython's own, which can be asked where its threads are."""

import faulthandler
import sys
from pathlib import Path

from companion.run.time_limit import STACKS_SIGNAL


def main(stacks: Path) -> None:
    """Start the kernel that the rest of the command line describes.

    On `STACKS_SIGNAL` it appends the Python stack of each thread to ``stacks``, even from inside compiled code:
    the signal's handler is C and waits for nobody.
    """
    with stacks.open("a", encoding="utf-8") as file:
        faulthandler.register(STACKS_SIGNAL, file=file, all_threads=True)
        from ipykernel.kernelapp import launch_new_instance

        launch_new_instance()


if __name__ == "__main__":
    if sys.path[0] in ("", str(Path.cwd())):  # no place to import from until the kernel itself puts it there
        del sys.path[0]
    main(Path(sys.argv.pop(1)))
