"""``store ls | show | verify | prune | export | import`` on the command line; the last two from `transfer`."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from companion.store import pruning, transfer, upkeep
from companion.store.arguments import readable
from companion.store.artefacts import Address, DamagedResult, all_results, read_result, store_roots
from companion.store.sizes import shown_size

app = typer.Typer(help="Look after the stored results.", no_args_is_help=True, add_completion=False)
app.command("export")(transfer.export)
app.command("import")(transfer.take_in)
_console = Console(soft_wrap=True, highlight=False)


@app.command("ls")
def list_results(
    function: Annotated[str, typer.Argument(help="Only functions whose name holds this.")] = "",
) -> None:
    """List the results: key, function, size, cost, who made them and when; of several stores, in which they lie."""
    roots = store_roots()
    table = Table("key", "function", "size", "seconds", "made by", "at", box=None)
    several = len(roots) > 1
    if several:
        table.add_column("store")
    total, damaged = 0, 0
    for number, root in enumerate(roots):
        where = [f"group {number}" if number else "own"] if several else []
        for address, folder in all_results(root):
            if function not in address.function:
                continue
            size = pruning.size(folder)
            total += size
            about = (address.key[:12], address.function, shown_size(size))
            try:
                manifest = upkeep.whole_manifest(folder)
            except DamagedResult:
                damaged += 1
                table.add_row(*about, "", "damaged manifest", "", *where)
                continue
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest["made"]["time"]))
            cost = f"{manifest['cost']['wall_seconds']:.2f}"
            table.add_row(*about, cost, manifest["made"]["user"], made, *where)
    _console.print(table)
    _console.print(f"{table.row_count} results, {shown_size(total)}, in {', '.join(map(str, roots))}")
    if damaged:
        _console.print(
            f"{damaged} damaged: `store verify` says how; a run that needs them computes them again"
        )


@app.command()
def show(key: Annotated[str, typer.Argument(help="A key, or its first characters.")]) -> None:
    """Show a result: its arguments, code, cost, origin and contents."""
    address = _one_result(key)
    folder = address.find()
    assert folder is not None
    try:
        manifest, dataset = upkeep.whole_manifest(folder), read_result(folder)
    except DamagedResult as problem:
        typer.echo(f"store show: {problem}", err=True)
        raise typer.Exit(1) from None
    manifest["arguments"] = {name: readable(form) for name, form in manifest["arguments"].items()}
    _console.print_json(json.dumps(manifest))
    _console.print(dataset)


@app.command()
def verify(
    sample: Annotated[int, typer.Option(min=0, help="Also compute this many results again and compare.")] = 0,
) -> None:
    """Compare every file with its manifest; exit code 1 if any result is damaged or differs."""
    findings = list(upkeep.check_files())
    findings += upkeep.recompute_sample(sample) if sample else ()
    for finding in findings:
        if not finding.sound or "recomputed" in finding.text:
            _console.print(f"{finding.address.function} {finding.address.key[:12]}: {finding.text}")
    unsound = sum(not finding.sound for finding in findings)
    _console.print(f"{len(findings)} checks, {unsound} not right")
    raise typer.Exit(1 if unsound else 0)


@app.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Delete, instead of only listing.")] = False,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Spare results and checkpoints younger than this.")
    ] = pruning.SPARED_DAYS,
) -> None:
    """List (and with --yes delete) results that no figure and no run uses, and what kills left behind."""
    found = pruning.prunable(older_than)
    sizes = {folder: pruning.size(folder) for folder in found.folders}
    for remark in found.remarks:
        _console.print(remark)
    for folder, size in sizes.items():
        _console.print(f"{folder.parent.name}/{folder.name}  {shown_size(size)}")
    counted = f"{len(sizes)} folders, {shown_size(sum(sizes.values()))}"
    if yes:
        gone = pruning.remove(found.folders)
        counted = f"{len(gone)} folders, {shown_size(sum(sizes[folder] for folder in gone))}"
    _console.print(f"{counted}: {'deleted' if yes else 'add --yes to delete them'}")
    if found.spared:
        reasons = "; ".join(f"{number} {reason}" for reason, number in sorted(found.spared.items()))
        _console.print(f"spared {found.spared.total()}: {reasons} (--older-than DAYS sets the age)")


def _one_result(key: str) -> Address:
    found = {
        address for root in store_roots() for address, _ in all_results(root) if address.key.startswith(key)
    }
    if len(found) == 1:
        return found.pop()
    said = "no result's key" if not found else f"{len(found)} results' keys"
    typer.echo(f"store show: given {key!r}; {said} begins with it (`store ls` lists them)", err=True)
    raise typer.Exit(2)
