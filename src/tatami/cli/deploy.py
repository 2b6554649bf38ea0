"""`tatami deploy`: a folder becomes a function."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tatami.cli.function_file import FILE_NAME, FunctionSettings, parse_variables, read_function_file
from tatami.cli.package import zip_folder
from tatami.cli.session import CommandError, EndpointOption, connect
from tatami.cli.status import runtime_note
from tatami.client.tatami_client import TatamiClient

DEFAULT_ROLE = "arn:aws:iam::000000000000:role/lambda"
"""Lambda requires an execution role; this one serves where no role was asked for."""


def deploy(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with the code, and maybe a function.toml.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Function name.", show_default=False)] = None,
    runtime: Annotated[
        str | None,
        typer.Option(metavar="RUNTIME", help="Such as python3.12, nodejs22.x, provided.al2023.", show_default=False),
    ] = None,
    handler: Annotated[
        str | None, typer.Option(metavar="HANDLER", help="Such as app.handler.", show_default=False)
    ] = None,
    memory: Annotated[int | None, typer.Option(metavar="MB", help="Memory size.", show_default=False)] = None,
    timeout: Annotated[int | None, typer.Option(metavar="SECONDS", help="Time limit.", show_default=False)] = None,
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Environment variable; repeatable.")
    ] = None,
    role: Annotated[str | None, typer.Option(metavar="ARN", help="Execution role.", show_default=False)] = None,
    endpoint: EndpointOption = None,
) -> None:
    """Zip a folder and create or update its function, then wait until it can be invoked.

    Settings come from flags, then from DIR/function.toml (name, runtime, handler, memory, timeout, description,
    package, build and the table [environment]).
    """
    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder}")
    flags = FunctionSettings(
        name=name,
        runtime=runtime,
        handler=handler,
        memory=memory,
        timeout=timeout,
        environment=parse_variables(env or []),
        role=role,
    )
    settings = read_function_file(folder).overridden_by(flags)
    client = connect(context, endpoint)
    result = deploy_package(client, settings, zip_folder(package_folder(folder, settings)), folder)
    for line in summary(result):
        print(line)


def package_folder(folder: Path, settings: FunctionSettings) -> Path:
    """The folder to zip. Raises CommandError, with the build command if there is one, when it is missing."""
    if not settings.package:
        return folder
    package = folder / settings.package
    if not package.resolve().is_relative_to(folder.resolve()):
        raise CommandError(f"{folder / FILE_NAME}: package must be a folder inside {folder}, got {settings.package!r}")
    if not package.is_dir():
        build = f"; build it first: {settings.build}" if settings.build else ""
        raise CommandError(f"there is no folder {package}{build}")
    return package


def deploy_package(
    client: TatamiClient,
    settings: FunctionSettings,
    package: bytes,
    folder: Path,
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Create the function, or update its configuration and then its code; returns its settled configuration.

    The configuration goes first: it is refused far more often, and then nothing has changed. Raises CommandError,
    ApiError.
    """
    name = _required(settings, "name", folder)
    if client.find_function(name) is None:
        members = settings.members()
        members["Runtime"] = _required(settings, "runtime", folder)
        members["Handler"] = _required(settings, "handler", folder)
        client.create_function({**members, "Role": settings.role or DEFAULT_ROLE}, package)
    else:
        members = settings.members() | ({"Role": settings.role} if settings.role else {})
        del members["FunctionName"]
        client.wait_until_settled(name, pause)
        if members:
            client.update_configuration(name, members)
            client.wait_until_settled(name, pause)
        client.update_code(name, package)
    return client.wait_until_settled(name, pause)


def summary(configuration: dict[str, Any]) -> list[str]:
    """What was deployed, as `label  value` lines."""
    cells = {
        "name": configuration["FunctionName"],
        "version": configuration.get("Version", "$LATEST"),
        "size": f"{configuration.get('CodeSize', 0):,} bytes",
        "state": configuration.get("State", "Active"),
    }
    if note := runtime_note(configuration):
        cells["note"] = note
    return [f"{label:8} {value}" for label, value in cells.items()]


def _required(settings: FunctionSettings, key: str, folder: Path) -> str:
    value = getattr(settings, key)
    if not value:
        raise CommandError(f'no {key}: give --{key}, or put {key} = "..." into {folder / FILE_NAME}')
    return str(value)
