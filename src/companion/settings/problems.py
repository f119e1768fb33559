"""What is wrong with a setting, where it stands, and what would be right; all of it at once."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 100


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one setting.

    ``file`` and ``line`` say where it stands (for a command-line value the file is ``--set ...`` and
    the line None), ``name`` which parameter is meant, ``message`` what is wrong with it, ``hint``
    what the author most likely wanted; ``given`` and ``allowed`` are shown below.

    >>> print(Problem("params/tour/laptop.yaml", 7, "sed", "unknown parameter", "1", "runs, seed",
    ...               "did you mean `seed`?"))
    params/tour/laptop.yaml:7: `sed`: unknown parameter (did you mean `seed`?)
          given 1; allowed: runs, seed
    """

    file: str
    line: int | None
    name: str | None
    message: str
    given: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        subject = f"`{self.name}`: " if self.name else ""
        hint = f" ({self.hint})" if self.hint else ""
        given = [f"given {self.given}"] if self.given is not None else []
        allowed = [f"allowed: {self.allowed}"] if self.allowed else []
        detail = "; ".join(given + allowed)
        return f"{place}: {subject}{self.message}{hint}" + (f"\n      {detail}" if detail else "")


class SettingsError(Exception):
    """Settings that cannot be used; ``problems`` holds everything found wrong, one paragraph each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n\n".join(str(problem) for problem in self.problems)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that is spelled most like ``name``, or None if none comes near.

    >>> nearest("initialisation", ["seed", "initialisations"])
    'initialisations'
    """
    by_lower_case = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str], otherwise: str | None = None) -> str | None:
    """Hint that offers the nearest right name, or ``otherwise`` if none comes near.

    >>> did_you_mean("sead", ["seed", "device"])
    'did you mean `seed`?'
    """
    close = nearest(name, names)
    return f"did you mean `{close}`?" if close else otherwise


def shown_value(value: object) -> str:
    """A value as an error message quotes it: in one line, of bounded length, None as ``nothing``.

    >>> shown_value(True), shown_value("1e-3"), shown_value(None)
    ('true', "'1e-3'", 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """Names as an error message lists them, or ``none`` when there are none.

    >>> listed(["laptop", "smoke"]), listed([])
    ('laptop, smoke', 'none')
    """
    return ", ".join(names) or "none"


def shown_path(path: Path) -> str:
    """A file as an error message names it: relative to the project that it belongs to, if to any."""
    path = path.absolute()
    for folder in path.parents:
        if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
            return path.relative_to(folder).as_posix()
    return path.as_posix()
