"""What no client library sends: written to the socket byte by byte."""
import socket
import urllib.parse

import pytest

from conftest import ENDPOINT, make_client
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
