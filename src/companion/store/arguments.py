"""Arguments of stored functions: plain data in, canonical JSON out, and back again."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel

from companion.store.content import array_digest, dataset_digest

_INLINE_VALUES = 4096


def encode(value: Any, name: str) -> Any:
    """Canonical JSON form of an argument; equal values have equal forms.

    Numbers, text, None, tuples and lists (alike), dicts with text keys, arrays, Datasets and frozen
    pydantic models are plain data. Anything else is a TypeError that names the argument.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic) and not isinstance(value, np.complexfloating):
        return encode(value.item(), name)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple | list):
        return [encode(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, xr.DataArray):
        value = value.to_dataset(name=value.name or "values")
    if isinstance(value, xr.Dataset):
        return {"dataset": dataset_digest(value)}
    if isinstance(value, Mapping):  # a Dataset is one too, and was taken above
        _require(all(isinstance(key, str) for key in value), name, "a dict whose keys are not all text")
        return {"dict": {key: encode(item, f"{name}[{key!r}]") for key, item in sorted(value.items())}}
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, BaseModel):
        kind = type(value)
        _require(bool(kind.model_config.get("frozen")), name, f"a {kind.__name__} that is not frozen")
        fields = {field: encode(getattr(value, field), f"{name}.{field}") for field in kind.model_fields}
        return {"model": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    what = "a function" if callable(value) else f"a {type(value).__module__}.{type(value).__qualname__}"
    _require(False, name, what)


def canonical(value: Any) -> Any:
    """The one value that stands for all that have the form of ``value``: what the function is called with.

    NumPy's numbers become Python's, lists become tuples, and dicts come in the order of their keys; a
    result could otherwise depend on what its key does not tell.

    >>> canonical([np.int64(3), {"b": 1, "a": [2]}])
    (3, {'a': (2,), 'b': 1})
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return tuple(canonical(item) for item in value)
    if isinstance(value, Mapping) and not isinstance(value, xr.Dataset):
        return {key: canonical(item) for key, item in sorted(value.items())}
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    return value


def _require(condition: bool, name: str, what: str) -> None:
    if not condition:
        raise TypeError(
            f"argument {name!r} is {what}; stored functions take numbers, text, None, tuples, lists, dicts, "
            "arrays, Datasets and frozen pydantic models (pass a seed, not a generator; a name, not a function)"
        )


def _encode_array(array: np.ndarray) -> dict[str, Any]:
    form: dict[str, Any] = {"array": array_digest(array)}
    if array.size <= _INLINE_VALUES and array.dtype.kind in "biuf":
        # Small arrays travel in the manifest, so that a result can be recomputed from it alone.
        form |= {"dtype": array.dtype.str, "shape": list(array.shape), "bytes": array.tobytes().hex()}
    return form


class NotRebuildable(ValueError):
    """The manifest holds only a digest of this argument."""


def decode(form: Any) -> Any:
    """The argument that `encode` turned into ``form``.

    Raises NotRebuildable for Datasets and large arrays, of which only a digest is kept.
    """
    if isinstance(form, list):
        return tuple(decode(item) for item in form)
    if not isinstance(form, dict):
        return form
    if "float" in form:
        return float.fromhex(form["float"])
    if "dict" in form:
        return {key: decode(item) for key, item in form["dict"].items()}
    if "bytes" in form:
        flat = np.frombuffer(bytes.fromhex(form["bytes"]), dtype=form["dtype"])
        return flat.reshape(form["shape"]).copy()
    if "model" in form:
        module, _, name = form["model"].partition(":")
        kind = getattr(importlib.import_module(module), name)
        return kind(**{field: decode(item) for field, item in form["fields"].items()})
    raise NotRebuildable("an argument is kept as a digest only")


def readable(form: Any) -> Any:
    """A form for people: floats as numbers, arrays and Datasets as short digests."""
    if isinstance(form, list):
        return [readable(item) for item in form]
    if not isinstance(form, dict):
        return form
    if "float" in form:
        return float.fromhex(form["float"])
    if "dict" in form:
        return {key: readable(item) for key, item in form["dict"].items()}
    if "model" in form:
        return {"model": form["model"].partition(":")[2], **readable({"dict": form["fields"]})}
    return next(f"{kind} {form[kind][:12]}" for kind in ("array", "dataset") if kind in form)
