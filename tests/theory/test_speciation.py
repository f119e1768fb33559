"""Speciation times at d = 64 with orthogonal centroids of norm √d, as tabulated, and their definitions."""

import numpy as np
import pytest

from companion.compute.seeds import generator
from companion.theory.speciation import sampled_crossing, speciation_times
from companion.theory.speciation_closed_forms import means_time

ORTHOGONAL = 8.0 * np.eye(3, 64)
# Tabulated times come from 4000 points on a grid: good to about .015.
SAMPLING = 0.015


def with_minority(weight: float) -> tuple[float, float, float]:
    return (1 - weight) / 2, (1 - weight) / 2, weight


@pytest.mark.parametrize(("weight", "expected"), [(0.1, 1.70), (0.01, 1.33), (1e-3, 1.12), (1e-5, 0.863)])
def test_absolute_time_of_a_minority_against_one_class(weight, expected):
    times = speciation_times((1 - weight, weight), (1.0, 1.0), ORTHOGONAL[:2])
    assert times[0] == np.inf
    assert times[1] == pytest.approx(expected, abs=SAMPLING)
    assert times[1] == pytest.approx(float(means_time(128.0, weight, "absolute")), abs=1e-3)


@pytest.mark.parametrize(("weight", "expected"), [(0.5, 1.82), (0.1, 1.63), (0.01, 1.3)])
def test_normalised_times_of_two_classes_are_one(weight, expected):
    times = speciation_times(
        (1 - weight, weight), (1.0, 1.0), ORTHOGONAL[:2], "normalised", samples=2**15, balanced=False
    )
    assert times[0] == pytest.approx(times[1], abs=3e-3)
    assert times == pytest.approx(expected, abs=0.025)
    assert times == pytest.approx(float(means_time(128.0, weight)), abs=3e-3)


@pytest.mark.parametrize(
    ("weight", "majority", "minority"),
    [(1 / 3, 1.70, 1.70), (0.1, 1.75, 1.53), (0.01, 1.81, 1.24), (1e-3, 1.82, 1.05), (1e-5, 1.82, 0.80)],
)
def test_minority_among_three_speciates_late(weight, majority, minority):
    times = speciation_times(with_minority(weight), (1, 1, 1), ORTHOGONAL, "normalised")
    np.testing.assert_allclose(times, [majority, majority, minority], atol=SAMPLING)


@pytest.mark.parametrize("deviations", [(1.5, 1.0, 0.5), (0.5, 1.0, 1.5)])
def test_variances_change_this_little(deviations):
    balanced = speciation_times(with_minority(1 / 3), deviations, ORTHOGONAL, "normalised")
    np.testing.assert_allclose(balanced, 1.705, atol=0.02)
    rare = speciation_times(with_minority(0.01), deviations, ORTHOGONAL, "normalised")
    np.testing.assert_allclose(rare[:2], 1.815, atol=0.025)
    assert rare[2] == pytest.approx(1.25 if deviations[2] < 1 else 1.27, abs=SAMPLING)


def test_growth_with_dimension():
    def both(dimension):
        centres = np.sqrt(dimension) * np.eye(2, dimension)
        half = (0.5, 0.5)
        return (
            speciation_times(half, (1.0, 1.0), centres, "normalised")[0],
            speciation_times(half, (1.3, 0.7), 0 * centres, "normalised")[0],
        )

    small, middle, large = map(both, (64, 256, 1024))
    assert small == pytest.approx((1.79, 0.645), abs=0.03)
    assert middle == pytest.approx((2.51, 0.99), abs=0.03)
    assert large[1] == pytest.approx(1.33, abs=0.03)
    assert middle[0] - small[0] == pytest.approx(np.log(2), abs=2e-3)
    assert large[1] - middle[1] == pytest.approx(np.log(4) / 4, abs=5e-3)


def test_what_is_never_and_what_is_always_attributed():
    near = 0.01 * np.eye(2, 8)
    assert speciation_times((0.6, 0.4), (1.0, 1.0), near).tolist() == [np.inf, 0.0]
    assert speciation_times((0.6, 0.4), (1.0, 1.0), near, "normalised").tolist() == [0.0, 0.0]
    assert speciation_times((0.5, 0.5), (1.0, 1.0), ORTHOGONAL[:2]).tolist() == [np.inf, np.inf]


def test_points_as_classes():
    times = speciation_times((0.5, 0.5), (0.0, 0.0), ORTHOGONAL[:2], "normalised")
    assert times == pytest.approx(float(means_time(128.0, standard_deviation=0.0)), abs=1e-3)


def test_the_same_generator_gives_the_same_times():
    draws = [
        speciation_times(
            with_minority(0.1),
            (1, 1, 1),
            ORTHOGONAL,
            "normalised",
            generator=generator(seed, "t"),
            samples=256,
        )
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"definition": "relative"}, "definition"),
        ({"threshold": 1.0}, "threshold"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"samples": 100}, "samples"),
        ({"weights": (0.5, 0.6)}, "weights"),
        ({"centroids": np.zeros((3, 4))}, "centroids"),
    ],
)
def test_bad_arguments_are_named(change, named):
    usual = {"weights": (0.5, 0.5), "standard_deviations": (1, 1), "centroids": np.eye(2, 4)}
    with pytest.raises(ValueError, match=f"^{named}:"):
        speciation_times(**(usual | change))


def test_one_class_has_nothing_to_speciate_from():
    with pytest.raises(ValueError, match="two at least"):
        speciation_times((1.0,), (1.0,), np.zeros((1, 4)))


def test_crossing_of_a_noisy_curve():
    times = np.geomspace(0.1, 4.0, 30)
    curve = 1 / (1 + times**4)
    noisy = curve + 0.02 * np.random.default_rng(0).normal(size=30)
    assert sampled_crossing(times, curve) == pytest.approx(1.0, abs=2e-3)
    assert sampled_crossing(times[::-1], noisy[::-1]) == pytest.approx(1.0, abs=0.05)
    assert sampled_crossing(times, np.full(30, 0.6)) == np.inf
    assert sampled_crossing(times, np.full(30, 0.4)) == 0.0
    assert np.isnan(sampled_crossing(times, np.full(30, np.nan)))
