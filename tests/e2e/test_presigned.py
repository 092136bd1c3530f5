"""Presigned queries of version 4 into which SDKs have moved headers."""
import base64
import hashlib
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree
import zlib

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY


class Auth(S3SigV4QueryAuth):
    digest = "UNSIGNED-PAYLOAD"

    def payload(self, request):
        return self.digest


def presign(method, path, parameters, headers=None, payload=Auth.digest):
    url = f"{ENDPOINT}/{path}?{urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote)}"
    request = AWSRequest(method=method, url=url, headers=headers or {})
    auth = Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION, expires=60)
    auth.digest = payload
    auth.add_auth(request)
    return request.url


def send(method, url, body=None, headers=None):
    """Status, headers, body."""
    request = urllib.request.Request(url, body, {"Content-Type": "text/x", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def refused(answer, status, code):
    assert answer[0] == status and xml.etree.ElementTree.fromstring(answer[2]).findtext("Code") == code, answer


def test_metadata_and_tags(client, bucket):
    parameters = {"x-amz-meta-a": "b c", "X-Amz-Meta-Upper": "1", "x-amz-tagging": "k=v&l=w", "x-amz-storage-class": "STANDARD"}
    assert send("PUT", presign("PUT", f"{bucket}/k", parameters), b"body")[0] == 200
    assert client.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "b c", "upper": "1"}
    assert client.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}]


def test_a_header_sent_counts(client, bucket):
    url = presign("PUT", f"{bucket}/k", {"x-amz-meta-a": "query"}, {"x-amz-meta-a": "header"})
    assert send("PUT", url, b"body", {"x-amz-meta-a": "header"})[0] == 200
    assert client.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "header"}
    refused(send("PUT", presign("PUT", f"{bucket}/k", {"x-amz-meta-a": "query"}), b"", {"x-amz-meta-a": "unsigned"}), 403, "AccessDenied")


def test_checksums(client, bucket):
    """SDKs presign before there is a body, with the checksum of an empty one."""
    parameters = {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "CRC32"}
    assert send("PUT", presign("PUT", f"{bucket}/k", parameters), b"body")[0] == 200
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"
    crc = base64.b64encode(zlib.crc32(b"body").to_bytes(4, "big")).decode()
    client.put_object(Bucket=bucket, Key="k", Body=b"body", ChecksumCRC32=crc)
    assert send("GET", presign("GET", f"{bucket}/k", {"x-amz-checksum-mode": "ENABLED"}))[1]["x-amz-checksum-crc32"] == crc


def test_digest_of_the_body(client, bucket):
    digest = hashlib.sha256(b"body").hexdigest()
    url = presign("PUT", f"{bucket}/k", {"X-Amz-Content-Sha256": digest}, payload=digest)
    refused(send("PUT", url, b"other"), 400, "XAmzContentSHA256Mismatch")
    refused(send("PUT", url, b"other", {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}), 403, "AccessDenied")
    assert send("PUT", url, b"body")[0] == 200


def test_copy(client, bucket):
    client.put_object(Bucket=bucket, Key="from", Body=b"body")
    for name in "x-amz-copy-source", "X-Amz-Copy-Source":
        url = presign("PUT", f"{bucket}/{name}", {name: f"{bucket}/from"})
        status, _, body = send("PUT", url)
        assert status == 200 and b"CopyObjectResult" in body
        assert client.get_object(Bucket=bucket, Key=name)["Body"].read() == b"body"
    refused(send("PUT", url.replace("from&", "elsewhere&")), 403, "SignatureDoesNotMatch")


def test_not_without_a_signature_of_the_query(client, bucket):
    refused(send("PUT", f"{ENDPOINT}/{bucket}/k?x-amz-acl=public-read&x-amz-copy-source=a/b"), 403, "AccessDenied")
    client.meta.events.register("before-sign.s3.PutObject", lambda request, **_: request.params.update({"x-amz-meta-a": "1"}),
                                unique_id="query")
    try:
        client.put_object(Bucket=bucket, Key="k", Body=b"body")
    finally:
        client.meta.events.unregister("before-sign.s3.PutObject", unique_id="query")
    assert client.head_object(Bucket=bucket, Key="k")["Metadata"] == {}


def test_what_no_header_can_be(client, bucket):
    for parameters in {"x-amz-meta-a": "1\r\nx-evil: 1"}, {"x-amz-meta-a": "\0"}, {"x-amz-meta-a b": "1"}, {"x-amz-meta-a:": "1"}:
        refused(send("PUT", presign("PUT", f"{bucket}/k", parameters), b"body"), 400, "InvalidArgument")
    assert not client.list_objects_v2(Bucket=bucket)["KeyCount"]
