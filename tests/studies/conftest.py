"""A recipe for score models that trains in a second, and a store of one's own for the tests that train."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from companion.studies.unet_recipes import Recipe


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    return Recipe(
        base=8,
        steps=20,
        first_checkpoint=4,
        checkpoints=4,
        samples=48,
        sampler_steps=4,
        check_steps=5,
        loss_rows=12,
        feature_rows=10,
        batch_size=16,
        shown=3,
    )


@pytest.fixture(scope="module")
def run_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty store for a module's tests: what one test trained the next one finds."""
    folder = tmp_path_factory.mktemp("store")
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(folder))
        patch.setenv("COMPANION_DEVICE", "cpu")
        torch.set_num_threads(1)
        yield folder
    torch.set_num_threads(before)
