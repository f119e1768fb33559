"""Seeds belong to names."""

from companion.compute.seeds import CONFIRMATORY_ROOT, generator


def draws(root: int, *name: str | int) -> list[float]:
    return generator(root, *name).standard_normal(4).tolist()


def test_a_name_draws_the_same_numbers_whenever_it_is_asked():
    first = draws(1, "census", 3)
    draws(1, "census", 4)
    assert draws(1, "census", 3) == first


def test_other_names_and_roots_draw_other_numbers():
    names = [(0, "a", 1), (0, "a", 2), (0, "b", 1), (0, "a", "1"), (0, "a1"), (CONFIRMATORY_ROOT, "a", 1)]
    assert len({tuple(draws(*name)) for name in names}) == len(names)
