"""The study of sizes on lists: companies, numbers of weights, and that its numbers are those of the runs."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_lists import company_specs, list_sizes, spec_weights
from companion.studies.stream_runs import streamed
from companion.training.list_curricula import ListSpec

TINY = ListSpec(steps=8, every=4, heads=2, batch=8, test_rows=16, weight_decay=0.5)


def test_companies_keep_the_operation_first_and_shuffle_on_request():
    found = company_specs(ListSpec(), ["MAX", "MAX+MED"], True)
    assert list(found) == ["alone", "+ MAX", "+ MAX+MED", "+ MAX, shuffled", "+ MAX+MED, shuffled"]
    assert found["+ MAX+MED"].operations == ("ADD", "MAX", "MED")
    assert {name: own.order for name, own in found.items() if own.order == "shuffled"} == {
        "+ MAX, shuffled": "shuffled",
        "+ MAX+MED, shuffled": "shuffled",
    }
    assert all(own.batch == ListSpec().batch for own in found.values())


def test_numbers_are_those_of_the_runs(run_store):
    found = list_sizes(TINY, ["MAX"], [16, 8], 2, 5, block=2)
    own = TINY.changed(operations=("ADD", "MAX"), width=8)
    runs = streamed(own, 2, 5, block=2).isel(variation=0).sel(operation="ADD")
    test = runs.accuracy.sel(part="test").isel(depth=0)
    one = found.sel(company="+ MAX", width=8)
    np.testing.assert_allclose(one.final.sel(part="test"), test[:, -3:].mean("step"))
    np.testing.assert_array_equal(one.reached.sel(part="test"), first_checkpoint(runs.step, test.values))
    np.testing.assert_allclose(found.curve.sel(company="+ MAX", size=8), test, atol=1e-4)
    np.testing.assert_allclose(one.final_by_depth[:, 0], one.final.sel(part="test"))
    assert int(one.weight_count) == spec_weights(own)
    # Company adds a word each, and nothing else to a network.
    assert (
        found.weight_count.sel(company="+ MAX") - found.weight_count.sel(company="alone")
    ).values.tolist() == [
        16,
        8,
    ]
    assert found["size"].values.tolist() == [8, 16] and found.attrs["target"] == "ADD"


@pytest.mark.parametrize(
    ("spec", "companies", "widths", "message"),
    [
        (TINY.changed(operations=("ADD", "MAX")), ["MED"], [8], "spec: operations"),
        (TINY, ["MAX", "MAX"], [8], "companies: "),
        (TINY, [], [], "widths: "),
    ],
)
def test_what_is_asked_twice_is_named(spec, companies, widths, message):
    with pytest.raises(ValueError, match=message):
        list_sizes(spec, companies, widths, 2, 0, block=2)


def test_the_control_is_trained_beside_its_company(run_store):
    found = list_sizes(TINY, ["MAX"], [8], 2, 5, block=2, shuffled=True)
    assert found.company.values.tolist() == ["alone", "+ MAX", "+ MAX, shuffled"]
    own = TINY.changed(operations=("ADD", "MAX"), width=8, order="shuffled")
    runs = streamed(own, 2, 5, block=2).isel(variation=0).sel(operation="ADD", part="test").isel(depth=0)
    control = found.final.sel(company="+ MAX, shuffled", part="test", width=8)
    np.testing.assert_allclose(control, runs.accuracy[:, -3:].mean("step"))
