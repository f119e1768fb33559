"""The rules that turn numbers into verdicts. NaN is never a pass."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence

from companion.claims.protocol import VerdictName

#: A confirmatory contrast takes at least this many seeds (with 5 pairs no p-value is below .0625).
MINIMUM_SEEDS = 8


def _missing(numbers: Iterable[float | None]) -> bool:
    return any(number is None or math.isnan(number) for number in numbers)


def _check_replicates(replicates: int | None, minimum: int | None) -> None:
    if minimum is not None and replicates is None:
        raise ValueError(f"replicates: None given, allowed is their number, because {minimum} are demanded")


def judge_interval(
    value: float | None,
    lower: float | None,
    upper: float | None,
    *,
    criterion_lower: float | None = None,
    criterion_upper: float | None = None,
    replicates: int | None = None,
    minimum_replicates: int | None = None,
    strict: bool = False,
) -> VerdictName:
    """Verdict of an interval against a criterion, itself an interval open to one side or none.

    holds: the interval lies inside the criterion; fails: it lies outside; inconclusive: it straddles an edge,
    or there are too few replicates; not evaluated: a number is missing. The edge belongs to the criterion
    (">= .95") unless ``strict`` ("> log 1.1"). Raises ValueError for no criterion or a reversed interval.

    >>> judge_interval(0.98, 0.96, 0.99, criterion_lower=0.95)
    'holds'
    >>> judge_interval(0.98, 0.94, 0.99, criterion_lower=0.95)
    'inconclusive'
    """
    if criterion_lower is None and criterion_upper is None:
        raise ValueError("criterion_lower, criterion_upper: None given, allowed is at least one number")
    _check_replicates(replicates, minimum_replicates)
    if value is None or lower is None or upper is None or _missing((value, lower, upper)):
        return "not evaluated"
    if lower > upper:
        raise ValueError(f"lower: {lower} given, allowed is up to upper, {upper}")
    if minimum_replicates is not None and replicates is not None and replicates < minimum_replicates:
        return "inconclusive"
    below, above = (operator.le, operator.ge) if strict else (operator.lt, operator.gt)
    outside, inside = False, True
    if criterion_lower is not None:
        outside = outside or below(upper, criterion_lower)
        inside = inside and not below(lower, criterion_lower)
    if criterion_upper is not None:
        outside = outside or above(lower, criterion_upper)
        inside = inside and not above(upper, criterion_upper)
    return "holds" if inside else "fails" if outside else "inconclusive"


def judge_p_value(
    p_value: float | None,
    level: float,
    *,
    p_opposite: float | None = None,
    replicates: int | None = None,
    minimum_replicates: int | None = None,
) -> VerdictName:
    """Verdict of a test, whose p-value must be below ``level`` after any Holm correction.

    A p-value above the level refutes nothing and is inconclusive. It fails only where the test of the
    opposite direction, ``p_opposite``, is below the level.
    """
    _check_replicates(replicates, minimum_replicates)
    if p_value is None or math.isnan(p_value) or (p_opposite is not None and math.isnan(p_opposite)):
        return "not evaluated"
    if minimum_replicates is not None and replicates is not None and replicates < minimum_replicates:
        return "inconclusive"
    if p_value < level:
        return "holds"
    return "fails" if p_opposite is not None and p_opposite < level else "inconclusive"


def judge_exact(passed: bool, numbers: Sequence[float | None]) -> VerdictName:
    """Verdict of a deterministic claim: ``passed`` says it, unless one of the numbers behind it is missing.

    >>> judge_exact(True, [1.0, float("nan")])
    'not evaluated'
    """
    if len(numbers) == 0 or _missing(numbers):
        return "not evaluated"
    return "holds" if passed else "fails"


def judge_all(verdicts: Sequence[VerdictName] | Mapping[str, VerdictName]) -> VerdictName:
    """Verdict of a claim that asks for every one of its parts.

    One failure refutes the whole; otherwise a missing part leaves it not evaluated, then an undecided one
    inconclusive. No parts at all are not evaluated.
    """
    parts = set(verdicts.values() if isinstance(verdicts, Mapping) else verdicts)
    if "fails" in parts:
        return "fails"
    if not parts or "not evaluated" in parts:
        return "not evaluated"
    return "inconclusive" if "inconclusive" in parts else "holds"
