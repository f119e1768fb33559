"""Small decoder-only transformers, S of them side by side as one array program.

x = E[token] + position; for each block x += O·attention(QKV·norm(x)), x += W2·relu(W1·norm(x) + b1) + b2; logits =
U·norm(x) at the last position. Norms are RMS with a gain, or absent (as in arXiv:2301.05217); attention has no biases.

All weights of a stack are one tensor (S, weights), so that optimisers, checkpoints and penalties are single
operations; matrices are views of it, and linear maps of all networks one batched product. Only the last position is
read: the last block computes keys and values everywhere, and all else at that position alone.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

#: RMS normalisation with a gain, or none.
Norm = Literal["rms", "none"]

_EPSILON = 1e-6


@dataclass(frozen=True)
class TransformerSpec:
    """Shape of a network: ``vocabulary`` tokens in, ``classes`` out, sequences of ``positions`` tokens.

    ``scale`` multiplies all initial weights; ``tied`` reads classes with the embeddings of the first tokens;
    ``pad_token`` is never attended to (-1: there is none). Raises ValueError, naming the field.
    """

    vocabulary: int
    classes: int
    positions: int
    width: int = 32
    layers: int = 1
    heads: int = 4
    hidden: int = 128
    norm: Norm = "rms"
    tied: bool = False
    scale: float = 1.0
    pad_token: int = -1

    def __post_init__(self) -> None:
        for name in ("vocabulary", "classes", "positions", "width", "layers", "heads", "hidden"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ValueError(f"{name}: {value} given; allowed: a whole number >= 1")
        if self.width % self.heads:
            raise ValueError(f"heads: {self.heads} given; allowed: divisors of the width {self.width}")
        if self.norm not in ("rms", "none"):
            raise ValueError(f"norm: {self.norm!r} given; allowed: rms, none")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale: {self.scale} given; allowed: a positive number")
        if self.tied and self.classes > self.vocabulary:
            raise ValueError(
                f"tied: {self.classes} classes given; allowed: up to the vocabulary {self.vocabulary}"
            )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each weight of one network, in the order in which they lie in the flat tensor."""
        d = self.width
        found: dict[str, tuple[int, ...]] = {
            "embedding": (self.vocabulary, d),
            "position": (self.positions, d),
        }
        for layer in range(self.layers):
            block = {
                "qkv": (d, 3 * d),
                "out": (d, d),
                "first": (d, self.hidden),
                "first_bias": (self.hidden,),
            }
            block |= {"second": (self.hidden, d), "second_bias": (d,)}
            if self.norm == "rms":
                block |= {"attention_gain": (d,), "hidden_gain": (d,)}
            found |= {f"block{layer}.{name}": shape for name, shape in block.items()}
        if self.norm == "rms":
            found["final_gain"] = (d,)
        if not self.tied:
            found["unembedding"] = (d, self.classes)
        return found

    @property
    def weight_count(self) -> int:
        """Weights of one network."""
        return sum(math.prod(shape) for shape in self.shapes().values())


