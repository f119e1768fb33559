"""The figure of assumptions draws what the dataset holds."""

import numpy as np
import pytest

from companion.figures import relu_assumptions as figures
from companion.studies import relu_assumptions as study


@pytest.fixture
def audit(project):
    return study.assumption_audit([6, 8], 30, 0, correlation=0.4)


def test_shares_and_losses_stand_in_the_row_of_their_assumption(audit):
    left, right = figures.assumptions(audit).axes
    rows = figures._rows()
    assert list(rows) == [str(name) for name in audit.assumption.values]
    shares = iter(left.containers)
    clouds = iter(right.collections)
    for size in audit.students.values:
        for name, row in rows.items():
            marker = next(shares).lines[0]
            assert marker.get_xdata()[0] == pytest.approx(
                100 * float(audit.share.sel(students=size, assumption=name))
            )
            assert abs(marker.get_ydata()[0] - row) < 0.4
            here = (audit.level_assumption == name) & (audit.level_students == size)
            ratios = audit.level_loss[here] / audit.reference.sel(students=size)
            np.testing.assert_allclose(np.asarray(next(clouds).get_offsets())[:, 0], ratios)


def test_rows_are_named_with_their_parameters_and_empty_ones_say_so(audit):
    one = audit.isel(students=[0]).sel(level=audit.level_students == 6)  # a single size is drawn too
    assert len(figures.assumptions(one).axes[0].containers) == audit.sizes["assumption"]
    left, right = figures.assumptions(audit).axes
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names[0] == "free"
    assert "correlated (0.4)" in names
    assert "unequal norms (2 : 1)" in names
    met = set(audit.level_assumption.values)
    empty = [text for text in right.texts if text.get_text() == "none met"]
    assert len(empty) == len(set(audit.assumption.values) - met) > 0
