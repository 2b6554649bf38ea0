"""`tatami up`: serve a platform in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def up(
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Address to listen on [127.0.0.1].", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Port to listen on; 0 picks a free one [4566].", show_default=False),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder of the durable state, or :memory: [./.tatami].", show_default=False),
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="Default account [000000000000].", show_default=False)
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="Default region [us-east-1].", show_default=False)
    ] = None,
    access: Annotated[
        str | None,
        typer.Option(
            metavar="open|enforce",
            help="Take any credentials, or verified signatures of known keys only [open on loopback].",
            show_default=False,
        ),
    ] = None,
    runtime_fallback: Annotated[
        bool | None,
        typer.Option(
            "--runtime-fallback/--no-runtime-fallback",
            help="Run functions whose runtime is missing with the nearest one [no].",
            show_default=False,
        ),
    ] = None,
    idle_seconds: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop environments unused for so long [300].", show_default=False),
    ] = None,
    isolation: Annotated[
        str | None,
        typer.Option(metavar="auto|namespaces|process", help="How functions are confined [auto].", show_default=False),
    ] = None,
    egress: Annotated[
        str | None,
        typer.Option(
            metavar="host|none",
            help="Whether functions in namespaces may reach the internet [host].",
            show_default=False,
        ),
    ] = None,
    concurrency_limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Concurrent executions of an account and region [1000].", show_default=False),
    ] = None,
    stream_shaping: Annotated[
        str | None,
        typer.Option(metavar="aws|off", help="How fast streamed responses leave [aws].", show_default=False),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(metavar="debug|info|warning|error", help="What to log to stderr from [info].", show_default=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings file [./tatami.toml if it exists].", show_default=False),
    ] = None,
) -> None:
    """Serve a platform in the foreground until Ctrl-C or SIGTERM.

    Prints `ready http://HOST:PORT` on stdout when it takes requests, and logs to stderr. Settings come from these
    flags, then TATAMI_* variables, then tatami.toml.
    """
    given = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "account": account,
        "region": region,
        "access": access,
        "runtime_fallback": runtime_fallback,
        "idle_seconds": idle_seconds,
        "isolation": isolation,
        "egress": egress,
        "concurrency_limit": concurrency_limit,
        "stream_shaping": stream_shaping,
        "log_level": log_level,
    }
    # The one late import: it loads the whole platform (SQLite, botocore's models, uvicorn), which no other command
    # needs and which would make every `tatami invoke` several times slower.
    from tatami.cli.serve import serve

    serve({name: value for name, value in given.items() if value is not None}, config)
