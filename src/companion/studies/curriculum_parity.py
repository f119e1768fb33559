"""Easy inputs first: parity of hidden bits with and without a biased stage, over its bias, the bits and the width.

The control is the Hamming mixture, in which what is learned at one bias is not what is asked at another, so that no
curriculum of few stages should help (arXiv:2301.13833).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import xarray as xr

from companion.analysis.curriculum_times import THRESHOLD, final_accuracy, first_checkpoint
from companion.store.durable import stored
from companion.studies.stream_runs import streamed
from companion.training.parity_curricula import ParitySpec

UNIFORM: Final = 0.5
_DIGITS: Final = 4  # of the curves that are drawn
#: Fields of the spec that results record: what claims are registered for.
_RECORDED: Final = (
    "steps",
    "biased_steps",
    "batch",
    "layers",
    "learning_rate",
    "weight_decay",
    "decay_share",
    "clip",
    "every",
)


@dataclass(frozen=True)
class ParitySetting:
    """One line of the study: ``bias`` 1/2 is no curriculum, ``stream`` 1 another order of rows."""

    task: str
    relevant: int
    width: int
    bias: float
    stream: int = 0
    strip: bool = False

    @property
    def own(self) -> dict[str, Any]:
        """What networks of one stack have of their own."""
        return {"task": self.task, "relevant": self.relevant, "bias": self.bias, "stream": self.stream}


@stored(
    device=True,
    calls=lambda spec, replicates, seed, *, block, strip_steps, strip_replicates, **given: [
        streamed(
            spec.changed(width=width, steps=strip_steps if strip else spec.steps),
            strip_replicates if strip else replicates,
            seed,
            block=_largest_divisor(strip_replicates, block) if strip else block,
            variations=[each.own for each in settings if (each.width, each.strip) == (width, strip)],
        )
        for settings in [parity_settings(spec, **given)]
        for width, strip in dict.fromkeys((each.width, each.strip) for each in settings)
    ],
)
def parity_curriculum(
    spec: ParitySpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    relevant: Sequence[int] = (2, 3),
    biases: Sequence[float] = (0.7, 0.95),
    widths: Sequence[int] = (),
    gain_relevant: int = 3,
    mixture: int = 0,
    strip_steps: int = 400,
    strip_replicates: int = 3,
) -> xr.Dataset:
    """Times t90 at which test accuracy on uniform bits first is 90 %, biased rows first and uniform rows only.

    Main settings: ``spec`` with its bias and without. With ``widths``, on ``gain_relevant`` bits: the same pair at each
    of them, and at the width of ``spec`` uniform rows in another order (a null pair) and, unless ``mixture`` is 0, the
    Hamming mixture of that many bits in each set. Strips, with ``strip_steps`` steps and ``strip_replicates``
    replicates: other numbers of ``relevant`` bits, other ``biases``. ``block`` networks form a stack and must divide
    ``replicates``; those of a strip form the largest stacks that divide its own number.

    By ``setting`` and ``replicate``: ``reached``, in steps, inf where not within the setting's ``watched`` steps;
    ``final_test``, the mean of the last three evaluations; ``stopped_at`` (-1: never); NaN where a strip has no such
    replicate. By ``curriculum`` (uniform, biased), ``replicate`` and ``step``: ``test``, accuracies of ``spec`` itself.
    Coordinates of a setting: ``task``, ``relevant``, ``width``, ``bias``, ``stream``, ``watched``. Raises ValueError
    for a ``spec`` without bias or of another task, and for a ``block`` that does not divide ``replicates``.
    """
    settings = parity_settings(spec, relevant, biases, widths, gain_relevant, mixture)
    parts: list[xr.Dataset] = []
    curves: dict[float, xr.DataArray] = {}
    groups = list(dict.fromkeys((setting.width, setting.strip) for setting in settings))
    ordered = [setting for group in groups for setting in settings if (setting.width, setting.strip) == group]
    for width, strip in groups:
        members = [setting for setting in settings if (setting.width, setting.strip) == (width, strip)]
        steps, count = (strip_steps, strip_replicates) if strip else (spec.steps, replicates)
        runs = streamed(
            spec.changed(width=width, steps=steps),
            count,
            seed,
            block=_largest_divisor(count, block) if strip else block,
            variations=[setting.own for setting in members],
            label="transformers, parity",
        )
        for place, setting in enumerate(members):
            own = runs.isel(variation=place).transpose("replicate", "step")
            parts.append(_summary(own).assign_coords(replicate=range(count)))
            if _is_main(setting, spec):
                curves[setting.bias] = own.test_accuracy
    found = xr.concat(parts, dim="setting", join="outer", coords="minimal", compat="equals")
    test = xr.concat(
        [curves[UNIFORM], curves[spec.bias]], dim="curriculum", coords="minimal", compat="equals"
    )
    fields = ("task", "relevant", "width", "bias", "stream")
    watched = [strip_steps if setting.strip else spec.steps for setting in ordered]
    main = _described(found).assign(
        test=(
            ("curriculum", "replicate", "step"),
            test.values.round(_DIGITS),
            {"long_name": "test accuracy, uniform bits"},
        )
    )
    return main.assign_coords(
        {name: ("setting", [getattr(setting, name) for setting in ordered]) for name in fields}
        | {"watched": ("setting", watched), "curriculum": ["uniform", "biased"]}
        | {"step": ("step", test.step.values, {"long_name": "training steps $t$"})}
    ).assign_attrs(
        root_seed=seed,
        bits=spec.bits,
        relevant=spec.relevant,
        gain_relevant=gain_relevant,
        width=spec.width,
        bias=spec.bias,
        threshold=THRESHOLD,
        **{name: getattr(spec, name) for name in _RECORDED},
    )


def _largest_divisor(count: int, most: int) -> int:
    """The largest divisor of ``count`` that is not above ``most``."""
    return max(each for each in range(1, min(count, most) + 1) if count % each == 0)


def parity_settings(
    spec: ParitySpec,
    relevant: Sequence[int],
    biases: Sequence[float],
    widths: Sequence[int],
    gain_relevant: int,
    mixture: int,
) -> list[ParitySetting]:
    """All settings, those of ``spec`` itself first; a strip leaves out what is there in full."""
    if spec.task != "parity" or spec.bias == UNIFORM:
        raise ValueError(
            f"spec: {spec.task} at bias {spec.bias} given; allowed: parity at a bias other than 1/2"
        )
    pair = (UNIFORM, spec.bias)
    found = [ParitySetting("parity", spec.relevant, spec.width, bias) for bias in pair]
    found += [ParitySetting("parity", gain_relevant, width, bias) for width in widths for bias in pair]
    if widths:
        found += [
            ParitySetting("parity", gain_relevant, spec.width, UNIFORM, stream=stream) for stream in (0, 1)
        ]
    if widths and mixture:
        found += [ParitySetting("hamming", mixture, spec.width, bias) for bias in pair]
    strips = [ParitySetting("parity", spec.relevant, spec.width, bias) for bias in biases]
    strips += [ParitySetting("parity", count, spec.width, bias) for count in relevant for bias in pair]
    found += [replace(setting, strip=True) for setting in strips if setting not in found]
    return list(dict.fromkeys(found))


def _is_main(setting: ParitySetting, spec: ParitySpec) -> bool:
    own = (setting.task, setting.relevant, setting.width, setting.stream, setting.strip)
    return own == ("parity", spec.relevant, spec.width, 0, False)


def _summary(own: xr.Dataset) -> xr.Dataset:
    """Times and ends of one setting, dim replicate."""
    accuracy = own.test_accuracy.values
    return xr.Dataset(
        {
            "reached": ("replicate", first_checkpoint(own.step, accuracy)),
            "final_test": ("replicate", final_accuracy(accuracy)),
            "stopped_at": ("replicate", own.stopped_at.values.astype(float)),
        }
    )


def _described(found: xr.Dataset) -> xr.Dataset:
    words = {
        "reached": {"long_name": r"$t_{90}$", "units": "steps"},
        "final_test": {"long_name": "final test accuracy"},
        "stopped_at": {"long_name": "step at which a run stopped"},
    }
    return found.assign(
        {name: found[name].transpose("setting", "replicate").assign_attrs(words[name]) for name in words}
    )
