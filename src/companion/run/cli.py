"""The command line of run_all.py."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from companion.session.root import project_root

# Everything else is imported where it is used: --help and a wrong option should not wait for it.


app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def run(
    context: typer.Context,
    notebooks: Annotated[list[str] | None, typer.Argument(help="Notebooks to run; all by default.")] = None,
    profile: Annotated[
        str, typer.Option(help="Parameter files to use: smoke, laptop, night, paper …")
    ] = "laptop",
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Set one parameter; repeatable. Draws into build/overridden/."
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="FIGURE", help="Draw this figure only; repeatable.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks at once.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(help="inline, local, a file in params/clusters, or an address like tcp://host:8786."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda: where tensors are computed.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="End a notebook that takes longer: 90s, 30m, 2h.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compute stored results again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why, and stop.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 if a claim fails or could not be evaluated.")
    ] = False,
    list_only: Annotated[bool, typer.Option("--list", help="Say what there is, and stop.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare newly made figures and verdicts with the tracked ones.")
    ] = False,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Say what differs between two profiles, commits, folders, devices or stores, and stop.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --compare: as JSON, for scripts.")] = False,
    book: Annotated[
        Path | None,
        typer.Option(metavar="FILE.pdf", help="All figures, captions and claims of a profile as one PDF."),
    ] = None,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Start it as a SLURM job (--cluster NAME) or on its own, and return."),
    ] = False,
    estimate_only: Annotated[
        bool, typer.Option("--estimate", help="Say what the run would cost, study by study, and stop.")
    ] = False,
    calibrate_only: Annotated[
        bool,
        typer.Option(
            "--calibrate", help="Keep the costs of stored results for clones without any, and stop."
        ),
    ] = False,
    bundle_to: Annotated[
        Path | None,
        typer.Option(
            "--bundle", metavar="FILE", help="Write one archive for a deposit, NAME.tar.gz, and stop."
        ),
    ] = None,
    with_results: Annotated[
        bool, typer.Option("--with-results", help="Put the stored results into the archive too.")
    ] = False,
    export_to: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--export", metavar="FIGURE DIR", help="Write a figure for a paper (all: every figure), and stop."
        ),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(help="Of the exported figure: column, text, 3.25in, 8.5cm, 246pt; as drawn without it."),
    ] = None,
) -> None:
    """Bring figures, verdicts and gallery up to date; what has not changed is not run again.

    Exit codes: 0 done, 1 something failed to run, 2 bad input, 3 --strict and a claim fails or could not
    be evaluated, 75 saved and stopped before the wall time (SIGUSR1 or SIGTERM; the same command goes on),
    130 interrupted. Runs that go on: run_all.py status --help. What happened: run_all.py report --help.
    Stored results: run_all.py store --help. Samples of other runs: run_all.py evaluate --help.
    An experiment of one's own: run_all.py new-study --help.
    """
    from companion.run.choose import Wishes
    from companion.run.modes import refuse_contradictions
    from companion.settings.problems import SettingsError

    wishes = Wishes(notebooks or (), profile, overrides or (), only or (), device, cluster, time_limit)
    given: dict[str, object] = {
        "--bundle": bundle_to,
        "--book": book,
        "--calibrate": calibrate_only,
        "--check": check,
        "--compare": compare,
        "--detach": detach,
        "--estimate": estimate_only,
        "--export": export_to,
        "--json": as_json,
        "--list": list_only,
        "--set": overrides,
        "--width": width,
        "--with-results": with_results,
    }
    try:
        refuse_contradictions([option for option, value in given.items() if value])
        if compare is not None:
            from companion.run.compare import compare_named
            from companion.run.conduct import console

            within = wishes.notebooks, wishes.only
            raise typer.Exit(
                compare_named(compare, profile, console(), *within, strict=strict, as_json=as_json)
            )
        if bundle_to is not None:
            from companion.run.bundle import bundle
            from companion.run.conduct import console

            raise typer.Exit(bundle(wishes, bundle_to, console(), with_results=with_results))
        if book is not None:
            from companion.run.book import write_book
            from companion.run.conduct import console

            write_book(book, profile, console(), wishes.notebooks, wishes.only)
            raise typer.Exit
        if list_only:
            from companion.run.listing import print_list

            print_list(wishes.notebooks, profile)
            raise typer.Exit
        if estimate_only or calibrate_only:
            from companion.run.calibrate import calibrate
            from companion.run.conduct import console
            from companion.run.estimate import estimate

            out = console()
            raise typer.Exit(calibrate(out) if calibrate_only else estimate(wishes, out, anew=force))
        if export_to is not None:
            from companion.run.conduct import console
            from companion.run.export import export

            raise typer.Exit(export(export_to, wishes, width, console(), jobs=jobs))
        from companion.run.conduct import Ways, conduct

        ways = Ways(jobs, force, dry_run, strict, check)
        if detach and not dry_run:
            from companion.run.submit import submit

            again = [argument for argument in context.obj if argument != "--detach"]
            raise typer.Exit(submit(wishes, again, ways))
        from companion.run.detached import noted
        from companion.session import interruption

        interruption.install(
            terminate=True
        )  # a warning that comes while it plans must not end it: it ends with 75
        with noted() as ending:
            ending.code = conduct(wishes, ways)
        raise typer.Exit(ending.code)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        from companion.session.files import DISK_REFUSALS

        if error.errno not in DISK_REFUSALS:
            raise
        typer.echo(
            f"{error}\nwhat was finished before is whole; the same command goes on from there", err=True
        )
        raise typer.Exit(1) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on ``arguments`` (those of the process by default) and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        root = project_root()
    except FileNotFoundError as error:
        if given[:1] != ["evaluate"]:
            typer.echo(str(error), err=True)
            raise SystemExit(2) from None
        # Files of other runs may lie anywhere; compiled code and results are then kept in the user's cache.
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ["COMPANION_ROOT"] = str(cache / "companion")
        root = project_root()
    # The user's own modules lie beside run_all.py or beside the notebooks; plan and workers find them as kernels do.
    sys.path[:0] = [str(path) for path in (root, root / "notebooks") if str(path) not in sys.path]
    if given[:1] == ["store"]:
        from companion.store.commands import app as store

        store(given[1:], prog_name="run_all.py store")
    elif given[:1] == ["evaluate"]:
        from companion.run.evaluate import app as evaluate

        evaluate(given[1:], prog_name="run_all.py evaluate")
    elif given[:1] == ["status"]:
        from companion.run.status import app as status

        status(given[1:], prog_name="run_all.py status")
    elif given[:1] == ["report"]:
        from companion.run.since import app as since

        since(given[1:], prog_name="run_all.py report")
    elif given[:1] == ["new-study"]:
        from companion.run.new_study import app as new_study

        new_study(given[1:], prog_name="run_all.py new-study")
    else:
        app(given, prog_name="run_all.py", obj=given)
