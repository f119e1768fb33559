"""Stacked autoencoders are the single ones side by side, from the starts that are promised."""

import numpy as np
import pytest
import torch

from companion.models.vae import (
    LOG_VARIANCE_RANGE,
    VAESpec,
    decode,
    divergence,
    draw_weights,
    encode,
    layers,
)

SPEC = VAESpec(dimension=12, latents=3, widths=(8, 5))


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_shapes_and_their_mirror():
    assert SPEC.encoder == ((12, 8), (8, 5), (5, 6))
    assert SPEC.decoder == ((3, 5), (5, 8), (8, 12))
    weights = draw_weights(SPEC, generators(0, 1), [0.0, 0.0])
    assert weights.shape == (2, SPEC.weight_count)
    assert [tuple(matrix.shape[1:]) for matrix, _ in layers(SPEC, weights)] == [*SPEC.encoder, *SPEC.decoder]
    direct = VAESpec(dimension=4, latents=2, widths=())
    assert (direct.encoder, direct.decoder) == (((4, 4),), ((2, 4),))


def test_gains_multiply_one_draw():
    """Each encoder matrix 10^(-L/2), each decoder matrix 10^(L/2); biases zero."""
    plain, heavy = draw_weights(SPEC, generators(3, 3), [0.0, 1.0])
    for place, ((matrix, bias), (other, _)) in enumerate(
        zip(layers(SPEC, plain[None]), layers(SPEC, heavy[None]), strict=True)
    ):
        factor = 10 ** (-0.5 if place < 3 else 0.5)
        torch.testing.assert_close(other, factor * matrix)
        assert not bias.any()


def test_starts_are_xavier_normal():
    spec = VAESpec(dimension=300, latents=10, widths=(200,))
    parts = layers(spec, draw_weights(spec, generators(0), [0.0]))
    for matrix, _ in parts:
        inputs, outputs = matrix.shape[1:]
        expected = (2 / (inputs + outputs)) ** 0.5
        assert float(matrix.std()) == pytest.approx(expected, rel=5 / (2 * inputs * outputs) ** 0.5)


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_a_stack_is_its_networks_side_by_side(activation):
    spec = SPEC.model_copy(update={"activation": activation})
    weights = draw_weights(spec, generators(0, 1, 2), [0.0, 0.5, -0.5])
    weights += 0.1 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(9))
    images = torch.rand(3, 7, 12, generator=torch.Generator().manual_seed(4))
    means, log_variances = encode(spec, weights, images)
    decoded = decode(spec, weights, means)
    bend = torch.relu if activation == "relu" else lambda x: x
    for place in range(3):
        parts = [(matrix[0], bias[0, 0]) for matrix, bias in layers(spec, weights[place][None])]
        hidden = images[place]
        for matrix, bias in parts[:2]:
            hidden = bend(hidden @ matrix + bias)
        codes = hidden @ parts[2][0] + parts[2][1]
        torch.testing.assert_close(means[place], codes[:, :3])
        torch.testing.assert_close(log_variances[place], codes[:, 3:])
        hidden = codes[:, :3]
        for matrix, bias in parts[3:5]:
            hidden = bend(hidden @ matrix + bias)
        torch.testing.assert_close(decoded[place], hidden @ parts[5][0] + parts[5][1])


def test_rectified_networks_scale_with_their_gains():
    """Without biases a factor c on one layer of a ReLU network is a factor c on what comes out."""
    spec = SPEC
    weights = draw_weights(spec, generators(5, 5), [0.0, -1.0])
    images = torch.rand(1, 6, 12, generator=torch.Generator().manual_seed(0)).expand(2, -1, -1)
    plain, heavy = encode(spec, weights, images)[0]
    torch.testing.assert_close(heavy, 10**1.5 * plain)


def test_log_variances_are_clipped():
    weights = draw_weights(SPEC, generators(0), [-6.0])
    _, found = encode(SPEC, weights, torch.rand(1, 50, 12, generator=torch.Generator().manual_seed(1)))
    assert (float(found.min()), float(found.max())) == LOG_VARIANCE_RANGE


def test_divergence_is_that_of_gaussians():
    """Against torch.distributions, and zero at the prior alone."""
    draws = np.random.default_rng(0).normal(size=(2, 40))
    means, log_variances = torch.tensor(draws)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(means, (0.5 * log_variances).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(divergence(means, log_variances), expected)
    assert float(divergence(torch.zeros(1), torch.zeros(1))) == 0.0


@pytest.mark.parametrize("imbalance", [[0.0], [0.0, np.inf], [0.0, 0.0, 0.0]])
def test_bad_imbalances_are_named(imbalance):
    with pytest.raises(ValueError, match=r"imbalance: .* allowed: one finite number for each of 2 networks"):
        draw_weights(SPEC, generators(0, 1), imbalance)
