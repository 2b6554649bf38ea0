"""
The services that are recognised, with what tells them apart, so that no model is loaded to find out.

Generated from botocore's metadata (tests/wire/test_service_table.py holds it to that): order matters where
services share a signing name, the first that fits wins.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One service: botocore's folder name and the names by which requests mean it."""

    name: str
    signing_name: str
    endpoint_prefix: str
    target_prefix: str
    api_version: str
    protocols: tuple[str, ...]


# fmt: off
SERVICES: tuple[Entry, ...] = (
    Entry("lambda", "lambda", "lambda", "", "2015-03-31", ("rest-json",)),
    Entry("logs", "logs", "logs", "Logs_20140328", "2014-03-28", ("json",)),
    Entry("sts", "sts", "sts", "", "2011-06-15", ("query",)),
    Entry("iam", "iam", "iam", "", "2010-05-08", ("query",)),
    Entry("sqs", "sqs", "sqs", "AmazonSQS", "2012-11-05", ("json",)),
    Entry("sns", "sns", "sns", "", "2010-03-31", ("query",)),
    Entry("s3", "s3", "s3", "", "2006-03-01", ("rest-xml",)),
    Entry("s3control", "s3", "s3-control", "", "2018-08-20", ("rest-xml",)),
    Entry("kinesis", "kinesis", "kinesis", "Kinesis_20131202", "2013-12-02", ("json",)),
    Entry("dynamodb", "dynamodb", "dynamodb", "DynamoDB_20120810", "2012-08-10", ("json",)),
    Entry("dynamodbstreams", "dynamodb", "streams.dynamodb", "DynamoDBStreams_20120810", "2012-08-10", ("json",)),
    Entry("events", "events", "events", "AWSEvents", "2015-10-07", ("json",)),
    Entry("scheduler", "scheduler", "scheduler", "", "2021-06-30", ("rest-json",)),
    Entry("pipes", "pipes", "pipes", "", "2015-10-07", ("rest-json",)),
    Entry("cloudwatch", "monitoring", "monitoring", "GraniteServiceVersion20100801", "2010-08-01", ("smithy-rpc-v2-cbor", "json", "query")),  # noqa: E501
    Entry("stepfunctions", "states", "states", "AWSStepFunctions", "2016-11-23", ("json",)),
    Entry("apigateway", "apigateway", "apigateway", "", "2015-07-09", ("rest-json",)),
    Entry("apigatewayv2", "apigateway", "apigateway", "", "2018-11-29", ("rest-json",)),
    Entry("apigatewaymanagementapi", "execute-api", "execute-api", "", "2018-11-29", ("rest-json",)),
    Entry("secretsmanager", "secretsmanager", "secretsmanager", "secretsmanager", "2017-10-17", ("json",)),
    Entry("ssm", "ssm", "ssm", "AmazonSSM", "2014-11-06", ("json",)),
    Entry("kms", "kms", "kms", "TrentService", "2014-11-01", ("json",)),
    Entry("cloudformation", "cloudformation", "cloudformation", "", "2010-05-15", ("query",)),
    Entry("codedeploy", "codedeploy", "codedeploy", "CodeDeploy_20141006", "2014-10-06", ("smithy-rpc-v2-cbor", "json")),  # noqa: E501
    Entry("xray", "xray", "xray", "", "2016-04-12", ("rest-json",)),
    Entry("cloudtrail", "cloudtrail", "cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "2013-11-01", ("json",)),  # noqa: E501
    Entry("cognito-idp", "cognito-idp", "cognito-idp", "AWSCognitoIdentityProviderService", "2016-04-18", ("json",)),
    Entry("cognito-identity", "cognito-identity", "cognito-identity", "AWSCognitoIdentityService", "2014-06-30", ("json",)),  # noqa: E501
    Entry("appsync", "appsync", "appsync", "", "2017-07-25", ("rest-json",)),
    Entry("ses", "ses", "email", "", "2010-12-01", ("query",)),
    Entry("sesv2", "ses", "email", "", "2019-09-27", ("rest-json",)),
    Entry("mq", "mq", "mq", "", "2017-11-27", ("rest-json",)),
    Entry("kafka", "kafka", "kafka", "", "2018-11-14", ("rest-json",)),
    Entry("elasticache", "elasticache", "elasticache", "", "2015-02-02", ("query",)),
    Entry("rds", "rds", "rds", "", "2014-10-31", ("query",)),
    Entry("cloudfront", "cloudfront", "cloudfront", "", "2020-05-31", ("rest-xml",)),
    Entry("iot", "iot", "iot", "", "2015-05-28", ("rest-json",)),
    Entry("iot-data", "iotdata", "data-ats.iot", "", "2015-05-28", ("rest-json",)),
    Entry("lexv2-models", "lex", "models-v2-lex", "", "2020-08-07", ("rest-json",)),
    Entry("codecommit", "codecommit", "codecommit", "CodeCommit_20150413", "2015-04-13", ("json",)),
    Entry("codepipeline", "codepipeline", "codepipeline", "CodePipeline_20150709", "2015-07-09", ("smithy-rpc-v2-cbor", "json")),  # noqa: E501
    Entry("codebuild", "codebuild", "codebuild", "CodeBuild_20161006", "2016-10-06", ("smithy-rpc-v2-cbor", "json")),
    Entry("ec2", "ec2", "ec2", "", "2016-11-15", ("ec2",)),
    Entry("ecr", "ecr", "api.ecr", "AmazonEC2ContainerRegistry_V20150921", "2015-09-21", ("json",)),
    Entry("application-autoscaling", "application-autoscaling", "application-autoscaling", "AnyScaleFrontendService", "2016-02-06", ("json",)),  # noqa: E501
    Entry("resourcegroupstaggingapi", "tagging", "tagging", "ResourceGroupsTaggingAPI_20170126", "2017-01-26", ("smithy-rpc-v2-cbor", "json")),  # noqa: E501
    Entry("resource-groups", "resource-groups", "resource-groups", "", "2017-11-27", ("rest-json",)),
    Entry("signer", "signer", "signer", "", "2017-08-25", ("rest-json",)),
    Entry("firehose", "firehose", "firehose", "Firehose_20150804", "2015-08-04", ("json",)),
    Entry("efs", "elasticfilesystem", "elasticfilesystem", "", "2015-02-01", ("rest-json",)),
    Entry("acm", "acm", "acm", "CertificateManager", "2015-12-08", ("json",)),
    Entry("route53", "route53", "route53", "", "2013-04-01", ("rest-xml",)),
    Entry("organizations", "organizations", "organizations", "AWSOrganizationsV20161128", "2016-11-28", ("json",)),
    Entry("elbv2", "elasticloadbalancing", "elasticloadbalancing", "", "2015-12-01", ("query",)),
    Entry("elb", "elasticloadbalancing", "elasticloadbalancing", "", "2012-06-01", ("query",)),
    Entry("autoscaling", "autoscaling", "autoscaling", "", "2011-01-01", ("query",)),
    Entry("ecs", "ecs", "ecs", "AmazonEC2ContainerServiceV20141113", "2014-11-13", ("json",)),
    Entry("eks", "eks", "eks", "", "2017-11-01", ("rest-json",)),
    Entry("batch", "batch", "batch", "", "2016-08-10", ("rest-json",)),
    Entry("glue", "glue", "glue", "AWSGlue", "2017-03-31", ("json",)),
    Entry("athena", "athena", "athena", "AmazonAthena", "2017-05-18", ("json",)),
    Entry("opensearch", "es", "es", "", "2021-01-01", ("rest-json",)),
    Entry("es", "es", "es", "", "2015-01-01", ("rest-json",)),
    Entry("redshift", "redshift", "redshift", "", "2012-12-01", ("query",)),
    Entry("docdb", "rds", "rds", "", "2014-10-31", ("query",)),
    Entry("neptune", "rds", "rds", "", "2014-10-31", ("query",)),
    Entry("bedrock-runtime", "bedrock", "bedrock-runtime", "", "2023-09-30", ("rest-json",)),
    Entry("wafv2", "wafv2", "wafv2", "AWSWAF_20190729", "2019-07-29", ("json",)),
    Entry("lambda-web", "lambda", "lambda", "", "2025-03-07", ("rest-json",)),
    Entry("lambda-core", "lambda", "lambda", "", "2026-04-30", ("rest-json",)),
    Entry("config", "config", "config", "StarlingDoveService", "2014-11-12", ("json",)),
    Entry("servicediscovery", "servicediscovery", "servicediscovery", "Route53AutoNaming_v20170314", "2017-03-14", ("smithy-rpc-v2-cbor", "json")),  # noqa: E501
    Entry("appconfig", "appconfig", "appconfig", "", "2019-10-09", ("rest-json",)),
    Entry("appconfigdata", "appconfig", "appconfigdata", "", "2021-11-11", ("rest-json",)),
    Entry("sso-admin", "sso", "sso", "SWBExternalService", "2020-07-20", ("json",)),
    Entry("schemas", "schemas", "schemas", "", "2019-12-02", ("rest-json",)),
    Entry("synthetics", "synthetics", "synthetics", "", "2017-10-11", ("rest-json",)),
    Entry("transcribe", "transcribe", "transcribe", "Transcribe", "2017-10-26", ("smithy-rpc-v2-cbor", "json")),
    Entry("sagemaker", "sagemaker", "api.sagemaker", "SageMaker", "2017-07-24", ("json",)),
    Entry("emr", "elasticmapreduce", "elasticmapreduce", "ElasticMapReduce", "2009-03-31", ("json",)),
    Entry("textract", "textract", "textract", "Textract", "2018-06-27", ("smithy-rpc-v2-cbor", "json")),
    Entry("budgets", "budgets", "budgets", "AWSBudgetServiceGateway", "2016-10-20", ("json",)),
    Entry("accessanalyzer", "access-analyzer", "access-analyzer", "", "2019-11-01", ("rest-json",)),
    Entry("ram", "ram", "ram", "", "2018-01-04", ("rest-json",)),
)
# fmt: on

SIGNING_ALIASES = {
    "s3express": "s3",
    "s3-object-lambda": "s3",
    "s3-outposts": "s3",
    "iotdevicegateway": "iotdata",
}
"""Further names in credential scopes, and the signing name they stand for."""

HOST_ALIASES = {"queue": "sqs", "email": "ses", "s3-external-1": "s3", "s3-accelerate": "s3", "s3express": "s3"}
"""Further labels in host names, and the service they stand for."""

HOST_PREFIXES = ("sync-", "stream-", "streaming-", "data-")
"""Static prefixes that operations put before the endpoint's own label (`endpoint.hostPrefix` in the models)."""

DATED_PATHS = {
    "2013-04-01": "route53",
    "2020-05-31": "cloudfront",
    "2015-02-01": "efs",
    "2021-01-01": "opensearch",
    "2015-01-01": "es",
}
"""Services whose paths begin with a date, by it; every other date is Lambda's."""

_SQS = "AWS.SimpleQueueService."

QUERY_ERROR_CODES = {
    ("sqs", "BatchEntryIdsNotDistinct"): _SQS + "BatchEntryIdsNotDistinct",
    ("sqs", "BatchRequestTooLong"): _SQS + "BatchRequestTooLong",
    ("sqs", "EmptyBatchRequest"): _SQS + "EmptyBatchRequest",
    ("sqs", "InvalidBatchEntryId"): _SQS + "InvalidBatchEntryId",
    ("sqs", "KmsAccessDenied"): "KMS.AccessDeniedException",
    ("sqs", "KmsDisabled"): "KMS.DisabledException",
    ("sqs", "KmsInvalidKeyUsage"): "KMS.InvalidKeyUsageException",
    ("sqs", "KmsInvalidState"): "KMS.InvalidStateException",
    ("sqs", "KmsNotFound"): "KMS.NotFoundException",
    ("sqs", "KmsOptInRequired"): "KMS.OptInRequired",
    ("sqs", "KmsThrottled"): "KMS.ThrottlingException",
    ("sqs", "MessageNotInflight"): _SQS + "MessageNotInflight",
    ("sqs", "PurgeQueueInProgress"): _SQS + "PurgeQueueInProgress",
    ("sqs", "QueueDeletedRecently"): _SQS + "QueueDeletedRecently",
    ("sqs", "QueueDoesNotExist"): _SQS + "NonExistentQueue",
    ("sqs", "QueueNameExists"): "QueueAlreadyExists",
    ("sqs", "TooManyEntriesInBatchRequest"): _SQS + "TooManyEntriesInBatchRequest",
    ("sqs", "UnsupportedOperation"): _SQS + "UnsupportedOperation",
}
"""Codes of the query protocol that botocore's models no longer hold (SQS, "AWS JSON protocol" in its guide)."""
