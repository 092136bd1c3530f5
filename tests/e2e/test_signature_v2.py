"""Signatures of version 2: what old clients send. tests/unit/wire/test_sigv2.c has each way to be refused."""
import base64
import email.utils
import hashlib
import hmac
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree

import pytest

from conftest import ACCESS_KEY, DOMAIN, ENDPOINT, SECRET_KEY, empty_bucket, make_client
from test_clients import s3cmd, same, shelf, tree, endpoint  # noqa: F401 (fixtures)
from test_commands import BINARY, store  # noqa: F401 (a fixture)
from test_raw import exchange


@pytest.fixture
def old():
    return make_client(signature_version="s3")


@pytest.fixture
def old_query():
    return make_client(signature_version="s3-query")


def refused(url, data=None, headers=None, method=None):
    """The status and the elements of the error."""
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(urllib.request.Request(url, data, headers or {}, method=method), timeout=20)
    answer = failure.value
    return answer.code, {e.tag: e.text for e in xml.etree.ElementTree.fromstring(answer.read())}


def sign(text, secret=SECRET_KEY):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def test_boto3(old, new_name):
    old.create_bucket(Bucket=new_name)
    try:
        key = "a b/grün +=%&"
        old.put_object(Bucket=new_name, Key=key, Body=b"content", Metadata={"a": "1", "b": "two words"}, ContentType="text/x",
                       Tagging="x=y")
        answer = old.get_object(Bucket=new_name, Key=key, ResponseContentDisposition='attachment; filename="a+b"')
        assert answer["Body"].read() == b"content"
        assert answer["Metadata"] == {"a": "1", "b": "two words"} and answer["ContentType"] == "text/x"
        assert answer["ContentDisposition"] == 'attachment; filename="a+b"'
        assert old.get_object_tagging(Bucket=new_name, Key=key)["TagSet"] == [{"Key": "x", "Value": "y"}]
        assert [e["Key"] for e in old.list_objects_v2(Bucket=new_name, Prefix="a ")["Contents"]] == [key]
        old.copy_object(Bucket=new_name, Key="copy", CopySource={"Bucket": new_name, "Key": key})
        old.put_bucket_versioning(Bucket=new_name, VersioningConfiguration={"Status": "Enabled"})
        version = old.put_object(Bucket=new_name, Key="copy", Body=b"2")["VersionId"]
        assert old.get_object(Bucket=new_name, Key="copy", VersionId=version)["Body"].read() == b"2"
        assert len(old.list_object_versions(Bucket=new_name, Prefix="copy")["Versions"]) == 2
        upload = old.create_multipart_upload(Bucket=new_name, Key="big")["UploadId"]
        part = old.upload_part(Bucket=new_name, Key="big", UploadId=upload, PartNumber=1, Body=b"part")
        old.complete_multipart_upload(Bucket=new_name, Key="big", UploadId=upload,
                                      MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert old.get_object(Bucket=new_name, Key="big")["Body"].read() == b"part"
        old.delete_objects(Bucket=new_name, Delete={"Objects": [{"Key": "big"}]})
    finally:
        empty_bucket(old, new_name)
        old.delete_bucket(Bucket=new_name)


def test_boto3_signs_queries(old_query, bucket):
    old_query.put_object(Bucket=bucket, Key="k", Body=b"1", Metadata={"m": "v"})
    assert old_query.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    assert old_query.list_objects(Bucket=bucket)["Contents"][0]["Key"] == "k"


def test_presigned(client, old, bucket):
    client.put_object(Bucket=bucket, Key="a b", Body=b"content")
    url = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    assert "AWSAccessKeyId=" in url
    assert urllib.request.urlopen(url, timeout=20).read() == b"content"
    put = old.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p", "ContentType": "text/x"})
    headers = {"Content-Type": "text/x"}
    urllib.request.urlopen(urllib.request.Request(put, b"put", headers, method="PUT"), timeout=20).close()
    head = client.head_object(Bucket=bucket, Key="p")
    assert head["ContentLength"] == 3 and head["ContentType"] == "text/x"
    assert refused(put, b"put", {"Content-Type": "text/y"}, "PUT")[0] == 403
    assert refused(url, method="DELETE")[0] == 403
    assert refused(url.replace("a%20b", "other"))[1]["Code"] == "SignatureDoesNotMatch"
    assert refused(url + "&versionId=null")[1]["Code"] == "SignatureDoesNotMatch"


def test_presigned_refused(bucket, old):
    late = old.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=-1)
    status, error = refused(late)
    assert (status, error["Code"], error["Message"]) == (403, "AccessDenied", "Request has expired")
    for query in ("AWSAccessKeyId=k&Expires=9999999999", "Signature=x&Expires=9999999999", "AWSAccessKeyId=k&Signature=x"):
        status, error = refused(f"{ENDPOINT}/{bucket}/k?{query}")
        assert (status, error["Code"]) == (403, "AccessDenied") and "Query-string authentication requires" in error["Message"]
    status, error = refused(f"{ENDPOINT}/{bucket}/k?AWSAccessKeyId=k&Signature=x&Expires=soon")
    assert (status, error["Code"]) == (403, "AccessDenied") and "seconds since epoch" in error["Message"]
    status, error = refused(f"{ENDPOINT}/{bucket}/k?AWSAccessKeyId=nobody&Signature=x&Expires=9999999999")
    assert (status, error["Code"], error["AWSAccessKeyId"]) == (403, "InvalidAccessKeyId", "nobody")


