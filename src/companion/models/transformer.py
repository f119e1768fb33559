"""Small decoder-only transformers, S of them side by side as one array program.

x = E[token] + position; for each block x += O·attention(QKV·norm(x)), x += W2·relu(W1·norm(x) + b1) + b2; logits =
U·norm(x) at the last position. Norms are RMS with a gain, or absent (as in arXiv:2301.05217); attention has no biases.

All weights of a stack are one tensor (S, weights), so that optimisers, checkpoints and penalties are single
operations; matrices are views of it, and linear maps of all networks one batched product. Only the last position is
read: the last block computes keys and values everywhere, and all else at that position alone.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

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
        maps = named.get("unembedding")
        if maps is None:
            maps = named["embedding"][:, : self.spec.classes].transpose(1, 2)
        if "final_gain" in named:
            maps = named["final_gain"][:, :, None] * maps
        return torch.bmm(self._normed(stream), maps)

    def features(self, weights: Tensor, tokens: Tensor) -> Tensor:
        """Residual stream (S, rows, width) at the last position, before the final norm."""
        return self._stream(self.named(weights), tokens)

    def layer_features(self, weights: Tensor, tokens: Tensor) -> Tensor:
        """Residual streams (layers, S, rows, width) at the last position after each block; the last is `features`."""
        after: list[Tensor] = []
        self._stream(self.named(weights), tokens, after)
        return torch.stack(after)

    def _stream(self, named: dict[str, Tensor], tokens: Tensor, after: list[Tensor] | None = None) -> Tensor:
        stack, rows, length = tokens.shape
        spec = self.spec
        if length > spec.positions:
            raise ValueError(f"tokens: {length} positions given; allowed: up to {spec.positions}")
        networks = torch.arange(stack, device=tokens.device)[:, None, None]
        # Sequences end at the last position, whatever their length.
        position = named["position"][:, spec.positions - length :]
        if spec.vocabulary < rows and not tokens.is_cuda:
            # The first block reads a token at a position: each such pair is worked out once, and rows look it up. On a
            # GPU gradients of look-ups are sorted first, and the products that this saves are cheap.
            x = (named["embedding"][:, None] + position[:, :, None]).flatten(1, 2)
            here = torch.arange(length, device=tokens.device) * spec.vocabulary
            place = tokens + here + networks * (length * spec.vocabulary)
        else:
            table = named["embedding"].flatten(0, 1)
            x = (
                functional.embedding(tokens + networks * spec.vocabulary, table) + position[:, None]
            ).flatten(1, 2)
            place = None
        hidden_keys = (tokens == spec.pad_token) if spec.pad_token >= 0 else None
        for layer in range(spec.layers):
            last = layer == spec.layers - 1
            weights = {name: named[f"block{layer}.{name}"] for name in _block_names(spec)}
            x = self._block(weights, _Read(x, (stack, rows, length), place), hidden_keys, last).flatten(1, 2)
            place = None
            if after is not None:
                after.append(x if last else x.unflatten(1, (rows, length))[:, :, -1])
        return x

    def _block(self, w: dict[str, Tensor], x: "_Read", hidden_keys: Tensor | None, last: bool) -> Tensor:
        """One block on the stream (S, rows, T, d); the ``last`` returns its last position only, T = 1."""
        d = self.spec.width
        normed = self._normed(x.values)
        maps = w["qkv"] if "attention_gain" not in w else w["attention_gain"][:, :, None] * w["qkv"]
        if last:
            kept = x.at_end(x.values)[:, :, None]
            queries = x.at_end(normed, maps[..., :d])[:, :, None]
        else:
            kept, queries = x.everywhere(x.values), x.everywhere(normed, maps[..., :d])
        keys, values = (x.everywhere(normed, maps[..., n * d : (n + 1) * d]) for n in (1, 2))
        mixed = self._attention(queries, keys, values, hidden_keys).flatten(1, 2)
        after = kept.flatten(1, 2) + torch.bmm(mixed, w["out"])
        first = w["first"] if "hidden_gain" not in w else w["hidden_gain"][:, :, None] * w["first"]
        inner = torch.baddbmm(w["first_bias"][:, None], self._normed(after), first).relu_()
        return (after + torch.baddbmm(w["second_bias"][:, None], inner, w["second"])).reshape(kept.shape)

    def _attention(self, queries: Tensor, keys: Tensor, values: Tensor, hidden_keys: Tensor | None) -> Tensor:
        """Causal attention (S, rows, queries, d); queries are the last of the positions."""
        stack, rows, count, d = queries.shape
        length, heads = keys.shape[2], self.spec.heads
        q, k, v = (part.reshape(stack * rows, -1, heads, d // heads) for part in (queries, keys, values))
        # One query's products with a few short keys cost less as one product and a sum than as many small matrices.
        scores = (
            self._summed(queries * keys)[:, None] if count == 1 else torch.einsum("nqhe,nkhe->nqkh", q, k)
        )
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
        if count == 1:
            spread = shares[:, 0] @ self._heads(shares).T
            return (spread.reshape(values.shape) * values).sum(2, keepdim=True)
        return torch.einsum("nqkh,nkhe->nqhe", shares, v).reshape(stack, rows, count, d)

    def _heads(self, like: Tensor) -> Tensor:
        """Which numbers of a vector are which head's, (d, heads), 0 or 1."""
        head = torch.arange(self.spec.width, device=like.device) // (self.spec.width // self.spec.heads)
        return (head[:, None] == torch.arange(self.spec.heads, device=like.device)).to(like.dtype)

    def _summed(self, products: Tensor) -> Tensor:
        """Sums over each head of ``products`` (S, rows, T, d): (S rows, T, heads)."""
        return (products @ self._heads(products)).flatten(0, 1)

    def _normed(self, x: Tensor) -> Tensor:
        """``x`` over its root mean square; the gain is a factor of the map that reads it."""
        if self.spec.norm == "none":
            return x
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + _EPSILON)


class _Read(NamedTuple):
    """Values (S, n, ...) of a stream, and how rows (S, rows, T) read them: one after the other, or at ``place``."""

    values: Tensor
    shape: tuple[int, int, int]
    place: Tensor | None

    def everywhere(self, values: Tensor, maps: Tensor | None = None) -> Tensor:
        """(S, rows, T, ...), through ``maps`` (S, ..., ...)."""
        values = values if maps is None else torch.bmm(values, maps)
        if self.place is None:
            return values.reshape(*self.shape, -1)
        return functional.embedding(self.place, values.flatten(0, 1))

    def at_end(self, values: Tensor, maps: Tensor | None = None) -> Tensor:
        """(S, rows, ...) at the last position, through ``maps`` (S, ..., ...)."""
        stack, _, length = self.shape
        if self.place is None:
            own = values.reshape(*self.shape, -1)[:, :, -1]
            return own if maps is None else torch.bmm(own, maps)
        ends = values.reshape(stack, length, -1, values.shape[-1])[:, -1]
        ends = ends if maps is None else torch.bmm(ends, maps)
        networks = torch.arange(stack, device=values.device)[:, None]
        size = values.shape[1] // length
        token = self.place[:, :, -1] - (networks * length + length - 1) * size
        return functional.embedding(token + networks * size, ends.flatten(0, 1))


def _block_names(spec: TransformerSpec) -> tuple[str, ...]:
    return tuple(name.removeprefix("block0.") for name in spec.shapes() if name.startswith("block0."))
