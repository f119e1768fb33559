"""Recorded steps: what is recorded is replayed with new rows, and a training by replays is the training itself.

There may be no GPU here. `Replayed` stands for a CUDA graph: torch traces the step's operations once, with every number
that is no tensor as it was then, and replays them on the tensors that they touched.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from companion.models.transformer import TransformerSpec
from companion.store.threads import one_thread
from companion.training import transformer_step
from companion.training.curriculum_monitors import WeightMonitor
from companion.training.curriculum_recipe import CurriculumRecipe, NetworkRun
from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import TableSource, TrainingRows
from companion.training.recorded_step import RecordedStep
from companion.training.schedules import Blocked, Static
from companion.training.transformer_training import train_stack

P = 5
TOKENS = np.stack([np.arange(P * P) // P, np.full(P * P, P), np.arange(P * P) % P], axis=1)
LABELS = (TOKENS[:, 0] + TOKENS[:, 2]) % P
NETWORK = TransformerSpec(P + 1, P, 3, width=8, hidden=16, heads=2)


@pytest.fixture(autouse=True, scope="module")
def single_thread():
    with one_thread():
        yield


class Replayed(RecordedStep):
    """A recorded step without a GPU; how often each was traced and replayed is counted."""

    traced, replayed = 0, 0

    def __call__(self, *given):
        if self._graph is None:
            Replayed.traced += 1
            self._graph = make_fx(lambda *inputs: self.move(*inputs) or inputs[0])(
                *given
            )  # steps while tracing
            return
        Replayed.replayed += 1
        self._graph(*given)


def trained(recipe, batch=8, **options):
    runs = [NetworkRun(RunName(0, ("recorded", seed))) for seed in range(2)]
    runs[1] = replace(runs[1], learning_rate=2e-3)
    rows = [TrainingRows(np.arange(18), np.arange(18) % 2, np.ones(18))] * 2
    source = TableSource(TOKENS, np.tile(LABELS, (2, 1)), rows, [run.name for run in runs], 2, batch)
    return train_stack(recipe, source, runs, [WeightMonitor((0, 7, 20))], device="cpu", **options)


@pytest.mark.parametrize("batch", [0, 8])
@pytest.mark.parametrize(
    "recipe",
    [
        CurriculumRecipe(NETWORK, Static((0.5, 0.5)), steps=20),
        CurriculumRecipe(NETWORK, Blocked((1, 0)), steps=20, consolidation=5.0, reset_moments=True),
    ],
)
def test_a_training_by_replays_is_the_training_itself(recipe, batch, monkeypatch):
    plain = trained(recipe, batch)
    monkeypatch.setattr(transformer_step, "RecordedStep", Replayed)
    monkeypatch.setattr(Replayed, "traced", 0)
    monkeypatch.setattr(Replayed, "replayed", 0)
    again = trained(recipe, batch, graph=True)
    assert again.identical(plain)
    assert (Replayed.traced, Replayed.replayed) == (1, 19)
    assert float(np.abs(plain.weights[:, -1] - plain.weights[:, 0]).mean()) > 1e-3


def test_a_network_stops_alone_under_replays_too(monkeypatch):
    monkeypatch.setattr(transformer_step, "RecordedStep", Replayed)
    recipe = CurriculumRecipe(NETWORK, Static((0.5, 0.5)), steps=20)

    class Ill(TableSource):
        """The second network's rows have no finite weight from step 9 on."""

        def draw(self, step, mixture, exposure):
            rows = super().draw(step, mixture, exposure)
            weight = rows.weight.copy()
            weight[1, :] = np.nan if step >= 9 else weight[1]
            return rows._replace(weight=weight)

    monkeypatch.setitem(globals(), "TableSource", Ill)
    ill, recorded = trained(recipe), trained(recipe, graph=True)
    assert recorded.stopped_at.values.tolist() == [-1, 9]
    assert recorded.identical(ill)


def test_on_a_cpu_a_recorded_step_is_the_step():
    recipe = CurriculumRecipe(NETWORK, Static((0.5, 0.5)), steps=20)
    assert trained(recipe, graph=True).identical(trained(recipe))
    total = torch.zeros(2)
    step = RecordedStep(total.add_)
    for _ in range(5):
        step(torch.ones(2))
    assert total.tolist() == [5.0, 5.0]


class OnGpu(torch.Tensor):
    """A tensor that says it lies on a GPU."""

    is_cuda = True


def test_a_step_that_cannot_be_recorded_is_taken_all_the_same_and_says_so_once(monkeypatch, capsys):
    total = torch.zeros(2)
    step = RecordedStep(lambda rows: total.add_(rows.as_subclass(torch.Tensor)))
    monkeypatch.delenv("COMPANION_EVENTS", raising=False)
    monkeypatch.setattr(step, "_aside", lambda given: step.move(*given))

    def refused(given):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(step, "_recorded", refused)
    for _ in range(6):
        step(torch.ones(2).as_subclass(OnGpu))
    assert total.tolist() == [6.0, 6.0]
    assert capsys.readouterr().err.count("could not be recorded") == 1


@pytest.mark.parametrize(("asked", "records"), [(None, False), (True, True), (False, False)])
def test_without_a_wish_only_a_gpu_records(asked, records, monkeypatch):
    made = []
    monkeypatch.setattr(transformer_step, "RecordedStep", lambda move: made.append(move) or move)
    trained(CurriculumRecipe(NETWORK, Static((0.5, 0.5)), steps=20), graph=asked)
    assert bool(made) == records


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_a_graph_follows_new_rows_and_new_shapes():
    total = torch.zeros((), device="cuda")
    step = RecordedStep(lambda rows: total.add_(rows.sum()))
    for at in range(8):
        step(torch.full((3,), float(at), device="cuda"))
    for at in range(8):
        step(torch.full((5,), float(at), device="cuda"))
    assert float(total) == (3 + 5) * sum(range(8))