def test_header_refused(bucket):
    url, date = f"{ENDPOINT}/{bucket}?acl", email.utils.formatdate(usegmt=True)

    def attempt(authorization, **headers):
        return refused(url, headers={"Authorization": authorization, **headers})

    status, error = attempt(f"AWS {ACCESS_KEY}:AAAAAAAAAAAAAAAAAAAAAAAAAAA=", Date=date)
    assert (status, error["Code"], error["AWSAccessKeyId"]) == (403, "SignatureDoesNotMatch", ACCESS_KEY)
    assert error["StringToSign"] == f"GET\n\n\n{date}\n/{bucket}?acl"
    urllib.request.urlopen(urllib.request.Request(url, headers={
        "Date": date, "Authorization": f"AWS {ACCESS_KEY}:{sign(error['StringToSign'])}"}), timeout=20).close()
    for authorization, headers, expected in (
            ("AWS HAHAHA", {"Date": date}, (400, "InvalidArgument")),
            ("AWS nobody:c2ln", {"Date": date}, (403, "InvalidAccessKeyId")),
            (f"AWS {ACCESS_KEY}:c2ln", {}, (403, "AccessDenied")),
            (f"AWS {ACCESS_KEY}:c2ln", {"Date": "yesterday"}, (403, "AccessDenied")),
            (f"AWS {ACCESS_KEY}:c2ln", {"Date": email.utils.formatdate(time.time() - 1000, usegmt=True)}, (403, "RequestTimeTooSkewed")),
            (f"AWS {ACCESS_KEY}:c2ln", {"Date": date, "x-amz-date": "yesterday"}, (403, "AccessDenied"))):
        status, error = attempt(authorization, **headers)
        assert (status, error["Code"]) == expected


def test_virtual_host(bucket):
    date = email.utils.formatdate(usegmt=True)
    for target, resource in (("/", f"/{bucket}/"), ("/?location", f"/{bucket}/?location")):
        signature = sign(f"GET\n\n\n{date}\n{resource}")
        answer = exchange(f"GET {target} HTTP/1.1\r\nHost: {bucket}.{DOMAIN}\r\nDate: {date}\r\nConnection: close\r\n"
                          f"Authorization: AWS {ACCESS_KEY}:{signature}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200")


def test_signed_chunks_need_version_4(bucket):
    date = email.utils.formatdate(usegmt=True)
    mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    signature = sign(f"PUT\n\n\n{date}\nx-amz-content-sha256:{mode}\nx-amz-decoded-content-length:1\n/{bucket}/k")
    answer = exchange(f"PUT /{bucket}/k HTTP/1.1\r\nHost: h\r\nDate: {date}\r\nConnection: close\r\nContent-Length: 100\r\n"
                      f"x-amz-content-sha256: {mode}\r\nx-amz-decoded-content-length: 1\r\n"
                      f"Authorization: AWS {ACCESS_KEY}:{signature}\r\n\r\n".encode() + b"x" * 100)
    assert answer.startswith(b"HTTP/1.1 400") and b"InvalidRequest" in answer


def test_s3cmd(endpoint, shelf, tree, tmp_path):  # noqa: F811
    there = f"s3://{shelf}/tree/"
    s3cmd(endpoint, "--signature-v2", "sync", "--multipart-chunk-size-mb=15", str(tree) + "/", there)
    back = tmp_path / "back"
    back.mkdir()
    s3cmd(endpoint, "--signature-v2", "sync", there, str(back) + "/")
    same(tree, back)
    s3cmd(endpoint, "--signature-v2", "cp", there + "empty", there + "void")
    url = s3cmd(endpoint, "--signature-v2", "signurl", there + "a b/one+two=three & 100%.txt", "+60").stdout.strip()
    if endpoint == ENDPOINT:
        assert "AWSAccessKeyId=" in url
        assert urllib.request.urlopen(url, timeout=20).read() == b"plus"
    s3cmd(endpoint, "--signature-v2", "del", "--recursive", "--force", f"s3://{shelf}")
    assert s3cmd(endpoint, "--signature-v2", "ls", "--recursive", f"s3://{shelf}").stdout == ""


@pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")
def test_switched_off(store):  # noqa: F811
    store.configure(store.volumes, "signature_v2 = no")
    store.start()
    form = (b"--b\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n" * 4 + b"--b--\r\n") % (
        b"key", b"k", b"AWSAccessKeyId", b"operator", b"policy", b"e30=", b"signature", b"c2ln")
    form = form.replace(b"--b--", b"--b\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\nx\r\n--b--")
    for query, data, headers in (
            ("", None, {"Authorization": "AWS operator:c2ln", "Date": email.utils.formatdate(usegmt=True)}),
            ("?AWSAccessKeyId=operator&Signature=c2ln&Expires=9999999999", None, {}),
            ("", form, {"Content-Type": "multipart/form-data; boundary=b"})):
        status, error = refused(f"http://{store.address}/bucket{query}", data, headers)
        assert (status, error["Code"]) == (400, "InvalidRequest") and "Please use AWS4-HMAC-SHA256" in error["Message"]
    store.stop()
