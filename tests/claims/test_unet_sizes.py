"""The claim on training-set sizes is judged right on exponents that are known."""

import numpy as np
import pytest

from companion.claims import unet_sizes as claims

SIZES = (128, 256, 512, 1024)


@pytest.fixture
def sized(unet_runs):
    """Times that grow as powers of n: mem_copy, early_stop, and everything else."""

    def build(
        copied=1.0,
        learned=0.0,
        *,
        sizes=SIZES,
        replicates=5,
        batch=64,
        changes=None,
        names=("Bag", "Trouser"),
        **options,
    ):
        settings = {}
        for size in sizes:
            grown = size / 128
            settings[size] = {
                "mem_copy": (900.0 * grown**copied, 1500.0 * grown**copied),
                "early_stop": (300.0 * grown**learned, 400.0 * grown**learned),
                "every": (500.0 * grown**0.5, 500.0 * grown**0.5),
            } | (changes or {}).get(size, {})
        data = unet_runs("size", settings, replicates, **options)
        return data.assign_attrs(batch_size=batch).assign_coords(class_name=("label", list(names)))

    return build


@pytest.mark.parametrize(
    ("copied", "learned", "expected"),
    [
        (1.0, 0.0, "holds"),
        (1.2, 0.35, "holds"),
        (1.0, -0.5, "holds"),
        (1.4, 0.0, "fails"),
        (0.5, 0.0, "fails"),
        (1.0, 0.5, "fails"),
        (1.25, 0.0, "inconclusive"),
        (1.0, 0.4, "inconclusive"),
        (np.nan, 0.0, "not evaluated"),
        (np.nan, 0.8, "fails"),
    ],
)
def test_copying_grows_as_n_and_learning_does_not(sized, unet_pairs, copied, learned, expected):
    assert claims.linear_in_n(sized(copied, learned), unet_pairs()).verdict == expected


def test_what_was_found_on_sizes(sized, unet_pairs):
    verdict = claims.linear_in_n(sized(1.1, 0.1), unet_pairs())
    assert verdict.value == pytest.approx(1.1, abs=0.02)
    assert verdict.value_text.startswith("mem_copy(0.1) of Bag 1.1")
    assert ", early_stop of Trouser 0.1" in verdict.value_text
    assert (verdict.replicates, verdict.root_seed, verdict.keys) == (5, 1, ("u" * 40,) * 2)
    notes = "; ".join(verdict.notes)
    assert "n = 128, 256, 512, 1024, batches of 64" in notes
    assert "other levels: mem_gap(0.1) of Bag 0.5" in notes
    assert "mem_copy(0.2) of Trouser 1.1" in notes
    assert "null control Trouser / Sneaker" in notes
    assert "null rate" in notes


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"replicates": 4}, "needs paper: at least 5 replicates, 4 given"),
        ({"replicates": 1}, "needs paper: at least 5 replicates, 1 given"),
        (
            {"sizes": SIZES[:3]},
            "needs paper: at least 4 sizes over a factor of 8, above the batch size 64 and at least 32",
        ),
        ({"sizes": (128, 256, 512, 1000)}, "needs paper: at least 4 sizes"),
        ({"batch": 128}, "needs paper: at least 4 sizes over a factor of 8, above the batch size 128"),
        ({"batch": 2048}, "needs paper: at least 4 sizes"),
        ({"batch": 8, "sizes": (16, 32, 64, 128)}, "needs paper: at least 4 sizes"),
    ],
)
def test_smaller_studies_are_shown_and_not_evaluated(sized, unet_pairs, options, reason):
    verdict = claims.linear_in_n(sized(**options), unet_pairs())
    assert verdict.verdict == "not evaluated"
    assert verdict.notes[0].startswith(reason)
    assert (verdict.value, verdict.interval) == (None, None)


ONE_OF_FIVE = np.where(np.arange(5)[:, None] < 1, [7200.0, np.inf], [7200.0, 12_000.0])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Not copied by the end: the slope is at least the bound, which may refute but never confirm.
        ({1024: {"mem_copy": (np.inf, 12_000.0)}}, "fails"),
        ({1024: {"mem_copy": ONE_OF_FIVE}}, "inconclusive"),
        ({1024: {"early_stop": (np.inf, 400.0)}}, "fails"),
        ({128: {"early_stop": (np.inf, 400.0)}}, "holds"),
    ],
)
def test_times_never_reached_are_bounds(sized, unet_pairs, changes, expected):
    assert claims.linear_in_n(sized(changes=changes), unet_pairs()).verdict == expected


def test_a_run_that_stopped_leaves_nothing_to_judge(sized, unet_pairs):
    verdict = claims.linear_in_n(sized(stopped={256: 1}), unet_pairs())
    assert verdict.verdict == "not evaluated"
    assert "stopped on a loss that is no number: size 256 (1)" in verdict.notes


@pytest.mark.parametrize(("copied", "expected"), [(0.3, "fails"), (1.0, "holds"), (np.nan, "not evaluated")])
def test_regimes_are_judged_by_the_sizes_that_they_name(sized, unet_pairs, copied, expected):
    data = sized(sizes=(8, 16, 32, 64, *SIZES))
    own = (data["size"] / 128) ** copied
    for small in ((8, 16), (32, 64)):
        changed = data.copy(deep=True)
        changed["copy_time"] = data.copy_time.where(
            ~data["size"].isin(small), 900.0 * own.broadcast_like(data.copy_time)
        )
        verdict = claims.linear_in_n(changed, unet_pairs())
        assert verdict.verdict == "holds"
        found = {regime.name: regime for regime in verdict.regimes}
        name, other = ("few images", "batch of the whole set")[:: 1 if small == (8, 16) else -1]
        assert (found[name].verdict, found[name].unexpected) == (expected, expected == "holds")
        assert (found[other].verdict, found[other].unexpected) == ("holds", True)


def test_regimes_without_runs_are_not_evaluated(sized, unet_pairs):
    regimes = claims.linear_in_n(sized(), unet_pairs()).regimes
    assert {regime.name: regime.verdict for regime in regimes} == {
        "batch of the whole set": "not evaluated",
        "few images": "not evaluated",
    }
    decaying = claims.linear_in_n(sized(), unet_pairs(), sized(1.6)).regimes[1]
    assert (decaying.name, decaying.verdict, decaying.unexpected) == (
        "decaying learning rate",
        "fails",
        False,
    )


def test_thresholds_are_a_proposal():
    assert claims.LINEAR_IN_N.version == 0
    assert claims.LINEAR_IN_N.note.startswith("Version 0: ")
