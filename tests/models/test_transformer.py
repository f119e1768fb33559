"""Stacked transformers: equal to a plain module written on its own, network by network."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.models.transformer import TransformerSpec, TransformerStack

TOKENS, CLASSES, LENGTH = 14, 11, 4


class Plain(nn.Module):
    """One network, every position, torch's own layers: the peer that a stack must equal."""

    def __init__(self, spec: TransformerSpec, weights: dict[str, Tensor]):
        super().__init__()
        self.spec = spec
        self.weights = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(value.clone()) for name, value in weights.items()}
        )

    def normed(self, x: Tensor, name: str) -> Tensor:
        if self.spec.norm == "none":
            return x
        return functional.rms_norm(x, x.shape[-1:], self.weights[name], 1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        spec, w = self.spec, self.weights
        length = tokens.shape[1]
        x = w["embedding"][tokens] + w["position"][spec.positions - length :]
        for layer in range(spec.layers):
            block = f"block{layer}_"
            q, k, v = (self.normed(x, block + "attention_gain") @ w[block + "qkv"]).chunk(3, dim=-1)
            q, k, v = (part.unflatten(-1, (spec.heads, -1)).transpose(1, 2) for part in (q, k, v))
            mask = torch.ones(length, length).tril().bool()[None, None]
            if spec.pad_token >= 0:
                mask = mask & ((tokens != spec.pad_token)[:, None, None] | torch.eye(length).bool())
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            x = x + mixed.transpose(1, 2).flatten(2) @ w[block + "out"]
            inner = self.normed(x, block + "hidden_gain") @ w[block + "first"] + w[block + "first_bias"]
            x = x + torch.relu(inner) @ w[block + "second"] + w[block + "second_bias"]
        last = self.normed(x[:, -1], "final_gain")
        return last @ (w["embedding"][: spec.classes].T if spec.tied else w["unembedding"])


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
        one = Plain(spec, {name: value[s].detach() for name, value in stack.named(weights).items()})
        own = one(tokens[s])
        torch.testing.assert_close(logits[s], own, **close)
        functional.cross_entropy(own, target[s]).backward()
        for name, slope in slopes.items():
            torch.testing.assert_close(slope[s], one.weights[name.replace(".", "_")].grad, **close, msg=name)


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
