"""Quotas of buckets, and ingot bucket: what is in a bucket, counted with every request."""
import concurrent.futures
import json
import os

import boto3
import botocore.config
import pytest

from test_buckets import fails
from test_commands import BINARY, store  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")
MIB = 1 << 20


@pytest.fixture
def s3(store):  # noqa: F811
    store.configure(store.volumes)
    store.start()
    yield boto3.client("s3", endpoint_url=f"http://{store.address}", region_name="us-east-1", aws_access_key_id="operator",
                       aws_secret_access_key="operator1234", config=botocore.config.Config(s3={"addressing_style": "path"}, max_pool_connections=32))
    if store.server:
        store.stop()


def buckets(store):  # noqa: F811
    return {one["name"]: one for one in json.loads(store.run("bucket", "list", "--json").stdout)["buckets"]}


def usage(store, bucket="box"):  # noqa: F811
    one = buckets(store)[bucket]
    return one["objects"], one["bytes"]


def put(s3, key, size, **more):
    return s3.put_object(Bucket="box", Key=key, Body=os.urandom(size), **more)


def exceeds(call, **arguments):
    fails(403, "QuotaExceeded", call, **arguments)


def test_usage(s3, store):  # noqa: F811
    s3.create_bucket(Bucket="box")
    assert usage(store) == (0, 0)
    for key, size in ("empty", 0), ("small", 100), ("large", 3 * MIB):
        put(s3, key, size)
    assert usage(store) == (3, 3 * MIB + 100)
    put(s3, "large", 1000)
    s3.copy_object(Bucket="box", Key="copy", CopySource="box/large")
    s3.put_object_tagging(Bucket="box", Key="copy", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert usage(store) == (4, 2100)
    s3.delete_object(Bucket="box", Key="large")
    assert usage(store) == (3, 1100)
    s3.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    put(s3, "small", 50)
    s3.delete_object(Bucket="box", Key="copy")
    assert usage(store) == (4, 1150)
    upload = s3.create_multipart_upload(Bucket="box", Key="joined")["UploadId"]
    parts = [{"PartNumber": number, "ETag": s3.upload_part(Bucket="box", Key="joined", UploadId=upload, PartNumber=number,
                                                           Body=os.urandom(5 * MIB))["ETag"]} for number in (1, 2)]
    assert usage(store) == (4, 1150)
    s3.complete_multipart_upload(Bucket="box", Key="joined", UploadId=upload, MultipartUpload={"Parts": parts})
    assert usage(store) == (5, 1150 + 10 * MIB)
    for version in s3.list_object_versions(Bucket="box")["Versions"]:
        s3.delete_object(Bucket="box", Key=version["Key"], VersionId=version["VersionId"])
    assert usage(store) == (0, 0)
    line, = [line for line in store.run("bucket", "list").stdout.splitlines() if line.startswith("box ")]
    assert line.split() == ["box", "root", "enabled", "0", "0", "B", "-", "-"]
    store.stop()
    assert buckets(store)["box"]["versioning"] == "enabled"  # also without a server


def test_bytes(s3, store):  # noqa: F811
    s3.create_bucket(Bucket="box")
    s3.create_bucket(Bucket="other")
    put(s3, "a", 600_000)
    store.run("bucket", "quota", "box", "--size", "1MiB")
    exceeds(put, s3=s3, key="c", size=500_000)
    exceeds(s3.copy_object, Bucket="box", Key="c", CopySource="box/a")
    assert s3.head_object(Bucket="box", Key="a")["ContentLength"] == 600_000 and "c" not in [o["Key"] for o in s3.list_objects_v2(Bucket="box")["Contents"]]
    upload = s3.create_multipart_upload(Bucket="box", Key="c")["UploadId"]
    exceeds(s3.upload_part, Bucket="box", Key="c", UploadId=upload, PartNumber=1, Body=bytes(5 * MIB))
    exceeds(s3.upload_part_copy, Bucket="box", Key="c", UploadId=upload, PartNumber=1, CopySource="box/a")
    tags = [s3.upload_part(Bucket="box", Key="c", UploadId=upload, PartNumber=1, Body=bytes(400_000))["ETag"]]
    put(s3, "d", 100_000)
    exceeds(s3.complete_multipart_upload, Bucket="box", Key="c", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tags[0]}]})
    s3.abort_multipart_upload(Bucket="box", Key="c", UploadId=upload)
    put(s3, "a", 900_000)  # what it replaces goes
    assert usage(store) == (2, 1_000_000)
    exceeds(put, s3=s3, key="a", size=1_000_000)
    s3.put_object(Bucket="box", Key="d", Body=bytes(40_000), WriteOffsetBytes=100_000)
    exceeds(s3.put_object, Bucket="box", Key="d", Body=bytes(40_000), WriteOffsetBytes=140_000)
    s3.rename_object(Bucket="box", Key="e", RenameSource="box/d")
    store.run("bucket", "quota", "box", "--size", "500KiB")
    put(s3, "a", 800_000)  # still above, but less than it was
    exceeds(put, s3=s3, key="f", size=1)
    put(s3, "f", 0)
    s3.put_object_tagging(Bucket="box", Key="a", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    store.stop()
    store.start()
    exceeds(put, s3=s3, key="g", size=1)
    assert buckets(store)["box"]["quota_bytes"] == 500 << 10 and buckets(store)["other"]["quota_bytes"] == 0
    s3.put_object(Bucket="other", Key="a", Body=bytes(2 * MIB))
    store.run("bucket", "quota", "box", "--none")
    put(s3, "g", 2 * MIB)


def test_objects(s3, store):  # noqa: F811
    s3.create_bucket(Bucket="box")
    s3.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    store.run("bucket", "quota", "box", "--objects", "2")
    put(s3, "a", 0)
    put(s3, "a", 10)
    exceeds(put, s3=s3, key="a", size=0)
    s3.delete_object(Bucket="box", Key="a")  # a marker is no object
    exceeds(put, s3=s3, key="b", size=0)
    version = s3.list_object_versions(Bucket="box")["Versions"][0]
    s3.delete_object(Bucket="box", Key="a", VersionId=version["VersionId"])
    put(s3, "b", 0)


def test_many_at_once(s3, store):  # noqa: F811
    s3.create_bucket(Bucket="box")
    store.run("bucket", "quota", "box", "--size", "1MiB", "--objects", "1000")

    def one(number):
        try:
            put(s3, f"k{number}", 100_000)
        except s3.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "QuotaExceeded"
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(one, range(64))) == 10
    assert usage(store) == (10, 1_000_000)


@pytest.mark.parametrize("words, said", [
    (["quota", "box"], "either --size, --objects or both, or --none"), (["quota", "box", "--size", "5", "--none"], "either --size"),
    (["quota", "box", "--size", "much"], "is no size such as"), (["quota", "box", "--size", "0"], "is no size such as"),
    (["quota", "box", "--objects", "-1"], "is no number"), (["list", "box"], "list, or quota BUCKET?"), ([], "list, or quota BUCKET?"),
])
def test_wrong_words(store, words, said):  # noqa: F811
    store.configure(store.volumes)
    store.fails("bucket", *words, says=said, status=2)


def test_no_such_bucket(s3, store):  # noqa: F811
    store.fails("bucket", "quota", "nowhere", "--objects", "1", says="there is no bucket nowhere")
