"""Which operation a request means, in the awkward cases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.wire.http import Request
from tatami.wire.routing import UnknownOperation, UnknownService, identify, region_of

LAMBDA = "lambda"
S3 = "s3"


def signed(service: str, region: str = "eu-west-1", **headers: str) -> dict[str, str]:
    scope = f"AKID/20260101/{region}/{service}/aws4_request"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0", **named}


def meant(request: Request) -> tuple[str, str]:
    target = identify(request)
    return target.service.name, target.operation.name


@pytest.mark.parametrize(
    ("method", "path", "query", "operation"),
    [
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
        ("GET", "/2018-10-31/layers", "", "ListLayers"),
        ("GET", "/2018-10-31/layers/", "MaxItems=1", "ListLayers"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency", "List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("GET", "/2019-09-30/functions/f/provisioned-concurrency", "Qualifier=1", "GetProvisionedConcurrencyConfig"),
        ("GET", "/2015-03-31/functions/", "", "ListFunctions"),
        ("POST", "/2015-03-31/functions", "", "CreateFunction"),
        ("GET", "/2019-09-25/functions/list/event-invoke-config/list", "", "ListFunctionEventInvokeConfigs"),
        ("POST", "/2014-11-13/functions/f/invoke-async", "", "InvokeAsync"),
    ],
)
def test_lambda_routes(method: str, path: str, query: str, operation: str) -> None:
    assert meant(Request(method, path, query, signed(LAMBDA))) == ("lambda", operation)


def test_labels_are_decoded_after_the_path_is_split() -> None:
    target = identify(
        Request("GET", "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu%3A1%3Afunction%3Aa%2Fb", "", signed(LAMBDA))
    )
    assert target.operation.name == "ListTags"
    assert target.path_values == {"Resource": "arn:aws:lambda:eu:1:function:a/b"}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation", "key"),
    [
        ("PUT", "/b/a/b%20c/", "", {}, "PutObject", "a/b c/"),
        ("PUT", "/b//a", "", {}, "PutObject", "/a"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "b/o"}, "CopyObject", "k"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart", "k"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {"x-amz-copy-source": "b/o"}, "UploadPartCopy", "k"),
        ("PUT", "/b/k", "acl", {}, "PutObjectAcl", "k"),
        ("GET", "/b/k", "uploadId=u", {}, "ListParts", "k"),
        ("GET", "/b/k", "x-id=GetObject", {}, "GetObject", "k"),
        ("GET", "/b/k", "partNumber=1", {}, "GetObject", "k"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload", "k"),
        ("POST", "/b/k", "uploads=", {}, "CreateMultipartUpload", "k"),
        ("GET", "/b", "list-type=2", {}, "ListObjectsV2", None),
        ("GET", "/b/", "prefix=a", {}, "ListObjects", None),
        ("GET", "/b", "notification", {}, "GetBucketNotificationConfiguration", None),
        ("GET", "/b", "analytics&id=1", {}, "GetBucketAnalyticsConfiguration", None),
        ("GET", "/b", "analytics", {}, "ListBucketAnalyticsConfigurations", None),
        ("HEAD", "/b", "", {}, "HeadBucket", None),
        ("GET", "/", "", {}, "ListBuckets", None),
    ],
)
def test_s3_routes(
    method: str, path: str, query: str, headers: dict[str, str], operation: str, key: str | None
) -> None:
    target = identify(Request(method, path, query, {**signed(S3), **headers}))
    assert target.operation.name == operation
    assert target.path_values.get("Key") == key


@pytest.mark.parametrize(
    ("host", "path", "bucket"),
    [
        ("bucket.s3.localhost:4566", "/k", "bucket"),
        ("my.bucket.s3.eu-west-1.amazonaws.com", "/k", "my.bucket"),
        ("bucket.s3-eu-west-1.amazonaws.com", "/k", "bucket"),
        ("bucket.localhost:4566", "/k", "bucket"),
        ("logs.localhost:4566", "/k", "logs"),
        ("sqs.s3.localhost", "/k", "sqs"),
        ("s3.localhost:4566", "/b/k", "b"),
        ("127.0.0.1:4566", "/b/k", "b"),
        ("[::1]:4566", "/b/k", "b"),
    ],
)
def test_buckets_in_the_host(host: str, path: str, bucket: str) -> None:
    target = identify(Request("GET", path, "", signed(S3, host=host)))
    assert (target.operation.name, target.path_values) == ("GetObject", {"Bucket": bucket, "Key": "k"})
    assert target.path == f"/{bucket}/k"


def test_presigned_urls() -> None:
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260101%2Fus-west-2%2Fs3%2Faws4_request"
    request = Request("PUT", "/b/k", query, {"host": "localhost:4566"})
    assert meant(request) == ("s3", "PutObject")
    assert region_of(request) == "us-west-2"
    old = "AWSAccessKeyId=AKID&Signature=x&Expires=1"
    assert meant(Request("GET", "/b/k", old, {"host": "localhost"})) == ("s3", "GetObject")


def form(body: str, **headers: str) -> Request:
    return Request("POST", "/", "", {"content-type": "application/x-www-form-urlencoded", **headers}, body.encode())


def test_forms() -> None:
    assert meant(form("Action=GetCallerIdentity&Version=2011-06-15")) == ("sts", "GetCallerIdentity")
    assert meant(form("Version=2010-05-08&Action=ListRoles", **signed("iam"))) == ("iam", "ListRoles")
    assert meant(Request("GET", "/", "Action=Publish&Version=2010-03-31", signed("sns"))) == ("sns", "Publish")
    assert meant(form("Action=DescribeInstances&Version=2016-11-15", **signed("ec2"))) == ("ec2", "DescribeInstances")
    assert identify(form("Action=ListMetrics&Version=2010-08-01", **signed("monitoring"))).protocol == "query"
    elb = signed("elasticloadbalancing")
    assert meant(form("Action=DescribeLoadBalancers&Version=2015-12-01", **elb)) == ("elbv2", "DescribeLoadBalancers")
    assert meant(form("Action=DescribeLoadBalancers&Version=2012-06-01", **elb)) == ("elb", "DescribeLoadBalancers")


def test_shared_signing_names() -> None:
    assert meant(Request("GET", "/restapis", "", signed("apigateway"))) == ("apigateway", "GetRestApis")
    assert meant(Request("GET", "/v2/apis", "", signed("apigateway"))) == ("apigatewayv2", "GetApis")
    assert meant(Request("POST", "/v2/email/outbound-emails", "", signed("ses"))) == ("sesv2", "SendEmail")
    assert meant(form("Action=SendEmail&Version=2010-12-01", **signed("ses"))) == ("ses", "SendEmail")
    streams = signed("dynamodb", x_amz_target="DynamoDBStreams_20120810.ListStreams")
    assert meant(Request("POST", "/", "", streams)) == ("dynamodbstreams", "ListStreams")
    assert meant(Request("GET", "/v20180820/jobs", "", signed("s3", x_amz_account_id="1"))) == ("s3control", "ListJobs")
    sockets = Request("POST", "/prod/@connections/a%3D", "", signed("execute-api"))
    assert meant(sockets) == ("apigatewaymanagementapi", "PostToConnection")
    assert identify(sockets).path_values == {"connectionId": "a="}


def test_cbor_and_targets() -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    target = identify(Request("POST", path, "", {"smithy-protocol": "rpc-v2-cbor"}))
    assert (target.service.name, target.operation.name, target.protocol) == (
        "cloudwatch",
        "PutMetricData",
        "smithy-rpc-v2-cbor",
    )
    target = identify(Request("POST", "/", "", {"x-amz-target": "AmazonSQS.SendMessage"}))
    assert (target.service.name, target.protocol) == ("sqs", "json")


@pytest.mark.parametrize(
    ("host", "service", "region"),
    [
        ("lambda.us-east-1.amazonaws.com", "lambda", "us-east-1"),
        ("lambda.us-gov-west-1.localhost:4566", "lambda", "us-gov-west-1"),
        ("lambda.localhost", "lambda", None),
    ],
)
def test_unsigned_requests_by_host(host: str, service: str, region: str | None) -> None:
    request = Request("GET", "/2015-03-31/functions", "", {"host": host})
    assert meant(request) == (service, "ListFunctions")
    assert region_of(request) == region


def test_unsigned_requests_by_path() -> None:
    assert meant(Request("POST", "/2015-03-31/functions/f/invocations")) == ("lambda", "Invoke")
    assert meant(Request("GET", "/2013-04-01/hostedzone")) == ("route53", "ListHostedZones")
    assert meant(Request("GET", "/bucket/key")) == ("s3", "GetObject")
    assert region_of(Request("GET", "/bucket/key")) is None


def test_services_outside_the_table() -> None:
    assert meant(Request("GET", "/v1/voices", "", signed("polly"))) == ("polly", "DescribeVoices")


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/"),
        Request("GET", "/", "", signed("nothing")),
        Request("POST", "/", "", {"x-amz-target": "Nothing.Do"}),
        Request("POST", "/x", "", {"smithy-protocol": "rpc-v2-cbor"}),
        form("Action=Do"),
        form("Action=Do&Version=1"),
    ],
)
def test_unknown_services(request_: Request) -> None:
    with pytest.raises(UnknownService):
        identify(request_)


@pytest.mark.parametrize(
    ("request_", "protocol"),
    [
        (Request("GET", "/nothing", "", signed("lambda")), "rest-json"),
        (Request("PATCH", "/2015-03-31/functions", "", signed("lambda")), "rest-json"),
        (Request("POST", "/", "", signed("sqs")), "json"),
        (form("Action=SendMessage&Version=2012-11-05", **signed("sqs")), "json"),
        (form("Action=Nothing&Version=2010-05-08", **signed("iam")), "query"),
        (Request("POST", "/", "", {"x-amz-target": "AmazonSQS.Nothing"}), "json"),
    ],
)
def test_unknown_operations(request_: Request, protocol: str) -> None:
    with pytest.raises(UnknownOperation) as caught:
        identify(request_)
    assert caught.value.protocol == protocol
    assert caught.value.seen


PARTS = st.sampled_from(
    ["/", "2015-03-31", "functions", "b", "%2F", "%zz", "v2", "service", "operation", "@connections", "é", "..", ""]
)
WORDS = st.sampled_from(
    ["", "s3", "lambda", "iam", "localhost", "nothing", "AmazonSQS.x", "rpc-v2-cbor", "a.b.c", "[", "=&"]
)


@settings(deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "POST", "HEAD", "X"]),
    st.lists(PARTS, max_size=6).map("/".join),
    st.lists(st.sampled_from(["Action=", "Version=", "x", "&", "X-Amz-Credential=", "a/b/c/s3/aws4_request", "%"])),
    st.dictionaries(st.sampled_from(["host", "x-amz-target", "smithy-protocol", "authorization"]), WORDS),
    WORDS,
)
def test_random_requests_are_known_or_refused(
    method: str, path: str, query: list[str], headers: dict[str, str], service: str
) -> None:
    if service:
        headers = {**headers, **signed(service)}
    request = Request(method, path, "".join(query), headers, b"Action=\xff")
    region_of(request)
    try:
        target = identify(request)
    except (UnknownService, UnknownOperation):
        return
    assert target.operation.name in target.service.operations


def test_long_paths_take_no_time() -> None:
    request = Request("GET", "/b" + "/a" * 30_000, "", signed(S3))
    assert len(identify(request).path_values["Key"]) == 59_999
