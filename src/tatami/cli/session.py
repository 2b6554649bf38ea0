"""What every client command starts with: which platform is meant, with which credentials, and how it fails."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from tatami.client.tatami_client import TatamiClient

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"


class CommandError(Exception):
    """A command cannot do what it was asked to; the text is one line for the user."""


@dataclass(frozen=True)
class Session:
    """The options given before the command."""

    endpoint: str = DEFAULT_ENDPOINT


EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="URL", help="The platform to talk to.", show_default=False)
]
"""`--endpoint` after the command; it wins over the same option before it."""


def endpoint_of(context: typer.Context, endpoint: str | None) -> str:
    """The endpoint that is meant: the command's own option, the global one, or the default."""
    session = context.find_object(Session) or Session()
    return endpoint or session.endpoint


def connect(context: typer.Context, endpoint: str | None) -> TatamiClient:
    """A client of the platform that is meant, signing with the AWS variables as `tatami env` sets them.

    Raises CommandError for an endpoint that is no URL.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    access_key = os.environ.get("AWS_ACCESS_KEY_ID") or "test"
    secret_key = os.environ.get("AWS_SECRET_ACCESS_KEY") or "test"
    try:
        return TatamiClient(endpoint_of(context, endpoint), region, access_key, secret_key)
    except ValueError as error:
        raise CommandError(str(error)) from error
