import errno

import numpy as np
import pytest
import torch

from companion.models.score_mlp import ScoreMLPSpec
from companion.models.unet import UNetSpec
from companion.training import checkpoints as checkpoints_module
from companion.training.checkpoints import load_checkpoint, save_checkpoint
from companion.training.diffusion import train_score_model
from companion.training.diffusion_draws import RunName, chunk_length, draw_chunk
from companion.training.diffusion_recipe import DiffusionSpec, TrainingRun, log_spaced_steps

MLP = ScoreMLPSpec(dimension=64, width=16, blocks=1)
UNET = UNetSpec(side=8, base=8, multipliers=(1, 2))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def images(seed, count=12):
    return (0.5 * np.random.default_rng(seed).standard_normal((count, 64))).astype(np.float32)


def run(seed, **fields):
    return TrainingRun(images(seed), RunName(0, ("test", seed)), 0.25, **fields)


def spec(network=MLP, steps=(0, 5, 12), **fields):
    return DiffusionSpec(network=network, checkpoints=steps, batch_size=8, **fields)


class Weights:
    """Records the watched weights; breaks off at a step, as a kill would."""

    def __init__(self, killed_at=None):
        self.killed_at = killed_at

    def __call__(self, snapshot):
        if snapshot.step == self.killed_at:
            raise KeyboardInterrupt
        return {"weights": (("weight",), snapshot.weights.numpy())}


@pytest.mark.parametrize("network", [MLP, UNET])
def test_same_inputs_same_bytes(network):
    first, second = (train_score_model(spec(network), [run(0)], [Weights()], device="cpu") for _ in range(2))
    assert first.weights.values.tobytes() == second.weights.values.tobytes()
    assert first.training_loss.values.tobytes() == second.training_loss.values.tobytes()


