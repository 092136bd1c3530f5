"""Browser-based uploads: a form with a file, sent by POST to the bucket."""
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import socket
import urllib.parse
import xml.etree.ElementTree as ET

import pytest

from conftest import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY, make_client
from test_buckets import fails

URL = urllib.parse.urlparse(ENDPOINT)
BOUNDARY = "-----------------------------form"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def encode(fields, file=b"content", filename="a.txt", behind=()):
    parts = [(name, None, value.encode() if isinstance(value, str) else value) for name, value in fields]
    if file is not None:
        parts.append(("file", filename, file))
    parts += [(name, None, value.encode()) for name, value in behind]
    body = b""
    for name, filename, value in parts:
        extra = f'; filename="{filename}"\r\nContent-Type: text/html' if filename is not None else ""
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + value + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def send(bucket, body, content_type=TYPE, **headers):
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
    try:
        connection.request("POST", f"/{bucket}", body=body, headers={"Content-Type": content_type, **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def post(bucket, fields, *args, **kwargs):
    return send(bucket, encode(fields, *args, **kwargs))


def refused(answer, status, code, text=""):
    assert answer[0] == status, answer
    error = ET.fromstring(answer[2])
    assert error.findtext("Code") == code, answer
    assert text in error.findtext("Message"), answer
    return error


def policy_of(bucket, conditions=(), key="", seconds=600):
    expiration = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    document = {"expiration": expiration.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "conditions": [{"bucket": bucket}, ["starts-with", "$key", key], *conditions]}
    return base64.b64encode(json.dumps(document).encode()).decode()


def sign_2(policy, secret=SECRET_KEY, access_key=ACCESS_KEY):
    signature = hmac.new(secret.encode(), policy.encode(), hashlib.sha1).digest()
    return [("policy", policy), ("AWSAccessKeyId", access_key), ("signature", base64.b64encode(signature).decode())]


def signed_2(bucket, fields, key="user/${filename}", conditions=(), **policy):
    for name, value in fields:
        conditions = (*conditions, {name: value})
    return [("key", key), *fields, *sign_2(policy_of(bucket, conditions, **policy))]


def presigned(bucket, fields=None, conditions=None, key="user/${filename}", **client):
    post_data = make_client(signature_version="s3v4", **client).generate_presigned_post(
        bucket, key, Fields=dict(fields or {}), Conditions=[*(conditions or []), *({n: v} for n, v in (fields or {}).items())])
    return list(post_data["fields"].items())


def is_empty(client, bucket):
    return "Contents" not in client.list_objects_v2(Bucket=bucket) and "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


@pytest.fixture
def public_bucket(client, bucket):
    client.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    return bucket


def test_version_4(client, bucket):
    fields = {"x-amz-meta-color": "red", "Content-Type": "text/plain", "Cache-Control": "no-cache", "acl": "public-read",
              "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"}
    status, headers, body = post(bucket, presigned(bucket, fields), behind=[("x-amz-meta-behind", "ignored")])
    assert (status, body) == (204, b"")
    assert headers["Location"] == f"{ENDPOINT}/{bucket}/user/a.txt"
    answer = client.get_object(Bucket=bucket, Key="user/a.txt")
    assert answer["Body"].read() == b"content"
    assert answer["ETag"] == headers["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
    assert answer["Metadata"] == {"color": "red"}
    assert (answer["ContentType"], answer["CacheControl"]) == ("text/plain", "no-cache")
    assert client.get_object_tagging(Bucket=bucket, Key="user/a.txt")["TagSet"] == [{"Key": "a", "Value": "b"}]
    grants = client.get_object_acl(Bucket=bucket, Key="user/a.txt")["Grants"]
    assert any(g["Grantee"].get("URI", "").endswith("AllUsers") for g in grants)


def test_version_2(client, bucket):
    assert post(bucket, signed_2(bucket, []))[0] == 204
    assert client.get_object(Bucket=bucket, Key="user/a.txt")["Body"].read() == b"content"


@pytest.mark.parametrize("size", [0, 1, 100, 3 << 20])
@pytest.mark.parametrize("filler", [b"x", b"\r", b"\r\n--" + BOUNDARY.encode()[:-1]])
def test_every_byte_arrives(client, bucket, size, filler):
    content = (filler * (size // len(filler) + 1))[:size]
    assert post(bucket, presigned(bucket), content)[0] == 204
    assert client.get_object(Bucket=bucket, Key="user/a.txt")["Body"].read() == content


def test_slow_pieces(client, bucket):
    body = encode(presigned(bucket), b"\r\n--" * 50)
    head = f"POST /{bucket} HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((URL.hostname, URL.port), timeout=20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(head.encode())
        for i in range(0, len(body), 7):
            s.sendall(body[i:i + 7])
        assert s.recv(65536).startswith(b"HTTP/1.1 204")
    assert client.get_object(Bucket=bucket, Key="user/a.txt")["Body"].read() == b"\r\n--" * 50


def test_success_answers(client, bucket):
    for asked, given in ("200", 200), ("201", 201), ("204", 204), ("404", 204):
        status, _, body = post(bucket, presigned(bucket, {"success_action_status": asked}))
        assert status == given and (given == 201) == bool(body)
        if body:
            document = ET.fromstring(body)
            assert document.tag == "PostResponse"
            assert [document.findtext(name) for name in ("Location", "Bucket", "Key", "ETag")] == [
                f"{ENDPOINT}/{bucket}/user/a.txt", bucket, "user/a.txt", f'"{hashlib.md5(b"content").hexdigest()}"']
    etag = hashlib.md5(b"content").hexdigest()
    for url, separator in ("http://x.test/done", "?"), ("https://x.test/?a=b", "&"):
        status, headers, _ = post(bucket, presigned(bucket, {"success_action_redirect": url, "success_action_status": "200"}))
        assert status == 303
        assert headers["Location"] == f"{url}{separator}bucket={bucket}&key=user%2Fa.txt&etag=%22{etag}%22"
    for url in "javascript:alert(1)", "http://x.test/\r\nX-Evil: 1":
        status, headers, _ = post(bucket, presigned(bucket, {"success_action_redirect": url}))
        assert status == 204 and "X-Evil" not in headers


def test_key_from_filename(client, bucket):
    fields = [("key", "a/${filename}/${filename}"), *sign_2(policy_of(bucket, key="a/b.txt"))]
    assert post(bucket, fields, filename="C:\\dir\\b.txt")[0] == 204
    client.head_object(Bucket=bucket, Key="a/b.txt/b.txt")
    # the policy sees the key as it will be
    fields = [("key", "${filename}"), *sign_2(policy_of(bucket, key="user/"))]
    refused(post(bucket, fields), 403, "AccessDenied", "Policy Condition failed")
    refused(post(bucket, presigned(bucket, key="${filename}"), filename=""), 400, "InvalidArgument", "length greater than 0")
    refused(post(bucket, presigned(bucket, key="${filename}"), filename="x" * 1025), 400, "KeyTooLongError")


def test_sizes(client, bucket):
    fields = presigned(bucket, conditions=[["content-length-range", 5, 10]])
    error = refused(post(bucket, fields, b"1234"), 400, "EntityTooSmall")
    assert (error.findtext("MinSizeAllowed"), error.findtext("ProposedSize")) == ("5", "4")
    assert refused(post(bucket, fields, b"12345678901"), 400, "EntityTooLarge").findtext("MaxSizeAllowed") == "10"
    large = presigned(bucket, conditions=[["content-length-range", 0, 5 << 20]])
    refused(post(bucket, large, bytes((5 << 20) + 1)), 400, "EntityTooLarge")  # much has been written by then
    assert is_empty(client, bucket)
    assert post(bucket, fields, b"12345")[0] == post(bucket, fields, b"1234567890")[0] == 204


def test_checksums(client, bucket):
    good = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    status, headers, _ = post(bucket, presigned(bucket, {"x-amz-checksum-sha256": good}))
    assert status == 204 and headers["x-amz-checksum-sha256"] == good
    client.delete_object(Bucket=bucket, Key="user/a.txt")
    bad = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    refused(post(bucket, presigned(bucket, {"x-amz-checksum-sha256": bad})), 400, "BadDigest")
    refused(post(bucket, presigned(bucket, {"x-amz-checksum-sha256": "x"})), 400, "BadDigest")
    refused(post(bucket, presigned(bucket, {"Content-MD5": base64.b64encode(bytes(16)).decode()})), 400, "BadDigest")
    assert is_empty(client, bucket)
    assert post(bucket, presigned(bucket, {"Content-MD5": base64.b64encode(hashlib.md5(b"content").digest()).decode()}))[0] == 204


def test_policy(client, bucket):
    refused(post(bucket, signed_2(bucket, [], seconds=-1)), 403, "AccessDenied", "Policy expired")
    refused(post(bucket, signed_2("other", [])), 403, "AccessDenied", "Policy Condition failed")
    refused(post(bucket, signed_2("other", [("bucket", "other")])), 403, "AccessDenied", "Policy Condition failed")
    refused(post(bucket, [*signed_2(bucket, []), ("acl", "public-read")]), 403, "AccessDenied", "Extra input fields: acl")
    refused(post(bucket, [("key", "a"), *sign_2("e30=")]), 400, "InvalidPolicyDocument", "missing expiration")
    refused(post(bucket, [("key", "a"), *sign_2("e30")]), 400, "InvalidPolicyDocument", "Base64")
    assert is_empty(client, bucket)
    assert post(bucket, [*signed_2(bucket, []), ("x-ignore-a", "b")])[0] == 204


def test_signatures(client, bucket):
    policy = policy_of(bucket)
    refused(post(bucket, [("key", "a"), *sign_2(policy, secret="wrong")]), 403, "SignatureDoesNotMatch")
    refused(post(bucket, [("key", "a"), *sign_2(policy)[:2], ("signature", "=x")]), 403, "SignatureDoesNotMatch")
    refused(post(bucket, presigned(bucket, secret_key="wrong")), 403, "SignatureDoesNotMatch")
    refused(post(bucket, presigned(bucket, region="nowhere")), 400, "AuthorizationQueryParametersError", REGION)
    for _ in range(2):  # looked up, then remembered
        refused(post(bucket, [("key", "a"), *sign_2(policy, access_key="NOBODY")]), 403, "InvalidAccessKeyId")
        refused(post(bucket, presigned(bucket, access_key="NOBODY4"), bytes(1 << 20)), 403, "InvalidAccessKeyId")
    for name in "signature", "AWSAccessKeyId", "policy":
        fields = [(n, v) for n, v in signed_2(bucket, []) if n != name]
        refused(post(bucket, fields), 400, "InvalidArgument", f"'{name}'")
    for name in "x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm", "policy":
        fields = [(n, v) for n, v in presigned(bucket) if n != name]
        refused(post(bucket, fields), 400, "InvalidArgument", f"'{name}'")
    refused(post(bucket, [("key", "a"), ("policy", policy)]), 400, "InvalidArgument", "'AWSAccessKeyId'")
    other = policy_of(bucket, [{"acl": "public-read"}])
    tampered = [(n, other if n == "policy" else v) for n, v in presigned(bucket)]
    refused(post(bucket, tampered), 403, "SignatureDoesNotMatch")
    assert is_empty(client, bucket)


def test_anonymous(client, bucket, new_name):
    refused(post(bucket, [("key", "a")]), 403, "AccessDenied")
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    refused(post(bucket, [("key", "a")], bytes(1 << 20)), 403, "AccessDenied")
    refused(post(f"{new_name}-none", [("key", "a")]), 404, "NoSuchBucket")
    assert is_empty(client, bucket)
    client.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert post(bucket, [("key", "a"), ("anything", "else")], bytes(1 << 20))[0] == 204
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == bytes(1 << 20)
    owner = client.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]
    assert owner == client.list_buckets()["Owner"]


def test_denied_besides(client, bucket):
    deny = [{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}/*"}
            for action in ("s3:PutObjectAcl", "s3:PutObjectTagging")]
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": deny}))
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    refused(post(bucket, signed_2(bucket, [("acl", "public-read")])), 403, "AccessDenied")
    refused(post(bucket, signed_2(bucket, [("tagging", tags)])), 403, "AccessDenied")
    assert is_empty(client, bucket)
    assert post(bucket, signed_2(bucket, []))[0] == 204
    client.delete_bucket_policy(Bucket=bucket)
    assert post(bucket, signed_2(bucket, [("acl", "private"), ("tagging", tags)]))[0] == 204


def test_malformed_forms(client, public_bucket):
    bucket = public_bucket
    refused(send(bucket, b"key=a", "application/x-www-form-urlencoded"), 412, "PreconditionFailed")
    refused(send(bucket, encode([("key", "a")]), "multipart/form-data"), 400, "MalformedPOSTRequest")
    refused(send(bucket, b"x"), 400, "MalformedPOSTRequest")
    refused(send(bucket, encode([("key", "a")])[:-50]), 400, "MalformedPOSTRequest")
    refused(send(bucket, encode([("key", "a")], bytes(3 << 20))[:-50]), 400, "MalformedPOSTRequest")
    refused(post(bucket, [("key", "a")], None), 400, "InvalidArgument", "exactly one file")
    refused(post(bucket, []), 400, "InvalidArgument", "'key'")
    refused(post(bucket, [], behind=[("key", "a")]), 400, "InvalidArgument", "'key'")
    refused(post(bucket, [("key", "a"), ("", "b")]), 400, "MalformedPOSTRequest")
    refused(post(bucket, [("key", "a"), ("KEY", "b")]), 400, "InvalidArgument")
    refused(post(bucket, [("key", "a\0")]), 400, "InvalidArgument")
    refused(post(bucket, [("key", b"\xff")]), 400, "InvalidArgument")
    refused(post(bucket, [("key", "a"), ("x", "y" * 20481)]), 400, "MaxPostPreDataLengthExceeded")
    refused(post(bucket, [("key", "a"), *((f"x{i}", "y" * 20000) for i in range(4))]), 400, "MaxPostPreDataLengthExceeded")
    refused(post(bucket, [("key", "a"), ("acl", "nobody")]), 400, "InvalidArgument")
    refused(post(bucket, [("key", "a"), ("tagging", "<x")]), 400, "MalformedXML")
    refused(post(bucket, [("key", "a"), ("x-amz-storage-class", "x")]), 400, "InvalidStorageClass")
    refused(post(bucket, [("key", "a"), ("x-amz-server-side-encryption", "rot13")]), 400, "InvalidArgument")
    refused(post(bucket, [("key", "a"), ("x-amz-object-lock-legal-hold", "on")]), 400, "InvalidArgument")
    for value in "a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7f":
        refused(post(bucket, [("key", "a"), ("x-amz-meta-a", value)]), 400, "InvalidArgument", "no header can have")
        refused(post(bucket, [("key", "a"), ("Content-Type", value)]), 400, "InvalidArgument", "no header can have")
    refused(post(bucket, [("key", "a"), ("x-amz-meta-a: b", "c")]), 400, "InvalidArgument", "no header can have")
    assert is_empty(client, bucket)


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_truncated_body_leaves_nothing(client, bucket, size):
    body = encode(presigned(bucket), bytes(size))
    head = f"POST /{bucket} HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection((URL.hostname, URL.port), timeout=20) as s:
        s.sendall(head + body[:-100])
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="user/a.txt")
    assert is_empty(client, bucket)


def test_versioned_bucket(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    status, headers, _ = post(bucket, presigned(bucket))
    assert status == 204
    answer = client.get_object(Bucket=bucket, Key="user/a.txt", VersionId=headers["x-amz-version-id"])
    assert answer["Body"].read() == b"content"
