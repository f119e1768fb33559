"""AdamW of a stack: torch's own, network by network; per-network rates, clipping and stops."""

import pytest
import torch

from companion.training.stacked_adam import AdamSettings, StackedAdam

RATES, DECAYS = torch.tensor([1e-2, 3e-3, 5e-2]), torch.tensor([0.0, 1.0, 0.3])


def gradients(steps: int) -> torch.Tensor:
    return torch.randn(steps, 3, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def start() -> torch.Tensor:
    return torch.randn(3, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("clip", [0.0, 3.0])
def test_a_stack_moves_as_torch_moves_each_network(clip):
    settings = AdamSettings(clip=clip, warm_up=0, decay_share=0.0)
    weights = start()
    stack = StackedAdam(weights, settings, RATES.double(), DECAYS.double())
    peers = [torch.nn.Parameter(row.clone()) for row in weights]
    optimisers = [
        torch.optim.AdamW([peer], lr=float(rate), betas=settings.betas, weight_decay=float(decay))
        for peer, rate, decay in zip(peers, RATES.double(), DECAYS.double(), strict=True)
    ]
    for gradient in gradients(30):
        stack.step(weights, gradient, 1.0, torch.ones(3, dtype=torch.bool))
        for peer, optimiser, own in zip(peers, optimisers, gradient, strict=True):
            peer.grad = own.clone()
            if clip:
                torch.nn.utils.clip_grad_norm_([peer], clip)
            optimiser.step()
    torch.testing.assert_close(
        weights, torch.stack(list(peers)).detach(), rtol=0, atol=1e-6 if clip else 1e-12
    )


def test_a_network_that_stopped_stays_and_the_others_do_not_notice():
    settings = AdamSettings()
    moved, alone = start(), start()
    both = StackedAdam(moved, settings, RATES, DECAYS)
    fine = StackedAdam(alone, settings, RATES, DECAYS)
    for step, gradient in enumerate(gradients(6)):
        alive = torch.tensor([True, step < 3, True])
        given = gradient.clone()
        given[1] = torch.nan if step >= 3 else gradient[1]
        if step == 3:
            kept = moved[1].clone()
        both.step(moved, given, 1.0, alive)
        fine.step(alone, gradient, 1.0, torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(moved[1], kept, rtol=0, atol=0)
    torch.testing.assert_close(moved[[0, 2]], alone[[0, 2]], rtol=0, atol=0)


def test_moments_are_forgotten_and_restored():
    settings = AdamSettings(warm_up=0, decay_share=0.0)
    weights, fresh = start(), start()
    used = StackedAdam(weights, settings, RATES, DECAYS)
    everyone = torch.ones(3, dtype=torch.bool)
    for gradient in gradients(3):
        used.step(weights, gradient, 1.0, everyone)
    copy = StackedAdam(weights, settings, RATES, DECAYS)
    copy.restore({name: value.clone() for name, value in used.state().items()})
    one, two = weights.clone(), weights.clone()
    used.step(one, gradients(4)[3], 1.0, everyone)
    copy.step(two, gradients(4)[3], 1.0, everyone)
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    used.reset(everyone)
    anew = StackedAdam(fresh, settings, RATES, DECAYS)
    again = fresh.clone()
    used.step(again, gradients(1)[0], 1.0, everyone)
    anew.step(fresh, gradients(1)[0], 1.0, everyone)
    torch.testing.assert_close(again, fresh, rtol=0, atol=0)


def test_rates_warm_up_stay_and_decay():
    settings = AdamSettings(warm_up=10, decay_share=0.3)
    factors = [settings.rate_factor(step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9] == factors[69] == 1.0
    assert factors[85] == pytest.approx(0.5) and factors[99] == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0.0),
        ("weight_decay", -1.0),
        ("betas", (0.9, 1.0)),
        ("decay_share", 1.5),
        ("clip", -1.0),
    ],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        AdamSettings(**{field: value})
