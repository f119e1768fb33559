"""The types that a parameters cell may name, each strict and each with a meaning in words.

Plain annotations, so that notebooks import and read them as such:
``initialisations: Count = 1000  # runs per size``. Values are checked strictly: a flag is not a number,
text is never read as one, and of numbers only a whole one is widened (1 for a ``Positive`` is 1.0).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints

# The same number as compute.seeds.CONFIRMATORY_ROOT, which this room may not import; a test compares them.
_RESERVED_SEED = 260409412


@dataclass(frozen=True)
class Meaning:
    """Which values a type takes, in words; carried in the metadata of each type."""

    words: str


def _not_reserved(seed: int) -> int:
    if seed == _RESERVED_SEED:
        raise ValueError("this root seed is kept for confirmatory runs")
    return seed


Profile = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]*$"),
    Meaning("the name of a parameter file, as in smoke, laptop, night, paper"),
]
"""Which parameter file is in force. Not a closed list: a file of one's own is a profile too."""

Device = Annotated[Literal["auto", "cpu", "cuda"], Meaning("one of auto, cpu, cuda")]
"""Where tensors are computed; auto takes CUDA when there is one."""

Images = Annotated[Literal["embedded", "full"], Meaning("one of embedded, full")]
"""Which images are used: those that come with the package, or the whole published set."""

Precision = Annotated[Literal["float32", "tf32", "bfloat16"], Meaning("one of float32, tf32, bfloat16")]
"""How exact the arithmetic of a training is; see compute.devices."""

Cluster = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z][a-z0-9_-]*|[a-z]+://\S+)$"),
    Meaning("inline, local, the name of a file in params/clusters, or an address like tcp://host:8786"),
]
"""Who works on the blocks of a sweep."""

Seed = Annotated[
    int,
    Field(ge=0),
    AfterValidator(_not_reserved),
    Meaning(f"a whole number >= 0, except {_RESERVED_SEED} (kept for confirmatory runs)"),
]
"""Root seed of a notebook; every task derives its own from it and its name."""

Flag = Annotated[bool, Meaning("true or false")]
"""A yes-or-no choice."""

Text = Annotated[str, StringConstraints(min_length=1), Meaning("text, not empty")]
"""Text that is not empty."""

Count = Annotated[int, Field(ge=1), Meaning("a whole number >= 1")]
"""How many of something there are, at least one."""

Natural = Annotated[int, Field(ge=0), Meaning("a whole number >= 0")]
"""How many of something there are, possibly none."""

Integer = Annotated[int, Meaning("a whole number")]
"""A whole number of either sign."""

Number = Annotated[float, Field(allow_inf_nan=False), Meaning("a finite number")]
"""A real number of either sign."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), Meaning("a finite number > 0")]
"""A positive real number, such as a tolerance or a time."""

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), Meaning("a finite number >= 0")]
"""A real number that may vanish, such as a noise level."""

Fraction = Annotated[float, Field(gt=0, lt=1), Meaning("a number strictly between 0 and 1")]
"""A share that is neither nothing nor everything."""

Counts = Annotated[list[Count], Field(min_length=1), Meaning("a list, not empty, of whole numbers >= 1")]
"""Several counts, such as network widths."""

Naturals = Annotated[list[Natural], Field(min_length=1), Meaning("a list, not empty, of whole numbers >= 0")]
"""Several counts that may be zero, such as checkpoint steps."""

Numbers = Annotated[list[Number], Field(min_length=1), Meaning("a list, not empty, of finite numbers")]
"""Several real numbers."""

Positives = Annotated[
    list[Positive], Field(min_length=1), Meaning("a list, not empty, of finite numbers > 0")
]
"""Several positive numbers, such as times or learning rates."""

NonNegatives = Annotated[
    list[NonNegative], Field(min_length=1), Meaning("a list, not empty, of finite numbers >= 0")
]
"""Several numbers that may vanish."""

Fractions = Annotated[
    list[Fraction], Field(min_length=1), Meaning("a list, not empty, of numbers strictly between 0 and 1")
]
"""Several shares."""

Texts = Annotated[list[Text], Field(min_length=1), Meaning("a list, not empty, of texts")]
"""Several texts, such as names of activations."""


def _meaning(kind: Any) -> Meaning | None:
    return next((part for part in getattr(kind, "__metadata__", ()) if isinstance(part, Meaning)), None)


def describe(kind: Any) -> str:
    """Which values a parameter type takes, in words.

    Raises TypeError for anything that is not a type of this module.

    >>> describe(Count)
    'a whole number >= 1'
    """
    meaning = _meaning(kind)
    if meaning is None:
        raise TypeError(f"{kind!r} is not a parameter type of companion.settings.types")
    return meaning.words


def choices(kind: Any) -> tuple[str, ...]:
    """The values of a type that is a closed list of words, and nothing for any other type.

    >>> choices(Device)
    ('auto', 'cpu', 'cuda')
    """
    inner = get_args(kind)[0]
    return get_args(inner) if getattr(inner, "__origin__", None) is Literal else ()


PARAMETER_TYPES: dict[str, Any] = {name: kind for name, kind in list(globals().items()) if _meaning(kind)}
"""Every type that a parameters cell may name, by its name."""
