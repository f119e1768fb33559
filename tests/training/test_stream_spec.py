"""Specs of trainings on streams: grids, networks, what one network may have of its own."""

import pytest
from pydantic import ValidationError

from companion.training.list_curricula import ListSpec
from companion.training.parity_curricula import ParitySpec
from companion.training.schedules import Static
from companion.training.stream_spec import StreamSpec


def test_the_grid_ends_with_the_last_step():
    assert StreamSpec(steps=60, every=25).grid == (0, 25, 50, 60)
    assert StreamSpec(steps=50, every=25).grid == (0, 25, 50)


def test_hidden_units_follow_the_width_unless_given():
    assert StreamSpec(width=16).transformer(5, 2, 3, -1).hidden == 64
    assert StreamSpec(width=16, hidden=20).transformer(5, 2, 3, -1).hidden == 20


def test_the_recipe_is_the_specs():
    spec = StreamSpec(steps=7, learning_rate=0.1, weight_decay=0.3, clip=2.0)
    recipe = spec.recipe(spec.transformer(5, 2, 3, -1), Static((1.0,)))
    assert (recipe.steps, recipe.adam.clip, recipe.adam.weight_decay) == (7, 2.0, 0.3)
    # The rate does not know when the training ends.
    assert recipe.adam.rate_factor(6, 7) == pytest.approx(0.7) and recipe.adam.rate_factor(99, 100) == 1.0


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (StreamSpec, {"learning_rate": 0.0}, "learning_rate: 0.0 given"),
        (StreamSpec, {"steps": 0}, "steps"),
        (ParitySpec, {"bits": 3, "relevant": 4}, "hidden: 4 given"),
        (ParitySpec, {"bias": 1.0}, "bias"),
        (ParitySpec, {"task": "hamming", "relevant": 7}, "hidden: 7 given"),
        (ParitySpec, {"width": 30}, "heads: 4 given"),
        (ListSpec, {"operations": ("SUM",)}, "operations"),
        (ListSpec, {"test_share": 0.0}, "test_share"),
    ],
)
def test_what_cannot_be_run_is_named(kind, fields, message):
    with pytest.raises(ValidationError, match=message):
        kind(**fields)


def test_networks_of_a_stack_differ_in_some_fields_only():
    assert ParitySpec().varied({"bias": 0.7, "learning_rate": 0.1}).bias == 0.7
    with pytest.raises(ValueError, match=r"variations: width given; allowed in one stack: .*bias"):
        ParitySpec().varied({"width": 16})
    with pytest.raises(ValueError, match="variations: bias given"):
        ListSpec().varied({"bias": 0.7})
