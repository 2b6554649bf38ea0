"""boto3, unmodified, against a running platform."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any

import pytest
from tests.e2e.functions import create, invoke
from tests.packages import PYTHON, ROLE, python, zipped
from tools.running_platform import RunningPlatform

pytestmark = pytest.mark.e2e

ECHO = python(
    """
    import os
    count = 0
    def handler(event, context):
        global count
        count += 1
        print("event", event)
        return {"event": event, "count": count, "request": context.aws_request_id, "stage": os.environ.get("STAGE")}
    """
)


@pytest.fixture
def client(platform: RunningPlatform) -> Any:
    return platform.client("lambda")


def test_the_life_of_a_function(client: Any) -> None:
    created = create(client, "life", ECHO, Environment={"Variables": {"STAGE": "one"}})
    assert created["State"] == "Pending"
    assert created["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:life"
    first = invoke(client, "life", {"a": 1})
    assert (first.status, first.error) == (200, "")
    assert first.value["event"] == {"a": 1}
    assert first.value["stage"] == "one"
    assert first.raw["ExecutedVersion"] == "$LATEST"
    assert first.raw["ResponseMetadata"]["RequestId"] == first.value["request"]
    assert invoke(client, "life").value["count"] == 2, "the environment is warm"
    client.update_function_configuration(FunctionName="life", Environment={"Variables": {"STAGE": "two"}})
    client.get_waiter("function_updated_v2").wait(FunctionName="life", WaiterConfig={"Delay": 0.05})
    again = invoke(client, "life").value
    assert (again["stage"], again["count"]) == ("two", 1)
    client.update_function_code(FunctionName="life", ZipFile=python("def handler(event, context): return 'new'"))
    client.get_waiter("function_updated_v2").wait(FunctionName="life", WaiterConfig={"Delay": 0.05})
    assert invoke(client, "life").value == "new"
    assert "life" in [
        f["FunctionName"] for page in client.get_paginator("list_functions").paginate() for f in page["Functions"]
    ]
    client.delete_function(FunctionName="life")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="life")
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="function:life:\\$LATEST"):
        invoke(client, "life")


def test_the_package_can_be_downloaded_from_where_get_function_says(client: Any) -> None:
    create(client, "download", ECHO)
    location = client.get_function(FunctionName="download")["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == ECHO


def test_the_end_of_the_log_comes_with_the_answer(client: Any) -> None:
    create(client, "tail", ECHO)
    answer = invoke(client, "tail", {"b": 2}, LogType="Tail")
    log = base64.b64decode(answer.raw["LogResult"]).decode()
    request = answer.value["request"]
    assert log.startswith(f"START RequestId: {request} Version: $LATEST\n")
    assert "event {'b': 2}\n" in log
    assert f"END RequestId: {request}\nREPORT RequestId: {request}\tDuration: " in log
    assert "\tInit Duration: " in log


def test_the_log_is_in_the_logs_service(platform: RunningPlatform, client: Any) -> None:
    create(client, "logged", ECHO)
    answer = invoke(client, "logged", "find me")
    logs = platform.client("logs")
    group = "/aws/lambda/logged"
    for _ in range(200):
        found = logs.filter_log_events(logGroupName=group) if _exists(logs, group) else {"events": []}
        messages = [event["message"] for event in found["events"]]
        if any(message.startswith("REPORT") for message in messages):
            break
    assert messages[0].startswith("INIT_START Runtime Version: python:")
    assert "event find me\n" in messages
    assert f"START RequestId: {answer.value['request']} Version: $LATEST\n" in messages


def _exists(logs: Any, group: str) -> bool:
    return bool(logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])


def test_a_dry_run_runs_nothing(client: Any) -> None:
    create(client, "dry", python("raise SystemExit(1)"))
    assert client.invoke(FunctionName="dry", InvocationType="DryRun")["StatusCode"] == 204


def test_the_client_context_reaches_the_function(client: Any) -> None:
    source = (
        "def handler(event, context): return [context.client_context.custom, context.client_context.client.app_title]"
    )
    create(client, "context", python(source))
    context = {"custom": {"a": "b"}, "client": {"app_title": "t"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    assert invoke(client, "context", ClientContext=encoded).value == [{"a": "b"}, "t"]


def test_a_function_calls_the_platform_as_its_role(client: Any) -> None:
    source = """
        import boto3
        def handler(event, context):
            identity = boto3.client("sts").get_caller_identity()
            return [identity["Account"], identity["Arn"]]
        """
    create(client, "caller", python(source), Timeout=30)
    account, arn = invoke(client, "caller").value
    assert account == "000000000000"
    assert arn == "arn:aws:sts::000000000000:assumed-role/lambda-role/caller"


def test_accounts_and_regions_do_not_see_each_other(platform: RunningPlatform) -> None:
    places = [("test", "us-east-1"), ("111122223333", "us-east-1"), ("test", "eu-west-1")]
    clients = [platform.client("lambda", aws_access_key_id=key, region_name=region) for key, region in places]
    for number, place in enumerate(clients):
        create(place, "shared", python(f"def handler(event, context): return {number}"))
    assert [invoke(place, "shared").value for place in clients] == [0, 1, 2]
    arn = clients[1].get_function(FunctionName="shared")["Configuration"]["FunctionArn"]
    assert arn == "arn:aws:lambda:us-east-1:111122223333:function:shared"
    clients[1].delete_function(FunctionName="shared")
    assert invoke(clients[0], "shared").value == 0


def test_account_settings_count_what_is_there(client: Any) -> None:
    before = client.get_account_settings()["AccountUsage"]
    create(client, "counted", ECHO)
    after = client.get_account_settings()["AccountUsage"]
    assert after["FunctionCount"] == before["FunctionCount"] + 1
    assert after["TotalCodeSize"] == before["TotalCodeSize"] + len(ECHO)


def test_an_operation_that_is_not_built_is_refused_by_name(client: Any) -> None:
    create(client, "unbuilt", ECHO)
    with pytest.raises(client.exceptions.ClientError) as refused:
        client.publish_version(FunctionName="unbuilt")
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert "lambda:PublishVersion" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_custom_runtime_runs(client: Any) -> None:
    bootstrap = """
        #!/bin/bash
        set -euo pipefail
        base="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
        while true; do
            event=$(curl -sS -D headers.$$ "$base/next" 2>/dev/null || curl -sS -D "/tmp/headers.$$" "$base/next")
            id=$(grep -i lambda-runtime-aws-request-id "/tmp/headers.$$" | tr -d '[:space:]' | cut -d: -f2)
            curl -sS -o /dev/null "$base/$id/response" -d "{\\"got\\":$event}"
        done
        """
    bootstrap = bootstrap.replace('-D headers.$$ "$base/next" 2>/dev/null || curl -sS ', "")
    create(client, "shell", zipped({"bootstrap": bootstrap}), Runtime="provided.al2023", Handler="none")
    assert invoke(client, "shell", [1, 2]).value == {"got": [1, 2]}


def test_an_unavailable_runtime_is_refused_with_what_there_is(client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidParameterValueException) as refused:
        client.create_function(
            FunctionName="lacking", Runtime="python3.14", Handler="a.b", Role=ROLE, Code={"ZipFile": ECHO}
        )
    assert PYTHON in str(refused.value)
    assert "--runtime-fallback" in str(refused.value)
