"""`tatami env`: the variables that point any AWS client at a platform."""

from __future__ import annotations

import shlex

import typer

from tatami.cli.session import EndpointOption, endpoint_of


def env(context: typer.Context, endpoint: EndpointOption = None) -> None:
    """Print the exports that point any AWS client here.

    Use: eval "$(tatami env)". From then on `aws`, boto3 and every SDK of that shell talk to the platform.
    """
    for name, value in variables(endpoint_of(context, endpoint)).items():
        print(f"export {name}={shlex.quote(value)}")


def variables(endpoint: str) -> dict[str, str]:
    """What AWS clients read: where the platform is, and credentials that it takes in access mode `open`."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }
