"""Two records of verdicts side by side: what was decided otherwise, under which criterion, and by how much."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Entry = Mapping[str, Any]
Kind = Literal["verdict", "criterion", "value", "only A", "only B"]

_DECIDED = ("holds", "fails")
_PRINTED = 1.01e-8  # values have nine digits: one in the last is rounding
_ROUNDING, _TOLERANCE = 1e-9, 1e-6


@dataclass(frozen=True)
class ClaimDifference:
    """One claim, or one of its regimes, that does not stand in B as it stands in A.

    ``a`` and ``b`` are the verdicts ("" where there is none), ``value_a`` and ``value_b`` their numbers as text.
    ``remarks`` say whether the two can be compared and whether chance explains the difference. ``slight``: value and
    interval differ by a millionth at most, and nothing but them and the text does.
    """

    claim: str
    regime: str
    kind: Kind
    a: str
    b: str
    value_a: str
    value_b: str
    remarks: tuple[str, ...]
    slight: bool = False

    @property
    def name(self) -> str:
        """The claim, and the regime where it is one."""
        return f"{self.claim} · {self.regime}" if self.regime else self.claim


def compare_claims(a: Mapping[str, Entry], b: Mapping[str, Entry]) -> list[ClaimDifference]:
    """Differences between two files of verdicts: changed verdicts first, those decided on both sides leading."""
    found = [each for name in sorted(a.keys() & b.keys()) for each in _of_claim(name, a[name], b[name])]
    found += [_alone(name, "only A", a[name]) for name in sorted(a.keys() - b.keys())]
    found += [_alone(name, "only B", b[name]) for name in sorted(b.keys() - a.keys())]
    order = ("verdict", "criterion", "value", "only A", "only B")
    return sorted(
        found, key=lambda each: (order.index(each.kind), not (each.a in _DECIDED and each.b in _DECIDED))
    )


def _alone(name: str, kind: Kind, entry: Entry) -> ClaimDifference:
    there = (entry.get("verdict", ""), entry.get("value_text", ""))
    a, b = (there, ("", "")) if kind == "only A" else (("", ""), there)
    return ClaimDifference(name, "", kind, a[0], b[0], a[1], b[1], ())


def _of_claim(name: str, a: Entry, b: Entry) -> Iterator[ClaimDifference]:
    changed = a.get("digest") != b.get("digest")
    criterion = [_criterion(a, b)] if changed else []
    texts = str(a.get("value_text", "")), str(b.get("value_text", ""))
    verdicts = str(a.get("verdict", "")), str(b.get("verdict", ""))
    distance = _distance(a, b)
    kind: Kind | None = None
    if verdicts[0] != verdicts[1]:
        kind = "verdict"
    elif changed:
        kind = "criterion"
    elif distance > _PRINTED or texts[0] != texts[1]:
        kind = "value"
    if kind:
        remarks = [*criterion, *_undecided(a, b)]
        if kind != "criterion" or distance > _PRINTED:
            remarks.append(significance(a, b))
        slight = kind == "value" and distance <= _TOLERANCE
        yield ClaimDifference(name, "", kind, *verdicts, *texts, tuple(remarks), slight)
    yield from _of_regimes(name, a, b, tuple(criterion))


def _of_regimes(name: str, a: Entry, b: Entry, remarks: tuple[str, ...]) -> Iterator[ClaimDifference]:
    before, now = ({regime["name"]: regime for regime in entry.get("regimes", ())} for entry in (a, b))
    for regime in (name for name in before if name in now):  # those that came or went changed the criterion
        verdicts = before[regime]["verdict"], now[regime]["verdict"]
        texts = before[regime].get("value_text", ""), now[regime].get("value_text", "")
        if verdicts[0] == verdicts[1] and texts[0] == texts[1]:
            continue
        kind: Kind = "verdict" if verdicts[0] != verdicts[1] else "value"
        said = (*remarks, "no interval is kept of regimes: chance not judged")
        yield ClaimDifference(name, regime, kind, *verdicts, *texts, said, kind == "value")


def _criterion(a: Entry, b: Entry) -> str:
    versions = a.get("version"), b.get("version")
    if versions[0] == versions[1]:
        return f"not comparable: the criterion's words changed (version {versions[0]} still)"
    return f"not comparable: the criterion changed (version {versions[0]} → {versions[1]})"


def _undecided(a: Entry, b: Entry) -> Iterator[str]:
    """Why a verdict that differs may say nothing: one of the profiles does not decide the claim."""
    for side, entry in (("A", a), ("B", b)):
        if not entry.get("decides", True):
            yield f"{side} does not decide it, {entry.get('deciding_profile')} does"


def significance(a: Entry, b: Entry) -> str:
    """Whether chance explains that two values of a claim differ, as far as their intervals tell.

    >>> significance({"value": 1.0, "interval": [0.8, 1.2]}, {"value": 1.5, "interval": [1.4, 1.6]})
    'significant: the intervals do not overlap'
    """
    values, intervals = (_number(a.get("value")), _number(b.get("value"))), (_interval(a), _interval(b))
    if None in values:
        return "no value on one side" if values != (None, None) else "no value is kept: chance not judged"
    if _distance(a, b) <= _PRINTED:
        return "value and interval are the same, the text differs"
    if intervals[0] and intervals[1]:
        apart = intervals[0][1] < intervals[1][0] or intervals[1][1] < intervals[0][0]
        return (
            "significant: the intervals do not overlap"
            if apart
            else "the intervals overlap: no difference shown"
        )
    if a.get("deterministic") and b.get("deterministic"):
        return "deterministic: no chance in it"
    for side, interval, value in (("A", intervals[0], values[1]), ("B", intervals[1], values[0])):
        if interval and value is not None:
            where = "inside" if interval[0] <= value <= interval[1] else "outside"
            return f"only {side} has an interval; the other value lies {where}"
    return "no intervals: chance not judged"


def _distance(a: Entry, b: Entry) -> float:
    """Largest relative difference of value and interval; infinite where one side has none."""
    one, other = _interval(a), _interval(b)
    if (one is None) != (other is None):
        return math.inf
    pairs = [(_number(a.get("value")), _number(b.get("value"))), *zip(one or (), other or (), strict=True)]
    return max(_apart(*pair) for pair in pairs)


def _apart(a: float | None, b: float | None) -> float:
    if a == b:
        return 0.0
    if a is None or b is None:
        return math.inf
    gap, size = abs(a - b), max(abs(a), abs(b))
    return 0.0 if gap <= _ROUNDING else gap / size if math.isfinite(gap) else math.inf


def _interval(entry: Entry) -> tuple[float, float] | None:
    ends = [_number(end) for end in entry.get("interval") or ()]
    return (ends[0], ends[1]) if len(ends) == 2 and ends[0] is not None and ends[1] is not None else None


def _number(value: Any) -> float | None:
    """A number as the record keeps it: infinite ones as text, a missing one as None."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
