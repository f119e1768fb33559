"""The gallery after a run: built again only if something that it shows is another one."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from companion.session.files import write_atomically
from companion.session.root import build_folder, project_root
from companion.settings import notebook_formats
from companion.store.artefacts import store_roots
from companion.store.fingerprint import closure, combined

_MARK = ".inputs"


def refresh() -> Path:
    """Bring build/site up to date and return its first page."""
    site = build_folder() / "site"
    index, mark = site / "index.html", site / _MARK
    digest = _inputs_digest()
    if not index.exists() or not mark.exists() or mark.read_text() != digest:
        # slow to import, and nearly never needed when a run is repeated
        notebook_formats.prepare()
        from companion.site.build import build_site

        if mark.exists() and not index.exists():  # ours by its mark, but no longer to be told for a gallery
            shutil.rmtree(site)
        build_site(project_root())
        write_atomically(mark, digest)
    return index


def _inputs_digest() -> str:
    """Digest of everything that the pages are made of: results, runs, what is committed, the pages' code."""
    digest = hashlib.sha256(combined(closure(["companion.site.build"], science_only=False)).encode())
    digest.update(_committed_figures())
    digest.update(_stored_results())
    for path in _inputs():
        content = path.read_bytes() if path.name != "summary.json" else _lasting(path)
        name = "/".join(path.parts[-2:])  # not the whole path: a project that moved shows the same
        for part in (name.encode(), content):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    yield from sorted(path for path in (project_root() / "figures").glob("*/*") if path.is_file())
    yield from (path for path in [project_root() / "CITATION.cff"] if path.is_file())
    for pattern in ("*.ipynb", "*.json", "drawn/*.json"):
        yield from sorted((build_folder() / "runs").glob(f"*/{pattern}"))
    package = Path(__file__).parent.parent / "site"
    yield from sorted(
        path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    )


def _lasting(summary: Path) -> bytes:
    """What a summary says beyond times: a repeated run with nothing to do says the same."""
    try:
        notebooks = json.loads(summary.read_text(encoding="utf-8"))["notebooks"]
    except (ValueError, KeyError):
        return b""
    return json.dumps([[entry["name"], entry["failure"]] for entry in notebooks], sort_keys=True).encode()


def _stored_results() -> bytes:
    """Names of all results in the stores: by them the pages tell costs, or that they are not known."""
    names = sorted(
        f"{path.parent.name}/{path.name}" for root in store_roots() for path in root.glob("[!.]*.*/[!.]*")
    )
    return hashlib.sha256("\n".join(names).encode()).digest()


def _committed_figures() -> bytes:
    """Name of the committed state of figures/; the pages compare criteria with it."""
    command = ["git", "-C", str(project_root()), "rev-parse", "HEAD:./figures"]
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
