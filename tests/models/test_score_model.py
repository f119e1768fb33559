from typing import Any

import numpy as np
import pytest
import torch

from companion.models.score_mlp import ScoreMLPSpec
from companion.models.score_model import ScoreModel
from companion.models.unet import UNetSpec

UNET = UNetSpec(side=8, base=8, multipliers=(1, 2), attention=(1,))
MLP = ScoreMLPSpec(dimension=64, width=16, blocks=2)


def generators(seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def drawn(stack, batch=5):
    noise = torch.Generator().manual_seed(7)
    x = torch.randn(stack, batch, 64, generator=noise)
    return x, torch.randint(0, 1000, (stack, batch), generator=noise)


def moved(weights):
    """Weights away from the start, where the last layers are zero."""
    return weights + 0.05 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("spec", [UNET, MLP])
def test_untrained_it_is_the_exact_score_of_an_isotropic_gaussian(spec):
    v = 0.3
    model = ScoreModel(spec, [v])
    x, index = drawn(1)
    found = model.predicted_noise(model.draw_weights(generators([0])), x, index)
    a, s = (values[index[0].numpy()][:, None] for values in (model.schedule.signal, model.schedule.noise))
    score = -x[0].numpy() / (a**2 * v + s**2)
    np.testing.assert_allclose(-found[0].numpy() / s, score, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spec", [UNET, MLP])
def test_a_stack_equals_its_networks_one_by_one(spec):
    moments = [0.2, 0.3, 0.5]
    model = ScoreModel(spec, moments)
    weights = moved(model.draw_weights(generators([0, 1, 2]))).requires_grad_(True)
    x, index = drawn(3)
    together = model.predicted_noise(weights, x, index)
    (gradient,) = torch.autograd.grad(together.square().sum(), weights)
    for run, moment in enumerate(moments):
        single = ScoreModel(spec, [moment])
        own = weights[run : run + 1].detach().requires_grad_(True)
        alone = single.predicted_noise(own, x[run : run + 1], index[run : run + 1])
        torch.testing.assert_close(together[run], alone[0], rtol=1e-5, atol=1e-5)
        (expected,) = torch.autograd.grad(alone.square().sum(), own)
        assert (gradient[run] - expected[0]).abs().max() < 1e-5 * expected.abs().max()
        kept = single.features(own, x[run : run + 1], index[run : run + 1])
        torch.testing.assert_close(model.features(weights, x, index)[run], kept[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("spec", [UNET, MLP])
def test_a_network_starts_the_same_whoever_stands_beside_it(spec):
    both = ScoreModel(spec, [1.0, 1.0]).draw_weights(generators([4, 5]))
    assert torch.equal(both[1], ScoreModel(spec, [1.0]).draw_weights(generators([5]))[0])
    assert not torch.equal(both[0], both[1])
    assert both.shape == (2, ScoreModel(spec, [1.0]).weight_count)


def test_plain_prediction_is_the_network_itself():
    model = ScoreModel(MLP, [0.3], prediction="eps_plain")
    x, index = drawn(1)
    assert model.predicted_noise(model.draw_weights(generators([0])), x, index).abs().max() == 0


def test_what_it_cannot_be_is_said():
    with pytest.raises(ValueError, match="second_moment"):
        ScoreModel(MLP, [0.0])
    with pytest.raises(ValueError, match="prediction"):
        unknown: Any = "x0"
        ScoreModel(MLP, [1.0], prediction=unknown)
    with pytest.raises(ValueError, match="2 given for 1"):
        ScoreModel(MLP, [1.0]).draw_weights(generators([0, 1]))
