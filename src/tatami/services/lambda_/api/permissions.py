"""The resource-based policy of a function, statement by statement."""

from __future__ import annotations

from tatami.domain.arn import LATEST, FunctionReference, is_alias
from tatami.frame.operation import Context, Values, operation
from tatami.kit.ids import request_id
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.api import naming
from tatami.services.lambda_.model import policies as model
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions, policies


@operation("AddPermission", action="lambda:AddPermission")
async def add_permission(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Add one statement and show it as JSON text; the policy is enforced for calls through function URLs."""
    named = naming.reference(context, values, "lambda:AddPermission")
    if named.qualifier == LATEST:
        raise errors.invalid_parameter("We currently do not support adding policies for $LATEST.")
    statement = model.statement_of(values, naming.arn(named), context.partition)
    revision = request_id()

    async def work(transaction: Transaction) -> None:
        await _check_function(transaction, named, naming.arn(named))
        before = await policies.find_in(transaction, naming.key(named), named.qualifier)
        after = model.added(before, statement, values.get("RevisionId"), revision)
        await policies.keep(transaction, naming.key(named), named.qualifier, after)

    await state.store.write(work)
    return {"Statement": model.statement_text(statement)}


@operation("RemovePermission", action="lambda:RemovePermission")
async def remove_permission(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Remove one statement."""
    named = naming.reference(context, values, "lambda:RemovePermission")
    revision = request_id()

    async def work(transaction: Transaction) -> None:
        if await functions.find_in(transaction, naming.key(named)) is None:
            raise errors.resource_not_found(f"No policy found for: {naming.arn(named)}")
        await _check_function(transaction, named, naming.arn(named))
        before = await policies.find_in(transaction, naming.key(named), named.qualifier)
        if not before.statements:
            raise errors.resource_not_found("No policy is associated with the given resource.")
        after = model.removed(before, values["StatementId"], values.get("RevisionId"), revision)
        await policies.keep(transaction, naming.key(named), named.qualifier, after)

    await state.store.write(work)
    return {}


@operation("GetPolicy", action="lambda:GetPolicy")
async def get_policy(state: LambdaRoom, context: Context, values: Values) -> Values:
    """The policy as JSON text, with its revision."""
    named = naming.reference(context, values, "lambda:GetPolicy")

    async def work(transaction: Transaction) -> model.Policy:
        return await policies.find_in(transaction, naming.key(named), named.qualifier)

    policy = await state.store.read(work)
    if not policy.statements:
        raise errors.nothing_there()
    return {"Policy": model.document(policy), "RevisionId": policy.revision}


async def _check_function(transaction: Transaction, named: FunctionReference, arn: str) -> None:
    """Raise AwsError unless there is what `named` means; there are no versions and aliases yet."""
    function = await functions.find_in(transaction, naming.key(named))
    if function is not None and not named.qualifier:
        return
    if function is not None and is_alias(named.qualifier):
        raise errors.alias_not_found(arn)
    raise errors.function_not_found(arn)
