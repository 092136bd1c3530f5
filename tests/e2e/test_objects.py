"""Objects: put, get, head, delete, copy, conditions, ranges, metadata, checksums, tags, versions."""
import base64
import hashlib
import os
import urllib.parse
import zlib

import pytest

from conftest import make_client
from test_buckets import fails

SIZES = [0, 1, 100, 8191, 8192, 8193, 65536, 1 << 20, (5 << 20) + 7]


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(client, bucket, size):
    body = os.urandom(size)
    put = client.put_object(Bucket=bucket, Key="a", Body=body)
    assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == body
    assert got["ContentLength"] == size and got["ETag"] == put["ETag"]
    assert client.head_object(Bucket=bucket, Key="a")["ContentLength"] == size


@pytest.mark.parametrize("key", ["a b", "a+b", "a//b", "a/./b/../c", "ключ/キー", "q'\"<>&", "pct%uFF08", "slash/", "x" * 1024, "\x1f", "?#"])
def test_keys(client, bucket, key):
    client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [o["Key"] for o in client.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_key_too_long(client, bucket):
    fails(400, "KeyTooLongError", client.put_object, Bucket=bucket, Key="x" * 1025)


def test_missing(client, bucket):
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="no")
    fails(404, "404", client.head_object, Bucket=bucket, Key="no")
    fails(404, "NoSuchBucket", client.get_object, Bucket=bucket + "-no", Key="no")
    assert client.delete_object(Bucket=bucket, Key="no")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_headers_and_metadata(client, bucket):
    headers = {"ContentType": "text/x-test", "CacheControl": "max-age=5", "ContentDisposition": 'attachment; filename="a"',
               "ContentEncoding": "gzip", "ContentLanguage": "de"}
    client.put_object(Bucket=bucket, Key="a", Body=b"x", Metadata={"one": "1", "crc32c": "123456789"}, **headers)
    head = client.head_object(Bucket=bucket, Key="a")
    assert {name: head[name] for name in headers} == headers
    assert head["Metadata"] == {"one": "1", "crc32c": "123456789"}


def test_metadata_keeps_its_bytes(bucket):
    client = make_client()  # boto3 refuses such metadata itself, sends headers as UTF-8 and reads them as ISO 8859-1
    client.meta.events.register(
        "before-call.s3.PutObject", lambda params, **_: params["headers"].update({"x-amz-meta-one": "a  \u00e9\u6f22 b"}))
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert client.head_object(Bucket=bucket, Key="a")["Metadata"]["one"].encode("latin-1").decode() == "a  \u00e9\u6f22 b"


def test_metadata_too_large(client, bucket):
    fails(400, "MetadataTooLarge", client.put_object, Bucket=bucket, Key="a", Metadata={"a": "x" * 2100})


