"""Regenerate every figure and verdict: ``python run_all.py --help``."""

import os
import sys
from pathlib import Path

# The folder of this file is the project, wherever the command is given.
os.environ.setdefault("COMPANION_ROOT", str(Path(__file__).resolve().parent))

if __name__ == "__main__":
    try:
        from companion.run.cli import main
    except ModuleNotFoundError as missing:
        if missing.name != "companion":
            raise
        sys.exit(
            f"companion is not installed for {sys.executable}: `make install`, then .venv/bin/python run_all.py"
        )
    main()
