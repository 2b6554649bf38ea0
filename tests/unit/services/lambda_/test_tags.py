"""Tags of functions."""

from __future__ import annotations

from tests.unit.services.lambda_.room_under_test import in_loop, started

ARN = "arn:aws:lambda:us-east-1:000000000000:function:greet"


@in_loop
async def test_tags_are_added_replaced_and_removed() -> None:
    under_test = await started()
    await under_test.create_active()
    revision = (await under_test.configuration())["RevisionId"]
    assert await under_test.call("ListTags", Resource=ARN) == {"Tags": {}}
    assert await under_test.call("TagResource", Resource=ARN, Tags={"A": "1", "B": "2"}) == {}
    await under_test.call("TagResource", Resource=ARN, Tags={"B": "3"})
    assert await under_test.call("ListTags", Resource=ARN) == {"Tags": {"A": "1", "B": "3"}}
    await under_test.call("UntagResource", Resource=ARN, TagKeys=["A", "never"])
    assert (await under_test.call("GetFunction", FunctionName="greet"))["Tags"] == {"B": "3"}
    await under_test.call("UntagResource", Resource=ARN, TagKeys=["B"])
    assert "Tags" not in await under_test.call("GetFunction", FunctionName="greet")
    assert (await under_test.configuration())["RevisionId"] == revision


@in_loop
async def test_fifty_tags_and_no_more() -> None:
    under_test = await started()
    await under_test.create_active(Tags={f"{number}": "" for number in range(50)})
    error = await under_test.fails("TagResource", Resource=ARN, Tags={"one": "more"})
    assert error.message == "Number of tags exceeds resource tag limit."
    await under_test.call("TagResource", Resource=ARN, Tags={"7": "again"})


@in_loop
async def test_only_functions_themselves_have_tags() -> None:
    under_test = await started()
    await under_test.create_active()
    for qualifier in ("$LATEST", "1", "prod"):
        error = await under_test.fails("TagResource", Resource=f"{ARN}:{qualifier}", Tags={"a": "b"})
        assert error.message == (
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    mapping = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:00000000-0000-0000-0000-000000000000"
    error = await under_test.fails("ListTags", Resource=mapping)
    assert (error.code, error.status) == ("NotImplemented", 501)


@in_loop
async def test_tags_of_nobody_and_no_tags() -> None:
    under_test = await started()
    for operation, values in (
        ("ListTags", {}),
        ("TagResource", {"Tags": {"a": "b"}}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ):
        error = await under_test.fails(operation, Resource=ARN, **values)
        assert error.message == f"Function not found: {ARN}"
    error = await under_test.fails("TagResource", Resource=ARN, Tags={})
    assert error.message == "An error occurred and the request cannot be processed."
    error = await under_test.fails("UntagResource", Resource=ARN, TagKeys=[])
    assert error.code == "ValidationException"
