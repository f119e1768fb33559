"""Regenerate every figure and verdict: ``python run_all.py --help``."""

import os
from pathlib import Path

# The folder of this file is the project, wherever the command is given.
os.environ.setdefault("COMPANION_ROOT", str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    from companion.run.cli import main

    main()
