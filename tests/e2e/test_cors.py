"""CORS: a bucket's configuration, preflight requests, and what pages may read."""
import urllib.error
import urllib.request

import pytest

from conftest import ENDPOINT
from test_buckets import fails

RULES = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"], "AllowedHeaders": ["x-amz-*", "Range"],
          "ExposeHeaders": ["ETag", "x-amz-meta-one"], "MaxAgeSeconds": 600, "ID": "pages & more"},
         {"AllowedMethods": ["PUT", "DELETE"], "AllowedOrigins": ["https://upload.example.com"]},
         {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]}]
PAGE = "https://www.example.com"


@pytest.fixture
def configured(client, bucket):
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    return bucket


def send(method, path, **headers):
    request = urllib.request.Request(f"{ENDPOINT}/{path}", method=method,
                                     headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}


def ask(path, origin, method, **headers):
    return send("OPTIONS", path, Origin=origin, Access_Control_Request_Method=method, **headers)


def test_configuration(client, configured):
    assert client.get_bucket_cors(Bucket=configured)["CORSRules"] == RULES
    client.put_bucket_cors(Bucket=configured, CORSConfiguration={"CORSRules": RULES[1:]})
    assert client.get_bucket_cors(Bucket=configured)["CORSRules"] == RULES[1:]
    client.delete_bucket_cors(Bucket=configured)
    client.delete_bucket_cors(Bucket=configured)
    fails(404, "NoSuchCORSConfiguration", client.get_bucket_cors, Bucket=configured)


@pytest.mark.parametrize("code,change", [
    ("InvalidRequest", {"AllowedMethods": ["PATCH"]}),
    ("InvalidRequest", {"AllowedOrigins": ["*.example.*"]}),
    ("InvalidRequest", {"AllowedHeaders": ["x-*-*"]}),
    ("MalformedXML", {"AllowedMethods": []}),
    ("MalformedXML", {"AllowedOrigins": []}),
    ("MalformedXML", {"ID": "x" * 256}),
    ("MalformedXML", {"MaxAgeSeconds": -1}),
])
def test_wrong_rules_change_nothing(client, configured, code, change):
    fails(400, code, client.put_bucket_cors, Bucket=configured, CORSConfiguration={"CORSRules": [RULES[0] | change]})
    assert client.get_bucket_cors(Bucket=configured)["CORSRules"] == RULES


def test_too_many_or_too_large(client, configured):
    fails(400, "MalformedXML", client.put_bucket_cors, Bucket=configured, CORSConfiguration={"CORSRules": RULES[1:2] * 101})
    large = RULES[1] | {"AllowedOrigins": ["https://" + "x" * 1000] * 70}
    fails(400, "InvalidRequest", client.put_bucket_cors, Bucket=configured, CORSConfiguration={"CORSRules": [large]})
    assert client.get_bucket_cors(Bucket=configured)["CORSRules"] == RULES


def test_preflight(configured):
    path = configured + "/a"
    assert ask(path, PAGE, "GET", Access_Control_Request_Headers="X-Amz-Date, range") == (200, {
        "Access-Control-Allow-Origin": PAGE, "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "x-amz-date, range", "Access-Control-Expose-Headers": "ETag, x-amz-meta-one",
        "Access-Control-Max-Age": "600", "Access-Control-Allow-Credentials": "true"})
    assert ask(path, "https://upload.example.com", "DELETE") == (200, {
        "Access-Control-Allow-Origin": "https://upload.example.com", "Access-Control-Allow-Methods": "PUT, DELETE",
        "Access-Control-Allow-Credentials": "true"})
    assert ask(path, "null", "HEAD") == (200, {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "HEAD"})


def test_preflight_refused(configured):
    path = configured + "/a"
    for origin, method, headers in [(PAGE, "PUT", ""), (PAGE + ".org", "GET", ""), ("http://www.example.com", "GET", ""),
                                    (PAGE, "GET", "x-amz-date, x-other")]:
        assert ask(path, origin, method, Access_Control_Request_Headers=headers) == (403, {})
    assert ask(f"no-such-{configured}/a", PAGE, "GET") == (404, {})
    assert ask(path, PAGE, "get") == ask(path, PAGE, "PATCH") == (400, {})
    assert send("OPTIONS", path, Access_Control_Request_Method="GET") == ask(path, "", "GET") == (400, {})
    assert send("OPTIONS", path, Origin=PAGE) == (400, {})


def test_answers_to_pages(client, configured):
    client.put_object(Bucket=configured, Key="a", Body=b"1", ACL="public-read")
    for key, status in ("a", 200), ("no", 403):
        got, headers = send("GET", f"{configured}/{key}", Origin=PAGE)
        assert got == status and headers["Access-Control-Allow-Origin"] == PAGE
        assert headers["Access-Control-Expose-Headers"] == "ETag, x-amz-meta-one"
    assert send("GET", configured + "/a", Origin="https://other.org") == (200, {})
    assert send("GET", configured + "/a") == (200, {})
    client.delete_bucket_cors(Bucket=configured)
    assert send("GET", configured + "/a", Origin=PAGE) == (200, {})
