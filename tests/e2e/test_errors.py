"""What an error tells besides its code: the elements that S3 adds, and messages that name what is wrong."""
import datetime
import hashlib
import re

import pytest

from conftest import make_client
from test_presigned import presign, send
from test_raw import exchange, signed_exchange

LONG_AGO = datetime.datetime(2000, 1, 1)


def error(call, **parameters):
    """boto3 keeps what it does not know beside the code and the message."""
    client = make_client()
    with pytest.raises(client.exceptions.ClientError) as raised:
        getattr(client, call)(**parameters)
    return raised.value.response["Error"]


def elements(answer):
    return dict(re.findall(r"<([A-Za-z0-9-]+)>([^<]*)</", answer.partition(b"\r\n\r\n")[2].decode()))


def test_what_was_asked_for_is_named(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert error("get_object", Bucket=bucket, Key="no")["Key"] == "no"
    assert error("list_objects_v2", Bucket="no-" + bucket)["BucketName"] == "no-" + bucket
    assert error("abort_multipart_upload", Bucket=bucket, Key="a", UploadId="none")["UploadId"] == "none"
    assert error("put_object", Bucket=bucket, Key="a", ContentMD5="x")["Content-MD5"] == "x"
    refused = elements(signed_exchange("POST", f"{bucket}/a", []))
    assert (refused["Code"], refused["Method"], refused["ResourceType"]) == ("MethodNotAllowed", "POST", "OBJECT")


def test_versions_of_other_stores_are_not_there(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    for version in "01ARZ3NDEKTSV4RRFFQ69G5FAV", "3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo":
        refused = error("get_object", Bucket=bucket, Key="a", VersionId=version)
        assert (refused["Code"], refused["VersionId"]) == ("NoSuchVersion", version)
        assert error("get_object_tagging", Bucket=bucket, Key="a", VersionId=version)["Code"] == "NoSuchVersion"
        assert error("copy_object", Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a", "VersionId": version})["Code"] == "NoSuchVersion"
        client.delete_object(Bucket=bucket, Key="a", VersionId=version)
    for version in "short", "no spaces or other things here", "":
        assert error("get_object", Bucket=bucket, Key="a", VersionId=version)["Code"] == "InvalidArgument"
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


@pytest.mark.parametrize("parameters,name", [
    ({"IfMatch": '"0"'}, "If-Match"), ({"IfUnmodifiedSince": LONG_AGO}, "If-Unmodified-Since"),
    ({"IfMatch": '"0"', "IfUnmodifiedSince": LONG_AGO}, None)])
def test_the_condition_is_named(client, bucket, parameters, name):
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert error("get_object", Bucket=bucket, Key="a", **parameters).get("Condition") == name


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_the_checksum_is_named(bucket, algorithm):
    wrong = {"CRC32": "AAAAAA==", "SHA256": "A" * 43 + "="}[algorithm]
    assert algorithm in error("put_object", Bucket=bucket, Key="a", Body=b"x", **{"Checksum" + algorithm: wrong})["Message"]


def test_both_digests_of_a_body(bucket):
    claimed = hashlib.sha256(b"other").hexdigest()
    refused = elements(signed_exchange("PUT", f"{bucket}/a", [], b"body", claimed))
    assert refused["Code"] == "XAmzContentSHA256Mismatch"
    assert refused["ClientComputedContentSHA256"] == claimed
    assert refused["S3ComputedContentSHA256"] == hashlib.sha256(b"body").hexdigest()


def test_headers_that_were_not_signed(bucket):
    url = presign("PUT", f"{bucket}/a", {})
    status, _, body = send("PUT", url, b"x", {"x-amz-meta-b": "1", "X-Amz-Acl": "private"})
    refused = elements(b"\r\n\r\n" + body)
    assert status == 403 and sorted(refused["HeadersNotSigned"].split(", ")) == ["x-amz-acl", "x-amz-meta-b"]


def test_who_has_the_wrong_clock_sees_it(bucket):
    stale = ("AWS4-HMAC-SHA256 Credential=AK/20200101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
             "Signature=" + "0" * 64)
    head = f"Host: x\r\nx-amz-date: 20200101T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nConnection: close\r\n"
    refused = elements(exchange(f"GET /{bucket}/a HTTP/1.1\r\n{head}Authorization: {stale}\r\n\r\n".encode()))
    assert (refused["Code"], refused["RequestTime"], refused["MaxAllowedSkewMilliseconds"]) == ("RequestTimeTooSkewed", "20200101T000000Z", "900000")
    assert refused["ServerTime"].startswith(str(datetime.datetime.now(datetime.timezone.utc).year))
    query = ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20200101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20200101T000000Z"
             "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0" * 64)
    refused = elements(exchange(f"GET /{bucket}/a?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()))
    assert (refused["Code"], refused["X-Amz-Expires"], refused["Expires"]) == ("AccessDenied", "60", "2020-01-01T00:01:00.000Z")


@pytest.mark.parametrize("authorization,text", [
    ("SignedHeaders=host, Signature=" + "0" * 64, "missing Credential"),
    ("Credential=AK/20200101/eu-west-9/s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64, "'eu-west-9' is wrong; expecting 'us-east-1'"),
    ("Credential=AK/20200101/us-east-1/s3, SignedHeaders=host, Signature=" + "0" * 64, "YYYYMMDD/REGION/SERVICE"),
    ("Credential=AK/1/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64, "yyyyMMdd"),
    ("Credential=AK/20200101/us-east-1/s3/aws3_request, SignedHeaders=host, Signature=" + "0" * 64, "terminal")])
def test_what_is_wrong_with_the_authorization(bucket, authorization, text):
    head = "Host: x\r\nx-amz-date: 20200101T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nConnection: close\r\n"
    answer = exchange(f"GET /{bucket}/a HTTP/1.1\r\n{head}Authorization: AWS4-HMAC-SHA256 {authorization}\r\n\r\n".encode())
    assert elements(answer)["Code"] == "AuthorizationHeaderMalformed" and text in elements(answer)["Message"].replace("&apos;", "'").replace("&#39;", "'")
