"""Static websites: the configuration, and what browsers get at BUCKET.web.test."""
import http.client
import os
import urllib.parse

import pytest

from conftest import ENDPOINT
from test_buckets import fails

BIG = os.urandom(300_000)
OPEN = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":%s,"Resource":%s}]}'


def visit(bucket, path, method="GET", **headers):
    """A browser's request: status, headers, body; nothing is followed."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(ENDPOINT).netloc, timeout=30)
    connection.request(method, path, headers={"Host": f"{bucket}.web.test", **{name.replace("_", "-"): value for name, value in headers.items()}})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def configure(client, bucket, **configuration):
    client.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration)


def location(bucket, path):
    status, headers, body = visit(bucket, path)
    assert body == b""
    return status, headers["Location"]


@pytest.fixture
def site(client, bucket):
    client.put_bucket_policy(Bucket=bucket, Policy=OPEN % ('"s3:GetObject"', f'"arn:aws:s3:::{bucket}/*"'))
    configure(client, bucket, IndexDocument={"Suffix": "index.html"}, ErrorDocument={"Key": "errors/page.html"})
    for key, body in {"index.html": b"home", "docs/index.html": b"docs", "docs/a page.html": BIG, "errors/page.html": b"sorry"}.items():
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/html")
    return bucket


def test_configuration(client, bucket):
    fails(404, "NoSuchWebsiteConfiguration", client.get_bucket_website, Bucket=bucket)
    whole = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": " error.html"}, "RoutingRules": [
        {"Condition": {"KeyPrefixEquals": "a/"}, "Redirect": {"ReplaceKeyPrefixWith": "b/"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "c"},
         "Redirect": {"HostName": "example.com", "Protocol": "https", "ReplaceKeyWith": "d", "HttpRedirectCode": "302"}}]}
    for configuration in (whole, {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}}, {"IndexDocument": {"Suffix": "i"}}):
        configure(client, bucket, **configuration)
        got = client.get_bucket_website(Bucket=bucket)
        got.pop("ResponseMetadata")
        assert got == configuration
    client.delete_bucket_website(Bucket=bucket)
    client.delete_bucket_website(Bucket=bucket)
    fails(404, "NoSuchWebsiteConfiguration", client.get_bucket_website, Bucket=bucket)


INDEX = {"IndexDocument": {"Suffix": "index.html"}}


@pytest.mark.parametrize("code, configuration", [
    ("InvalidArgument", {}), ("InvalidArgument", {"IndexDocument": {"Suffix": ""}}), ("InvalidArgument", {"IndexDocument": {"Suffix": "a/b"}}),
    ("InvalidArgument", {"ErrorDocument": {"Key": "a"}}),
    ("MalformedXML", {**INDEX, "RedirectAllRequestsTo": {"HostName": "example.com"}}),
    ("InvalidRequest", {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "ftp"}}),
    ("InvalidRequest", {"RedirectAllRequestsTo": {"HostName": "a b"}}),
    ("MalformedXML", {**INDEX, "RoutingRules": []}), ("MalformedXML", {**INDEX, "RoutingRules": [{"Redirect": {}}]}),
    ("MalformedXML", {**INDEX, "RoutingRules": [{"Condition": {}, "Redirect": {"ReplaceKeyWith": "a"}}]}),
    ("InvalidRequest", {**INDEX, "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}]}),
    ("InvalidRequest", {**INDEX, "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a", "HttpRedirectCode": "300"}}]}),
    ("InvalidRequest", {**INDEX, "RoutingRules": [{"Condition": {"HttpErrorCodeReturnedEquals": "200"}, "Redirect": {"ReplaceKeyWith": "a"}}]}),
    ("InvalidRequest", {**INDEX, "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a"}}] * 51}),
])
def test_what_is_refused(client, bucket, code, configuration):
    fails(400, code, client.put_bucket_website, Bucket=bucket, WebsiteConfiguration=configuration)
    fails(404, "NoSuchWebsiteConfiguration", client.get_bucket_website, Bucket=bucket)


def test_pages(site):
    for path, body in (("/", b"home"), ("/index.html", b"home"), ("/docs/", b"docs"), ("/docs/a%20page.html", BIG), ("/?versionId=x", b"home")):
        status, headers, got = visit(site, path)
        assert (status, got, headers["Content-Type"]) == (200, body, "text/html")
    status, headers, body = visit(site, "/docs/", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "4", b"")
    assert visit(site, "/docs/a%20page.html", Range="bytes=5-9")[::2] == (206, BIG[5:10])
    etag = visit(site, "/")[1]["ETag"]
    assert visit(site, "/", If_None_Match=etag)[0] == 304
    assert visit(site, "/", If_Match='"no"')[0] == 412


def test_folders_and_missing_pages(client, site):
    assert location(site, "/docs") == (302, "/docs/")
    status, headers, body = visit(site, "/nothing")
    assert (status, body, headers["Content-Type"]) == (403, b"sorry", "text/html")  # nobody may list it
    client.put_bucket_policy(Bucket=site, Policy=OPEN % ('["s3:GetObject","s3:ListBucket"]', f'["arn:aws:s3:::{site}/*","arn:aws:s3:::{site}"]'))
    assert visit(site, "/nothing")[::2] == (404, b"sorry")
    assert visit(site, "/nothing/")[::2] == (404, b"sorry")
    assert visit(site, "/nothing", method="HEAD")[0] == 404
    client.delete_object(Bucket=site, Key="errors/page.html")
    status, headers, body = visit(site, "/<nothing>")
    assert status == 404 and headers["Content-Type"].startswith("text/html")
    assert b"<h1>404 Not Found</h1>" in body and b"Code: NoSuchKey" in body and b"Key: &lt;nothing&gt;" in body


def test_private_pages(client, site):
    client.delete_bucket_policy(Bucket=site)
    assert visit(site, "/")[0] == 403
    client.put_object_acl(Bucket=site, Key="index.html", ACL="public-read")
    client.put_object_acl(Bucket=site, Key="errors/page.html", ACL="public-read")
    assert visit(site, "/")[::2] == (200, b"home")
    assert visit(site, "/docs/")[::2] == (403, b"sorry")
    assert visit(site, "/docs")[0] == 403


def test_redirects_of_objects(client, site):
    for target in ("/docs/", "https://example.com/x?y=1"):
        client.put_object(Bucket=site, Key="old.html", Body=b"", WebsiteRedirectLocation=target)
        assert location(site, "/old.html") == (301, target)
        assert client.head_object(Bucket=site, Key="old.html")["WebsiteRedirectLocation"] == target
    fails(400, "InvalidRedirectLocation", client.put_object, Bucket=site, Key="old.html", WebsiteRedirectLocation="docs/")
    copy = dict(Bucket=site, Key="copy.html", CopySource=f"{site}/old.html")
    for directive in "COPY", "REPLACE":
        client.copy_object(**copy, MetadataDirective=directive)
        assert "WebsiteRedirectLocation" not in client.head_object(Bucket=site, Key="copy.html")
        client.copy_object(**copy, MetadataDirective=directive, WebsiteRedirectLocation="/docs/")
        assert location(site, "/copy.html") == (301, "/docs/")
        fails(400, "InvalidRedirectLocation", client.copy_object, **copy, MetadataDirective=directive, WebsiteRedirectLocation="docs/")


def test_routing_rules(client, site):
    client.put_bucket_policy(Bucket=site, Policy=OPEN % ('["s3:GetObject","s3:ListBucket"]', f'["arn:aws:s3:::{site}/*","arn:aws:s3:::{site}"]'))
    configure(client, site, **INDEX, RoutingRules=[
        {"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "new docs/"}},
        {"Condition": {"KeyPrefixEquals": "gone/", "HttpErrorCodeReturnedEquals": "404"}, "Redirect": {"ReplaceKeyWith": "gone.html", "HttpRedirectCode": "307"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404"}, "Redirect": {"HostName": "old.example.com", "Protocol": "https"}}])
    client.put_object(Bucket=site, Key="gone/but there", Body=b"x")
    host = f"http://{site}.web.test"
    assert location(site, "/docs/a%20page.html") == (301, f"{host}/new%20docs/a%20page.html")
    assert location(site, "/gone/a") == (307, f"{host}/gone.html")
    assert visit(site, "/gone/but%20there")[::2] == (200, b"x")
    assert location(site, "/other/%C3%A4") == (301, "https://old.example.com/other/%C3%A4")
    assert visit(site, "/")[::2] == (200, b"home")


def test_redirect_of_everything(client, bucket):
    configure(client, bucket, RedirectAllRequestsTo={"HostName": "example.com"})
    assert location(bucket, "/a/b") == (301, "http://example.com/a/b")
    configure(client, bucket, RedirectAllRequestsTo={"HostName": "example.com", "Protocol": "https"})
    assert location(bucket, "/") == (301, "https://example.com/")


def test_what_is_no_website(client, bucket):
    status, headers, body = visit(bucket, "/")
    assert status == 404 and b"NoSuchWebsiteConfiguration" in body and headers["Content-Type"].startswith("text/html")
    assert b"NoSuchBucket" in visit(bucket + "-no", "/")[2]
    for method in ("PUT", "POST", "DELETE"):
        assert visit(bucket, "/a", method=method)[0] == 405
    assert visit(bucket, "/" + "a" * 1025)[0] == 400
    assert visit(bucket, "/%ff")[0] == 400
