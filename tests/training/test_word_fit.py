"""A new word: nothing but its embedding is learned, and it finds what the network already computes."""

import numpy as np
import pytest
import torch

from companion.datasets.modular_operations import modular_tasks
from companion.models.transformer import TransformerSpec, TransformerStack
from companion.training.word_fit import _with_word, fit_word

TASKS = modular_tasks(["add", "max", "left"], 5)
NETWORK = TransformerSpec(TASKS.vocabulary, TASKS.classes, TASKS.positions, width=8, heads=2, hidden=16)
WORD = {name: int(TASKS.tokens[TASKS.rows(name)][0, 1]) for name in TASKS.operations}


def weights(networks=2):
    draws = [torch.Generator().manual_seed(seed) for seed in range(networks)]
    return TransformerStack(NETWORK).draw_weights(draws)


def fit(given, name="left", **changes):
    rows = TASKS.rows(name)
    train = np.tile(np.arange(25) % 5 > 0, (len(given), 1))
    settings = {"known": [WORD["add"], WORD["max"]], "steps": 30, "learning_rate": 0.05} | changes
    answers = settings.pop("answers", TASKS.answers[rows])
    return fit_word(NETWORK, given.numpy(), TASKS.tokens[rows], answers, train, **settings)


def test_the_word_stands_in_its_own_place():
    given = weights()
    word = torch.arange(16.0).view(2, 8)
    changed = _with_word(given, word, 3 * 8)
    stack = TransformerStack(NETWORK)
    torch.testing.assert_close(stack.named(changed)["embedding"][:, 3], word)
    others = [name for name in NETWORK.shapes() if name != "embedding"]
    for name in others:
        torch.testing.assert_close(stack.named(changed)[name], stack.named(given)[name])
    assert changed.shape == given.shape


def test_before_is_the_network_as_it_was_and_weights_are_left_alone():
    given = weights()
    kept = given.clone()
    found = fit(given)
    torch.testing.assert_close(given, kept)
    rows = TASKS.rows("left")
    tokens = torch.from_numpy(TASKS.tokens[rows]).expand(2, -1, -1)
    right = TransformerStack(NETWORK).logits(given, tokens).argmax(dim=2).numpy() == TASKS.answers[rows]
    np.testing.assert_allclose(found.before, right.mean(axis=1))
    assert found.after.shape == found.fitted.shape == (2,)


def test_a_word_with_the_meaning_of_a_known_one_is_found():
    """Answers of the word "add", asked of the word "left": the start, the mean of one known word, is already right."""
    given = weights()
    rows = TASKS.rows("add")
    tokens = torch.from_numpy(TASKS.tokens[rows]).expand(1, -1, -1)
    answers = TransformerStack(NETWORK).logits(given[:1], tokens).argmax(dim=2)[0].numpy()
    found = fit(given[:1], answers=answers, known=[WORD["add"]], steps=0)
    assert found.after == 1.0 and found.fitted == 1.0
    assert found.before < 1.0


def test_fitting_lowers_errors_on_its_rows():
    given = weights()
    none, some = fit(given, steps=0), fit(given, steps=100)
    assert (some.fitted > none.fitted).all()


def test_bad_words_are_named():
    rows = slice(0, 50)
    with pytest.raises(ValueError, match="2 words and 1 known ones given"):
        fit_word(
            NETWORK,
            weights().numpy(),
            TASKS.tokens[rows],
            TASKS.answers[rows],
            np.ones((2, 50), bool),
            known=[5],
            steps=1,
            learning_rate=0.1,
        )
    with pytest.raises(ValueError, match="0 known ones given"):
        fit(weights(), known=[])
