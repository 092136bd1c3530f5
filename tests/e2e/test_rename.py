"""RenameObject: one key for another, in one step, without a byte copied."""
import os

import pytest

from conftest import make_client
from test_buckets import fails

BIG = os.urandom((5 << 20) + 7)


def keys(client, bucket):
    return [o["Key"] for o in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("source", ["a b/ö", "/a b/ö", "{bucket}/a b/ö", "/{bucket}/a b/ö", "/a%20b%2F%C3%B6"])
def test_names_of_the_source(client, bucket, source):
    client.put_object(Bucket=bucket, Key="a b/ö", Body=b"x")
    rename = make_client()
    if "%" not in source:  # header values are ASCII: as S3 says, encoded
        source = source.replace(" ", "%20").replace("ö", "%C3%B6")
    rename.rename_object(Bucket=bucket, Key="new", RenameSource=source.format(bucket=bucket))
    assert keys(client, bucket) == ["new"]


@pytest.mark.parametrize("body", [b"", b"small", BIG], ids=["empty", "inline", "large"])
@pytest.mark.parametrize("versioned", [False, True])
def test_everything_comes_along(client, bucket, body, versioned):
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=bucket, Key="old", Body=body, ContentType="text/x-test", Metadata={"one": "1"}, Tagging="t=1",
                      ChecksumAlgorithm="SHA256")
    before = client.head_object(Bucket=bucket, Key="old", ChecksumMode="ENABLED")
    client.rename_object(Bucket=bucket, Key="new", RenameSource="old")
    after = client.get_object(Bucket=bucket, Key="new", ChecksumMode="ENABLED")
    assert after["Body"].read() == body
    for name in ("ETag", "LastModified", "ContentType", "Metadata", "ChecksumSHA256", "ContentLength"):
        assert after[name] == before[name], name
    assert client.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == [{"Key": "t", "Value": "1"}]
    fails(404, "NoSuchKey", client.get_object, Bucket=bucket, Key="old")
    if versioned:
        old = client.get_object(Bucket=bucket, Key="old", VersionId=before["VersionId"])
        assert old["Body"].read() == body and after["VersionId"] != before["VersionId"]
        client.delete_object(Bucket=bucket, Key="old", VersionId=before["VersionId"])
        assert client.get_object(Bucket=bucket, Key="new")["Body"].read() == body


def test_suspended_versioning(client, bucket):
    client.put_object(Bucket=bucket, Key="old", Body=BIG)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    client.rename_object(Bucket=bucket, Key="new", RenameSource="old")
    assert client.get_object(Bucket=bucket, Key="new")["Body"].read() == BIG
    listing = client.list_object_versions(Bucket=bucket)
    assert [v["Key"] for v in listing["Versions"]] == ["new"] and [m["Key"] for m in listing["DeleteMarkers"]] == ["old"]


def test_a_delete_marker_has_no_name_to_change(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=bucket, Key="old", Body=b"1")
    client.delete_object(Bucket=bucket, Key="old")
    fails(404, "NoSuchKey", client.rename_object, Bucket=bucket, Key="new", RenameSource="old")
    client.put_object(Bucket=bucket, Key="other", Body=b"2")
    client.rename_object(Bucket=bucket, Key="old", RenameSource="other", DestinationIfNoneMatch="*")
    assert client.get_object(Bucket=bucket, Key="old")["Body"].read() == b"2"


def test_the_target_is_replaced(client, bucket):
    client.put_object(Bucket=bucket, Key="old", Body=b"1")
    client.put_object(Bucket=bucket, Key="new", Body=BIG)
    client.rename_object(Bucket=bucket, Key="new", RenameSource="old")
    assert client.get_object(Bucket=bucket, Key="new")["Body"].read() == b"1" and keys(client, bucket) == ["new"]


def test_multipart(client, bucket):
    upload = client.create_multipart_upload(Bucket=bucket, Key="old")["UploadId"]
    parts = [{"PartNumber": n, "ETag": client.upload_part(Bucket=bucket, Key="old", UploadId=upload, PartNumber=n, Body=BIG)["ETag"]}
             for n in (1, 2)]
    client.complete_multipart_upload(Bucket=bucket, Key="old", UploadId=upload, MultipartUpload={"Parts": parts})
    client.rename_object(Bucket=bucket, Key="new", RenameSource="old")
    assert client.get_object(Bucket=bucket, Key="new", PartNumber=2)["Body"].read() == BIG


