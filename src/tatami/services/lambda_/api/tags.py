"""Tags of functions. Event source mappings and code signing configurations will have theirs when they exist."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tatami.domain.arn import FunctionReference
from tatami.frame.errors import not_implemented, validation_error
from tatami.frame.operation import Context, Values, operation
from tatami.ports.store import Transaction
from tatami.services.lambda_ import errors
from tatami.services.lambda_.api import naming
from tatami.services.lambda_.model.functions import IN_PROGRESS
from tatami.services.lambda_.model.requests import check_tags
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import functions as store

Tags = dict[str, str]


@operation("ListTags", action="lambda:ListTags")
async def list_tags(state: LambdaRoom, context: Context, values: Values) -> Values:
    """All tags of a function."""
    function = await naming.existing(state, _function(context, values, "lambda:ListTags"))
    return {"Tags": dict(function.tags)}


@operation("TagResource", action="lambda:TagResource")
async def tag_resource(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Add tags, replacing those of the same key."""
    named = _function(context, values, "lambda:TagResource")
    added: Tags = values["Tags"]
    if not added:
        raise errors.invalid_parameter("An error occurred and the request cannot be processed.")
    await _change(state, named, lambda tags: {**tags, **added})
    return {}


@operation("UntagResource", action="lambda:UntagResource")
async def untag_resource(state: LambdaRoom, context: Context, values: Values) -> Values:
    """Remove tags by key; keys that are not there are no error."""
    named = _function(context, values, "lambda:UntagResource")
    removed = set(values.get("TagKeys") or ())
    if not removed:
        raise validation_error(
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
        )
    await _change(state, named, lambda tags: {key: tags[key] for key in tags if key not in removed})
    return {}


def _function(context: Context, values: Values, action: str) -> FunctionReference:
    resource: str = values["Resource"]
    kind = resource.split(":")[5:6]
    if kind != ["function"]:
        raise not_implemented(f"{action} for {''.join(kind) or resource}")
    named = naming.local_reference(context, resource, "", action)
    if named.qualifier:
        raise errors.invalid_parameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return named


async def _change(state: LambdaRoom, named: FunctionReference, change: Callable[[Tags], Tags]) -> None:
    async def work(transaction: Transaction) -> None:
        function = await store.find_in(transaction, naming.key(named))
        if function is None:
            raise errors.function_not_found(naming.arn(named))
        if function.update_status == IN_PROGRESS:
            raise errors.update_in_progress(function.arn)
        tags = change(function.tags)
        check_tags(tags)
        await store.replace(transaction, msgspec.structs.replace(function, tags=tags))

    await state.store.write(work)
