"""What two operations share inside a network: residual streams, gradients, and the characters of the embedding.

Looks into the networks of `curriculum_compatibility` at the checkpoints that they kept; nothing else is trained.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.fourier_structure import additive_power, multiplicative_power, top_share
from companion.analysis.gradient_alignment import cosine
from companion.analysis.representations import linear_cka
from companion.models.transformer import TransformerSpec
from companion.store.durable import stored
from companion.studies.curriculum_compatibility import ALONE, beside, companies
from companion.studies.curriculum_probes import READ, operation_probes
from companion.training.curriculum_spec import CurriculumSpec
from companion.training.operation_gradients import ROW_KINDS, OperationViewer

#: Characters of the numbers, after which embeddings are analysed.
BASES: Final = ("additive", "multiplicative")
_POWERS: Final = {"additive": additive_power, "multiplicative": multiplicative_power}


@stored(
    device=True,
    work=lambda partners, spec, replicates, **_: len(partners) * replicates * spec.checkpoints,
    calls=lambda partners, spec, replicates, seed, *, block, target, fraction, partner_fraction: [
        companies(
            beside(spec, partner, target, fraction, partner_fraction),
            partner,
            replicates,
            seed,
            block,
            target,
        )
        for partner in partners
    ],
)
def operation_sharing(
    partners: Sequence[str],
    spec: CurriculumSpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    target: str = "sub",
    fraction: float = 0.25,
    partner_fraction: float = 0.7,
) -> xr.Dataset:
    """Sharing between ``target`` and each of ``partners`` at the checkpoints of ``spec``.

    The trainings are those of `partner_compatibility` with the same arguments, at the budget of ``spec``.

    By ``partner``, ``replicate`` and ``step`` (of the checkpoints): ``between``, linear CKA of the residual streams at
    "=" on the same pairs (a, b) of the target and of the partner (numbers in the partner's own order); ``by_answer``,
    debiased CKA of their mean streams of each answer, where only what the answers have in common counts; ``to_final``,
    CKA of the target's stream with that at the last checkpoint; ``gradient_cosine`` (.., rows), between the gradient of
    the partner's loss on its training rows and that of the target's on its "train" or its "test" rows, and
    ``embedding_cosine``, the same for the embedding alone; ``share`` (.., basis), power of the five strongest
    frequencies in the target's number embedding; ``probe`` (.., layer, read), accuracy of linear read-outs of the
    operands and of the answer from the target's stream after each block (`operation_probes`). ``power`` (partner,
    replicate, basis, rank): shares of all of them at the last checkpoint, strongest first. NaN for networks that
    stopped.

    Raises ValueError for a spec without checkpoints and for "none" among the partners.
    """
    if not spec.checkpoints:
        raise ValueError("spec.checkpoints: 0 given; allowed: at least 1")
    if ALONE in partners or not partners:
        raise ValueError(f"partners: {tuple(partners)} given; allowed: one or more, and not {ALONE}")
    parts = []
    for partner in partners:
        own = beside(spec, partner, target, fraction, partner_fraction)
        runs = companies(own, partner, replicates, seed, block, target)
        parts.append(_looked_into(own, runs, seed))
    found = xr.concat(parts, dim="partner", join="exact", coords="minimal", compat="equals")
    return found.assign_coords(partner=list(partners)).assign_attrs(
        root_seed=seed,
        steps=spec.steps,
        prime=spec.tasks.prime,
        target=target,
        fraction=fraction,
        partner_fraction=partner_fraction,
    )


def _looked_into(spec: CurriculumSpec, runs: xr.Dataset, seed: int) -> xr.Dataset:
    """Numbers of all checkpoints of one partner's networks."""
    weights = runs.weights.transpose("checkpoint", "replicate", "weight").values
    tasks = spec.tasks.tasks(seed)
    network = spec.network(tasks)
    embedding = network.vocabulary * network.width  # the first of the weights
    viewer = OperationViewer(spec, range(weights.shape[1]), root=seed)
    streams: list[NDArray[np.float64]] = []
    between, by_answer, gradients, embeddings, probes = [], [], [], [], []
    for each in weights:  # one checkpoint at a time bounds the memory
        views = viewer(each)
        target, partner = views.features
        between.append(_alignment(target, partner))
        means = [
            _class_means(stream, tasks.answers[tasks.rows(name)], tasks.classes)
            for name, stream in zip(tasks.operations, (target, partner), strict=True)
        ]
        by_answer.append(_alignment(means[0], means[1], debiased=True))
        streams.append(target)
        probes.append(operation_probes(tasks, views.streams[0], seed))
        toward, from_partner = views.gradients[:, :, 0], views.gradients[:, :1, 1]
        gradients.append(cosine(toward, from_partner))
        embeddings.append(cosine(toward[..., :embedding], from_partner[..., :embedding]))
    to_final = [_alignment(each, streams[-1]) for each in streams]
    numbers = _numbers(network, weights, tasks.number_tokens[0])
    powers = [_POWERS[basis](numbers) for basis in BASES]
    ranked = np.sort(np.stack([power[-1] for power in powers], axis=1), axis=-1)[..., ::-1]
    by_step = ("step", "replicate")
    return xr.Dataset(
        {
            "between": (by_step, np.array(between), {"long_name": "CKA between operations"}),
            "by_answer": (by_step, np.array(by_answer), {"long_name": "CKA between answers"}),
            "to_final": (by_step, np.array(to_final), {"long_name": "CKA with the last checkpoint"}),
            "gradient_cosine": (
                (*by_step, "rows"),
                np.array(gradients),
                {"long_name": "cosine of gradients"},
            ),
            "embedding_cosine": (
                (*by_step, "rows"),
                np.array(embeddings),
                {"long_name": "cosine of gradients, embedding"},
            ),
            "share": (
                (*by_step, "basis"),
                np.stack([top_share(power) for power in powers], axis=-1),
                {"long_name": "share of five frequencies"},
            ),
            "probe": (
                (*by_step, "layer", "read"),
                np.array(probes),
                {"long_name": "accuracy of a linear probe"},
            ),
            "power": (("replicate", "basis", "rank"), ranked, {"long_name": "share of power $P_k$"}),
        },
        coords={
            "step": ("step", runs.checkpoint.values, {"long_name": "training steps $t$"}),
            "rows": list(ROW_KINDS),
            "layer": ("layer", np.arange(1, network.layers + 1), {"long_name": "block"}),
            "read": list(READ),
            "basis": list(BASES),
            "rank": ("rank", np.arange(1, ranked.shape[-1] + 1), {"long_name": "rank of the frequency"}),
        },
    )


def _alignment(
    first: NDArray[np.float64], second: NDArray[np.float64], *, debiased: bool = False
) -> NDArray[np.float64]:
    """Linear CKA (networks,), NaN for networks whose features are no numbers."""
    known = np.isfinite(first).all(axis=(1, 2)) & np.isfinite(second).all(axis=(1, 2))
    found = np.full(len(first), np.nan)
    if known.any():
        found[known] = linear_cka(first[known], second[known], debiased=debiased)
    return found


def _class_means(
    stream: NDArray[np.float64], answers: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Mean streams (networks, classes, width) of the rows with each answer; an answer that no row has stands at 0."""
    belongs = (answers == np.arange(classes)[:, None]).astype(np.float64)
    return belongs / np.maximum(belongs.sum(axis=1, keepdims=True), 1.0) @ stream


def _numbers(network: TransformerSpec, weights: NDArray, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Embeddings of the numbers (checkpoint, network, p, width), in the order of the numbers."""
    count = network.vocabulary * network.width
    tables = weights[..., :count].reshape(*weights.shape[:-1], network.vocabulary, network.width)
    return tables[..., tokens, :].astype(np.float64)
