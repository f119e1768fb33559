"""What version control holds of figures and verdicts, to tell what has changed since."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.site.inventory import DrawnFigure, Inventory, parse_claims
from companion.site.records import ClaimEntry, FigureRecord

_SECONDS = 60


@dataclass(frozen=True)
class Tracked:
    """The committed claims by profile, descriptions of figures by profile and id, and which files differ now.

    ``known`` is false where there is no version control, or nothing committed.
    """

    known: bool = False
    claims: Mapping[str, Mapping[str, ClaimEntry]] = field(default_factory=dict)
    figures: Mapping[tuple[str, str], FigureRecord] = field(default_factory=dict)
    differing: frozenset[str] = frozenset()

    def same_picture(self, figure: DrawnFigure) -> bool:
        """Whether the image of ``figure`` is the committed one."""
        return f"figures/{figure.profile}/{figure.id}.png" not in self.differing


def read_tracked(root: Path, inventory: Inventory) -> Tracked:
    """The last commit's side of everything in ``inventory``."""
    listed = _git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD", "./figures")
    changed = _git(root, "diff", "-z", "--name-only", "--relative", "HEAD", "--", "figures")
    if listed is None or changed is None:
        return Tracked()
    committed, differing = (set(text.decode().split("\0")) - {""} for text in (listed, changed))
    claims = {profile: f"figures/{profile}/claims.json" for profile in inventory.claims}
    figures = {(one.profile, one.id): f"figures/{one.profile}/{one.id}.json" for one in inventory.figures}
    # What does not differ need not be read again: the file on disk is the committed one.
    wanted = [name for name in (*claims.values(), *figures.values()) if name in committed & differing]
    texts = _committed(root, wanted)
    return Tracked(
        known=bool(committed),
        claims={
            profile: _claims(texts[name]) if name in texts else inventory.claims[profile]
            for profile, name in claims.items()
            if name in committed
        },
        figures={
            (one.profile, one.id): found
            for one in inventory.figures
            if (name := figures[one.profile, one.id]) in committed
            and (found := _figure(texts[name]) if name in texts else one.record) is not None
        },
        differing=frozenset(differing),
    )


def _claims(text: bytes) -> dict[str, ClaimEntry]:
    try:
        return parse_claims(json.loads(text))[0]
    except ValueError:
        return {}


def _figure(text: bytes) -> FigureRecord | None:
    try:
        content: Any = json.loads(text)
        return FigureRecord.model_validate(content)
    except ValueError:  # ValidationError is one too
        return None


def _committed(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Content of files ``names`` (below ``root``) in the last commit, all read by one process."""
    wanted = list(names)
    asked = "".join(f"HEAD:./{name}\n" for name in wanted).encode()
    rest = _git(root, "cat-file", "--batch", given=asked) or b""
    texts = {}
    for name in wanted:
        head, _, rest = rest.partition(b"\n")
        length = head.rpartition(b" ")[2]
        if length.isdigit():  # else it says that the file is missing
            texts[name], rest = rest[: int(length)], rest[int(length) + 1 :]
    return texts


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """What git says, None where there is none or it refuses; it takes no lock, for somebody may be at work."""
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, input=given, capture_output=True, check=True, timeout=_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return None