class TransformerStack:
    """S networks of one shape; holds no weights, they are passed as one tensor (S, weights)."""

    def __init__(self, spec: TransformerSpec):
        self.spec = spec
        self._shapes = spec.shapes()
        self._sizes = [math.prod(shape) for shape in self._shapes.values()]

    def draw_weights(self, generators: list[torch.Generator]) -> Tensor:
        """Initial weights (S, weights), float32 on the CPU, one CPU generator for each network.

        Embeddings and positions N(0, 1/d), matrices N(0, 1/fan-in), the two that write to the stream N(0, 1/(2 L
        fan-in)), biases 0, gains 1; all but gains times ``scale``.
        """
        rows = []
        for generator in generators:
            parts = []
            for name, shape in self._shapes.items():
                kind = name.rpartition(".")[2]
                if kind.endswith("gain"):
                    parts.append(torch.ones(shape))
                elif kind.endswith("bias"):
                    parts.append(torch.zeros(shape))
                else:
                    fan_in = shape[1] if kind in ("embedding", "position") else shape[0]
                    if kind in ("out", "second"):
                        fan_in *= 2 * self.spec.layers
                    drawn = torch.randn(shape, generator=generator)
                    parts.append(drawn * (self.spec.scale / math.sqrt(fan_in)))
            rows.append(torch.cat([part.flatten() for part in parts]))
        return torch.stack(rows)

    def named(self, weights: Tensor) -> dict[str, Tensor]:
        """Views (S, ...) of the weights (S, weights), by name."""
        parts = zip(self._shapes.items(), weights.split(self._sizes, dim=1), strict=True)
        return {name: part.reshape(len(weights), *shape) for (name, shape), part in parts}

    def logits(self, weights: Tensor, tokens: Tensor) -> Tensor:
        """Logits (S, rows, classes) at the last position of ``tokens`` (S, rows, positions), int64.

        Raises ValueError for sequences longer than the network's positions.
        """
        named = self.named(weights)
        stream = self._stream(named, tokens)
        normed = self._normed(stream, named.get("final_gain"))
        if self.spec.tied:
            return normed @ named["embedding"][:, : self.spec.classes].transpose(1, 2)
        return torch.bmm(normed, named["unembedding"])

    def features(self, weights: Tensor, tokens: Tensor) -> Tensor:
        """Residual stream (S, rows, width) at the last position, before the final norm."""
        return self._stream(self.named(weights), tokens)

    def layer_features(self, weights: Tensor, tokens: Tensor) -> Tensor:
        """Residual streams (layers, S, rows, width) at the last position after each block; the last is `features`."""
        after: list[Tensor] = []
        self._stream(self.named(weights), tokens, after)
        return torch.stack(after)

    def _stream(self, named: dict[str, Tensor], tokens: Tensor, after: list[Tensor] | None = None) -> Tensor:
        stack, _, length = tokens.shape
        spec = self.spec
        if length > spec.positions:
            raise ValueError(f"tokens: {length} positions given; allowed: up to {spec.positions}")
        offset = torch.arange(stack, device=tokens.device)[:, None, None] * spec.vocabulary
        table = named["embedding"].reshape(stack * spec.vocabulary, spec.width)
        # Sequences end at the last position, whatever their length.
        x = (
            functional.embedding(tokens + offset, table)
            + named["position"][:, None, spec.positions - length :]
        )
        hidden_keys = (tokens == spec.pad_token) if spec.pad_token >= 0 else None
        for layer in range(spec.layers):
            last = layer == spec.layers - 1
            weights = {name: named[f"block{layer}.{name}"] for name in _block_names(spec)}
            x = self._block(weights, x, hidden_keys, last)
            if after is not None:
                after.append(x[:, :, -1])
        return x[:, :, -1]

    def _block(self, w: dict[str, Tensor], x: Tensor, hidden_keys: Tensor | None, last: bool) -> Tensor:
        """One block on the stream (S, rows, T, d); the ``last`` returns its last position only, T = 1."""
        stack, rows, length, d = x.shape
        normed = self._normed(x, w.get("attention_gain")).reshape(stack, rows * length, d)
        if last:
            x = x[:, :, -1:]
            at_end = normed.reshape(stack, rows, length, d)[:, :, -1]
            queries = torch.bmm(at_end, w["qkv"][..., :d]).reshape(stack, rows, 1, d)
            keys_values = torch.bmm(normed, w["qkv"][..., d:]).reshape(stack, rows, length, 2, d)
            keys, values = keys_values.unbind(3)
        else:
            queries, keys, values = torch.bmm(normed, w["qkv"]).reshape(stack, rows, length, 3, d).unbind(3)
        mixed = self._attention(queries, keys, values, hidden_keys)
        kept = mixed.shape[2]
        x = x + torch.bmm(mixed.reshape(stack, rows * kept, d), w["out"]).reshape(x.shape)
        normed = self._normed(x, w.get("hidden_gain")).reshape(stack, rows * kept, d)
        inner = torch.relu(torch.baddbmm(w["first_bias"][:, None], normed, w["first"]))
        return x + torch.baddbmm(w["second_bias"][:, None], inner, w["second"]).reshape(x.shape)

    def _attention(self, queries: Tensor, keys: Tensor, values: Tensor, hidden_keys: Tensor | None) -> Tensor:
        """Causal attention (S, rows, queries, d); queries are the last of the positions."""
        stack, rows, count, d = queries.shape
        length, heads = keys.shape[2], self.spec.heads
        q, k, v = (part.reshape(stack * rows, -1, heads, d // heads) for part in (queries, keys, values))
        # Products of a few short vectors cost less as sums than as many small matrices.
        scores = (q * k).sum(-1)[:, None] if count == 1 else torch.einsum("nqhe,nkhe->nqkh", q, k)
        scores = scores / math.sqrt(d // heads)
        if count > 1:
            later = torch.ones(count, length, dtype=torch.bool, device=keys.device).triu(length - count + 1)
            scores = scores.masked_fill(later[:, :, None], -torch.inf)
        if hidden_keys is not None:
            # A padded position attends to itself, so that no row of scores is empty.
            own = torch.eye(length, dtype=torch.bool, device=keys.device)[length - count :]
            hidden = hidden_keys.reshape(stack * rows, 1, length) & ~own
            scores = scores.masked_fill(hidden[..., None], -torch.inf)
        shares = torch.softmax(scores, dim=2)
        one = count == 1
        mixed = (shares[:, 0, :, :, None] * v).sum(1) if one else torch.einsum("nqkh,nkhe->nqhe", shares, v)
        return mixed.reshape(stack, rows, count, d)

    def _normed(self, x: Tensor, gain: Tensor | None) -> Tensor:
        if gain is None:
            return x
        shaped = gain.reshape(len(gain), *[1] * (x.dim() - 2), gain.shape[-1])
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + _EPSILON) * shaped


def _block_names(spec: TransformerSpec) -> tuple[str, ...]:
    return tuple(name.removeprefix("block0.") for name in spec.shapes() if name.startswith("block0."))
