"""A small project with one notebook, whose parameter files a test writes as it needs them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from companion.settings.notebook import Notebook, read_notebook

NOTEBOOK = """\
# %% [markdown]
# # How many minima there are
#
# Text with a formula $L$.

# %%
import companion.session.current
from companion.settings.types import Cluster, Count, Counts, Device, Flag, Positive, Profile, Seed, Text

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file
device: Device = "auto"  # where tensors are computed
cluster: Cluster = "inline"  # who works on blocks
seed: Seed = 7  # root seed
initialisations: Count = 100  # runs per size
sizes: Counts = [6, 8]  # students
tolerance: Positive = 1.0e-7  # gradient norm at which a run stops
normalise: Flag = False  # whether weights are normalised
activation: Text = "relu"  # of the students

# %%
run = companion.session.current.here("demo", locals())

# %% [markdown] tags=["p1_f1_loss"]
# ## First figure

# %% tags=["p1_f1_loss", "p1_f2_basins"]
%matplotlib inline
losses = [seed, seed]

# %% tags=["p1_f2_basins"]
share = 1 / 3  # of runs

# %%
share
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Folder of a project with the notebook ``demo`` and an empty folder for its parameter files."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params" / "demo").mkdir(parents=True)
    (tmp_path / "notebooks" / "demo.py").write_text(NOTEBOOK, encoding="utf-8")
    return tmp_path


@pytest.fixture
def notebook(project: Path) -> Notebook:
    return read_notebook(project / "notebooks" / "demo.py")


@pytest.fixture
def write_profile(project: Path) -> Callable[[str, str], Path]:
    """Write ``params/demo/<profile>.yaml``."""

    def write(profile: str, text: str) -> Path:
        path = project / "params" / "demo" / f"{profile}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
