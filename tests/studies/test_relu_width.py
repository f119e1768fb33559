"""The stored experiments on width count every run once."""

import numpy as np

from companion.studies import relu_width


def test_every_run_has_one_outcome(project):
    frequencies = relu_width.endpoint_frequencies([6, 7], [0, 1], 6, 0)
    assert (frequencies.runs.sum("outcome") == 6).all()
    assert frequencies.students.values.tolist() == [6, 7, 7, 8]
    assert (frequencies.spurious <= frequencies.converged).all()


def test_both_stopping_rules_count_the_same_starts(project):
    comparison = relu_width.tolerance_comparison(6, 5, 0)
    assert comparison.stopping.values.tolist() == ["1e-5", "converged"]
    assert (comparison.runs.sum("outcome") == 5).all()


def test_the_table_lists_both_widths(project):
    table = relu_width.families_of_sizes([(17, 17), (18, 17)], 3)
    assert {"I(1)", "X(3)", "S(1)"} <= set(table.name.values.tolist())
    row = table.isel(row=table.name.values.tolist().index("X(3)"))
    assert abs(float(row.loss) - 0.019157183) < 1e-8


def test_dimension_changes_the_start_but_not_the_coordinates(project):
    dependence = relu_width.start_dependence(6, [6, 200], [0.1], 8, 0)
    assert dependence.converged.values.tolist() == [8, 8, 8]
    assert np.isfinite(dependence.spurious).all()