@pytest.mark.parametrize("versioned", [False, True])
def test_encrypted(client, bucket, versioned):
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    client.put_object(Bucket=bucket, Key="old", Body=BIG, ServerSideEncryption="AES256")
    client.put_object(Bucket=bucket, Key="old-c", Body=BIG, **customer)
    client.rename_object(Bucket=bucket, Key="new", RenameSource="old")
    client.rename_object(Bucket=bucket, Key="new-c", RenameSource="old-c")
    got = client.get_object(Bucket=bucket, Key="new")
    assert got["Body"].read() == BIG and got["ServerSideEncryption"] == "AES256"
    assert client.get_object(Bucket=bucket, Key="new-c", **customer)["Body"].read() == BIG
    fails(400, "InvalidRequest", client.get_object, Bucket=bucket, Key="new-c")


def test_conditions(client, bucket):
    etag = client.put_object(Bucket=bucket, Key="old", Body=b"1")["ETag"]
    there = client.put_object(Bucket=bucket, Key="new", Body=b"2")["ETag"]
    for wrong in ({"DestinationIfNoneMatch": "*"}, {"DestinationIfMatch": etag}, {"SourceIfMatch": there}, {"SourceIfNoneMatch": etag}):
        fails(412, "PreconditionFailed", client.rename_object, Bucket=bucket, Key="new", RenameSource="old", **wrong)
    assert keys(client, bucket) == ["new", "old"]
    client.rename_object(Bucket=bucket, Key="new", RenameSource="old", DestinationIfMatch=there, SourceIfMatch=etag)
    assert keys(client, bucket) == ["new"]


def test_a_client_token_makes_it_idempotent(client, bucket):
    client.put_object(Bucket=bucket, Key="old", Body=b"1")
    client.put_object(Bucket=bucket, Key="other", Body=b"2")
    for _ in range(2):
        client.rename_object(Bucket=bucket, Key="new", RenameSource="old", ClientToken="token")
    fails(400, "IdempotencyParameterMismatch", client.rename_object, Bucket=bucket, Key="new", RenameSource="other", ClientToken="token")
    assert keys(client, bucket) == ["new", "other"]
    fails(404, "NoSuchKey", client.rename_object, Bucket=bucket, Key="new", RenameSource="old", ClientToken="another")


def test_bad_requests(client, bucket):
    client.put_object(Bucket=bucket, Key="old", Body=b"1")
    fails(404, "NoSuchKey", client.rename_object, Bucket=bucket, Key="new", RenameSource="no")
    fails(404, "NoSuchBucket", client.rename_object, Bucket=bucket + "-no", Key="new", RenameSource="old")
    fails(400, "InvalidRequest", client.rename_object, Bucket=bucket, Key="old", RenameSource="old")
    fails(400, "InvalidArgument", client.rename_object, Bucket=bucket, Key="new", RenameSource="x" * 1025)
    fails(400, "InvalidArgument", client.rename_object, Bucket=bucket, Key="new", RenameSource="old", ClientToken="x" * 65)
    assert keys(client, bucket) == ["old"]


def test_it_needs_the_right_to_delete(client, bucket):
    client.put_object(Bucket=bucket, Key="old", Body=b"1")
    client.put_bucket_policy(Bucket=bucket, Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",'
                             '"Action":"s3:DeleteObject","Resource":"arn:aws:s3:::%s/old"}]}' % bucket)
    fails(403, "AccessDenied", client.rename_object, Bucket=bucket, Key="new", RenameSource="old")
    client.delete_bucket_policy(Bucket=bucket)
    assert keys(client, bucket) == ["old"]


def test_a_locked_version_stays(client, new_name):
    client.create_bucket(Bucket=new_name, ObjectLockEnabledForBucket=True)
    version = client.put_object(Bucket=new_name, Key="old", Body=b"1", ObjectLockLegalHoldStatus="ON")["VersionId"]
    client.rename_object(Bucket=new_name, Key="new", RenameSource="old")
    head = client.head_object(Bucket=new_name, Key="new")
    assert head["ObjectLockLegalHoldStatus"] == "ON"
    fails(403, "AccessDenied", client.delete_object, Bucket=new_name, Key="old", VersionId=version)
    for key, held in (("old", version), ("new", head["VersionId"])):
        client.put_object_legal_hold(Bucket=new_name, Key=key, VersionId=held, LegalHold={"Status": "OFF"})
    for page in client.get_paginator("list_object_versions").paginate(Bucket=new_name):
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
            client.delete_object(Bucket=new_name, Key=entry["Key"], VersionId=entry["VersionId"])
    client.delete_bucket(Bucket=new_name)
