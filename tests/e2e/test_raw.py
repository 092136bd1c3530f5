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


@pytest.mark.parametrize("lines", [["ETag", "ObjectSize"], ["ETag,ObjectSize"], ["ETag", "Weight"]])
def test_a_list_in_several_lines(client, bucket, lines):
    client.put_object(Bucket=bucket, Key="a", Body=b"12345")
    url = urllib.parse.urlparse(ENDPOINT)
    request = AWSRequest("GET", f"{ENDPOINT}/{bucket}/a?attributes", headers={"Host": url.netloc})
    for line in lines:
        request.headers.add_header("x-amz-object-attributes", line)
    S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION).add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    answer = exchange(f"GET /{bucket}/a?attributes HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
    if "Weight" in lines:
        assert answer.startswith(b"HTTP/1.1 400") and b"InvalidArgument" in answer
    else:
        assert b"<ObjectSize>5</ObjectSize>" in answer and b"<ETag>" in answer
