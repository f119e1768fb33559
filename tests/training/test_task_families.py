"""Tasks of three families go the same way from plain data to records; what no family has is named."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from companion.training.curricula import train_curriculum
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

COMPOSED = TaskSpec(
    family="composed",
    operations=("add", "sub"),
    pairs=(("add", "sub"), ("sub", "add")),
    prime=5,
    fractions=(0.9, 0.9, 0.6, 0.6),
)
PERMUTATIONS = TaskSpec(family="permutation", operations=("product", "sgn"), degree=3, fractions=(0.7,))
TINY = {"width": 16, "hidden": 32, "every": 20, "logarithmic": 4}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_compositions_are_learned_after_their_operations():
    stages = ((0.5, 0.5, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))
    schedule = {"kind": "staged", "stages": stages, "ends": (0.25, 1.0)}
    spec = CurriculumSpec(tasks=COMPOSED, schedule=schedule, steps=80, batch=32, learning_rate=0.01, **TINY)
    found = train_curriculum(spec, [0, 1], device="cpu").transpose("run", "step", "operation", ...)
    assert found.operation.values.tolist() == ["add", "sub", "sub(add)", "add(sub)"]
    seen = found.step_exposure.sel(step=[20, 80])
    assert (seen.sel(operation=["add", "sub"]).sum("operation") == 20 * 32).all()
    assert (seen.sel(operation="sub(add)") == [0, 60 * 32]).all()
    assert (seen.sel(operation="add(sub)") == 0).all()  # never met, and looked at all the same
    alone, composed = (found.train_loss.sel(operation=name).mean("run") for name in ("add", "sub(add)"))
    assert alone.sel(step=20) < alone.sel(step=0) and alone.sel(step=20) < alone.sel(step=80)
    assert composed.sel(step=80) < min(composed.sel(step=0), composed.sel(step=20)) - 0.03
    assert np.isfinite(found.test_accuracy).all()
    assert found.train.sum("row").values.tolist() == [2 * 22 + 2 * 75] * 2
    np.testing.assert_allclose(found.additive_power.sum("frequency"), 1)  # numbers are modulo a prime


def test_products_of_permutations_have_no_characters_of_numbers():
    spec = CurriculumSpec(tasks=PERMUTATIONS, steps=60, batch=32, learning_rate=0.01, **TINY)
    found = train_curriculum(spec, [0, 1], device="cpu")
    assert "additive_power" not in found and np.isfinite(found.weight_norm).all()
    easy = found.train_accuracy.sel(operation="sgn")
    assert float(easy[:, -1].mean()) > 0.9 > float(easy[:, 0].mean())
    assert found.identical(train_curriculum(spec, [0, 1], device="cpu"))


def test_spectra_need_numbers_modulo_a_prime():
    tasks = TaskSpec(operations=("max",), prime=9, fractions=(0.7,))
    found = train_curriculum(CurriculumSpec(tasks=tasks, steps=2, **TINY), [0], device="cpu")
    assert "multiplicative_power" not in found and "weight_norm" in found


def test_rows_of_a_pair_may_be_drawn_and_a_pair_held_out():
    tasks = COMPOSED.model_copy(update={"triples": 40, "held_out": ("add(sub)",)})
    table = tasks.tasks(0)
    assert table.table_size == (25, 25, 40, 40)
    split = tasks.drawn(table, 0, 0)
    assert split.train[table.rows("sub(add)")].sum() == 24 and not split.train[table.rows("add(sub)")].any()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"family": "groups"}, "family"),
        ({"pairs": (("add", "add"),)}, "pairs: .* allowed: none for modular tasks"),
        ({"triples": 5}, "triples: 5 given; allowed: none for modular tasks"),
        ({"family": "composed"}, "pairs: none given"),
        ({"family": "composed", "pairs": (("add",),)}, "pairs"),
        ({"family": "composed", "pairs": (("add", "add"),), "prime": 131}, "triples: 0 given, 2248091 rows"),
        (
            {"family": "permutation", "operations": ("product",), "vocabulary": "private"},
            "vocabulary: private",
        ),
    ],
)
def test_fields_of_another_family_are_named(fields, named):
    with pytest.raises(ValidationError, match=named):
        TaskSpec(**fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"family": "composed", "pairs": (("add", "mul"),), "prime": 9}, "prime: 9 given; allowed: prime"),
        ({"family": "composed", "pairs": (("add", "ad"),)}, "operations: 'ad' given.*add"),
        ({"family": "composed", "pairs": (("add", "add"),), "triples": 30000, "prime": 31}, "triples: 30000 given"),
        ({"family": "composed", "pairs": (("add", "add"),), "prime": 5, "fractions": (0.5, 1.0)}, "fractions: 1.0"),
        ({"family": "permutation", "operations": ("add",)}, "operations: 'add' given; allowed: product, sgn"),
        ({"family": "permutation", "operations": ("product",), "degree": 7}, "degree: 7 given"),
        ({"family": "permutation", "operations": ("product",), "fractions": (1.5,)}, "fractions: 1.5 given"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_are_named_before_any_work(fields, named):
    with pytest.raises(ValidationError, match=named):
        CurriculumSpec(tasks=fields)
