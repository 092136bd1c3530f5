"""What no client library sends: written to the socket byte by byte."""
import socket
import urllib.parse

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY, make_client
from test_buckets import fails


def exchange(data, shut=False):
    url = urllib.parse.urlparse(ENDPOINT)
    with socket.create_connection((url.hostname, url.port), timeout=20) as s:
        s.sendall(data)
        if shut:
            s.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
        return answer


def presigned_path(bucket, key):
    url = make_client(signature_version="s3v4").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
    parts = urllib.parse.urlparse(url)
    return f"{parts.path}?{parts.query}", parts.netloc


def test_bad_authorization_gets_no_continue(client, bucket):
    answer = exchange(f"PUT /{bucket}/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\nExpect: 100-continue\r\n"
                      "Connection: close\r\n\r\n".encode())
    assert b"100 Continue" not in answer
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"AccessDenied" in answer


@pytest.mark.parametrize("body", [b"", b"short"])
def test_truncated_body_leaves_nothing(client, bucket, body):
    path, host = presigned_path(bucket, "a")
    exchange(f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n".encode() + body, shut=True)
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="a")


def test_missing_length(client, bucket):
    path, host = presigned_path(bucket, "a")
    answer = exchange(f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 411") and b"MissingContentLength" in answer


def test_unknown_access_key_gets_no_continue(bucket):
    for _ in range(2):  # looked up, then remembered
        url = make_client(access_key="NOBODY", signature_version="s3v4").generate_presigned_url(
            "put_object", Params={"Bucket": bucket, "Key": "a"})
        parts = urllib.parse.urlparse(url)
        answer = exchange(f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 4000000\r\n"
                          "Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403") and b"InvalidAccessKeyId" in answer


def test_known_access_key_gets_continue(client, bucket):
    path, host = presigned_path(bucket, "a")
    url = urllib.parse.urlparse(ENDPOINT)
    with socket.create_connection((url.hostname, url.port), timeout=20) as s:
        s.sendall(f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert s.recv(65536).startswith(b"HTTP/1.1 100")
        s.sendall(b"abc")
        assert s.recv(65536).startswith(b"HTTP/1.1 200")


def test_response_headers_carry_no_line_feeds(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"1")
    for value in "a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7fb":
        fails(400, "InvalidArgument", client.get_object, Bucket=bucket, Key="a", ResponseContentDisposition=value)


def test_smuggled_request_behind_chunks_is_not_answered(bucket):
    answer = exchange(f"GET /{bucket}/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n"
                      f"GET /{bucket}/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.count(b"HTTP/1.1 ") == 1


class Signer(S3SigV4Auth):
    digest = None

    def payload(self, request):
        return self.digest or super().payload(request)


def signed_exchange(method, path, lines, body=b"", sha256=None):
    """The answer to a signed request with these header lines, of which several may have one name."""
    request = AWSRequest(method, f"{ENDPOINT}/{path}", headers={"Host": urllib.parse.urlparse(ENDPOINT).netloc}, data=body)
    for name, value in lines:
        request.headers.add_header(name, value)
    signer = Signer(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION)
    signer.digest = sha256
    signer.add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    length = "" if method == "GET" else f"Content-Length: {len(body)}\r\n"
    return exchange(f"{method} /{path} HTTP/1.1\r\n{head}{length}Connection: close\r\n\r\n".encode() + body)


@pytest.mark.parametrize("lines", [["ETag", "ObjectSize"], ["ETag,ObjectSize"], ["ETag", "Weight"]])
def test_a_list_in_several_lines(client, bucket, lines):
    client.put_object(Bucket=bucket, Key="a", Body=b"12345")
    answer = signed_exchange("GET", f"{bucket}/a?attributes", [("x-amz-object-attributes", line) for line in lines])
    if "Weight" in lines:
        assert answer.startswith(b"HTTP/1.1 400") and b"InvalidArgument" in answer
    else:
        assert b"<ObjectSize>5</ObjectSize>" in answer and b"<ETag>" in answer


def test_metadata_in_several_lines(client, bucket):
    lines = [("x-amz-meta-a", "1"), ("x-amz-meta-b", "x"), ("X-Amz-Meta-A", "2"), ("x-amz-meta-empty", ""), ("x-amz-meta-a", "3")]
    assert signed_exchange("PUT", f"{bucket}/a", lines).startswith(b"HTTP/1.1 200")
    assert client.head_object(Bucket=bucket, Key="a")["Metadata"] == {"a": "1,2,3", "b": "x", "empty": ""}
    lines = [("x-amz-meta-a", "x" * 700)] * 3  # each would fit
    assert b"MetadataTooLarge" in signed_exchange("PUT", f"{bucket}/a", lines)


STREAM = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
TRAILER = ("x-amz-trailer", "x-amz-checksum-crc32")
GOOD = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"


@pytest.mark.parametrize("length,trailer,body,status,code", [
    ("5", TRAILER, GOOD, 200, None),
    ("5", TRAILER, GOOD[:-1] + b"x", 400, "IncompleteBody"),
    ("5", TRAILER, b"5\r\nhello\r\n0\r\n:NhCmhg==\r\n\r\n", 400, "MalformedTrailerError"),
    ("5", TRAILER, b"5\r\nhello\r\n0\r\n\r\n", 400, "MalformedTrailerError"),
    ("5", None, GOOD, 400, "MalformedTrailerError"),
    ("5", TRAILER, GOOD.replace(b"NhCmhg==", b"NhCmhh=="), 400, "BadDigest"),
    ("5", TRAILER, b"5\r\nhelloXX0\r\n\r\n", 400, "IncompleteBody"),
    ("5", TRAILER, b"6\r\nhello!\r\n0\r\n\r\n", 400, "IncompleteBody"),
    ("5", TRAILER, b"z\r\nhello\r\n0\r\n\r\n", 400, "IncompleteBody"),
    ("6", TRAILER, GOOD, 400, "IncompleteBody"),
    ("5x", TRAILER, GOOD, 411, "MissingContentLength"),
    (None, TRAILER, GOOD, 411, "MissingContentLength")])
def test_chunks(client, bucket, length, trailer, body, status, code):
    lines = [("x-amz-decoded-content-length", length)] * (length is not None) + [trailer] * (trailer is not None)
    answer = signed_exchange("PUT", f"{bucket}/a", lines, body, STREAM)
    assert answer.startswith(f"HTTP/1.1 {status}".encode()), answer
    if code:
        assert f"<Code>{code}</Code>".encode() in answer
        fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="a")