def test_response_overrides(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    got = client.get_object(Bucket=bucket, Key="a", ResponseContentType="text/a", ResponseCacheControl="no-store")
    assert (got["ContentType"], got["CacheControl"]) == ("text/a", "no-store")


@pytest.mark.parametrize("range_,first,last", [("bytes=0-5", 0, 5), ("bytes=3-", 3, 99), ("bytes=-7", 93, 99), ("bytes=90-500", 90, 99)])
def test_ranges(client, bucket, range_, first, last):
    body = bytes(range(100))
    client.put_object(Bucket=bucket, Key="a", Body=body)
    got = client.get_object(Bucket=bucket, Key="a", Range=range_)
    assert got["Body"].read() == body[first:last + 1]
    assert got["ContentRange"] == f"bytes {first}-{last}/100"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_range_beyond(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"abc")
    fails(416, "InvalidRange", client.get_object, Bucket=bucket, Key="a", Range="bytes=3-")


def test_ranges_of_nothing(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"")
    assert client.get_object(Bucket=bucket, Key="a", Range="bytes=-5")["ResponseMetadata"]["HTTPStatusCode"] == 200
    fails(416, "InvalidRange", client.get_object, Bucket=bucket, Key="a", Range="bytes=0-")
    fails(416, "InvalidRange", client.get_object, Bucket=bucket, Key="a", Range="bytes=-0")


def test_conditional_reads(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"abc")["ETag"]
    assert client.get_object(Bucket=bucket, Key="a", IfMatch=etag)["Body"].read() == b"abc"
    fails(412, "PreconditionFailed", client.get_object, Bucket=bucket, Key="a", IfMatch='"no"')
    fails(304, "304", client.get_object, Bucket=bucket, Key="a", IfNoneMatch=etag)


def test_conditional_writes(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"1", IfNoneMatch="*")["ETag"]
    fails(412, "PreconditionFailed", client.put_object, Bucket=bucket, Key="a", Body=b"2", IfNoneMatch="*")
    fails(412, "PreconditionFailed", client.put_object, Bucket=bucket, Key="a", Body=b"2", IfMatch='"00000000000000000000000000000000"')
    client.put_object(Bucket=bucket, Key="a", Body=b"3", IfMatch=etag)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"3"


@pytest.mark.parametrize("versioned", [False, True])
def test_conditional_deletes(client, bucket, versioned):
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    wrong = [{"IfMatch": '"no"'}, {"IfMatchSize": 7}, {"IfMatchLastModifiedTime": "2015-01-01T00:00:00Z"}]
    for condition in wrong + [{"IfMatch": "*"}]:  # what is not there is deleted already, and leaves no marker
        client.delete_object(Bucket=bucket, Key="a", **condition)
    assert "DeleteMarkers" not in client.list_object_versions(Bucket=bucket)
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    for condition in wrong:
        fails(412, "PreconditionFailed", client.delete_object, Bucket=bucket, Key="a", **condition)
    client.delete_object(Bucket=bucket, Key="a", IfMatch=etag, IfMatchSize=1)
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="a")
    if versioned:  # the marker is there, and is not what was wanted
        for condition in wrong:
            fails(412, "PreconditionFailed", client.delete_object, Bucket=bucket, Key="a", **condition)
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "ETag": "no"}]})
        assert answer["Errors"][0]["Code"] == "PreconditionFailed"


def test_wrong_md5_leaves_nothing(client, bucket):
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    fails(400, "BadDigest", client.put_object, Bucket=bucket, Key="a", Body=b"abc", ContentMD5=md5)
    fails(400, "InvalidDigest", client.put_object, Bucket=bucket, Key="a", Body=b"abc", ContentMD5="short")
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="a")


@pytest.mark.parametrize("algorithm,digest", [
    ("CRC32", lambda b: zlib.crc32(b).to_bytes(4, "big")),
    ("SHA1", lambda b: hashlib.sha1(b).digest()),
    ("SHA256", lambda b: hashlib.sha256(b).digest()),
])
def test_checksums(client, bucket, algorithm, digest):
    body, name = os.urandom(100000), "Checksum" + algorithm
    value = base64.b64encode(digest(body)).decode()
    assert client.put_object(Bucket=bucket, Key="a", Body=body, ChecksumAlgorithm=algorithm)[name] == value
    assert client.put_object(Bucket=bucket, Key="a", Body=body, **{name: value})[name] == value
    head = client.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert head[name] == value
    assert client.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")["Body"].read() == body
    wrong = base64.b64encode(digest(body + b"x")).decode()
    with pytest.raises(client.exceptions.ClientError) as error:
        client.put_object(Bucket=bucket, Key="b", Body=body, **{name: wrong})
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    fails(404, "404", client.head_object, Bucket=bucket, Key="b")


