"""``store ls | show KEY | verify [--sample N] | prune [--yes]`` on the command line."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from companion.store import upkeep
from companion.store.arguments import readable
from companion.store.artefacts import Address, all_results, read_manifest, read_result, store_roots

app = typer.Typer(help="Look after the stored results.", no_args_is_help=True, add_completion=False)
_console = Console(soft_wrap=True, highlight=False)


@app.command("ls")
def list_results(
    function: Annotated[str, typer.Argument(help="Only functions whose name holds this.")] = "",
) -> None:
    """List the results: key, function, size, cost, who made them and when."""
    table = Table("key", "function", "size", "seconds", "made by", "at", box=None)
    total = 0
    for root in store_roots():
        for address, folder in all_results(root):
            if function not in address.function:
                continue
            manifest, size = read_manifest(folder), upkeep.size(folder)
            total += size
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest["made"]["time"]))
            cost = f"{manifest['cost']['wall_seconds']:.2f}"
            table.add_row(
                address.key[:12], address.function, _bytes(size), cost, manifest["made"]["user"], made
            )
    _console.print(table)
    _console.print(f"{table.row_count} results, {_bytes(total)}, in {', '.join(map(str, store_roots()))}")


@app.command()
def show(key: Annotated[str, typer.Argument(help="A key, or its first characters.")]) -> None:
    """Show a result: its arguments, code, cost, origin and contents."""
    address = _one_result(key)
    folder = address.find()
    assert folder is not None
    manifest = read_manifest(folder)
    manifest["arguments"] = {name: readable(form) for name, form in manifest["arguments"].items()}
    _console.print_json(json.dumps(manifest))
    _console.print(read_result(folder))


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
) -> None:
    """List (and with --yes delete) results that no figure and no run uses, and what kills left behind."""
    folders = upkeep.prunable()
    freed = sum(map(upkeep.size, folders))
    for folder in folders:
        _console.print(f"{folder.parent.name}/{folder.name}  {_bytes(upkeep.size(folder))}")
    if yes:
        upkeep.remove(folders)
    _console.print(
        f"{len(folders)} folders, {_bytes(freed)}: " + ("deleted" if yes else "add --yes to delete them")
    )


def _one_result(key: str) -> Address:
    found = {
        address for root in store_roots() for address, _ in all_results(root) if address.key.startswith(key)
    }
    if len(found) == 1:
        return found.pop()
    said = "no result's key" if not found else f"{len(found)} results' keys"
    typer.echo(f"store show: given {key!r}; {said} begins with it (`store ls` lists them)", err=True)
    raise typer.Exit(2)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
