"""What figures and runs leave on disk, as the pages understand it: one class per kind of file."""

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator


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
    """The verdict on one registered failing regime of a claim."""

    name: str
    description: str = ""
    expected: str = "fails"
    verdict: str = "not evaluated"
    value_text: str = ""

    @property
    def unexpected(self) -> bool:
        """Judged, and not as registered."""
        return self.verdict in ("holds", "fails") and self.verdict != self.expected


class ClaimEntry(_Lenient):
    """One claim with its verdict, as claims.json holds it."""

    id: str
    statement: str = ""
    quantity: str = ""
    criterion: str = ""
    version: int | str = ""
    digest: str = ""
    source: str = ""
    note: str = ""
    figure: str = ""
    deterministic: bool = False
    deciding_profile: str = ""
    verdict: str = "not evaluated"
    value: float | None = None
    interval: tuple[float, float] | None = None
    value_text: str = ""
    replicates: int | None = None
    root_seed: int | str | None = None
    regimes: tuple[RegimeEntry, ...] = ()
    notes: tuple[str, ...] = ()

    @field_validator("notes", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return [value] if isinstance(value, str) and value else value or []


class Failure(_Lenient):
    """The cell that stopped a notebook."""

    cell: int | str | None = None
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
    status: str = ""
    reason: str = ""
    seconds: float | None = None
    figures: tuple[str, ...] = ()
    failure: Failure | None = None

    @field_validator("reason", mode="before")
    @classmethod
    def _sentence(cls, value: object) -> object:
        return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value or ""


class Summary(_Lenient):
    """The last run at a profile."""

    started: float | None = None
    seconds: float | None = None
    notebooks: tuple[Attempt, ...] = ()
