"""What figures, notebooks and profiles cost."""

import pytest

from companion.site.costs import take_costs
from companion.site.inventory import take_inventory

KEY = "3f" * 16


@pytest.fixture
def costs_of(small_project, monkeypatch):
    monkeypatch.setenv("COMPANION_ROOT", str(small_project.root))
    monkeypatch.delenv("COMPANION_STORE", raising=False)
    monkeypatch.delenv("COMPANION_GROUP_STORE", raising=False)
    return lambda: take_costs(take_inventory(small_project.root), small_project.root)


def test_a_figure_costs_what_its_results_cost_with_those_that_they_used(small_project, costs_of):
    small_project.figure(keys=[KEY, "source"])
    small_project.result(used={"inner": "blocks.block"})
    small_project.result("source", "sources.source")
    small_project.result("inner", "blocks.block", made={"time": 10.0})
    spent = costs_of().figures["laptop", "p1_f1_losses"]
    assert (spent.results, spent.missing, spent.core_seconds) == (3, 0, 108.0)


def test_a_notebook_costs_what_its_run_and_its_figures_used(small_project, costs_of):
    small_project.figure()
    small_project.run(keys={"other": "census.other", "gone": "census.gone"})
    small_project.result(function="basin_census")
    small_project.result("other", "census.other")
    found = costs_of()
    cost = found.notebooks["laptop", "p1_relu_landscape"]
    assert cost.complete
    assert (cost.spent.results, cost.spent.missing) == (2, 1)
    assert {name: spent.results for name, spent in cost.studies.items()} == {"basin_census": 1, "census": 1}
    assert found.profiles == {"laptop": cost.spent}


def test_without_a_complete_run_only_the_figures_tell(small_project, costs_of):
    small_project.figure(profile="night")
    small_project.result()
    cost = costs_of().notebooks["night", "p1_relu_landscape"]
    assert not cost.complete
    assert cost.spent.results == 1


def test_what_several_notebooks_share_is_counted_once_in_sums(small_project, costs_of):
    small_project.figure()
    small_project.figure("p3_f1_other", notebook="p3_specialisation")
    small_project.figure(profile="night")
    small_project.result()
    found = costs_of()
    assert [cost.spent.core_seconds for cost in found.notebooks.values()] == [36.0, 36.0, 36.0]
    assert found.profiles["laptop"].core_seconds == 36.0
    assert found.everything.core_seconds == 36.0


def test_without_a_store_nothing_is_known(small_project, costs_of):
    small_project.figure()
    found = costs_of()
    assert not found.figures["laptop", "p1_f1_losses"].known
    assert not found.everything.known
    assert found.everything.missing == 1


def test_the_gallery_of_another_project_reads_that_ones_store(small_project, monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path / "here"))
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path / "here" / "store"))
    small_project.figure()
    small_project.result()
    found = take_costs(take_inventory(small_project.root), small_project.root)
    assert found.everything.results == 1


def test_an_empty_project_cost_nothing(costs_of):
    assert costs_of().profiles == {}
