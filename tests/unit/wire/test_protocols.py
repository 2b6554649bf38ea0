"""The protocols' bytes: golden answers, errors as AWS spells them, refusals, random bodies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.wire.http import Request, Response
from tatami.wire.models import load_service
from tatami.wire.protocols import MalformedRequest, UnknownMember, codec
from tatami.wire.protocols.rest import split_list

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def encode(service: str, operation: str, protocol: str, values: dict[str, Any]) -> Response:
    return codec(protocol).encode(load_service(service).operations[operation], values, "req-1")


def decode(service: str, operation: str, protocol: str, request: Request, **labels: str) -> dict[str, Any]:
    return codec(protocol).decode(load_service(service).operations[operation], request, labels)


def error(service: str, protocol: str, code: str, status: int = 400, **fields: Any) -> Response:
    return codec(protocol).encode_error(None, load_service(service), code, "Gone", status, True, fields, "req-1")


def body_of(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def test_golden_json() -> None:
    response = encode("sqs", "SendMessage", "json", {"MessageId": "m", "MD5OfMessageBody": "d"})
    assert response.body == b'{"MessageId":"m","MD5OfMessageBody":"d"}'
    assert response.headers == {"x-amzn-RequestId": "req-1", "Content-Type": "application/x-amz-json-1.0"}
    assert encode("sqs", "DeleteMessage", "json", {}).body == b""


def test_golden_rest_json() -> None:
    response = encode("lambda", "AddPermission", "rest-json", {"Statement": "s"})
    assert (response.status, response.body) == (201, b'{"Statement":"s"}')
    response = encode("lambda", "Invoke", "rest-json", {"StatusCode": 202, "Payload": b"", "ExecutedVersion": "1"})
    assert (response.status, response.body) == (202, b"")
    assert response.headers["X-Amz-Executed-Version"] == "1"
    response = encode("lambda", "TagResource", "rest-json", {})
    assert (response.status, response.body) == (204, b"")


def test_golden_query() -> None:
    response = encode("sns", "Publish", "query", {"MessageId": "a&b"})
    assert response.body == (
        b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>a&amp;b</MessageId>'
        b"</PublishResult><ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></PublishResponse>"
    )


def test_golden_s3() -> None:
    answer = {"Owner": {"ID": "o"}, "Buckets": [{"Name": "b", "CreationDate": NOW}]}
    response = encode("s3", "ListBuckets", "rest-xml", answer)
    assert body_of(response).decode() == (
        f'{XML}<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>o</ID></Owner><Buckets>'
        "<Bucket><Name>b</Name><CreationDate>2026-01-31T12:00:00.000Z</CreationDate></Bucket></Buckets>"
        "</ListAllMyBucketsResult>"
    )
    assert set(response.headers) == {"x-amzn-RequestId", "x-amz-request-id", "x-amz-id-2", "Content-Type"}
    response = encode("s3", "GetBucketLocation", "rest-xml", {"LocationConstraint": "eu-west-1"})
    assert body_of(response).decode() == (
        f'{XML}<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>'
    )


def test_golden_ec2() -> None:
    response = encode("ec2", "DescribeRegions", "ec2", {"Regions": [{"RegionName": "r"}]})
    assert body_of(response).decode() == (
        f'{XML}<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>req-1</requestId>'
        "<regionInfo><item><regionName>r</regionName></item></regionInfo></DescribeRegionsResponse>"
    )


def test_golden_cbor() -> None:
    response = encode("cloudwatch", "ListMetrics", "smithy-rpc-v2-cbor", {"NextToken": "t"})
    assert cbor2.loads(body_of(response)) == {"NextToken": "t"}
    assert response.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert response.headers["Content-Type"] == "application/cbor"


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ("ResourceNotFoundException", {"Type": "User", "Message": "Gone"}),
        ("InvalidParameterValueException", {"Type": "User", "message": "Gone"}),
        ("ValidationException", {"message": "Gone"}),
        ("NotImplemented", {"message": "Gone"}),
    ],
)
def test_lambda_errors(code: str, members: dict[str, str]) -> None:
    response = error("lambda", "rest-json", code)
    assert response.headers["x-amzn-ErrorType"] == code
    assert msgspec.json.decode(body_of(response)) == members


def test_error_members_that_are_headers() -> None:
    response = error("lambda", "rest-json", "TooManyRequestsException", 429, retryAfterSeconds="3", Reason="R")
    assert response.headers["Retry-After"] == "3"
    assert msgspec.json.decode(body_of(response)) == {"Type": "User", "message": "Gone", "Reason": "R"}


@pytest.mark.parametrize("code", ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"])
def test_query_compatible_errors(code: str) -> None:
    response = error("sqs", "json", code)
    assert response.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert msgspec.json.decode(body_of(response))["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"


def test_xml_errors() -> None:
    response = error("s3", "rest-xml", "NoSuchKey", 404, Key="<k>")
    host_id = response.headers["x-amz-id-2"]
    assert body_of(response).decode() == (
        f"{XML}<Error><Code>NoSuchKey</Code><Message>Gone</Message><Key>&lt;k&gt;</Key>"
        f"<RequestId>req-1</RequestId><HostId>{host_id}</HostId></Error>"
    )
    assert b"<Code>NoSuchEntity</Code>" in body_of(error("iam", "query", "NoSuchEntityException", 404))
    assert b"<ErrorResponse xmlns=" in body_of(error("route53", "rest-xml", "NoSuchHostedZone", 404))
    head = load_service("s3").operations["HeadObject"]
    response = codec("rest-xml").encode_error(head, head.service, "NoSuchKey", "Gone", 404, True, {}, "req-1")
    assert (response.status, response.body) == (404, b"")


def test_timestamps_of_other_zones_are_written_in_utc() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    for moment in (NOW, local, NOW.replace(tzinfo=None)):
        response = encode("lambda", "GetEventSourceMapping", "rest-json", {"LastModified": moment})
        assert response.body == b'{"LastModified":1769860800}'


def test_unknown_members_are_a_mistake_of_ours() -> None:
    for service, operation, protocol in (
        ("sqs", "SendMessage", "json"),
        ("lambda", "GetFunction", "rest-json"),
        ("sns", "Publish", "query"),
        ("s3", "ListBuckets", "rest-xml"),
        ("cloudwatch", "ListMetrics", "smithy-rpc-v2-cbor"),
    ):
        with pytest.raises(UnknownMember):
            encode(service, operation, protocol, {"Nothing": 1})


def test_header_values_stay_on_one_line() -> None:
    response = encode("s3", "GetObject", "rest-xml", {"Body": b"", "Metadata": {"a": "x\r\nset-cookie: y"}})
    assert response.headers["x-amz-meta-a"] == "x  set-cookie: y"


def test_header_lists() -> None:
    assert split_list("a, b,c") == ["a", "b", "c"]
    assert split_list('"a,b", c,"d\\"e"') == ["a,b", "c", 'd"e']


@pytest.mark.parametrize(
    ("service", "operation", "protocol", "body", "code", "message"),
    [
        (
            "sqs",
            "SendMessage",
            "json",
            b'{"QueueUrl":1}',
            "SerializationException",
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            "lambda",
            "CreateFunction",
            "rest-json",
            b'{"MemorySize":"1"}',
            "SerializationException",
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            "lambda",
            "CreateFunction",
            "rest-json",
            b"{",
            "SerializationException",
            "Could not parse request body into json",
        ),
        (
            "sqs",
            "SendMessage",
            "json",
            b'{"MessageBody":{}}',
            "SerializationException",
            "Start of structure or map found where not expected.",
        ),
        (
            "s3",
            "PutBucketTagging",
            "rest-xml",
            b"<a>",
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        (
            "sns",
            "Publish",
            "query",
            b"MessageAttributes.entry.x.Name=a&MessageAttributes.entry.y.Name=b",
            "MalformedInput",
            "A list's element has no number",
        ),
    ],
)
def test_malformed_bodies(service: str, operation: str, protocol: str, body: bytes, code: str, message: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(service, operation, protocol, Request("POST", "/", "", {}, body))
    assert (caught.value.code, caught.value.message, caught.value.status) == (code, message, 400)


def test_deep_nesting_is_refused() -> None:
    body = b'{"TableName":"t","Item":{"a":' + b'{"L":[' * 5000 + b"]}" * 5000 + b"}}"
    with pytest.raises(MalformedRequest):
        decode("dynamodb", "PutItem", "json", Request("POST", "/", "", {}, body))
    name = b".".join([b"MessageAttributes"] * 1000)
    with pytest.raises(MalformedRequest):
        decode("sns", "Publish", "query", Request("POST", "/", "", {}, name + b"=1"))


def test_form_names_with_empty_parts_mean_nothing() -> None:
    request = Request("POST", "/", "", {}, b"Message=m&x.=1&x..=2&.=3&=4&Message.=5")
    assert decode("sns", "Publish", "query", request) == {"Message": "m"}


def test_form_lists_are_ordered_by_number() -> None:
    names = "&".join(f"PolicyArns.member.{n}.arn=a{n}" for n in (10, 2, 1))
    found = decode("sts", "AssumeRole", "query", Request("POST", "/", "", {}, names.encode()))
    assert found == {"PolicyArns": [{"arn": "a1"}, {"arn": "a2"}, {"arn": "a10"}]}


def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><Tagging><TagSet><Tag><Key>&b;</Key></Tag></TagSet></Tagging>'
    with pytest.raises(MalformedRequest):
        decode("s3", "PutBucketTagging", "rest-xml", Request("PUT", "/b", "tagging", {}, bomb))


TARGETS = [
    ("dynamodb", "PutItem", "json"),
    ("lambda", "CreateFunction", "rest-json"),
    ("s3", "PutBucketLifecycleConfiguration", "rest-xml"),
    ("sns", "Publish", "query"),
    ("ec2", "RunInstances", "ec2"),
    ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Item", "Code", "L", "S", "a"]), inner)
    ),
    max_leaves=10,
)
FORMS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["MessageAttributes", "entry", "1", "x", "Name", "Value", ""]), min_size=1).map(
            ".".join
        ),
        st.text(max_size=5),
    )
).map(lambda pairs: "&".join(f"{name}={text}" for name, text in pairs).encode())
BODIES = st.binary(max_size=60) | JSON.map(msgspec.json.encode) | JSON.map(cbor2.dumps) | FORMS


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(TARGETS),
    BODIES,
    st.text("aXZ=&%+1", max_size=10),
    st.sampled_from(["", "x", "12", "2020-01-01T99:00:00Z", '"', "Mon, 99 Jan"]),
)
def test_random_requests_are_read_or_refused(target: tuple[str, str, str], body: bytes, query: str, text: str) -> None:
    service, operation, protocol = target
    headers = {"x-amz-expected-bucket-owner": text, "if-modified-since": text, "x-amz-object-attributes": text}
    try:
        found = decode(service, operation, protocol, Request("POST", "/", query, headers, body), Bucket=text)
    except MalformedRequest:
        return
    assert isinstance(found, dict)


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_random_headers_are_read_or_refused(first: str, second: str) -> None:
    headers = {"if-modified-since": first, "range": second, "x-amz-object-attributes": first}
    for operation in ("GetObject", "GetObjectAttributes", "HeadObject"):
        request = Request("GET", "/", f"response-expires={first}&partNumber={second}", headers)
        try:
            decode("s3", operation, "rest-xml", request, Bucket="b", Key=second)
        except MalformedRequest:
            continue


def test_event_stream_input_is_refused_by_name() -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode("bedrock-runtime", "InvokeModelWithBidirectionalStream", "rest-json", Request("POST", "/"))
    assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)
