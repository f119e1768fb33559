"""The stored audit of assumptions: who misses the teacher, and where those runs end."""

import numpy as np
import pytest

from companion.studies import relu_assumptions as study
from companion.theory.relu_landscape import family


@pytest.fixture
def audit(project):
    return study.assumption_audit([6, 8], 100, 0)


def _lowest(audit, name):
    return float(audit.level_loss.where(audit.level_assumption == name, drop=True).min())


def test_audit_meets_the_families_only_without_assumptions(audit):
    assert (audit.converged == 100).all()
    rare = [
        "free",
        "unit rows",
        "orthonormal rows",
        "leaky ReLU",
        "erf",
        "correlated teacher",
        "unequal norms",
    ]
    assert (audit.spurious.sel(students=6, assumption=rare) <= 3).all()
    assert int(audit.spurious.sel(students=8, assumption="erf")) == 0
    assert _lowest(audit, "free") == pytest.approx(family("I", 1, 8).loss, abs=1e-7)
    assert _lowest(audit, "unit rows") == pytest.approx(0.02406, abs=5e-6)
    assert _lowest(audit, "orthonormal rows") == pytest.approx(0.0241, abs=5e-5)
    np.testing.assert_allclose(audit.share, audit.spurious / 100)
    assert (audit.lower <= audit.share).all()
    assert (audit.share <= audit.upper).all()
    assert int(audit.level_runs.sum()) == int(audit.spurious.sum())
    np.testing.assert_allclose(audit.reference, [family("I", 1, size).loss for size in (6, 8)])


def test_reduced_problems_miss_the_teacher_always_or_as_often_as_a_coin(audit):
    assert (audit.spurious.sel(assumption="correlation only") == 100).all()
    site = audit.spurious.sel(assumption="site symmetry")
    assert ((site > 30) & (site < 70)).all()
    here = audit.level_assumption == "site symmetry"
    np.testing.assert_allclose(
        audit.level_loss[here], [family("II", size, size).loss for size in (6, 8)], rtol=0, atol=1e-10
    )
    np.testing.assert_array_equal(audit.level_students[here], [6, 8])


def test_the_teacher_follows_its_parameters(project):
    plain = study.assumption_audit([8], 60, 1, correlation=0.0, norm_ratio=1.0)
    other = study.assumption_audit([8], 60, 1, correlation=0.0, norm_ratio=2.0)
    for name in ("correlated teacher", "unequal norms"):
        assert int(plain.spurious.sel(assumption=name, students=8)) > 0
        assert _lowest(plain, name) == pytest.approx(family("I", 1, 8).loss, abs=1e-7)
    assert _lowest(other, "unequal norms") < 0.8 * family("I", 1, 8).loss
    assert (other.attrs["correlation"], other.attrs["norm_ratio"]) == (0.0, 2.0)


def test_assumptions_have_starts_of_their_own(project):
    names = ("free", "correlated teacher", "correlation only", "site symmetry")
    conditions = tuple(
        {
            "assumption": name,
            "students": 6,
            "negative_slope": 0.0,
            "correlation": 0.0,
            "norm_ratio": 1.0,
            "batch": 0,
        }
        for name in names
    )
    batch = study.assumption_batch(conditions, 4, 0, 1e-300, 1)
    assert np.unique(batch.loss.values).size == len(names) * 4


def test_levels_are_apart():
    found = study._levels(np.array([0.2, 0.1, 0.1 + 1e-7, 0.2 + 1e-3]))
    assert [(round(loss, 4), runs) for loss, runs in found] == [(0.1, 2), (0.2, 1), (0.201, 1)]
    assert study._levels(np.array([])) == []


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (([], 5, 0), {}, "students: an empty list"),
        (([3], 5, 0), {}, "students: given 3; allowed: whole numbers >= 4"),
        (([6], 0, 0), {}, "initialisations: given 0"),
        (([6], 5, 0), {"correlation": 1.0}, "correlation: given 1.0"),
        (([6], 5, 0), {"norm_ratio": 0.5}, "norm_ratio: given 0.5"),
        (([6], 5, 0), {"negative_slope": float("nan")}, "negative_slope must be finite"),
    ],
)
def test_the_wrong_argument_is_named(project, arguments, options, named):
    with pytest.raises(ValueError, match=named):
        study.assumption_audit(*arguments, **options)
