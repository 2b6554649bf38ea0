"""Log groups: create, delete, describe, list, tags, retention settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.services.logs.harness import ARN, CONTEXT, GROUP, Logs


def names(answer: dict) -> list[str]:
    return [group["logGroupName"] for group in answer["logGroups"]]


def test_a_new_group_is_described_whole(logs: Logs) -> None:
    assert logs("CreateLogGroup", logGroupName=GROUP) == {}
    assert logs("DescribeLogGroups") == {
        "logGroups": [
            {
                "logGroupName": GROUP,
                "creationTime": logs.now,
                "metricFilterCount": 0,
                "arn": f"{ARN}:*",
                "logGroupArn": ARN,
                "logGroupClass": "STANDARD",
                "storedBytes": 0,
            }
        ]
    }


def test_a_name_is_taken_once_per_account_and_region(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName=GROUP)
    error = logs.fails("CreateLogGroup", logGroupName=GROUP)
    assert (error.code, error.message) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    logs("CreateLogGroup", replace(CONTEXT, region="us-east-1"), logGroupName=GROUP)
    logs("CreateLogGroup", replace(CONTEXT, account="000000000001"), logGroupName=GROUP)
    assert names(logs("DescribeLogGroups")) == [GROUP]


@pytest.mark.parametrize(
    "setting", [{"kmsKeyId": "k"}, {"logGroupClass": "INFREQUENT_ACCESS"}, {"deletionProtectionEnabled": True}]
)
def test_what_would_do_nothing_is_refused_by_name(logs: Logs, setting: dict) -> None:
    error = logs.fails("CreateLogGroup", logGroupName=GROUP, **setting)
    assert error.code == "NotImplemented"
    assert next(iter(setting)) in error.message
    assert names(logs("DescribeLogGroups")) == []


def test_a_deleted_group_takes_everything_along(logs: Logs) -> None:
    logs.with_stream().put("one")
    logs("DeleteLogGroup", logGroupName=GROUP)
    error = logs.fails("DeleteLogGroup", logGroupName=GROUP)
    assert (error.code, error.message) == ("ResourceNotFoundException", "The specified log group does not exist.")
    logs.with_stream()
    assert logs.get()["events"] == []
    assert logs.filter()["events"] == []
    assert logs("DescribeLogGroups")["logGroups"][0]["storedBytes"] == 0


def test_describe_by_prefix_pattern_and_identifier(logs: Logs) -> None:
    for name in ("/a/one", "/a/two", "/b/One"):
        logs("CreateLogGroup", logGroupName=name)
    assert names(logs("DescribeLogGroups", logGroupNamePrefix="/a/")) == ["/a/one", "/a/two"]
    found = logs("DescribeLogGroups", logGroupNamePattern="one")
    assert names(found) == ["/a/one"]
    assert "storedBytes" not in found["logGroups"][0]
    assert names(logs("DescribeLogGroups", logGroupIdentifiers=["/b/One", "/a/one"])) == ["/a/one", "/b/One"]
    both = logs.fails("DescribeLogGroups", logGroupNamePattern="one", logGroupNamePrefix="/a")
    assert both.code == "InvalidParameterException"
    assert names(logs("DescribeLogGroups", logGroupClass="DELIVERY")) == []


def test_groups_come_in_pages_of_fifty_in_ascii_order(logs: Logs) -> None:
    wanted = sorted([f"g{i}" for i in range(60)] + ["G", "_", "-"])
    for name in wanted:
        logs("CreateLogGroup", logGroupName=name)
    first = logs("DescribeLogGroups")
    assert len(first["logGroups"]) == 50
    second = logs("DescribeLogGroups", nextToken=first["nextToken"])
    assert names(first) + names(second) == wanted
    assert "nextToken" not in second
    assert logs.fails("DescribeLogGroups", nextToken="x").message == "The specified nextToken is invalid."
    assert logs.fails("DescribeLogGroups", nextToken=first["nextToken"], logGroupNamePrefix="g")


def test_list_by_pattern(logs: Logs) -> None:
    for name in ("/a/one", "/a/two", "b/one"):
        logs("CreateLogGroup", logGroupName=name)
    assert names(logs("ListLogGroups")) == ["/a/one", "/a/two", "b/one"]
    assert names(logs("ListLogGroups", logGroupNamePattern="^b/o|two")) == ["/a/two", "b/one"]
    assert logs("ListLogGroups", logGroupNamePattern="none") == {"logGroups": []}
    page = logs("ListLogGroups", limit=2)
    assert names(logs("ListLogGroups", limit=2, nextToken=page["nextToken"])) == ["b/one"]
    assert logs.fails("ListLogGroups", dataSources=[{"name": "x"}]).code == "NotImplemented"


def test_tags_by_arn_and_by_name_are_the_same(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName=GROUP, tags={"a": "1"})
    logs("TagResource", resourceArn=ARN, tags={"b": "2"})
    logs("TagLogGroup", logGroupName=GROUP, tags={"a": "3", "c": "4"})
    logs("UntagResource", resourceArn=ARN, tagKeys=["c", "none"])
    assert logs("ListTagsForResource", resourceArn=ARN) == {"tags": {"a": "3", "b": "2"}}
    logs("UntagLogGroup", logGroupName=GROUP, tags=["b"])
    assert logs("ListTagsLogGroup", logGroupName=GROUP) == {"tags": {"a": "3"}}


def test_tags_have_limits(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName=GROUP)
    logs("TagResource", resourceArn=ARN, tags={str(i): "" for i in range(50)})
    assert logs.fails("TagResource", resourceArn=ARN, tags={"one more": ""}).code == "TooManyTagsException"
    assert logs.fails("TagResource", resourceArn=ARN, tags={"aws:x": ""}).code == "InvalidParameterException"
    for arn in (f"{ARN}x", "arn:aws:logs:us-east-1:000000000042:log-group:" + GROUP, "nonsense"):
        assert logs.fails("ListTagsForResource", resourceArn=arn).code == "ResourceNotFoundException"
    assert logs.fails("ListTagsLogGroup", logGroupName="x").message == "The specified log group does not exist."


def test_retention_is_one_of_aws_values(logs: Logs) -> None:
    logs("CreateLogGroup", logGroupName=GROUP)
    logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=7)
    assert logs("DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 7
    error = logs.fails("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=2)
    assert (error.code, "Value '2' at 'retentionInDays'" in error.message) == ("InvalidParameterException", True)
    logs("DeleteRetentionPolicy", logGroupName=GROUP)
    assert "retentionInDays" not in logs("DescribeLogGroups")["logGroups"][0]
    assert logs.fails("PutRetentionPolicy", logGroupName="x", retentionInDays=1).code == "ResourceNotFoundException"
