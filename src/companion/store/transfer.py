"""``store export NAME... --to FILE`` and ``store import FILE``: results between sites that share no disk."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from companion.session.progress import progress
from companion.store.archive import Index, UnreadableArchive, read_index
from companion.store.artefacts import Address, DamagedResult, store_roots
from companion.store.receiving import Received, missing_here, receive
from companion.store.selection import Selection, UnknownName, leave_out_regenerable, select
from companion.store.sending import BeingWritten, check, index_of, part_of, write_archive
from companion.store.sizes import free_space, shown_size

_console = Console(soft_wrap=True, highlight=False)
_MEGABYTE = 10**6


def export(
    names: Annotated[
        list[str], typer.Argument(metavar="KEY|NOTEBOOK...", help="Keys (6 characters do), or notebooks.")
    ],
    to: Annotated[Path, typer.Option(metavar="FILE", help="The archive to write.")],
    profile: Annotated[str, typer.Option(help="Which run of the notebooks is meant.")] = "laptop",
    without_samples: Annotated[
        bool,
        typer.Option("--without-samples", help="Leave out what is made again from other results in FILE."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and stop.")] = False,
) -> None:
    """Write results, with all that they used, to one file; given again after a kill, it goes on.

    Exit codes: 0 done, 1 something is damaged, missing or does not fit on the disk, 2 bad input.
    """
    try:
        selection = select(names, profile)
    except UnknownName as problem:
        _stop("export", str(problem), 2)
    if without_samples:
        leave_out_regenerable(selection)
        _console.print(_said_of_left_out(len(selection.left_out)))
    if not selection.folders:
        _tell(selection.problems)
        _stop("export", "nothing to write: none of these results is in the store", 1)
    with _explained("export", "what was written stays; the same command goes on from there"):
        target = to.resolve()
        if not target.parent.is_dir():
            _stop("export", f"given --to {to}; {target.parent} is no folder", 2)
        index = index_of(selection)
        _tell_sizes(index, target)
        if not dry_run:
            _write(selection, index, target)
    _tell(selection.problems)
    raise typer.Exit(1 if selection.problems else 0)


def _tell_sizes(index: Index, target: Path) -> None:
    """Say what comes and whether there is room."""
    free, part = free_space(target), part_of(target)
    already = part.stat().st_size if part.exists() else 0
    functions = len({held.function for held in index.results})
    _console.print(
        f"{len(index.results)} results of {functions} functions, {shown_size(index.total)}, to {target} "
        f"({shown_size(free)} free there)"
    )
    if not target.exists() and index.total - already > free:
        _stop("export", f"{target.parent} has no room: {shown_size(index.total - already)} are needed", 1)


def _write(selection: Selection, index: Index, target: Path) -> None:
    with counted("checking", index.size) as advance:
        check(selection, advance)
    if selection.folders.keys() != {held.address for held in index.results}:  # what is damaged was dropped
        index = index_of(selection)
    if target.exists():
        with target.open("rb") as file:
            same = target.stat().st_size == index.total and file.read(len(index.text())) == index.text()
        if not same:
            _stop("export", f"{target} exists and holds something else: give another name, or remove it", 2)
        _console.print(f"{target} holds all of it already")
        return
    with counted("writing", index.total) as advance:
        kept = write_archive(index, selection.folders, target, advance)
    went_on = f", {shown_size(kept)} of it before" if kept else ""
    _console.print(f"written: {len(index.results)} results, {shown_size(index.total)}{went_on}")


def take_in(file: Annotated[Path, typer.Argument(help="An archive that `store export` made.")]) -> None:
    """Put the results of an archive into one's own store, each once its bytes are checked.

    What is there already is skipped, so that the same command goes on after a kill. Exit codes: 0 done, 1
    something is damaged, cut off or does not fit on the disk, 2 no archive that can be read.
    """
    with _explained("import", "what was imported is whole; the same command goes on from there"):
        try:
            opened = file.open("rb")
        except OSError as problem:
            _stop("import", f"{file}: {problem.strerror}", 2)
        with opened:
            try:
                index, start = read_index(opened, file)
            except UnreadableArchive as problem:
                _stop("import", str(problem), 2)
            wanted = missing_here(index)
            size, own = sum(held.size for held in wanted), store_roots()[0]
            free = free_space(own)
            _console.print(
                f"{len(index.results)} results, {shown_size(index.size)}; {len(wanted)} of them, "
                f"{shown_size(size)}, are not here yet; to {own} ({shown_size(free)} free there)"
            )
            if size > free:
                _stop("import", f"{own} has no room: {shown_size(size)} are needed", 1)
            with counted("importing", size) as advance:
                found = receive(opened, start, wanted, advance)
    _report(found, index, skipped=len(index.results) - len(wanted))
    raise typer.Exit(1 if found.damaged else 0)


def _report(found: Received, index: Index, *, skipped: int) -> None:
    size = shown_size(sum(held.size for held in found.imported))
    makers = ", ".join(f"{number} made by {maker}" for maker, number in sorted(found.makers.items()))
    whose = f" ({makers})" if makers else ""
    _console.print(f"imported {len(found.imported)} results, {size}{whose}; {skipped} were here already")
    if index.left_out:
        _console.print(_said_of_left_out(len(index.left_out)))
    _tell({held.address: why for held, why in found.damaged.items()})
    if found.damaged:
        _console.print(
            f"{len(found.damaged)} results did not arrive: send them again, or let a run compute them"
        )


def _said_of_left_out(number: int) -> str:
    if not number:
        return "no result can be left out: none is declared @regenerable by its function, with its sources in FILE"
    return (
        f"{number} results are left out: a run that needs them computes them again from others in the archive, "
        "under the same keys (same code, same kind of device)"
    )


def _tell(problems: dict[Address, str]) -> None:
    for address, why in sorted(problems.items(), key=lambda each: (each[0].function, each[0].key)):
        _console.print(f"{address.function} {address.key}: {why}")


@contextlib.contextmanager
def counted(label: str, size: int) -> Iterator[Callable[[int], None]]:
    """Progress in whole megabytes of something that counts bytes."""
    done = 0
    with progress(label, max(size // _MEGABYTE, 1), "MB") as advance:

        def count(more: int) -> None:
            nonlocal done
            before, done = done, done + more
            if whole := done // _MEGABYTE - before // _MEGABYTE:
                advance(whole)

        yield count


@contextlib.contextmanager
def _explained(command: str, advice: str) -> Iterator[None]:
    """What a full disk, a refused file or another process says, in one line and with what to do."""
    try:
        yield
    except (OSError, BeingWritten, DamagedResult) as problem:
        _stop(command, f"{problem}\n{advice}", 1)


def _stop(command: str, message: str, code: int) -> NoReturn:
    typer.echo(f"store {command}: {message}", err=True)
    raise typer.Exit(code)
