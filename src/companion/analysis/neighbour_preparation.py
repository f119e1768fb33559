"""What is computed once per set of references: centre, principal axes, integer codes; made when first needed."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from companion.analysis.neighbour_cuda import DeviceSearcher
from companion.analysis.neighbour_double import DoubleSearcher
from companion.analysis.neighbour_filter import principal_axes, projection
from companion.analysis.neighbour_rotation import rotation
from companion.analysis.neighbour_rows import tensor_of
from companion.analysis.neighbour_screening import (
    Centring,
    Quantiser,
    centring,
    int8_products,
    quantiser,
)
from companion.analysis.neighbour_search import Prepared, Searcher, prepare

#: Numbers of principal coordinates, one less than widths that suit the registers: one more holds the rest.
_COMPONENTS = (31, 63, 95, 127, 191, 255, 383, 511)
#: Share of the variance that the principal coordinates may leave out.
_LEFT_OUT = 0.08
#: Below these the preparation of a filter is not worth its while.
_LEAST_COUNT, _LEAST_DIMENSION = 2048, 96
#: Seconds per multiply-add on one core: int8 and float32 products. Only ratios matter.
_INT8, _FLOAT32 = 4.7e-12, 2.4e-11


class Preparation:
    """Lazily made parts of a set of references (N, D), kept; safe to use from several threads."""

    def __init__(self, rows: np.ndarray, components: int | None) -> None:
        self.rows = rows
        self._components = components
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """Searchers are made anew where this arrives: they depend on the processor."""
        made = {name: value for name, value in self._made.items() if not name.startswith("searcher")}
        return {"rows": self.rows, "_components": self._components, "_made": made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    @property
    def centring(self) -> Centring:
        """Subtracts the mean of the references."""
        return self._once("centring", lambda: centring(tensor_of(self.rows)))

    def prepared(self, method: str) -> Prepared:
        """Codes for the method ``screen`` or ``filter``."""
        return self._once(f"prepared {method}", lambda: self._prepare(method))

    def searcher(self, method: str) -> Searcher | DoubleSearcher:
        """Searches on this processor by the method ``screen``, ``filter`` or ``double``."""
        if method == "double":
            centring = self.centring
            return self._once(
                "searcher double", lambda: DoubleSearcher(self.rows, centring.centre, centring.scale)
            )
        return self._once(f"searcher {method}", lambda: Searcher(self.prepared(method), self.rows))

    def device_searcher(self, device: str) -> DeviceSearcher:
        """Searches on a torch device, by all coordinates."""
        return self._once(f"searcher on {device}", lambda: DeviceSearcher(*self._on(device)))

    def components(self) -> int | None:
        """Number of principal coordinates of the filter; None where too many would be needed."""
        return self._components if self._components is not None else self._axes()[1]

    def filter_pays(self, queries: float) -> bool:
        """Whether a filter saves more on so many queries than its preparation costs, by counting operations."""
        count, dimension = self.rows.shape
        if self._components is not None:
            return dimension > 1
        if count < _LEAST_COUNT or dimension < _LEAST_DIMENSION:
            return False
        if "axes" in self._made or queries == float("inf"):
            return self.components() is not None
        guess = min(127, dimension // 4)
        product = _INT8 if int8_products() else _FLOAT32
        saved = count * (dimension - guess) * product - 2 * dimension * guess * _FLOAT32
        axes = 6 * min(count, 2048) * dimension * (_most_components(dimension) + 16) * _FLOAT32
        if saved * queries < 1.5 * (axes + count * dimension * guess * _FLOAT32):
            return False
        return self.components() is not None

    def _prepare(self, method: str) -> Prepared:
        references = tensor_of(self.rows)
        if method == "screen":
            return prepare(self._screen(), references)
        axes, _ = self._axes()
        components = self.components() or min(127, axes.shape[0])
        embedding = projection(self.centring, references, min(components, axes.shape[0]), axes)
        return prepare(quantiser(embedding, references), references, self._screen())

    def _on(self, device: str) -> tuple[Prepared, torch.Tensor]:
        references = tensor_of(self.rows).to(device)
        return prepare(screen_quantiser(centring(references), references), references), references

    def _screen(self) -> Quantiser:
        return self._once("screen", lambda: screen_quantiser(self.centring, tensor_of(self.rows)))

    def _axes(self) -> tuple[torch.Tensor, int | None]:
        return self._once("axes", self._find_axes)

    def _find_axes(self) -> tuple[torch.Tensor, int | None]:
        most = self._components or _most_components(self.rows.shape[1])
        axes, left = principal_axes(self.centring, tensor_of(self.rows), most)
        enough = (n for n in _COMPONENTS if n <= min(most, left.size) and left[n - 1] <= _LEFT_OUT)
        return axes, next(enough, None)


def screen_quantiser(centring: Centring, references: torch.Tensor) -> Quantiser:
    """Codes of all coordinates as they are, or mixed where that leaves the codes a smaller error."""
    few = references[:: -(-references.shape[0] // 1024)]
    mixed = rotation(centring)
    plain_error, mixed_error = (
        quantiser(embedding, few).step * embedding.width**0.5 for embedding in (centring, mixed)
    )
    return quantiser(mixed if mixed_error < 0.8 * plain_error else centring, references)


def _most_components(dimension: int) -> int:
    """The largest number of components that still saves most of the product."""
    return max((n for n in _COMPONENTS if 3 * n <= dimension), default=min(31, dimension - 1))
