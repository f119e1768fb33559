"""Differences as people read them: tables in a terminal, plain lines elsewhere, JSON for scripts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from companion.claims.changes import ClaimDifference
from companion.figures.chance import is_end
from companion.figures.comparison import ROUNDING, TOLERANCE, ColumnDifference, TableDifference
from companion.run.differences import DataDifference, Differences
from companion.run.report import line

Rows = Sequence[Sequence[str]]

_MOST_NAMES = 8  # names of what only one side has


def json_text(found: Differences) -> str:
    """All of it as JSON text; every number in it is finite."""
    return json.dumps(asdict(found), indent=1, ensure_ascii=False, allow_nan=False)


def show(out: Console, found: Differences) -> None:
    """Verdicts that changed first, then other values, figures, results, and a line that counts."""
    for letter, name, about in zip("AB", found.names, found.about, strict=True):
        line(out, f"{letter}: {about}" if name in (letter, about) else f"{letter} ({name}): {about}")
    for text in found.libraries:
        line(out, f"libraries: {text}")
    _show_claims(out, found)
    alone = {side: [each.name for each in found.figures if each.only == side] for side in "AB"}
    for side, names in alone.items():
        if names:
            line(out, f"\n{_counted(len(names), 'figure')} only in {_name(found, side)}: {_listed(names)}")
    same = [each.name for each in found.figures if each.same_numbers]
    if same:
        line(out, f"\nsame numbers, made otherwise: {_listed(same)}")
    differing = [each for each in found.figures if not (each.only or each.same_numbers)]
    for figure in sorted(differing, key=lambda each: (not each.significant, not each.beyond_tolerance)):
        _show_data(out, f"figure {figure.name}", figure, found)
    _show_results(out, found)
    line(out)
    line(out, summary(found))


def summary(found: Differences) -> str:
    """How much differs, in one line."""
    parts = []
    if found.claims_compared:
        changed = sum(claim.kind == "verdict" for claim in found.claims)
        values = sum(claim.kind == "value" for claim in found.claims)
        claims = f"{_counted(found.claims_compared, 'claim')} with regimes"
        parts.append(f"{claims}: {changed} verdicts and {values} further values differ")
    for what, count, differences in (
        ("figure", found.figures_compared, found.figures),
        ("result", found.results_compared, found.results),
    ):
        if count:
            differing = [each for each in differences if not each.only and not each.same_numbers]
            far = sum(each.beyond_tolerance for each in differing)
            parts.append(
                f"{_counted(count, what)}: {count - len(differing)} have the same numbers, {len(differing) - far} "
                f"differ by less than {TOLERANCE:g}, {far} by more or in rows or columns"
            )
    alone = [
        f"{count} only in {name}"
        for count, name in zip(found.results_only, found.names, strict=True)
        if count
    ]
    only = f" (results: {', '.join(alone)})" if alone else ""
    return f"in both: {'; '.join(parts) or 'nothing'}{only}"


def _show_claims(out: Console, found: Differences) -> None:
    a, b = found.names
    titles = {
        "verdict": "verdicts that changed",
        "criterion": "criteria that changed, verdicts that did not",
        "value": "values that differ, with the same verdict",
    }
    for kind, title in titles.items():
        claims = [claim for claim in found.claims if claim.kind == kind]
        if claims:
            _table(out, f"{title}:", ("claim", a, b, ""), [_claim_row(claim, kind) for claim in claims])
        elif kind == "verdict" and found.claims_compared:
            line(out, f"\n{title}: none of {found.claims_compared}")
    for side in "AB":
        named = [
            f"{claim.name} ({claim.a or claim.b})" for claim in found.claims if claim.kind == f"only {side}"
        ]
        if named:
            line(out, f"\n{_counted(len(named), 'claim')} only in {_name(found, side)}: {_listed(named)}")


def _claim_row(claim: ClaimDifference, kind: str) -> tuple[str, str, str, str]:
    if kind == "value":
        sides = claim.value_a, claim.value_b
    else:
        sides = tuple(
            ", ".join(filter(None, each)) for each in ((claim.a, claim.value_a), (claim.b, claim.value_b))
        )
    return claim.name, sides[0], sides[1], "; ".join(claim.remarks)


def _show_data(out: Console, title: str, data: DataDifference, found: Differences) -> None:
    line(out, f"\n{title}" + (f": significant in {', '.join(data.significant)}" if data.significant else ""))
    for said, texts in (("parameters", data.parameters), ("made", data.code)):
        if texts:
            line(out, f"    {said}: {'; '.join(texts)}")
    if data.problem:
        line(out, f"    {data.problem}")
    for table in data.tables:
        for text in _about_rows(table, found):
            line(out, f"    {text}")
        _show_columns(out, table.columns, found)


def _show_columns(out: Console, columns: Sequence[ColumnDifference], found: Differences) -> None:
    """A row or line for each column that differs by more than rounding; the rest by name."""
    rounding = [column.column for column in columns if column.within == ROUNDING]
    ends = [column.column for column in columns if column.within != ROUNDING and is_end(column.column)]
    shown = [column for column in columns if column.column not in (*rounding, *ends)]
    if shown and out.is_terminal:
        header = ("column", "rows", *found.names, "at", "largest", "relative", "chance")
        _table(out, "", header, [_column_row(column) for column in shown])
    else:
        for column in shown:
            line(out, f"        {_column_text(column)}")
    for words, names in (
        ("ends of intervals differ too", ends),
        (f"differ by less than {ROUNDING:g}", rounding),
    ):
        if names:
            line(out, f"        {words}: {', '.join(names)}")


def _show_results(out: Console, found: Differences) -> None:
    """How many calls of each function have other results, and the one whose numbers differ most."""
    functions = dict.fromkeys(each.name for each in found.results)
    for function in functions:
        results = [each for each in found.results if each.name == function]
        far = sum(each.beyond_tolerance for each in results)
        rounding = sum(each.rounding for each in results)
        slight = len(results) - far - rounding
        levels = (
            (far, "differ"),
            (slight, f"differ by less than {TOLERANCE:g}"),
            (rounding, f"by less than {ROUNDING:g}"),
        )
        said = ", ".join(f"{count} {words}" for count, words in levels if count)
        if far or slight:
            most = "" if len(results) == 1 else "; the one that differs most"
            _show_data(out, f"results of {function}: {said}{most}", max(results, key=_size), found)
        else:
            line(out, f"\nresults of {function}: {said}")


def _size(data: DataDifference) -> tuple[bool, float]:
    columns = [column for table in data.tables for column in table.columns]
    return data.beyond_tolerance, max(
        (column.relative or float(column.lacking) for column in columns), default=0.0
    )


def _about_rows(table: TableDifference, found: Differences) -> Iterable[str]:
    """Which rows and columns of a table both sides have."""
    name = f"table {table.table}: " if table.table else ""
    if table.only:
        yield f"{name}only in {_name(found, table.only)}"
        return
    by = (
        f", matched by {', '.join(table.keys)}"
        if table.keys
        else ", matched by their order"
        if table.rows > 1
        else ""
    )
    alone = [
        f"{count} only in {_name(found, side)}"
        for side, count in (("A", table.rows_only_a), ("B", table.rows_only_b))
        if count
    ]
    equal = "" if table.columns or not table.rows else ", with the same numbers"
    yield f"{name}{_counted(table.rows, 'row')} in both{equal}{by}" + "".join(f"; {text}" for text in alone)
    for side, columns in (("A", table.columns_only_a), ("B", table.columns_only_b)):
        if columns:
            yield f"{name}columns only in {_name(found, side)}: {', '.join(columns)}"


def _column_row(column: ColumnDifference) -> tuple[str, ...]:
    rows = f"{column.differing} of {column.rows} ({_percent(column)})"
    return column.column, rows, column.a, column.b, column.place, *_sizes(column), _judged(column)


def _column_text(column: ColumnDifference) -> str:
    """The same as a sentence."""
    share = f"{column.differing} of {column.rows} rows differ ({_percent(column)})"
    example = f"{column.a} → {column.b} at {column.place}"
    if column.largest is None:
        return f"{column.column}: {share}, first {example}"
    largest, relative = _sizes(column)
    size = f"at most by {largest}, relative {relative}" if relative else largest
    return f"{column.column}: {share}, {size} ({example}); {_judged(column)}"


def _sizes(column: ColumnDifference) -> tuple[str, str]:
    """The largest difference, absolute and relative, and how many rows have a number on one side only."""
    lacking = f"{column.lacking} missing or infinite on one side" if column.lacking else ""
    if not column.largest:
        return lacking, ""
    largest = f"{column.largest:.3g}" + (f" ({lacking})" if lacking else "")
    return largest, f"{column.relative:.2g}"


def _percent(column: ColumnDifference) -> str:
    share = 100 * column.differing / column.rows
    return f"{share:.2g} %" if share < 10 else f"{share:.0f} %"


def _judged(column: ColumnDifference) -> str:
    """Whether it is rounding, or what is known about chance."""
    return f"within {column.within:g}" if column.within else column.chance.words


def _table(out: Console, title: str, header: Sequence[str], rows: Rows) -> None:
    """A table in a terminal; elsewhere a line for each row, that says what each number is."""
    if title:
        line(out, f"\n{title}")
    if out.is_terminal:
        table = Table(*header, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        out.print(table, highlight=False, markup=False)
        return
    for first, *rest in rows:
        said = [
            f"{name} {cell}" if name else cell for name, cell in zip(header[1:], rest, strict=True) if cell
        ]
        line(out, f"    {first}: {'; '.join(said)}")


def _name(found: Differences, side: str) -> str:
    return found.names["AB".index(side)]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more (--json names them)" if more > 0 else "")


def _counted(number: int, what: str) -> str:
    """A number of things.

    >>> _counted(1, "figure"), _counted(3, "figure")
    ('1 figure', '3 figures')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
