"""Results on disk: ``<store>/<function>/<key>/result.nc`` and ``manifest.json``, whole or absent."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import numpy as np

from companion.session.files import clear_dead, temporary_name, write_json
from companion.session.root import build_folder, project_root
from companion.store.content import file_digest

if TYPE_CHECKING:
    import xarray as xr  # slow to import, and a plan reads manifests only

RESULT, MANIFEST = "result.nc", "manifest.json"
#: Form of what is written, kept in the manifest. One that names none is of this, the first form.
FORMAT = 1
#: Names one's own store, and possibly others to read.
OWN_VARIABLE = "COMPANION_STORE"
#: Names the group's store, or several: read after one's own, never written to.
GROUP_VARIABLE = "COMPANION_GROUP_STORE"
_QUARANTINE, _LOCKS = "quarantine", "locks"


class DamagedResult(Exception):
    """A stored result whose files are not the ones that were written."""


def store_roots() -> list[Path]:
    """The stores that are read, one's own (the only one written to) first.

    ``COMPANION_STORE`` holds one folder or several, joined as in PATH; without it, build/store. Those of
    ``COMPANION_GROUP_STORE`` come after them and are only read. Relative ones are meant from the project's root,
    as run, kernels and workers stand in different folders.
    """
    own, group = _folders_named(OWN_VARIABLE), _folders_named(GROUP_VARIABLE)
    return list(dict.fromkeys([*(own or [build_folder() / "store"]), *group]))


def _folders_named(variable: str) -> list[Path]:
    parts = [part for part in os.environ.get(variable, "").split(os.pathsep) if part]
    return [(project_root() / part).resolve() for part in parts]


@dataclass(frozen=True)
class Address:
    """Where a result of ``function`` under ``key`` lies, in whichever store."""

    function: str
    key: str

    def in_store(self, root: Path) -> Path:
        return root / self.function / self.key

    @property
    def own(self) -> Path:
        return self.in_store(store_roots()[0])

    @property
    def workspace(self) -> Path:
        return self.own.with_name(f".work-{self.key}")

    @property
    def lock(self) -> Path:
        return store_roots()[0] / _LOCKS / f"{self.key}.lock"

    def find(self) -> Path | None:
        """Folder of the result in the first store that has it."""
        return next((f for root in store_roots() if (f := self.in_store(root)) and is_whole(f)), None)


def is_whole(folder: Path) -> bool:
    """Whether ``folder`` holds a result; its bytes are checked when it is read."""
    return (folder / MANIFEST).is_file() and (folder / RESULT).is_file()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a result; DamagedResult where it is no JSON mapping, or of a form that is not known here."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise DamagedResult(f"{folder / MANIFEST}: {problem}") from problem
    if not isinstance(manifest, dict):
        raise DamagedResult(f"{folder / MANIFEST}: it holds no mapping")
    if (form := manifest.get("format", FORMAT)) != FORMAT:
        raise DamagedResult(
            f"{folder}: written by another version, in form {form!r}; this one reads {FORMAT}"
        )
    return manifest


def read_result(folder: Path) -> "xr.Dataset":
    """The Dataset of a result, with its key and function among the attributes.

    Raises DamagedResult where the file's bytes are not those that the manifest records.
    """
    import xarray as xr

    manifest = read_manifest(folder)
    try:
        if file_digest(folder / RESULT) != manifest["result_sha256"]:
            raise DamagedResult(f"{folder / RESULT}: its bytes are not the ones that were written")
        with _one_process(), xr.open_dataset(folder / RESULT, engine="h5netcdf") as opened:
            dataset = opened.load()
        dataset.attrs |= {"companion_key": manifest["key"], "companion_function": manifest["function"]}
    except (OSError, KeyError) as problem:
        raise DamagedResult(f"{folder}: {problem}") from problem
    return dataset


def _one_process() -> dask.config.set:
    """Keep xarray from opening a client of the cluster in each worker, in search of a lock it needs not."""
    return dask.config.set(scheduler="synchronous")


def write_result(address: Address, dataset: "xr.Dataset", manifest: dict[str, Any], *, replace: bool) -> Path:
    """Write a result beside its place and rename it there; the loser of a race discards its own."""
    with placed(address, replace=replace) as temporary:
        plain = dataset.drop_encoding()
        plain.attrs = {k: v for k, v in dataset.attrs.items() if not k.startswith("companion_")}
        with _one_process():
            plain.to_netcdf(temporary / RESULT, engine="h5netcdf")
        written = {"format": FORMAT, "result_sha256": file_digest(temporary / RESULT)}
        write_json(temporary / MANIFEST, manifest | written)
    return address.own


@contextlib.contextmanager
def placed(address: Address, *, replace: bool = False) -> Iterator[Path]:
    """Folder for the files of a result; renamed to its place when the block ends well, removed when it does not.

    Where another process was first, its result stays, unless ``replace``. Readable by the group, whatever the umask.
    """
    target = address.own
    clear_dead(target)
    temporary, replaced = temporary_name(target), temporary_name(target)
    temporary.mkdir(parents=True)
    _open_to_group(target.parent)
    try:
        yield temporary
        _flush(temporary / RESULT)
        for path, mode in ((temporary, 0o775), (temporary / RESULT, 0o664), (temporary / MANIFEST, 0o664)):
            path.chmod(mode)
        if replace and target.exists():
            target.rename(replaced)
        try:
            temporary.rename(target)
        except OSError:
            if not is_whole(target):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _open_to_group(folder: Path) -> None:
    """Let the group read a function's folder and the store, whatever the user's umask."""
    for path in (folder, folder.parent):
        mode = path.stat().st_mode
        if path.stat().st_uid == os.getuid() and mode & 0o050 != 0o050:
            path.chmod(mode | 0o050)


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def quarantine(folder: Path) -> Path:
    """Move a damaged result aside, where it can be looked at, and say where it went."""
    root = folder.parent.parent
    aside = root / _QUARANTINE / f"{folder.parent.name}-{folder.name}-{secrets.token_hex(4)}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(aside)
    return aside


def all_results(root: Path) -> Iterator[tuple[Address, Path]]:
    """Every whole result of a store, by function, then by key."""
    for address, folder in _folders(root):
        if is_whole(folder):
            yield address, folder


def torn_results(root: Path) -> Iterator[tuple[Address, str]]:
    """Every result of a store that lacks a file, which no kill can bring about, with the name of that file."""
    for address, folder in _folders(root):
        if (missing := missing_file(folder)) is not None:
            yield address, missing


def _folders(root: Path) -> Iterator[tuple[Address, Path]]:
    for function in sorted(path for path in root.glob("*") if path.name not in (_QUARANTINE, _LOCKS)):
        for folder in sorted(function.glob("[!.]*")):
            yield Address(function.name, folder.name), folder


def missing_file(folder: Path) -> str | None:
    """Name of the file that a result's folder lacks; None where it lacks none, or where there is no folder."""
    return next((n for n in (RESULT, MANIFEST) if folder.is_dir() and not (folder / n).is_file()), None)


