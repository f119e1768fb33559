"""One small transformer as a plain torch module, every position, torch's own layers: the peer of `TransformerStack`.

Tests hold the stack to it, and benchmarks measure against it. Nothing else uses it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.models.transformer import TransformerSpec


class TransformerModule(nn.Module):
    """The network of ``spec`` with ``weights``, one network's part of `TransformerStack.named`, by name."""

    def __init__(self, spec: TransformerSpec, weights: dict[str, Tensor]):
        super().__init__()
        self.spec = spec
        self.weights = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(value.clone()) for name, value in weights.items()}
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (rows, classes) at the last position of ``tokens`` (rows, positions)."""
        spec, w = self.spec, self.weights
        length = tokens.shape[1]
        x = functional.embedding(tokens, w["embedding"]) + w["position"][spec.positions - length :]
        mask = None
        if spec.pad_token >= 0:
            earlier = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
            own = torch.eye(length, dtype=torch.bool, device=tokens.device)
            mask = earlier & ((tokens != spec.pad_token)[:, None, None] | own)
        for layer in range(spec.layers):
            block = f"block{layer}_"
            q, k, v = (self._normed(x, block + "attention_gain") @ w[block + "qkv"]).chunk(3, dim=-1)
            q, k, v = (part.unflatten(-1, (spec.heads, -1)).transpose(1, 2) for part in (q, k, v))
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
            x = x + mixed.transpose(1, 2).flatten(2) @ w[block + "out"]
            inner = self._normed(x, block + "hidden_gain") @ w[block + "first"] + w[block + "first_bias"]
            x = x + torch.relu(inner) @ w[block + "second"] + w[block + "second_bias"]
        last = self._normed(x[:, -1], "final_gain")
        return last @ (w["embedding"][: spec.classes].T if spec.tied else w["unembedding"])

    def _normed(self, x: Tensor, name: str) -> Tensor:
        if self.spec.norm == "none":
            return x
        return functional.rms_norm(x, [x.shape[-1]], self.weights[name], 1e-6)
