"""Where the full Fashion-MNIST is: a folder of one's own, Debian's package, or a checked download.

arXiv:1708.07747. The contents of the four files are checked wherever they come from.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from companion.datasets.idx_files import DamagedData, read_idx
from companion.session.progress import Advance, progress

#: Folder that is searched first, and that downloads go to.
DATA_VARIABLE = "COMPANION_DATA"
ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

_SECONDS_TO_CONNECT, _SECONDS_TO_WAIT = 10, 60
_CHUNK = 1 << 16


class Published(NamedTuple):
    """One published file: shape, SHA-256 of its contents, and size and SHA-256 as compressed at the address."""

    shape: tuple[int, ...]
    contents: str
    size: int
    packed: str


FILES = {
    "train-images-idx3-ubyte": Published(
        (60000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        26421880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "train-labels-idx1-ubyte": Published(
        (60000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        29515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "t10k-images-idx3-ubyte": Published(
        (10000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        4422102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "t10k-labels-idx1-ubyte": Published(
        (10000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        5148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}


_WAYS = (
    f"Three ways to have the full data: install Debian's package (apt-get install {DEBIAN_PACKAGE}); put the four"
    f" IDX files, packed or not, into a folder and set {DATA_VARIABLE} to it; or load it once where {ADDRESS} can"
    " be reached. data='embedded' needs none of this."
)


class DataNotFound(FileNotFoundError):
    """The full data is nowhere; the message says where it was looked for and what to do."""


def places() -> list[Path]:
    """Folders that are searched for the four files, in this order.

    ``COMPANION_DATA`` and in it fashion-mnist/ and FashionMNIST/raw/ (torchvision's layout), Debian's folder,
    and the folder that downloads go to.
    """
    own = os.environ.get(DATA_VARIABLE)
    if not own:
        return [DEBIAN_FOLDER, download_folder()]
    root = Path(own).expanduser().absolute()
    return [root, root / "fashion-mnist", root / "FashionMNIST" / "raw", DEBIAN_FOLDER]


def download_folder() -> Path:
    """Folder that downloads go to: fashion-mnist/ in ``COMPANION_DATA``, or in the user's cache."""
    own = os.environ.get(DATA_VARIABLE)
    if own:
        return Path(own).expanduser().absolute() / "fashion-mnist"
    import pooch  # loads slowly, and most runs need none of it

    return Path(pooch.os_cache("companion")) / "fashion-mnist"


def find(folder: Path) -> dict[str, Path]:
    """Those of the four files that ``folder`` holds, packed (.gz) or not, by their names without .gz."""
    candidates = {name: (folder / name, folder / f"{name}.gz") for name in FILES}
    return {
        name: next(path for path in paths if path.is_file())
        for name, paths in candidates.items()
        if any(path.is_file() for path in paths)
    }


def read_full() -> dict[str, NDArray[np.uint8]]:
    """The four arrays of the full data, read-only, by the names of their files.

    Raises DataNotFound if no place holds all four files and they cannot be downloaded; DamagedData if a
    file does not hold the published contents. A damaged file is named, never passed over.
    """
    looked = []
    for folder in places():
        found = find(folder)
        if len(found) == len(FILES):
            return _read(found)
        looked.append(f"{folder}: {_shortfall(folder, found)}")
    try:
        paths = download(download_folder(), ADDRESS)
    except OSError as error:
        looked.append(f"download from {ADDRESS}: {_first_line(error)}")
        raise DataNotFound(
            "data: 'full' given, and the full Fashion-MNIST was not found. Looked in\n  "
            + "\n  ".join(looked)
            + f"\n{_WAYS}"
        ) from error
    return _read(paths)


def download(folder: Path, address: str) -> dict[str, Path]:
    """Fetch the four packed files below ``address`` into ``folder``, unless they are there, and return their paths.

    A file gets its name only when all of it has arrived with the published SHA-256. Raises OSError if the
    address cannot be reached or the folder cannot be written to, DamagedData if something else arrives.
    """
    import pooch

    paths = {name: folder / f"{name}.gz" for name in FILES}
    total = sum(published.size for published in FILES.values())
    with progress("Fashion-MNIST", total, "bytes") as advance:
        for name, published in FILES.items():
            bar: Any = _Bar(advance)
            fetch: Any = pooch.HTTPDownloader(
                progressbar=bar, chunk_size=_CHUNK, timeout=(_SECONDS_TO_CONNECT, _SECONDS_TO_WAIT)
            )
            try:
                pooch.retrieve(
                    address + paths[name].name,
                    known_hash=f"sha256:{published.packed}",
                    fname=paths[name].name,
                    path=folder,
                    downloader=fetch,
                )
            except ValueError as error:
                raise DamagedData(
                    f"{address}{paths[name].name}: {_first_line(error)} Nothing of it was kept.\n{_WAYS}"
                ) from error
    return paths


class _Bar:
    """What pooch takes for a bar; it counts each file again at the end, which is not passed on."""

    def __init__(self, advance: Advance) -> None:
        self.total = 0
        self._advance = advance
        self._arrived = False

    def update(self, count: int) -> None:
        if not self._arrived:
            self._advance(count)

    def reset(self) -> None:
        self._arrived = True

    def close(self) -> None:
        pass


def _read(paths: dict[str, Path]) -> dict[str, NDArray[np.uint8]]:
    try:
        return {name: read_idx(paths[name], FILES[name].shape, FILES[name].contents) for name in FILES}
    except DamagedData as error:
        raise DamagedData(f"{error}. Remove or replace that file, and load again") from error


def _shortfall(folder: Path, found: dict[str, Any]) -> str:
    if not folder.is_dir():
        return "no such folder"
    missing = [name for name in FILES if name not in found]
    return f"{len(found)} of {len(FILES)} files; no {', '.join(missing)} (or .gz)"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
