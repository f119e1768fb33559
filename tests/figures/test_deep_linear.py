"""The figures of linear networks draw what the datasets hold."""

import numpy as np
import pytest

from companion.figures import deep_linear as figures
from companion.studies.balanced_linear import balanced_paths
from companion.studies.deep_linear import linear_imbalance


def heights(axes):
    return [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]


def test_linear_imbalance_draws_map_law_and_ratios(project):
    data = linear_imbalance(4000, 100.0, 5, [1, 100], [-1, 0, 2], [2, 3], [0.01, 3.0], 10, 2, parts=3)
    plane, ratio, layers, modes = figures.linear_imbalance(data).axes[:4]
    (mesh,) = plane.collections
    np.testing.assert_allclose(mesh.get_array(), data.usage_map.T)
    assert f"exact {data.attrs['exact_mean']:.4f}" in plane.texts[0].get_text()
    faint, law = ratio.lines[:2]
    np.testing.assert_allclose(np.reshape(faint.get_ydata(), (2, -1)), data.readouts_too)
    np.testing.assert_allclose(law.get_ydata(), data.law)
    np.testing.assert_allclose(heights(ratio), [data.integrated.mean("draw")])
    np.testing.assert_allclose(heights(layers), data.common_usage.mean("part").values.reshape(4, 3))
    levels = [line.get_ydata()[0] for line in layers.lines if len(set(line.get_xdata())) == 2]
    assert {round(float(value), 9) for value in data.common_law} <= {round(level, 9) for level in levels}
    drawn = heights(modes)
    np.testing.assert_allclose(drawn[0], data.layer_modes.mean("seed"))
    np.testing.assert_allclose(drawn[1], data.neuron_modes.isel(scale=0).mean("weight_draw"))
    # Neurons beyond the largest deviation have no result.
    assert len(drawn[2]) == 1
    assert any(np.array_equal(line.get_ydata(), data.neuron_law) for line in modes.lines)
    words = [(axes.get_xlabel(), axes.get_ylabel()) for axes in (plane, ratio)]
    assert words == [
        (r"imbalance $\lambda_1$", r"imbalance $\lambda_2$"),
        (r"$\lambda_1/\lambda_2$", r"specialisation $S_{\mathrm{use}}$"),
    ]


def test_balanced_draws_closed_form_and_integration(project):
    data = balanced_paths([-1, 2], [2, 1], (2, 2, 3), 0.1, 1.0, 3, 4, 0, points=5, step=0.01)
    loss, sizes, basis = figures.balanced(data).axes
    lines = [line.get_ydata() for line in loss.lines]
    np.testing.assert_allclose(lines[::2], data.loss)
    np.testing.assert_allclose(lines[1::2], data.integrated_loss)
    curves = [line.get_ydata() for line in sizes.lines if len(line.get_xdata()) == data.sizes["time"]]
    np.testing.assert_allclose(
        curves, data.mode_size.transpose("imbalance", "mode", "time").values.reshape(4, -1)
    )
    np.testing.assert_allclose(heights(basis), [data.concentration.mean("rotation")])
    assert sizes.get_title() == f"dots differ from lines by {figures._power(data.attrs['agreement'])}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8.2e-13, r"$8\times10^{-13}$"),
        (9.7e-13, r"$1\times10^{-12}$"),
        (0.0, "0"),
        (1e-15, r"$1\times10^{-15}$"),
    ],
)
def test_small_numbers_are_written_as_one_reads_them(value, text):
    assert figures._power(value) == text
