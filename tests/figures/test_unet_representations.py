"""Probes and alignments are drawn per pair, with the untrained network at the edge and maps of all checkpoints."""

import io

import numpy as np
import pytest
import xarray as xr

from companion.figures import unet_representations as figures
from companion.figures.style import PALETTE
from companion.figures.unet_classes import CLASS_COLOURS

STEPS = np.array([0, 10, 30, 100, 300])
PAIRS = [["Bag", "Trouser"], ["Shirt", "Sneaker"]]


def of(pairs, replicates):
    draws = np.random.default_rng(1)
    run, count = ("pair", "replicate"), len(STEPS)
    alignment = draws.uniform(0.6, 1, (pairs, replicates, count, count))
    alignment = (alignment + np.swapaxes(alignment, 2, 3)) / 2
    alignment[..., np.arange(count), np.arange(count)] = 1
    comparisons = replicates * (replicates - 1) // 2
    return xr.Dataset(
        {
            "probe": ((*run, "step", "label"), draws.uniform(0.5, 1, (pairs, replicates, count, 2))),
            "pixel_probe": ((*run, "label"), np.full((pairs, replicates, 2), 0.9)),
            "alignment": ((*run, "step", "other_step"), alignment),
            "replicate_alignment": (
                ("pair", "step", "comparison"),
                draws.uniform(0.5, 1, (pairs, count, comparisons)),
            ),
            "time": (
                (*run, "clock", "label"),
                np.tile([[20.0, 50.0], [90.0, np.inf]], (pairs, replicates, 1, 1)),
            ),
        },
        coords={
            "pair": [" / ".join(pair) for pair in PAIRS[:pairs]],
            "class_name": (("pair", "label"), PAIRS[:pairs]),
            "step": STEPS,
            "other_step": STEPS,
            "clock": ["early_stop", "mem_gap"],
        },
    )


def drawn(data):
    drawing = figures.representations(data)
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def curves(axes, colour):
    return [
        line for line in axes.lines if line.get_color() == colour and len(line.get_xdata()) == len(STEPS) - 1
    ]


@pytest.mark.parametrize(("pairs", "replicates"), [(1, 1), (1, 3), (2, 1), (2, 3)])
def test_each_pair_has_a_probe_an_alignment_and_a_map(pairs, replicates):
    data = of(pairs, replicates)
    panels = np.array(drawn(data)[: 3 * pairs], dtype=object)
    probes, aligned, mapped = panels.reshape(3, pairs) if pairs > 1 else panels[:, None]
    for place in range(pairs):
        for label, colour in enumerate(CLASS_COLOURS):
            thick = curves(probes[place], colour)[-1]
            np.testing.assert_allclose(thick.get_ydata(), np.median(data.probe[place, :, 1:, label], axis=0))
        thick = curves(aligned[place], PALETTE["ink"])[-1]
        np.testing.assert_allclose(thick.get_ydata(), np.median(data.alignment[place, :, 1:, -1], axis=0))
        assert bool(curves(aligned[place], PALETTE["plum"])) == (replicates > 1)
        (mesh,) = mapped[place].collections
        np.testing.assert_allclose(
            np.reshape(mesh.get_array(), (5, 5)), data.alignment[place].mean("replicate")
        )


def test_the_untrained_network_is_a_ring_at_the_edge():
    data = of(1, 1)
    probes = drawn(data)[0]
    rings = [line for line in probes.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_color() for line in rings] == list(CLASS_COLOURS)
    for label, line in enumerate(rings):
        np.testing.assert_allclose(line.get_xydata()[0], (0, data.probe[0, 0, 0, label]))


def test_pixels_are_dashed_lines():
    probes = drawn(of(1, 2))[0]
    dashed = [line for line in probes.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 2
    for line in dashed:
        np.testing.assert_allclose(line.get_ydata(), 0.9)


def test_a_run_that_stopped_is_left_out():
    data = of(1, 2)
    for name in ("probe", "alignment"):
        data[name][{"replicate": 1}] = np.nan
    data.replicate_alignment[:] = np.nan
    panels = drawn(data)
    np.testing.assert_allclose(curves(panels[0], CLASS_COLOURS[0])[-1].get_ydata(), data.probe[0, 0, 1:, 0])
    (mesh,) = panels[2].collections
    np.testing.assert_allclose(np.reshape(mesh.get_array(), (5, 5)), data.alignment[0, 0])