def leftovers(root: Path) -> Iterator[Path]:
    """What killed processes left behind: temporary folders, workspaces, quarantined results."""
    yield from sorted(root.glob("*/.*.tmp"))
    yield from sorted(root.glob("*/.work-*"))
    yield from sorted((root / _QUARANTINE).glob("*"))


def check_storable(dataset: Any, function: str) -> "xr.Dataset":
    """The result of a stored function, if it can be stored; TypeError with the reason otherwise."""
    import xarray as xr

    if not isinstance(dataset, xr.Dataset):
        raise TypeError(
            f"{function} returned a {type(dataset).__name__}; a stored function returns a Dataset"
        )
    for name, variable in dataset.variables.items():
        if np.asarray(variable.values).dtype.kind not in "biufOUSTmM":
            raise TypeError(
                f"{function}: variable {name!r} has dtype {variable.dtype}; store {name}_real and {name}_imag"
            )
    holders = {"the Dataset": dataset.attrs} | {
        f"variable {n!r}": v.attrs for n, v in dataset.variables.items()
    }
    for holder, attributes in holders.items():
        for key, value in attributes.items():
            if value is None or isinstance(value, bool | dict):
                raise TypeError(
                    f"{function}: attribute {key!r} of {holder} is a {type(value).__name__}; write it as JSON text"
                )
    return dataset
