"""The `tatami` command: its subcommands, and errors as one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from tatami import __version__
from tatami.cli.deploy import deploy
from tatami.cli.environment import env
from tatami.cli.invoke import invoke
from tatami.cli.logs import logs
from tatami.cli.session import DEFAULT_ENDPOINT, CommandError, Session
from tatami.cli.status import status
from tatami.cli.up import up
from tatami.client.errors import ApiError, UnreachableError

# ClickException, the parent of every complaint about the command line. Newer typers carry their own copy of click
# in a private package, so its public descendant leads to it.
USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[2]

# Plain help instead of rich panels: importing rich costs more than everything else `tatami --help` does.
app = typer.Typer(
    name="tatami",
    help="AWS Lambda on your own machines: start a platform, deploy functions to it, invoke them, read their logs.",
    epilog="First steps: `tatami up` in one terminal; `tatami deploy DIR` and `tatami invoke NAME` in another.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (up, deploy, invoke, logs, status, env):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"tatami {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    endpoint: Annotated[
        str, typer.Option(metavar="URL", envvar="TATAMI_ENDPOINT", help="The platform that the commands talk to.")
    ] = DEFAULT_ENDPOINT,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Remember the global options; without a command, print the help."""
    context.obj = Session(endpoint)
    if context.invoked_subcommand is None:
        print(context.get_help())


# The callback's docstring is for readers of the code; users read the help given to Typer above.
app.registered_callback.help = app.info.help  # type: ignore[union-attr]


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (the process's own by default) and exit.

    Exit code 0; 1 with one line on stderr when anything failed, a bad command line included; 130 after Ctrl-C.
    """
    try:
        result = app(args=None if arguments is None else list(arguments), prog_name="tatami", standalone_mode=False)
        sys.stdout.flush()
    except (CommandError, ApiError, UnreachableError) as error:
        _fail(str(error))
    except USAGE_ERROR as error:
        _fail(f"{error.format_message()} (see {_command_path(error)} --help)")
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        # Who read our output (`| head`) has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        _fail(f"unexpected {type(error).__name__}: {error}; please report this as a bug")
    sys.exit(result if isinstance(result, int) else 0)


def _command_path(error: object) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "tatami"


def _fail(text: str) -> NoReturn:
    """End with exit code 1 and `text`, folded into one line, on stderr."""
    print(f"tatami: {' '.join(text.split())}", file=sys.stderr)
    sys.exit(1)
