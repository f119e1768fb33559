"""What operations share at kept checkpoints: numbers of the very networks, from the very rows."""

import numpy as np
import pytest
import torch

from companion.analysis.fourier_structure import additive_power, top_share
from companion.analysis.representations import linear_cka
from companion.models.transformer import TransformerStack
from companion.studies.curriculum_compatibility import beside, companies
from companion.studies.curriculum_probes import READ, operation_probes
from companion.studies.curriculum_sharing import operation_sharing
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec
from companion.training.operation_gradients import OperationViewer

SPEC = CurriculumSpec(
    tasks=TaskSpec(prime=11), steps=40, batch=64, width=16, hidden=32, every=10, logarithmic=8, checkpoints=4
)
PARTNERS = ["add", "private add"]


@pytest.fixture(scope="module")
def found(run_store):
    return operation_sharing(PARTNERS, SPEC, 2, 0, block=2).transpose("partner", "step", "replicate", ...)


@pytest.fixture(scope="module")
def runs(run_store):
    return {name: companies(beside(SPEC, name), name, 2, 0, 2, "sub") for name in PARTNERS}


def test_checkpoints_are_the_steps(found, runs):
    np.testing.assert_array_equal(found.step.values, runs["add"].checkpoint.values)
    assert found.step.values[0] == 0 and found.step.values[-1] == 40
    assert (found.attrs["steps"], found.attrs["fraction"], found.attrs["root_seed"]) == (40, 0.25, 0)


def test_alignments_are_those_of_the_streams(found, runs):
    weights = runs["add"].weights.transpose("checkpoint", "replicate", "weight").values
    views = OperationViewer(beside(SPEC, "add"), (0, 1))(weights[1])
    np.testing.assert_allclose(found.between.values[0, 1], linear_cka(views.features[0], views.features[1]))
    tasks = beside(SPEC, "add").tasks.tasks(0)
    means = []
    for stream, name in zip(views.features, tasks.operations, strict=True):
        answers = tasks.answers[tasks.rows(name)]
        means.append(np.array([stream[1, answers == each].mean(axis=0) for each in range(11)]))
    expected = linear_cka(means[0], means[1], debiased=True)
    np.testing.assert_allclose(found.by_answer.values[0, 1, 1], expected)
    assert np.allclose(found.to_final.values[:, -1], 1.0)
    assert (found.to_final.values[:, 0] < 0.99).all()
    assert ((found.between.values > 0) & (found.between.values <= 1)).all()


def test_gradients_are_of_the_partners_training_rows(found, runs):
    weights = runs["add"].weights.transpose("checkpoint", "replicate", "weight").values
    views = OperationViewer(beside(SPEC, "add"), (0, 1))(weights[2])
    for place, kind in enumerate(("train", "test")):
        for network in range(2):
            mine, other = views.gradients[network, place, 0], views.gradients[network, 0, 1]
            expected = mine @ other / np.linalg.norm(mine) / np.linalg.norm(other)
            got = found.gradient_cosine.sel(rows=kind).values[0, 2, network]
            assert got == pytest.approx(expected, rel=1e-4)


def test_private_numbers_share_no_gradient_of_their_embedding(found):
    """Only the token "=" is in both: nearly nothing is left of the embedding's cosine beside that of shared numbers."""
    start = found.embedding_cosine.isel(step=0).sel(rows="train").mean("replicate")
    spec = beside(SPEC, "private add")
    tasks = spec.tasks.tasks(0)
    assert len(set(tasks.tokens[:121].ravel()) & set(tasks.tokens[121:].ravel())) == 1
    assert abs(float(start[1])) < 0.5 * abs(float(start[0]))


def test_spectra_are_those_of_the_targets_numbers(found, runs):
    tasks = beside(SPEC, "add").tasks.tasks(0)
    width = SPEC.width
    weights = runs["add"].weights.transpose("checkpoint", "replicate", "weight").values
    tables = weights[..., : tasks.vocabulary * width].reshape(*weights.shape[:2], tasks.vocabulary, width)
    power = additive_power(tables[:, :, tasks.number_tokens[0]])
    np.testing.assert_allclose(found.share.sel(basis="additive").values[0], top_share(power))
    ranked = found.power.sel(partner="add", basis="additive").transpose("replicate", "rank").values
    np.testing.assert_allclose(ranked, np.sort(power[-1], axis=-1)[:, ::-1])
    assert (np.diff(found.power.transpose(..., "rank").values) <= 0).all()
    np.testing.assert_allclose(found.power.sum("rank"), 1.0)
    # The trainer recorded the same spectrum of the same embeddings.
    recorded = runs["add"].additive_power.sel(step=40).transpose("replicate", "frequency").values
    np.testing.assert_allclose(ranked, np.sort(recorded, axis=-1)[:, ::-1])


@pytest.mark.parametrize(
    ("partners", "spec", "named"),
    [
        (["add"], SPEC.changed(checkpoints=0), "spec.checkpoints: 0 given"),
        (["none", "add"], SPEC, "partners: .* given"),
        ([], SPEC, "partners: .* given"),
    ],
)
def test_refused(run_store, partners, spec, named):
    with pytest.raises(ValueError, match=named):
        operation_sharing(partners, spec, 2, 0, block=2)


def test_probes_are_of_the_targets_streams(found, runs):
    weights = runs["add"].weights.transpose("checkpoint", "replicate", "weight").values
    spec = beside(SPEC, "add")
    probe = found.probe.transpose("partner", "step", "replicate", "layer", "read").sel(partner="add")
    streams = OperationViewer(spec, (0, 1))(weights[-1]).streams[0]
    np.testing.assert_array_equal(probe.values[-1], operation_probes(spec.tasks.tasks(0), streams, 0))
    assert probe.layer.values.tolist() == [1] and probe["read"].values.tolist() == list(READ)
    assert ((probe >= 0) & (probe <= 1)).all()


def test_probes_read_what_is_there_block_by_block():
    spec = SPEC.changed(layers=2, width=24, hidden=24, tasks={"operations": ("sub",), "prime": 7})
    tasks = spec.tasks.tasks(0)
    stack = TransformerStack(spec.network(tasks))
    weights = stack.draw_weights([torch.Generator().manual_seed(seed) for seed in (0, 1)])
    named = stack.named(weights)
    # The second block writes nothing: what is read after it is what was read after the first.
    for name in ("out", "second", "second_bias"):
        named[f"block1.{name}"].zero_()
    weights[1, 0] = torch.nan
    streams = stack.layer_features(weights, torch.from_numpy(tasks.tokens).expand(2, -1, -1))
    found = operation_probes(tasks, streams.double().numpy(), 0)
    assert found.shape == (2, 2, len(READ)) and np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[0, 0], found[0, 1])
    # A random first block mixes both operands linearly, and not their difference.
    assert found[0, 0, :2].min() > 0.5 > found[0, 0, 2]
