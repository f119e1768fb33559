"""What figures and runs leave on disk, as the pages understand it: one class per kind of file."""

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from companion.claims.protocol import VerdictName, is_unexpected


class _Lenient(BaseModel):
    """Unknown fields are ignored, so that older and newer files are both readable."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class FigureRecord(_Lenient):
    """The JSON beside a figure: everything about it that repeats."""

    id: str
    title: str = ""
    caption: str = ""
    equation: str | None = None
    claims: tuple[str, ...] = ()
    notebook: str = ""
    parameters: dict[str, Any] = {}
    data_key: str | None = None
    data_function: str | None = None
    data_digest: str | None = None
    keys: tuple[str, ...] = ()
    seed: int | str | None = None
    device: str | None = None


class RunRecord(_Lenient):
    """The record of the last complete run of a notebook on this machine."""

    notebook: str
    parameters: dict[str, Any] = {}
    origins: dict[str, str] = {}
    keys: dict[str, str] = {}
    figures: tuple[str, ...] = ()
    device: str | None = None
    seconds: float | None = None
    finished: float | None = None
    environment: dict[str, Any] = {}


class RegimeEntry(_Lenient):
    """What was found in one registered regime of a claim."""

    name: str
    description: str = ""
    expected: VerdictName = "fails"
    verdict: VerdictName = "not evaluated"
    value_text: str = ""

    @property
    def unexpected(self) -> bool:
        return is_unexpected(self.verdict, self.expected)


class CriterionWas(_Lenient):
    """A criterion before it changed."""

    criterion: str | None = None
    version: int | None = None


class ClaimEntry(_Lenient):
    """One claim with its verdict, as claims.json holds it."""

    id: str
    statement: str = ""
    quantity: str = ""
    criterion: str = ""
    version: int = 0
    digest: str = ""
    criterion_changed: bool = False
    criterion_was: CriterionWas = CriterionWas()
    source: str = ""
    note: str = ""
    figure: str = ""
    deterministic: bool = False
    expected: VerdictName = "holds"
    deciding_profile: str = ""
    decides: bool = False
    verdict: VerdictName = "not evaluated"
    value: float | None = None
    interval: tuple[float, float] | None = None
    value_text: str = ""
    replicates: int | None = None
    seeds: str = "none"
    regimes: tuple[RegimeEntry, ...] = ()
    notes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def unexpected(self) -> bool:
        """Whether the claim itself (not one of its regimes) is decided otherwise than registered."""
        return is_unexpected(self.verdict, self.expected)

    @property
    def surprises(self) -> int:
        """How often the verdict is not the registered one, in the claim and its regimes."""
        return sum(found.unexpected for found in (self, *self.regimes))

    @property
    def kind(self) -> str:
        """Deterministic, confirmatory or exploratory; empty where no seed was used yet."""
        if self.deterministic:
            return "deterministic"
        return "" if self.seeds == "none" else self.seeds


class Failure(_Lenient):
    """The cell that stopped a notebook."""

    cell: int | None = None
    line: int | None = None
    ename: str = ""
    evalue: str = ""
    source: str = ""
    traceback: str = ""

    @field_validator("traceback", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        return "\n".join(map(str, value)) if isinstance(value, list) else value or ""


class Attempt(_Lenient):
    """What the last run said about one notebook."""

    name: str
    figures: tuple[str, ...] = ()
    failure: Failure | None = None


class Summary(_Lenient):
    """The last run at a profile."""

    notebooks: tuple[Attempt, ...] = ()


class Drawing(_Lenient):
    """One drawing of a figure on this machine: what was drawn, by which run, and the verdicts beside it."""

    notebook: str = ""
    only: tuple[str, ...] = ()
    origins: dict[str, str] = {}
    device: str | None = None
    seconds: float | None = None
    finished: float | None = None
    environment: dict[str, Any] = {}
    figure: FigureRecord
    picture: str = ""
    verdicts: dict[str, ClaimEntry] = {}


class DrawnRecord(_Lenient):
    """The last drawing of a figure on this machine, and the one before it."""

    now: Drawing
    before: Drawing | None = None
