"""Server access logs: who may be a target, what is logged, and where it ends."""
import json
import re

import pytest
from botocore.exceptions import ClientError

FIELD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


@pytest.fixture
def target(client, bucket):
    name = f"{bucket}-logs"
    client.create_bucket(Bucket=name)
    yield name
    client.delete_bucket_policy(Bucket=name)
    for entry in client.list_objects_v2(Bucket=name).get("Contents", []):
        client.delete_object(Bucket=name, Key=entry["Key"])
    client.delete_bucket(Bucket=name)


def allow(client, source, target, principal="logging.s3.amazonaws.com", source_arn=None):
    client.put_bucket_policy(Bucket=target, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": principal} if principal else "*", "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/log/*",
        "Condition": {"ArnLike": {"aws:SourceArn": source_arn or f"arn:aws:s3:::{source}"}}}]}))


def enable(client, source, target, **more):
    return client.put_bucket_logging(Bucket=source, BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "log/", **more}})


def flush(client, bucket):
    """What waits is delivered now (Ceph's PostBucketLogging, which boto3 does not know)."""
    def rename(request, **_):
        request.method = "POST"
    client.meta.events.register("before-sign.s3.PutBucketLogging", rename)
    try:
        client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    finally:
        client.meta.events.unregister("before-sign.s3.PutBucketLogging", rename)


def lines(client, target):
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=target, Prefix="log/").get("Contents", [])]
    text = "".join(client.get_object(Bucket=target, Key=key)["Body"].read().decode() for key in keys)
    return [FIELD.findall(line) for line in text.splitlines()]


def test_requests_are_logged(client, bucket, target):
    allow(client, bucket, target)
    enable(client, bucket, target)
    client.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    client.get_object(Bucket=bucket, Key="a b")
    assert code_of(client.get_object, Bucket=bucket, Key="missing") == (404, "NoSuchKey")
    flush(client, bucket)
    found = {(line[6], line[7], line[9], line[10]) for line in lines(client, target)}
    assert {("REST.PUT.OBJECT", "a%20b", "200", "-"), ("REST.GET.OBJECT", "a%20b", "200", "-"),
            ("REST.GET.OBJECT", "missing", "404", "NoSuchKey")} <= found
    assert all(line[1] == bucket and len(line) >= 26 for line in lines(client, target))


def test_nothing_is_logged_of_other_buckets(client, bucket, target):
    allow(client, bucket, target)
    enable(client, bucket, target)
    client.put_object(Bucket=target, Key="log/mine", Body=b"")
    flush(client, bucket)
    assert not [line for line in lines(client, target) if line[1] != bucket]


def test_what_is_set_is_answered(client, bucket, target):
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket=bucket)
    allow(client, bucket, target)
    enable(client, bucket, target, TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": "EventTime"}})
    kept = client.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert kept["TargetBucket"] == target and kept["TargetPrefix"] == "log/"
    assert kept["TargetObjectKeyFormat"]["PartitionedPrefix"]["PartitionDateSource"] == "EventTime"
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket=bucket)


def test_only_a_target_that_allows_it(client, bucket, target):
    def refused():
        return code_of(lambda: enable(client, bucket, target)) == (403, "AccessDenied")
    assert refused()
    allow(client, bucket, target, principal=None)  # everybody is nobody's service
    assert refused()
    allow(client, bucket, target, principal="other.amazonaws.com")
    assert refused()
    allow(client, bucket, target, source_arn="arn:aws:s3:::other")
    assert refused()
    allow(client, bucket, target)
    enable(client, bucket, target)


def test_targets_that_cannot_be(client, bucket, target):
    assert code_of(lambda: enable(client, bucket, "no-such-bucket-anywhere")) == (400, "InvalidTargetBucketForLogging")
    allow(client, bucket, target)
    client.put_bucket_request_payment(Bucket=target, RequestPaymentConfiguration={"Payer": "Requester"})
    assert code_of(lambda: enable(client, bucket, target)) == (400, "InvalidTargetBucketForLogging")
    assert "LoggingEnabled" not in client.get_bucket_logging(Bucket=bucket)


def test_a_target_that_goes(client, bucket):
    name = f"{bucket}-gone"
    client.create_bucket(Bucket=name)
    allow(client, bucket, name)
    enable(client, bucket, name)
    client.put_object(Bucket=bucket, Key="key", Body=b"x")
    client.delete_bucket(Bucket=name)
    client.put_object(Bucket=bucket, Key="key", Body=b"y")
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == b"y"
