"""The figures of one-pass learning draw what the datasets hold."""

import numpy as np
import pytest

from companion.figures import relu_dynamics as figures
from companion.studies import relu_dynamics as study
from companion.studies.relu_trajectories import trajectories


@pytest.fixture(scope="module")
def attractors():
    return study.attractors.function([6, 7], [0.05, 0.1], 60, 2, 0)


def test_trajectories_draw_flows_and_runs(project):
    paths = trajectories([2, 3], [2, 2], [0.8, 0.2], [4.0, 4.0], [0, 0], [50, 100], 4, 0, moments=9, marks=3)
    panels = figures.trajectories(paths).axes
    for row in range(2):
        loss, overlap = panels[2 * row], panels[2 * row + 1]
        quiet, noisy = (loss.lines[place].get_ydata() for place in range(2))
        np.testing.assert_allclose([quiet, noisy], paths.flow_loss[row])
        medians = [container.lines[0].get_ydata() for container in loss.containers]
        expected = paths.chain_loss[row].sel(quantile=0.5).stack(group=("dimension", "fate"))
        np.testing.assert_allclose(medians, expected.dropna("group").transpose("group", "mark"))
        drawn = np.array([container.lines[0].get_ydata() for container in overlap.containers])
        tracks = paths.isel(track=paths.track_system.values == row).chain_overlap.sel(quantile=0.5).values
        assert len(drawn) == int(paths.students[row])
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(tracks, axis=0))


def test_runs_that_end_elsewhere_are_hollow_and_counted(project):
    paths = trajectories([2], [2], [0.8], [4.0], [0], [50, 100], 3, 0, moments=9, marks=3)
    paths["rest"] = ("system", ["I(1)"])
    paths["rest_loss"] = (("system", "curve"), [[0.02, 0.03]])
    paths["runs"] = (("system", "dimension", "fate"), [[[1, 2], [2, 1]]])
    paths["chain_loss"] = paths.chain_loss.fillna(0.1)
    loss, overlap = figures.trajectories(paths).axes
    faces = [container.lines[0].get_markerfacecolor() for container in loss.containers]
    assert [face == "white" for face in faces] == [False, True, False, True]
    guides = [float(line.get_ydata()[0]) for line in loss.lines if list(line.get_xdata()) == [0, 1]]
    assert guides == [0.02, 0.03]
    assert "1/3 ($d=50$), 2/3 ($d=10^{2}$)" in overlap.get_title()


def test_linearisation_draws_every_eigenvalue(project):
    spectra = study.linearisation([5, 6], ["all"], 1.0)
    drawing = figures.linearisation(spectra)
    for axes, size in zip(drawing.axes, (5, 6), strict=True):
        measured = np.concatenate([line.get_ydata() for line in axes.lines[1:]])
        of_size = spectra.students.values[spectra.owner.values] == size
        np.testing.assert_allclose(np.sort(measured), np.sort(spectra.measured.values[of_size]))
        (inset,) = axes.child_axes
        filled, hollow = (np.size(line.get_ydata()) for line in inset.lines[:2])
        here = spectra.students.values == size
        assert filled == int(spectra.is_minimum.values[here].sum())
        assert filled + hollow == here.sum()


def test_more_than_four_sizes_take_rows(project):
    drawing = figures.linearisation(study.linearisation([4, 5, 6, 7, 8], ["I(1)"], 1.0))
    assert [axes.get_visible() for axes in drawing.axes] == [True] * 5 + [False] * 3


@pytest.mark.parametrize("sizes", [[7], [6, 7]])
def test_attractors_draw_states_predictions_and_runs(attractors, sizes):
    states = attractors.sel(students=sizes)
    loss, trace, ratio = figures.attractors(states).axes
    part = states.sel(students=sizes[-1])
    curve = part.curve_loss.values[np.isfinite(part.curve_loss.values)]
    drawn = [line for line in loss.lines if len(line.get_xdata()) == len(curve)]
    np.testing.assert_allclose(drawn[-1].get_ydata(), curve)
    dashed = next(line for line in loss.lines if line.get_linestyle() == "--")
    slope = np.diff(dashed.get_ydata()) / np.diff(dashed.get_xdata())
    np.testing.assert_allclose(slope, float(states.loss_slope[0]))
    means = [container.lines[0].get_ydata() for container in trace.containers]
    np.testing.assert_allclose(means, states.chain_transverse.mean("run"))
    folds = [float(line.get_xdata()[0]) for line in ratio.lines if list(line.get_ydata()) == [0, 1]]
    np.testing.assert_allclose(folds, states.fold)
    expected = (part.curve_loss - part.minimum_loss) / (part.loss_slope * part.curve_rate)
    of_size = [line for line in ratio.lines if len(line.get_xdata()) == len(curve)][-1]
    np.testing.assert_allclose(of_size.get_ydata()[1:], expected[1 : len(curve)])
    assert of_size.get_ydata()[0] == 1


def test_a_state_that_loses_its_stability_is_dotted_from_there(attractors):
    states = attractors.sel(students=[7]).copy(deep=True)
    states["curve_leading"][0, 20:] = 0.1
    loss = figures.attractors(states).axes[0]
    solid, dotted = loss.lines[1], loss.lines[2]
    assert len(solid.get_xdata()) == 20
    assert dotted.get_xdata()[0] == solid.get_xdata()[-1]
    assert dotted.get_linestyle() != solid.get_linestyle()
