"""The command `polwidgets`: every module of this package that can `run` is one of its subcommands.

Heavy modules are imported when a subcommand runs, so that ``polwidgets --help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import traceback
import warnings
from collections.abc import Sequence
from typing import TextIO

import polwidgets as pw
from polwidgets.cli.options import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for what the user can mend, 130 when interrupted."""
    options = parser().parse_args(arguments)
    with warnings.catch_warnings():
        # libraries' deprecations are for developers; what polwidgets has to say is a UserWarning
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _one_line_warning
        try:
            options.run(options)
        except KeyboardInterrupt as interrupt:
            say(str(interrupt) or "interrupted; nothing was written")
            return 130
        except Exception as error:  # noqa: BLE001, whatever it is, the user gets one line and may ask for the rest
            if options.debug:
                traceback.print_exc()
            message = error.args[0] if isinstance(error, KeyError) and error.args else error
            kind = "" if isinstance(error, (ValueError, KeyError, TypeError, OSError)) else f"{type(error).__name__}: "
            say(f"error: {kind}{message}")
            return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """The whole command line: a module's docstring is its command's help, its `add_arguments` declares the options."""
    whole = argparse.ArgumentParser(prog="polwidgets", description=pw.__doc__)
    whole.add_argument("--version", action="version", version=f"polwidgets {pw.__version__}")
    commands = whole.add_subparsers(required=True, metavar="command")
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if hasattr(module, "run"):
            summary = str(module.__doc__).splitlines()[0].rstrip(".")
            command = commands.add_parser(found.name.replace("_", "-"), help=summary[0].lower() + summary[1:])
            module.add_arguments(command)
            command.add_argument("--debug", action="store_true", help="show the traceback of an error")
            command.set_defaults(run=module.run)
    return whole


def _one_line_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    say(f"warning: {message}")