# The digests of b"abc" as their specifications have them; boto3 computes none of these.
@pytest.mark.parametrize("algorithm,digest", [
    ("SHA512", hashlib.sha512(b"abc").hexdigest()), ("MD5", hashlib.md5(b"abc").hexdigest()),
    ("XXHASH64", "44bc2cf5ad770999"), ("XXHASH3", "78af5f94892f3950"), ("XXHASH128", "06b05ab6733a618578af5f94892f3950"),
])
def test_checksums_that_the_client_brings(client, bucket, algorithm, digest):
    name, value = "Checksum" + algorithm, base64.b64encode(bytes.fromhex(digest)).decode()
    assert client.put_object(Bucket=bucket, Key="a", Body=b"abc", **{name: value})[name] == value
    head = client.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (value, "FULL_OBJECT")
    assert client.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]
    assert client.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/a")["CopyObjectResult"][name] == value
    fails(400, "BadDigest", client.put_object, Bucket=bucket, Key="b", Body=b"abd", **{name: value})
    fails(400, "InvalidRequest", client.create_multipart_upload, Bucket=bucket, Key="a", ChecksumAlgorithm=algorithm,
          ChecksumType="FULL_OBJECT")
    upload = client.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm=algorithm)
    assert upload["ChecksumType"] == "COMPOSITE"
    where = dict(Bucket=bucket, Key="a", UploadId=upload["UploadId"])
    fails(400, "BadDigest", client.upload_part, PartNumber=1, Body=b"abd", **where, **{name: value})
    part = client.upload_part(PartNumber=1, Body=b"abc", **where, **{name: value})
    assert client.list_parts(**where)["Parts"][0][name] == value
    done = client.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"], name: value}]})
    assert done[name].endswith("-1")
    attributes = client.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=["Checksum", "ObjectParts"])
    assert attributes["Checksum"][name] == done[name] and attributes["ObjectParts"]["Parts"][0][name] == value


def test_old_clients_without_checksums(bucket):
    client = make_client(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    client.put_object(Bucket=bucket, Key="a", Body=b"abc")
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"abc"


def test_copy(client, bucket):
    client.put_object(Bucket=bucket, Key="a b", Body=b"abc", Metadata={"one": "1"}, ContentType="text/a")
    client.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a b"})
    got = client.get_object(Bucket=bucket, Key="c")
    assert got["Body"].read() == b"abc" and got["Metadata"] == {"one": "1"} and got["ContentType"] == "text/a"
    client.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a b", MetadataDirective="REPLACE", Metadata={"two": "2"})
    assert client.head_object(Bucket=bucket, Key="c")["Metadata"] == {"two": "2"}


def test_copy_onto_itself(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"abc")
    source = {"Bucket": bucket, "Key": "a"}
    fails(400, "InvalidRequest", client.copy_object, Bucket=bucket, Key="a", CopySource=source)
    client.copy_object(Bucket=bucket, Key="a", CopySource=source, MetadataDirective="REPLACE", Metadata={"x": "y"})
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == b"abc" and got["Metadata"] == {"x": "y"}


def test_copy_conditions(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"abc")["ETag"]
    source = {"Bucket": bucket, "Key": "a"}
    client.copy_object(Bucket=bucket, Key="b", CopySource=source, CopySourceIfMatch=etag)
    fails(412, "PreconditionFailed", client.copy_object, Bucket=bucket, Key="b", CopySource=source, CopySourceIfNoneMatch=etag)
    fails(404, "NoSuchKey", client.copy_object, Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "no"})


def test_delete_objects(client, bucket):
    for key in "a", "b&c":
        client.put_object(Bucket=bucket, Key=key)
    objects = [{"Key": "a"}, {"Key": "b&c"}, {"Key": "no"}]
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert sorted(d["Key"] for d in answer["Deleted"]) == ["a", "b&c", "no"]
    assert "Deleted" not in client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


def test_tags(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="one=1&two=%32")
    tags = client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]
    assert sorted((t["Key"], t["Value"]) for t in tags) == [("one", "1"), ("two", "2")]
    assert client.get_object(Bucket=bucket, Key="a")["TagCount"] == 2
    client.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "k", "Value": "v"}]
    many = {"TagSet": [{"Key": str(i), "Value": ""} for i in range(11)]}
    fails(400, "InvalidTag", client.put_object_tagging, Bucket=bucket, Key="a", Tagging=many)
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "k", "Value": "v"}]
    client.delete_object_tagging(Bucket=bucket, Key="a")
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_tags_name_the_version(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket=bucket, Key="a", Body=b"x")["VersionId"]
    client.put_object(Bucket=bucket, Key="a", Body=b"y")
    where = dict(Bucket=bucket, Key="a", VersionId=version)
    assert client.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})["VersionId"] == version
    assert client.get_object_tagging(**where)["VersionId"] == version
    assert client.delete_object_tagging(**where)["VersionId"] == version


