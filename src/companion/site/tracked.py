"""What version control holds, to tell which criteria have changed since."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from companion.site.inventory import parse_claims
from companion.site.records import ClaimEntry


def tracked_claims(root: Path, profiles: Iterable[str]) -> dict[str, dict[str, ClaimEntry]]:
    """Committed claim entries of each profile; a profile without any, or without git, is left out."""
    texts = {profile: _committed(root, f"figures/{profile}/claims.json") for profile in profiles}
    return {profile: _entries(text) for profile, text in texts.items() if text is not None}


def _entries(text: str) -> dict[str, ClaimEntry]:
    try:
        return parse_claims(json.loads(text))[0]
    except ValueError:
        return {}


def _committed(root: Path, name: str) -> str | None:
    """Text of the file ``name`` (below ``root``) in the last commit."""
    command = ["git", "-C", str(root), "show", f"HEAD:./{name}"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=20)
        return done.stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
