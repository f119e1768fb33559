import pytest

from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.settings import types
from companion.settings.types import PARAMETER_TYPES, choices, describe
from companion.settings.values import fit


def test_every_type_has_its_meaning_in_words_and_nothing_else_is_a_type():
    assert {"Profile", "Device", "Cluster", "Seed", "Count", "Counts", "Positive"} <= PARAMETER_TYPES.keys()
    assert "Any" not in PARAMETER_TYPES
    for name, kind in PARAMETER_TYPES.items():
        assert getattr(types, name) is kind
        assert describe(kind).strip()


def test_describe_refuses_what_is_no_parameter_type():
    with pytest.raises(TypeError, match="int"):
        describe(int)


def test_the_reserved_seed_is_the_confirmatory_root():
    assert fit("Seed", CONFIRMATORY_ROOT)[1] is not None
    assert str(CONFIRMATORY_ROOT) in describe(types.Seed)
    assert fit("Seed", CONFIRMATORY_ROOT + 1) == (CONFIRMATORY_ROOT + 1, None)


def test_choices_are_of_closed_lists_only():
    assert choices(types.Device) == ("auto", "cpu", "cuda")
    assert choices(types.Text) == ()
    assert choices(types.Counts) == ()
