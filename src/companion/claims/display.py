"""Verdicts as notebooks and terminals show them; formulas stay LaTeX, which Jupyter and the site both draw."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: A symbol each, so that no verdict is told by colour alone.
SYMBOLS = {"holds": "✓", "fails": "✗", "inconclusive": "◐", "not evaluated": "○"}

_FORMULA = re.compile(r"((?<!\\)\$[^$]*\$)")


@dataclass(frozen=True)
class Recorded:
    """One recorded verdict, shown as the last expression of a cell."""

    entry: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        return self.entry["verdict"]

    @property
    def unexpected(self) -> bool:
        """Whether the claim or one of its registered regimes came out against the register."""
        return self.entry["unexpected"]

    def __repr__(self) -> str:
        entry = self.entry
        lines = [f"{_badge(entry)} {entry['id']}: {entry['statement']}"]
        lines += [f"  {name}: {text}" for name, text in _facts(entry)]
        lines += [f"  {_regime_line(regime)}" for regime in entry["regimes"]]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        entry = self.entry
        lines = [f"**{_badge(entry)}** `{entry['id']}`: {entry['statement']}", ""]
        lines += [f"- *{name}*: {text}" for name, text in _facts(entry)]
        lines += [f"- {_loud(_regime_line(regime), regime['unexpected'])}" for regime in entry["regimes"]]
        return "\n".join(lines)


@dataclass(frozen=True)
class VerdictTable:
    """Several recorded verdicts, one line each."""

    entries: Sequence[Mapping[str, Any]]

    def __repr__(self) -> str:
        if not self.entries:
            return "no verdicts recorded"
        rows = [(_badge(entry), entry["id"], _measured(entry), _remarks(entry)) for entry in self.entries]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            "  ".join(
                (*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])
            ).rstrip()
            for row in rows
        )

    def _repr_markdown_(self) -> str:
        if not self.entries:
            return "*no verdicts recorded*"
        lines = ["| verdict | claim | found | remarks |", "|---|---|---|---|"]
        for entry in self.entries:
            claim = f"`{entry['id']}` {entry['statement']}"
            remarks = _loud(_remarks(entry), entry["unexpected"])
            cells = (f"**{_badge(entry)}**", claim, _measured(entry), remarks)
            lines.append("| " + " | ".join(map(_in_cell, cells)) + " |")
        return "\n".join(lines)


def _badge(entry: Mapping[str, Any]) -> str:
    loud = " (UNEXPECTED)" if entry["unexpected"] else ""
    return f"{SYMBOLS[entry['verdict']]} {entry['verdict']}{loud}"


def _loud(text: str, unexpected: bool) -> str:
    return f"**{text}**" if unexpected and text else text


def _measured(entry: Mapping[str, Any]) -> str:
    if entry["value_text"]:
        return entry["value_text"]
    if entry["value"] is None:
        return ""
    interval = entry["interval"]
    return str(entry["value"]) + (f" [{interval[0]}, {interval[1]}]" if interval else "")


def _facts(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    kind = "deterministic" if entry["deterministic"] else f"{entry['seeds']} seeds"
    replicates = f"{entry['replicates']} replicates, " if entry["replicates"] is not None else ""
    facts = [
        ("found", _measured(entry)),
        ("quantity", entry["quantity"]),
        ("criterion", f"{entry['criterion']} (version {entry['version']})"),
        ("made at", f"{entry['profile']}, {replicates}{kind}"),
        ("standing", entry["standing"]),
        ("note", "; ".join(filter(None, (*entry["notes"], entry["note"])))),
    ]
    return [(name, text) for name, text in facts if text]


def _remarks(entry: Mapping[str, Any]) -> str:
    standing = entry["standing"] if entry["verdict"] != "not evaluated" else ""
    return "; ".join(filter(None, (*entry["surprises"], standing, *entry["notes"])))


def _regime_line(regime: Mapping[str, Any]) -> str:
    if regime["verdict"] == "not evaluated":
        judged = f"not evaluated (registered as {regime['expected']})"
    elif regime["unexpected"]:
        judged = f"UNEXPECTED: {regime['verdict']}, registered as {regime['expected']}"
    elif regime["verdict"] == regime["expected"]:
        judged = f"{regime['verdict']}, as registered"
    else:
        judged = f"{regime['verdict']} (registered as {regime['expected']})"
    value = f" ({regime['value_text']})" if regime["value_text"] else ""
    return f"{SYMBOLS[regime['verdict']]} regime {regime['name']}: {judged}{value}"


def _in_cell(text: str) -> str:
    """Text for a cell of a Markdown table: no bar may end the cell, in a formula or outside."""
    pieces = _FORMULA.split(text.replace("\n", " "))
    return "".join(
        piece.replace(r"\|", r"\Vert ").replace("|", r"\vert ") if index % 2 else piece.replace("|", r"\|")
        for index, piece in enumerate(pieces)
    )
