"""The study of biased inputs on parity: which settings it runs, and that its times are those of the runs."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_parity import UNIFORM, ParitySetting, parity_curriculum, parity_settings
from companion.studies.stream_runs import streamed
from companion.training.parity_curricula import ParitySpec

TINY = ParitySpec(
    bits=6, relevant=3, steps=12, every=4, width=8, heads=2, batch=16, test_rows=32, biased_steps=6
)


def test_settings_without_widths_are_the_pair_and_strips():
    found = parity_settings(ParitySpec(), (2, 4), (0.7, 0.85), (), 3, 2)
    pair = [ParitySetting("parity", 4, 32, bias) for bias in (UNIFORM, 0.85)]
    assert found[:2] == pair
    strips = found[2:]
    assert all(setting.strip for setting in strips)
    assert [(setting.relevant, setting.bias) for setting in strips] == [(4, 0.7), (2, UNIFORM), (2, 0.85)]


def test_settings_with_widths_have_their_controls_and_no_double():
    found = parity_settings(ParitySpec(), (3,), (), (16, 32), 3, 2)
    assert len(set(found)) == len(found) and not any(setting.strip for setting in found)
    gains = [(setting.width, setting.bias, setting.stream) for setting in found if setting.relevant == 3]
    assert sorted(gains) == [(16, 0.5, 0), (16, 0.85, 0), (32, 0.5, 0), (32, 0.5, 1), (32, 0.85, 0)]
    assert [setting.bias for setting in found if setting.task == "hamming"] == [0.5, 0.85]
    same = parity_settings(ParitySpec(relevant=3), (), (), (32,), 3, 0)
    assert [(setting.bias, setting.stream) for setting in same] == [(0.5, 0), (0.85, 0), (0.5, 1)]


@pytest.mark.parametrize("spec", [ParitySpec(bias=0.5), ParitySpec(task="hamming")])
def test_a_spec_without_a_curriculum_is_refused(spec):
    with pytest.raises(ValueError, match=r"spec: .* given; allowed: parity at a bias other than 1/2"):
        parity_settings(spec, (), (), (), 3, 0)


def test_times_and_curves_are_those_of_the_runs(run_store):
    given = {"relevant": (2,), "biases": (0.7,), "widths": (8, 16), "gain_relevant": 2, "mixture": 1}
    found = parity_curriculum(TINY, 2, 5, block=2, strip_steps=4, strip_replicates=1, **given)
    runs = streamed(TINY, 2, 5, block=2, variations=[{"bias": UNIFORM}, {"bias": 0.85}])
    np.testing.assert_allclose(found.test, runs.test_accuracy, atol=1e-4)
    expected = first_checkpoint(runs.step, runs.test_accuracy.transpose("variation", "replicate", "step"))
    main = (found.relevant == 3) & (found.bias != 0.7)
    np.testing.assert_array_equal(found.reached[main], expected)
    strip = found.isel(setting=np.flatnonzero(found.watched == 4))
    asked = zip(strip.relevant.values.tolist(), strip.bias.values.tolist(), strict=True)
    assert sorted(asked) == [(3, 0.7)]
    assert np.isnan(strip.reached[:, 1]).all() and not np.isnan(strip.reached[:, 0]).any()
    wide = found.isel(setting=np.flatnonzero(found.width == 16))
    own = streamed(
        TINY.changed(width=16),
        2,
        5,
        block=2,
        variations=[{"relevant": 2, "bias": UNIFORM}, {"relevant": 2, "bias": 0.85}],
    )
    np.testing.assert_allclose(wide.final_test, own.test_accuracy[..., -3:].mean("step"))
    assert (found.attrs["root_seed"], found.attrs["gain_relevant"], found.attrs["bits"]) == (5, 2, 6)
    assert (found.attrs["layers"], found.attrs["learning_rate"], found.attrs["clip"]) == (1, 0.005, 1.0)
    assert (found.task == "hamming").sum() == 2 and (found.stream == 1).sum() == 1


def test_a_block_that_does_not_divide_is_named():
    with pytest.raises(ValueError, match="block: 2 given for 3 replicates"):
        streamed(TINY, 3, 0, block=2)
    with pytest.raises(ValueError, match="block: 2 given for 3 replicates"):
        parity_curriculum.function(TINY, 3, 0, block=2, relevant=(), biases=())


@pytest.mark.parametrize(("block", "stack"), [(2, 1), (4, 3)])
def test_strips_are_stacked_in_divisors_of_their_own_number(run_store, monkeypatch, block, stack):
    asked = []

    def noted(spec, replicates, seed, **given):
        asked.append((replicates, given["block"]))
        return streamed(spec, replicates, seed, **given)

    monkeypatch.setattr("companion.studies.curriculum_parity.streamed", noted)
    few = TINY.changed(steps=4)
    found = parity_curriculum.function(
        few, 4, 0, block=block, relevant=(2,), biases=(), strip_steps=4, strip_replicates=3
    )
    assert asked == [(4, block), (3, stack)]
    strip = found.isel(setting=np.flatnonzero(found.relevant == 2))
    assert np.isfinite(strip.final_test[:, :3]).all() and np.isnan(strip.final_test[:, 3]).all()
