"""What source files say of themselves, kept between processes by their bytes: parsing hundreds takes seconds.

The file build/fingerprints.json holds no more than can be found out again, and what is in it holds for ever: an
entry belongs to the bytes of one source file, and all of them to the code that examined it and to its Python.
"""

import contextlib
import hashlib
import json
import sys
from pathlib import Path

from companion.session.files import write_atomically
from companion.session.root import build_folder
from companion.store.content import file_digest

#: Digest of the normalised source, and the names that it imports.
Examined = tuple[str, frozenset[str]]

#: Versions of files that are kept; beyond, the oldest go.
_MOST = 5000
_WRITERS = ("fingerprint.py", "imports.py", "examined.py")

_read: dict[Path, dict[str, Examined]] = {}
_new: dict[str, Examined] = {}


def recall(source_digest: str, package: str) -> Examined | None:
    """What was found in a file of these bytes, whose relative imports start from ``package``; None if nothing was."""
    name = _name(source_digest, package)
    return _new.get(name) or _kept().get(name)


def note(source_digest: str, package: str, found: Examined) -> None:
    """Remember it; `keep` writes it for other processes."""
    _new[_name(source_digest, package)] = found


def keep() -> None:
    """Write what was noted, beside what others wrote meanwhile; where that is refused, only time is lost.

    Nothing is written into a project that has no build/ yet: who only looks leaves no trace.
    """
    if not _new:
        return
    with contextlib.suppress(OSError):  # no project, a full disk, a folder of somebody else
        file = _file()
        if not file.parent.is_dir():
            return
        _read.pop(file, None)
        entries = _kept() | _new
        latest = {name: entries[name] for name in list(entries)[-_MOST:]}
        form = {name: [digest, sorted(imported)] for name, (digest, imported) in latest.items()}
        write_atomically(file, json.dumps({"made_by": _made_by(), "files": form}))
        _read[file] = latest
    _new.clear()


def _file() -> Path:
    return build_folder() / "fingerprints.json"


def _name(source_digest: str, package: str) -> str:
    return f"{source_digest} {package}"


def _kept() -> dict[str, Examined]:
    """What the project's file holds; nothing where there is none, or one by other code."""
    try:
        file = _file()
        if file not in _read:
            content = json.loads(file.read_bytes())
            files = content["files"] if content["made_by"] == _made_by() else {}
            _read[file] = {name: (digest, frozenset(imported)) for name, (digest, imported) in files.items()}
        return _read[file]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _made_by() -> str:
    """The code that examines, and the Python whose parser and printer it uses."""
    digests = [file_digest(Path(__file__).with_name(name)) for name in _WRITERS]
    return hashlib.sha256("\n".join([sys.version, *digests]).encode()).hexdigest()
