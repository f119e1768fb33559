import pytest
import torch
from pydantic import ValidationError

from companion.models.score_mlp import ScoreMLPSpec
from companion.models.unet import UNetSpec

SMALL = UNetSpec(side=8, base=8, multipliers=(1, 2), blocks=2, patch=2, attention=(1,))


def inputs(dimension, batch=3):
    noise = torch.Generator().manual_seed(0)
    return torch.randn(batch, dimension, generator=noise), torch.tensor([0.0, 500.0, 999.0])[:batch]


def test_sizes_of_the_two_profiles():
    laptop = UNetSpec().build()
    paper = UNetSpec(side=28, multipliers=(1, 2, 4), blocks=2, attention=(1, 2), patch=1).build()
    assert 0.6e6 < sum(weight.numel() for weight in laptop.parameters()) < 0.7e6
    assert 3.8e6 < sum(weight.numel() for weight in paper.parameters()) < 4.3e6


@pytest.mark.parametrize(
    "spec", [SMALL, SMALL.model_copy(update={"patch": 1}), ScoreMLPSpec(dimension=64, width=16)]
)
def test_rows_go_in_and_rows_come_out(spec):
    network = spec.build()
    x, index = inputs(64)
    assert network(x, index).shape == (3, 64)
    assert network.features(x, index).shape[0] == 3


@pytest.mark.parametrize("spec", [SMALL, ScoreMLPSpec(dimension=64, width=16)])
def test_each_row_is_denoised_by_itself(spec):
    network = spec.build()
    x, index = inputs(64)
    alone = torch.cat([network(x[row : row + 1], index[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(network(x, index), alone, rtol=1e-4, atol=1e-5)


def test_the_noise_level_matters():
    network = SMALL.build()
    x, _ = inputs(64)
    low, high = network(x, torch.zeros(3)), network(x, torch.full((3,), 900.0))
    assert (low - high).abs().max() > 1e-4


@pytest.mark.parametrize("spec", [SMALL, ScoreMLPSpec(dimension=64, width=16)])
def test_dropout_multiplies_channels_inside_blocks(spec):
    network = spec.build()
    x, index = inputs(64)
    ones = torch.ones(3, network.channels)
    torch.testing.assert_close(network(x, index, ones), network(x, index))
    assert (network(x, index, 0 * ones) - network(x, index)).abs().max() > 1e-4


@pytest.mark.parametrize("spec", [SMALL, ScoreMLPSpec(dimension=64, width=16)])
def test_zeros_at_the_start_are_weights_that_exist(spec):
    named = dict(spec.build().named_parameters())
    assert set(spec.build().start_at_zero()) <= set(named)
    assert "head.weight" in spec.build().start_at_zero()


@pytest.mark.parametrize(
    "bad", [{"side": 10}, {"attention": (2,)}, {"base": 12}, {"dropout": 1.0}, {"widths": 3}]
)
def test_shapes_that_do_not_fit_are_refused(bad):
    with pytest.raises(ValidationError):
        UNetSpec(**({"side": 16} | bad))