@pytest.mark.parametrize("key,value,taken", [
    ("letters Digits9 +-=._:/@", "\u00e4\u4e2d +-=._:/@", True), ("a?", "", False), ("a", "b*", False), ("aws:a", "b", False)])
def test_characters_of_tags(client, bucket, key, value, taken):
    client.put_object(Bucket=bucket, Key="a", Body=b"x")
    tags, header = [{"Key": key, "Value": value}], urllib.parse.urlencode({key: value})
    if taken:
        client.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": tags})
        client.put_object(Bucket=bucket, Key="b", Body=b"x", Tagging=header)
        assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == client.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == tags
    else:
        fails(400, "InvalidTag", client.put_object_tagging, Bucket=bucket, Key="a", Tagging={"TagSet": tags})
        fails(400, "InvalidTag", client.put_object, Bucket=bucket, Key="b", Body=b"x", Tagging=header)
        fails(400, "InvalidTag", client.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": tags})


@pytest.mark.parametrize("header", [
    "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5"])
def test_encryption_is_never_silently_left_out(bucket, header):
    client = make_client()
    client.meta.events.register("before-call.s3", lambda params, **_: params["headers"].update({header: "AES256"}))
    fails(400, "InvalidArgument", client.put_object, Bucket=bucket, Key="a", Body=b"x")
    fails(400, "InvalidArgument", client.create_multipart_upload, Bucket=bucket, Key="a")
    fails(400, "InvalidArgument", client.get_object, Bucket=bucket, Key="a")


def test_attributes(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"abc")["ETag"]
    got = client.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=["ETag", "ObjectSize", "StorageClass"])
    assert got["ETag"].strip('"') == etag.strip('"') and got["ObjectSize"] == 3 and got["StorageClass"] == "STANDARD"


def test_versions(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = client.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    second = client.put_object(Bucket=bucket, Key="a", Body=b"2")["VersionId"]
    assert client.get_object(Bucket=bucket, Key="a")["VersionId"] == second
    assert client.get_object(Bucket=bucket, Key="a", VersionId=first)["Body"].read() == b"1"
    marker = client.delete_object(Bucket=bucket, Key="a")
    assert marker["DeleteMarker"] is True
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="a")
    fails(405, "MethodNotAllowed", client.get_object, Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    listed = client.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [second, first]
    assert listed["DeleteMarkers"][0]["IsLatest"]
    client.delete_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"2"


def test_only_enabled_versioning_names_new_versions(client, bucket):
    for status, named in ("", False), ("Suspended", False), ("Enabled", True):
        if status:
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        upload_id = client.create_multipart_upload(Bucket=bucket, Key="c")["UploadId"]
        part = client.upload_part(Bucket=bucket, Key="c", UploadId=upload_id, PartNumber=1, Body=b"3")
        answers = [client.put_object(Bucket=bucket, Key="a", Body=b"1"),
                   client.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a"),
                   client.complete_multipart_upload(Bucket=bucket, Key="c", UploadId=upload_id, MultipartUpload={
                       "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})]
        assert ["VersionId" in answer for answer in answers] == [named] * 3
    assert client.head_object(Bucket=bucket, Key="a")["VersionId"] != "null"


def test_presigned(bucket):
    client = make_client(signature_version="s3v4")
    import urllib.error
    import urllib.request
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q"}, ExpiresIn=60)
    request = urllib.request.Request(url, data=b"abc", method="PUT")
    request.add_header("Content-Type", "")
    assert urllib.request.urlopen(request).status == 200
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q"}, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"abc"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url[:-1] + ("0" if url[-1] != "0" else "1"))
    assert error.value.code == 403
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url.split("?")[0])
    assert error.value.code == 403


def test_bad_credentials(bucket):
    fails(403, "InvalidAccessKeyId", make_client(access_key="nobody").list_objects_v2, Bucket=bucket)
    fails(403, "SignatureDoesNotMatch", make_client(secret_key="wrongwrong").list_objects_v2, Bucket=bucket)
