"""The figures of one-pass learning draw what the datasets hold."""

import numpy as np

from companion.figures import relu_dynamics as figures
from companion.studies import relu_dynamics as study


def test_trajectories_draw_flows_and_runs(project):
    paths = study.trajectories([2, 3], [0.8, 0.2], [4.0, 4.0], 2, [50, 100], 3, 0, moments=9, marks=3)
    panels = figures.trajectories(paths).axes
    for row in range(2):
        loss, overlap = panels[2 * row], panels[2 * row + 1]
        quiet, noisy = (loss.lines[place].get_ydata() for place in range(2))
        np.testing.assert_allclose([quiet, noisy], paths.flow_loss[row])
        medians = [container.lines[0].get_ydata() for container in loss.containers]
        np.testing.assert_allclose(medians, paths.chain_loss[row].median("run"))
        drawn = [container.lines[0].get_ydata() for container in overlap.containers]
        assert len(drawn) == int(paths.students[row])
        expected = paths.chain_overlap[row, -1].median("run").values.T
        np.testing.assert_allclose(drawn, expected[: len(drawn)])


def test_linearisation_draws_every_eigenvalue(project):
    spectra = study.linearisation([5, 6], 1.0)
    panels = figures.linearisation(spectra).axes
    for axes, size in zip(panels, (5, 6), strict=True):
        measured = np.concatenate([line.get_ydata() for line in axes.lines[1:]])
        expected = spectra.measured.values[spectra.eigenvalue_students.values == size]
        np.testing.assert_allclose(np.sort(measured), expected)


def test_attractors_draw_states_predictions_and_runs(project):
    states = study.attractors(7, [0.05, 0.1], 0.1, 2, 60, 2, 0)
    loss, trace, ratio = figures.attractors(states).axes
    np.testing.assert_allclose(loss.lines[1].get_ydata()[1:], states.curve_loss)
    np.testing.assert_allclose(trace.lines[1].get_ydata()[1:], states.curve_transverse)
    slope = np.diff(loss.lines[0].get_ydata()) / np.diff(loss.lines[0].get_xdata())
    np.testing.assert_allclose(slope, float(states.loss_slope))
    np.testing.assert_allclose(loss.containers[0].lines[0].get_ydata(), states.chain_loss.mean("run"))
    expected = (states.curve_loss - states.minimum_loss) / (states.loss_slope * states.curve_rate)
    np.testing.assert_allclose(ratio.lines[0].get_ydata()[1:], expected)
