"""What a claim is, and what may be said of it: criterion first, verdict after."""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.settings.notebook import is_figure_id

VerdictName = Literal["holds", "fails", "inconclusive", "not evaluated"]
VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)

#: Profiles from the smallest to the published scale. One with a name of its own decides nothing.
PROFILE_ORDER = ("smoke", "laptop", "night", "paper")

_CLAIM_ID = re.compile(r"[a-z][a-z0-9]*_[a-z]\d*[a-z]?_[a-z0-9_]+")


def _check(owner: str, name: str, value: Any, passes: bool, allowed: str) -> None:
    if not passes:
        raise ValueError(f"{owner}: {name} {value!r} given, allowed is {allowed}")


def _check_text(owner: str, **texts: str) -> None:
    for name, text in texts.items():
        _check(owner, name, text, bool(text.strip()), "text that is not empty")
        dollars = len(re.findall(r"(?<!\\)\$", text))
        _check(owner, name, text, dollars % 2 == 0, "LaTeX between pairs of $")


@dataclass(frozen=True)
class Regime:
    """Where the claim is known to break, or known to be undecided, registered before the run."""

    name: str
    description: str
    expected: VerdictName = "fails"

    def __post_init__(self) -> None:
        _check_text(f"regime {self.name!r}", name=self.name, description=self.description)
        _check(f"regime {self.name!r}", "expected", self.expected, self.expected in VERDICTS, str(VERDICTS))

    def found(self, verdict: "VerdictName", value_text: str = "") -> "RegimeVerdict":
        """What was found in this regime."""
        return RegimeVerdict(self.name, self.expected, verdict, value_text)


@dataclass(frozen=True)
class Claim:
    """A sentence about the world with the criterion that decides it, written before the deciding run.

    ``statement``, ``quantity`` and ``criterion`` may hold LaTeX between dollars. ``profile`` is the one that
    decides, ``figure`` the id of the figure that shows it, ``source`` the arXiv id of the paper. A change of
    the criterion takes a new ``version`` (0: a proposal with no measurement behind it yet). ``expected`` is
    "fails" for a sentence that is registered in order to be refuted. Raises ValueError, naming claim and field.
    """

    id: str
    statement: str
    quantity: str
    criterion: str
    version: int
    profile: str
    figure: str
    deterministic: bool
    source: str
    note: str = ""
    regimes: tuple[Regime, ...] = ()
    expected: VerdictName = "holds"

    def __post_init__(self) -> None:
        owner = f"claim {self.id!r}"
        _check(owner, "id", self.id, bool(_CLAIM_ID.fullmatch(self.id)), "an id like p1_c1_discrete_minima")
        _check(owner, "figure", self.figure, is_figure_id(self.figure), "an id like p1_f1_loss_histogram")
        _check(owner, "profile", self.profile, self.profile in PROFILE_ORDER, str(PROFILE_ORDER))
        _check(owner, "version", self.version, self.version >= 0, "a whole number >= 0")
        _check(owner, "expected", self.expected, self.expected in ("holds", "fails"), "'holds' or 'fails'")
        _check_text(owner, statement=self.statement, quantity=self.quantity, criterion=self.criterion)
        names = [regime.name for regime in self.regimes]
        _check(owner, "regimes", names, len(set(names)) == len(names), "names that differ")


@dataclass(frozen=True)
class RegimeVerdict:
    """What was found in one registered regime."""

    name: str
    expected: VerdictName
    verdict: VerdictName
    value_text: str = ""

    @property
    def unexpected(self) -> bool:
        return is_unexpected(self.verdict, self.expected)


@dataclass(frozen=True)
class Verdict:
    """What was found: verdict, number, interval, and the regimes evaluated beside it.

    ``value_text`` is the number as a reader wants it, with its unit and interval. ``root_seed`` is None where
    no random number was drawn; ``keys`` name the stored results that it was judged from. Raises ValueError
    where a number is missing (NaN) and the verdict is anything but "not evaluated": NaN is never a pass.
    """

    claim: str
    verdict: VerdictName
    value: float | None = None
    interval: tuple[float, float] | None = None
    value_text: str = ""
    replicates: int | None = None
    root_seed: int | None = None
    regimes: tuple[RegimeVerdict, ...] = ()
    notes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"verdict on {self.claim!r}"
        _check(owner, "verdict", self.verdict, self.verdict in VERDICTS, str(VERDICTS))
        numbers = [self.value, *(self.interval or ())]
        missing = any(number is not None and math.isnan(number) for number in numbers)
        allowed = "'not evaluated', because a number is missing (NaN)"
        _check(owner, "verdict", self.verdict, not missing or self.verdict == "not evaluated", allowed)

    @property
    def seeds(self) -> str:
        """Kind of seeds: "confirmatory" from the reserved root seed, "exploratory" from any other, "none" without."""
        if self.root_seed is None:
            return "none"
        return "confirmatory" if self.root_seed == CONFIRMATORY_ROOT else "exploratory"


def stored_keys(*datasets: Any) -> tuple[str, ...]:
    """Keys of the stored results that a verdict is judged from; none for datasets that are not stored."""
    keys = (dataset.attrs.get("companion_key") for dataset in datasets)
    return tuple(sorted(key for key in keys if isinstance(key, str)))


def is_unexpected(verdict: VerdictName, expected: VerdictName) -> bool:
    """Whether a verdict is decided and not the one that was registered.

    A hold where a failure was registered is as unexpected as the reverse; what is undecided surprises nobody.

    >>> is_unexpected("holds", "fails"), is_unexpected("inconclusive", "fails")
    (True, False)
    """
    return verdict in ("holds", "fails") and verdict != expected


def criterion_digest(claim: Claim) -> str:
    """Short SHA-256 of everything that was promised: id, statement, quantity, criterion, version, regimes."""
    names = ("id", "statement", "quantity", "criterion", "version", "regimes", "expected")
    promised = {name: value for name, value in asdict(claim).items() if name in names}
    return hashlib.sha256(json.dumps(promised, sort_keys=True).encode()).hexdigest()[:16]


def decides(profile: str, claim: Claim) -> bool:
    """Whether a run at ``profile`` decides the claim: at its deciding profile or a larger one."""
    return profile in PROFILE_ORDER and PROFILE_ORDER.index(profile) >= PROFILE_ORDER.index(claim.profile)


def root_for(profile: str, claim: Claim, seed: int) -> int:
    """Root seed of runs that a claim is judged from: the confirmatory one where they decide it, else ``seed``.

    What only shows something stays exploratory, so that nobody looks at the deciding runs beforehand.
    """
    return CONFIRMATORY_ROOT if decides(profile, claim) else seed


def not_evaluated(claim: Claim, reason: str) -> Verdict:
    """The verdict of a claim without a number, and why."""
    return Verdict(claim.id, "not evaluated", notes=(reason,))


def default_verdict(claim: Claim, profile: str) -> Verdict:
    """The verdict where nothing was computed: it waits for its deciding profile, or a result is missing."""
    reason = "no result at this profile" if decides(profile, claim) else f"needs {claim.profile}"
    return not_evaluated(claim, reason)
