"""Stacked transformers: equal to a plain module written on its own, network by network."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from companion.models.transformer import TransformerSpec, TransformerStack
from companion.models.transformer_module import TransformerModule

TOKENS, CLASSES, LENGTH = 14, 11, 4


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def rows(count: int, seed: int = 0, length: int = LENGTH, least: int = 0) -> Tensor:
    return torch.randint(least, TOKENS, (count, 20, length), generator=torch.Generator().manual_seed(seed))


# Rounding of either sum: logits are of order 1 to 4.
@pytest.mark.parametrize(
    ("dtype", "close"),
    [(torch.float32, {"rtol": 1e-6, "atol": 1e-6}), (torch.float64, {"rtol": 0, "atol": 1e-13})],
)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("options", [{}, {"norm": "none"}, {"tied": True}, {"pad_token": 0}])
def test_a_stack_equals_plain_networks_in_logits_and_gradients(layers, options, dtype, close):
    spec = TransformerSpec(TOKENS, CLASSES, LENGTH, width=16, layers=layers, hidden=24, **options)
    stack = TransformerStack(spec)
    weights = stack.draw_weights(generators(3)).to(dtype).requires_grad_(True)
    tokens, target = rows(3), torch.randint(0, CLASSES, (3, 20), generator=torch.Generator().manual_seed(1))
    logits = stack.logits(weights, tokens)
    sum(functional.cross_entropy(logits[s], target[s]) for s in range(3)).backward()
    slopes = stack.named(weights.grad)
    for s in range(3):
        one = TransformerModule(
            spec, {name: value[s].detach() for name, value in stack.named(weights).items()}
        )
        own = one(tokens[s])
        torch.testing.assert_close(logits[s], own, **close)
        functional.cross_entropy(own, target[s]).backward()
        for name, slope in slopes.items():
            torch.testing.assert_close(slope[s], one.weights[name.replace(".", "_")].grad, **close, msg=name)


@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"norm": "none", "pad_token": 0}])
@pytest.mark.parametrize("length", [LENGTH, LENGTH - 1])
def test_rows_that_look_up_their_first_block_are_those_that_work_it_out(options, length):
    spec = TransformerSpec(TOKENS, CLASSES, LENGTH, width=16, hidden=24, **options)
    stack = TransformerStack(spec)
    weights = stack.draw_weights(generators(3)).double().requires_grad_(True)
    tokens = rows(3, length=length)
    few = tokens.split(TOKENS, dim=1)  # so few rows work it out
    assert len(few) == 2
    found = stack.logits(weights, tokens), torch.cat([stack.logits(weights, part) for part in few], dim=1)
    torch.testing.assert_close(*found, rtol=0, atol=1e-13)
    slopes = [torch.autograd.grad(each.logsumexp(dim=2).sum(), weights)[0] for each in found]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-13)


def test_a_network_does_not_know_its_neighbours():
    spec = TransformerSpec(TOKENS, CLASSES, LENGTH, width=16, hidden=24)
    stack = TransformerStack(spec)
    weights, tokens = stack.draw_weights(generators(4)), rows(4)
    together = stack.logits(weights, tokens)
    torch.testing.assert_close(stack.draw_weights(generators(2)), weights[:2], rtol=0, atol=0)
    for s in range(4):
        alone = stack.logits(weights[s : s + 1], tokens[s : s + 1])[0]
        torch.testing.assert_close(together[s], alone, rtol=0, atol=1e-6)


def test_padding_on_the_left_changes_nothing():
    spec = TransformerSpec(TOKENS, CLASSES, 7, width=16, hidden=24, layers=2, pad_token=0)
    stack = TransformerStack(spec)
    weights, tokens = stack.draw_weights(generators(2)), rows(2, least=1)
    padded = functional.pad(tokens, (3, 0))
    torch.testing.assert_close(
        stack.logits(weights, padded), stack.logits(weights, tokens), rtol=0, atol=1e-6
    )


def test_only_the_last_position_sees_all():
    spec = TransformerSpec(TOKENS, CLASSES, LENGTH, width=16, hidden=24, layers=2)
    stack = TransformerStack(spec)
    weights, tokens = stack.draw_weights(generators(1)), rows(1)
    for position in range(LENGTH):
        changed = tokens.clone()
        changed[..., position] = (changed[..., position] + 1) % TOKENS
        assert not torch.allclose(stack.logits(weights, changed), stack.logits(weights, tokens), atol=1e-4)


def test_streams_after_each_block_are_those_of_the_network_cut_there():
    spec = TransformerSpec(TOKENS, CLASSES, LENGTH, width=16, hidden=24, layers=3)
    stack = TransformerStack(spec)
    weights, tokens = stack.draw_weights(generators(2)), rows(2)
    found = stack.layer_features(weights, tokens)
    assert found.shape == (3, 2, tokens.shape[1], 16)
    torch.testing.assert_close(found[-1], stack.features(weights, tokens), rtol=0, atol=0)
    shallow = TransformerStack(TransformerSpec(TOKENS, CLASSES, LENGTH, width=16, hidden=24, layers=2))
    named = stack.named(weights)
    kept = torch.cat([named[name].flatten(1) for name in shallow.spec.shapes()], dim=1)
    torch.testing.assert_close(found[1], shallow.features(kept, tokens), rtol=0, atol=1e-6)


def test_initial_scales_are_those_promised():
    spec = TransformerSpec(200, 50, 8, width=64, layers=2, hidden=256, scale=0.5)
    found = TransformerStack(spec).named(TransformerStack(spec).draw_weights(generators(1)))
    assert spec.weight_count == sum(value[0].numel() for value in found.values())
    for name, fan_in in {
        "embedding": 64,
        "block0.qkv": 64,
        "block1.out": 4 * 64,
        "block1.second": 4 * 256,
        "unembedding": 64,
    }.items():
        assert float(found[name].std()) == pytest.approx(0.5 / math.sqrt(fan_in), rel=0.05), name
    assert bool((found["final_gain"] == 1).all()) and bool((found["block0.first_bias"] == 0).all())


def test_the_nano_network_has_the_size_that_is_known():
    assert TransformerSpec(34, 31, 4).weight_count == pytest.approx(14_700, rel=0.01)


@pytest.mark.parametrize(
    ("field", "value"),
    [("heads", 5), ("layers", 0), ("norm", "layer"), ("scale", 0.0), ("vocabulary", 2.5), ("tied", True)],
)
def test_bad_shapes_are_named(field, value):
    given = {"vocabulary": 9, "classes": 11, "positions": 4, field: value}
    with pytest.raises(ValueError, match=field):
        TransformerSpec(**given)


def test_a_sequence_longer_than_the_positions_is_refused():
    spec = TransformerSpec(TOKENS, CLASSES, 3, width=16)
    stack = TransformerStack(spec)
    with pytest.raises(ValueError, match=r"tokens: 4 positions given; allowed: up to 3"):
        stack.logits(stack.draw_weights(generators(1)), rows(1))
