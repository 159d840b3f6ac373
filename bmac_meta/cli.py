"""The command `bmac-meta`: a thin door to the jobs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import bmac_meta
from bmac_meta.errors import BmacMetaError
from bmac_meta.jobs.figures import Folders, make_figures
from bmac_meta.numbers import count_noun
from bmac_meta.paths import evidence_folder

_EXAMPLES = """\
examples:
  bmac-meta figures                                  bring figures/ up to date
  bmac-meta figures --force --jobs 1                 execute every notebook, one after the other
  bmac-meta figures --data my_review --figures mine  put the same questions to your own folder
  bmac-meta check                                    check data/ and figures/
  bmac-meta check --data my_review                   check a folder of your own
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with some arguments (default: those of the command line) and return its exit code.

    0: done, or nothing to object to. 1: `check` found something. 2: it could not be done, and a message says why.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (BmacMetaError, OSError) as error:
        print(f"bmac-meta: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bmac-meta: interrupted; the figures are as they were.", file=sys.stderr)
        return 130


def _figures(options: argparse.Namespace) -> int:
    folders = _folders(options)
    made = make_figures(folders, jobs=options.jobs, force=options.force)
    for warning in made.warnings:
        print(warning, file=sys.stderr)
    found = f"{count_noun(len(made.figures), 'figure')} of {count_noun(len(made.executed + made.kept), 'notebook')}"
    if not made.executed and not made.removed:
        print(f"{folders.figures}: {found}, nothing changed")
        return 0
    print(f"{folders.figures}: {found}; {len(made.executed)} executed, {len(made.kept)} up to date")
    for name in made.removed:
        print(f"removed {name}, which no notebook makes any more")
    return 0


def _check(options: argparse.Namespace) -> int:
    # pandas is slow to import, and `figures` without news needs none
    from bmac_meta.jobs.check import data_faults, figure_faults, version_notes

    folders = _folders(options)
    faults = data_faults(folders.data)
    _report(f"data in {folders.data}", faults, "no fault")
    if options.data is not None and options.figures is None:
        print("figures: not compared with these data; name them with --figures")
        return int(bool(faults))
    differing = figure_faults(folders)
    _report(f"figures in {folders.figures}", differing, "what data, notebooks and code give")
    for note in version_notes(folders):
        print(f"  note: {note}")
    return int(bool(faults or differing))


def _report(what: str, faults: Sequence[str], praise: str) -> None:
    print(f"{what}: {count_noun(len(faults), 'fault') if faults else praise}")
    for fault in faults:
        print(f"  {fault}")


def _folders(options: argparse.Namespace) -> Folders:
    data = evidence_folder() if options.data is None else options.data
    figures = Path("figures") if options.figures is None else options.figures
    return Folders(options.notebooks, figures, data.resolve())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bmac-meta",
        description="The evidence on bone marrow concentrate and other joint injections: pooled, drawn, checked.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bmac-meta {bmac_meta.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    figures = _command(commands, "figures", _figures, "execute the notebooks and bring their figures up to date")
    figures.add_argument("--jobs", type=_whole, metavar="N", help="notebooks at a time (default: one per core)")
    figures.add_argument("--force", action="store_true", help="execute every notebook, changed or not")
    _command(commands, "check", _check, "say what is wrong with the data, and whether the figures are up to date")
    return parser


def _command(commands: argparse._SubParsersAction, name: str, run: object, words: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    command.set_defaults(run=run)
    folder = {"type": Path, "metavar": "DIR"}
    command.add_argument("--notebooks", default=Path("notebooks"), help="where the notebooks are", **folder)
    command.add_argument("--figures", help="where the figures are (default: figures)", **folder)
    command.add_argument("--data", help="read this folder, not the project's (or BMAC_META_DATA)", **folder)
    return command


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