@pytest.mark.parametrize("network", [MLP, UNET])
@pytest.mark.parametrize("killed_at", [5, 12])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, network, killed_at):
    recipe = spec(network)
    whole = train_score_model(recipe, [run(0), run(1)], [Weights()], device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train_score_model(recipe, [run(0), run(1)], [Weights(killed_at)], device="cpu", folder=tmp_path)
    resumed = train_score_model(recipe, [run(0), run(1)], [Weights()], device="cpu", folder=tmp_path)
    assert resumed.identical(whole)


def test_a_kill_between_checkpoints_costs_nothing_either(tmp_path, monkeypatch):
    from companion.training import diffusion

    monkeypatch.setattr(diffusion, "_SAVE_SECONDS", 0.0)  # saves after each chunk
    recipe = spec(steps=(0, 300))
    whole = train_score_model(recipe, [run(0)], [Weights()], device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train_score_model(recipe, [run(0)], [Weights(300)], device="cpu", folder=tmp_path)
    state = load_checkpoint(tmp_path / "training.pt")
    assert state is not None and state["step"] == 300
    resumed = train_score_model(recipe, [run(0)], [Weights()], device="cpu", folder=tmp_path)
    assert resumed.identical(whole)


def test_a_run_is_the_same_whoever_stands_beside_it():
    alone = train_score_model(spec(), [run(1)], [Weights()], device="cpu")
    beside = train_score_model(spec(), [run(0), run(1)], [Weights()], device="cpu")
    np.testing.assert_allclose(beside.weights.values[1], alone.weights.values[0], rtol=1e-3, atol=1e-5)
    assert not np.allclose(beside.weights.values[0], alone.weights.values[0], atol=1e-3)


def test_training_lowers_the_loss_below_the_gaussian_score():
    recipe = spec(ScoreMLPSpec(dimension=64, width=64), steps=(0, 100, 600), averaging=0.0)
    found = train_score_model(recipe, [run(0, probabilities=None)], device="cpu")
    start, end = found.training_loss.values[0, 1:]
    assert end < start - 0.02  # several times the noise of the two means


def test_a_loss_that_is_no_number_stops_its_run_alone(tmp_path, capsys):
    recipe = spec(steps=(0, 5, 200), learning_rate=1e-2)
    broken = TrainingRun(np.full((2, 64), 3e38, np.float32), RunName(3, ("broken",)), 0.25)
    found = train_score_model(recipe, [run(0), broken], [Weights()], device="cpu", folder=tmp_path)
    alone = train_score_model(recipe, [run(0)], [Weights()], device="cpu")
    assert found.stopped_at.values.tolist() == [-1, 0]
    assert np.isnan(found.training_loss.values[1, 1:]).all()
    # Its weights are the last finite ones, those of the start.
    np.testing.assert_array_equal(found.weights.values[1, -1], found.weights.values[1, 0])
    np.testing.assert_allclose(found.weights.values[0], alone.weights.values[0], rtol=1e-2, atol=1e-4)
    said = capsys.readouterr()
    assert "broken, root seed 3: the loss of step 0" in said.out + said.err
    state = load_checkpoint(tmp_path / "training.pt")
    assert state is not None and torch.isfinite(state["mover"]["weights"]).all()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path = tmp_path / "training.pt"
    save_checkpoint(path, {"step": 1})

    def refuse(target, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(checkpoints_module, "write_atomically", refuse)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}


def test_a_damaged_checkpoint_is_said_and_training_starts_again(tmp_path, capsys):
    path = tmp_path / "training.pt"
    save_checkpoint(path, {"weights": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:500])
    assert load_checkpoint(path) is None
    said = capsys.readouterr()
    assert "damaged checkpoint" in said.out + said.err
    found = train_score_model(spec(), [run(0)], [Weights()], device="cpu", folder=tmp_path)
    assert found.identical(train_score_model(spec(), [run(0)], [Weights()], device="cpu"))


def test_the_watched_weights_are_the_power_average():
    steps = tuple(range(30))
    plain = train_score_model(spec(steps=steps, averaging=0.0), [run(0)], [Weights()], device="cpu")
    averaged = train_score_model(spec(steps=steps, averaging=10.0), [run(0)], [Weights()], device="cpu")
    expected = plain.weights.values[0, 0].copy()
    for step in steps[1:]:
        expected += (plain.weights.values[0, step] - expected) * min(10 / (step + 1), 1)
    np.testing.assert_allclose(averaged.weights.values[0, -1], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("option", [{"flips": True}, {"network": UNET.model_copy(update={"dropout": 0.3})}])
def test_flips_and_dropout_change_the_training_and_repeat(option):
    recipe = {"network": UNET} | option
    found = [train_score_model(spec(**recipe), [run(0)], [Weights()], device="cpu") for _ in range(2)]
    plain = train_score_model(spec(UNET), [run(0)], [Weights()], device="cpu")
    assert found[0].identical(found[1])
    assert not np.allclose(found[0].weights.values, plain.weights.values)


def test_draws_follow_their_laws():
    law = np.array([0.7, 0.1, 0.1, 0.1])
    chunk = draw_chunk(
        [RunName(0, ("a",))],
        0,
        probabilities=[law],
        batch_size=256,
        dimension=16,
        levels=1000,
        index_law="quadratic",
        flips=False,
        dropout=(0.25, 32),
        device=torch.device("cpu"),
    )
    length = chunk_length(256, 16)
    shares = np.bincount(chunk.rows.flatten().numpy(), minlength=4) / chunk.rows.numel()
    np.testing.assert_allclose(shares, law, atol=0.005)
    assert chunk.noise.shape == (1, length, 256, 16)
    # Median of floor(1000 u^2) is 250.
    assert abs((chunk.index < 250).double().mean() - 0.5) < 0.005
    assert chunk.keep is not None and abs(chunk.keep.mean() - 1) < 0.005
    assert abs(chunk.noise.std() - 1) < 0.005


def test_what_cannot_be_trained_is_refused_before_any_work():
    with pytest.raises(ValueError, match="row 3 holds a number"):
        bad = images(0)
        bad[3, 5] = np.nan
        train_score_model(spec(), [TrainingRun(bad, RunName(0, ("x",)), 0.25)], device="cpu")
    with pytest.raises(ValueError, match=r"takes \(n, 64\)"):
        train_score_model(spec(), [TrainingRun(np.zeros((3, 5), np.float32), RunName(0, ("x",)), 1.0)])
    with pytest.raises(ValueError, match="none given"):
        train_score_model(spec(), [])
    with pytest.raises(ValueError, match="increasing steps"):
        train_score_model(spec(steps=(5, 1)), [run(0)])
    with pytest.raises(ValueError, match="checkpoints: first"):
        log_spaced_steps(10, 5, 3)
