"""What a figure was drawn from, as a Dataset."""

import difflib
import json

import xarray as xr

from companion.session.current import figures_folder
from companion.store.artefacts import Address, read_result


def load(figure_id: str, profile: str = "laptop") -> xr.Dataset:
    """The Dataset that the figure ``figure_id`` of ``profile`` was drawn from.

    Raises FileNotFoundError where there is no such figure, or where its result is not in the store
    (a fresh clone has the pictures only), saying how to make it.
    """
    folder = figures_folder(profile)
    description = folder / f"{figure_id}.json"
    if not description.is_file():
        known = sorted(path.stem for path in folder.glob("*_*.json"))
        near = difflib.get_close_matches(figure_id, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none yet'}"
        raise FileNotFoundError(f"figure {figure_id!r} of profile {profile!r}: not in {folder}; {hint}")
    figure = json.loads(description.read_text(encoding="utf-8"))
    result = Address(figure["data_function"], figure["data_key"]).find()
    if result is None:
        raise FileNotFoundError(
            f"figure {figure_id!r}: its result {figure['data_key']} is not in the store; make it with "
            f"`python run_all.py {figure['notebook']} --profile {profile} --only {figure_id}`"
        )
    return read_result(result)
