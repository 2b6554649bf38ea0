"""Which function a request means: its `FunctionName` in every form, its `Qualifier`, and whether it exists."""

from __future__ import annotations

from tatami.domain.arn import LATEST, FunctionReference, function_arn, is_alias, parse_function_name
from tatami.frame.operation import Context, Values
from tatami.services.lambda_ import errors
from tatami.services.lambda_.model.functions import Function
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store

FUNCTIONS_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


def reference(context: Context, values: Values, action: str) -> FunctionReference:
    """The function that `FunctionName` and `Qualifier` mean together, in the caller's account and Region.

    Raises AwsError when they contradict each other or the ARN is of another account or Region.
    """
    return local_reference(context, values["FunctionName"], values.get("Qualifier") or "", action)


def local_reference(context: Context, text: str, qualifier: str, action: str) -> FunctionReference:
    """The same for a name and a qualifier. action: the IAM action, for the refusal of foreign accounts."""
    named = parse_function_name(text)
    if named is None:
        raise errors.function_not_found(text)
    if named.region and named.region != context.region:
        raise errors.wrong_region(named.region, context.region)
    if named.account and named.account != context.account:
        caller = context.caller_arn or f"arn:{context.partition}:iam::{context.account}:root"
        raise errors.foreign_account(caller, action, text)
    if named.qualifier and qualifier and named.qualifier != qualifier:
        raise errors.invalid_parameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionReference(
        name=named.name,
        qualifier=named.qualifier or qualifier,
        account=context.account,
        region=context.region,
        partition=context.partition,
    )


def unqualified(context: Context, values: Values, action: str) -> FunctionReference:
    """The function of an operation that changes the function itself and takes no version or alias."""
    named = reference(context, values, action)
    if named.qualifier:
        raise errors.invalid_parameter(FUNCTIONS_ONLY)
    return named


def key(named: FunctionReference) -> tuple[str, str, str]:
    """Account, Region and name."""
    return (named.account, named.region, named.name)


def arn(named: FunctionReference, qualifier: str | None = None) -> str:
    """The ARN as it was asked for; with `qualifier` ("" for none) instead of the asked one when that is given."""
    wanted = named.qualifier if qualifier is None else qualifier
    return function_arn(named.account, named.region, named.name, wanted, named.partition)


async def existing(state: LambdaRoom, named: FunctionReference) -> Function:
    """The function, when `named` means its `$LATEST`. Raises AwsError: there are no versions and aliases yet."""
    function = await store.find(state.store, key(named))
    if function is None:
        raise errors.function_not_found(arn(named))
    if named.qualifier in ("", LATEST):
        return function
    if is_alias(named.qualifier):
        raise errors.alias_not_found(arn(named))
    raise errors.function_not_found(arn(named))
