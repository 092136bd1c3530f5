"""Many writers of one key at the same time: what conditions and versions promise holds, and afterwards fsck finds nothing and all space is
free again. On a store of its own."""
import concurrent.futures
import json
import random
import threading

import boto3
import botocore.config
import botocore.exceptions
import pytest

from test_commands import BINARY, Store, wait_for

WRITERS, VERSIONS, ROUNDS = 100, 1000, 40
SIZE = 20000  # more than the database takes: a lost body would keep space

pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    it = Store(tmp_path_factory.mktemp("races"))
    it.run("format", "--data", "4", "--parity", "2", *it.volumes)
    it.start()
    yield it
    if it.server:
        it.server.kill()
        it.server.wait()


@pytest.fixture(scope="module")
def s3(server):
    return boto3.client("s3", endpoint_url=f"http://{server.address}", region_name="us-east-1", aws_access_key_id="operator",
                        aws_secret_access_key="operator1234",
                        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0},
                                                      max_pool_connections=WRITERS))


def used(server):
    return json.loads(server.run("status", "--json").stdout)["capacity"]["used"]


@pytest.fixture
def bucket(server, s3, new_name):
    """Empty again, the store has as much space as before and nothing to mend."""
    before = used(server)
    s3.create_bucket(Bucket=new_name)
    yield new_name
    entries = [entry for page in s3.get_paginator("list_object_versions").paginate(Bucket=new_name)
               for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])]
    for i in range(0, len(entries), 1000):
        objects = [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in entries[i:i + 1000]]
        assert not s3.delete_objects(Bucket=new_name, Delete={"Objects": objects, "Quiet": True}).get("Errors")
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=new_name):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=new_name, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=new_name)
    wait_for(lambda: used(server) == before)
    server.run("fsck")


def body(index):
    return index.to_bytes(4, "big") * (SIZE // 4)


def race(calls):
    """Begins them all together; the answer of each, or its error's code."""
    barrier = threading.Barrier(min(WRITERS, len(calls)))

    def run(call):
        if len(calls) <= WRITERS:
            barrier.wait(60)
        try:
            return call()
        except botocore.exceptions.ClientError as failure:
            return failure.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(min(WRITERS, len(calls))) as pool:
        return list(pool.map(run, calls))


def put(s3, bucket, index, **options):
    return lambda: s3.put_object(Bucket=bucket, Key="key", Body=body(index), **options)


def copy(s3, bucket, index, **options):
    s3.put_object(Bucket=bucket, Key=f"source{index}", Body=body(index))
    return lambda: s3.copy_object(Bucket=bucket, Key="key", CopySource={"Bucket": bucket, "Key": f"source{index}"}, **options)


def complete(s3, bucket, index, **options):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="key", UploadId=upload, PartNumber=1, Body=body(index))["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    return lambda: s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=upload, MultipartUpload=parts, **options)


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("kinds", [(put,), (complete,), (copy,), (put, complete, copy)], ids=["put", "complete", "copy", "all"])
def test_one_of_many_makes_the_object(s3, bucket, kinds, versioned):
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    calls = [kinds[i % len(kinds)](s3, bucket, i, IfNoneMatch="*") for i in range(WRITERS)]
    results = race(calls)
    winners = [i for i in range(WRITERS) if isinstance(results[i], dict)]
    assert len(winners) == 1, results
    assert {r for r in results if isinstance(r, str)} <= {"PreconditionFailed", "ConditionalRequestConflict"}
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == body(winners[0])
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="key")["Versions"]) == 1


def test_one_of_many_replaces_the_object(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="key", Body=b"first")["ETag"]
    results = race([(put, complete)[i % 2](s3, bucket, i, IfMatch=etag) for i in range(WRITERS)])
    winners = [i for i in range(WRITERS) if isinstance(results[i], dict)]
    assert len(winners) == 1, results
    assert {r for r in results if isinstance(r, str)} <= {"PreconditionFailed", "ConditionalRequestConflict"}
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == body(winners[0])


def test_every_version_is_kept(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    results = race([put(s3, bucket, i) for i in range(VERSIONS)])
    made = {answer["VersionId"]: i for i, answer in enumerate(results)}
    assert len(made) == VERSIONS
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 300})
    listed = [entry for page in pages for entry in page["Versions"]]
    assert sorted(entry["VersionId"] for entry in listed) == sorted(made)
    assert [entry["IsLatest"] for entry in listed] == [True] + [False] * (VERSIONS - 1)
    times = [entry["LastModified"] for entry in listed]
    assert times == sorted(times, reverse=True)
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == body(made[listed[0]["VersionId"]])
    for entry in random.Random(7).sample(listed, 50):
        found = s3.get_object(Bucket=bucket, Key="key", VersionId=entry["VersionId"])["Body"].read()
        assert found == body(made[entry["VersionId"]])


@pytest.mark.parametrize("versioned", [False, True])
def test_delete_against_complete(s3, bucket, versioned):
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for i in range(ROUNDS):
        finish = complete(s3, bucket, i)
        finished, deleted = race([finish, lambda: s3.delete_object(Bucket=bucket, Key="key")])
        assert isinstance(finished, dict) and isinstance(deleted, dict), (finished, deleted)
        history = s3.list_object_versions(Bucket=bucket, Prefix="key")
        there = [entry for entry in history.get("Versions", []) if entry["IsLatest"]]
        if there:
            assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == body(i)
        if versioned:
            assert len(history["Versions"]) == i + 1 and len(history["DeleteMarkers"]) == i + 1
        assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_abort_against_complete(s3, bucket):
    for i in range(ROUNDS):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=f"key{i}")["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key=f"key{i}", UploadId=upload, PartNumber=1, Body=body(i))["ETag"]
        finished, aborted = race([
            lambda: s3.complete_multipart_upload(Bucket=bucket, Key=f"key{i}", UploadId=upload,
                                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}),
            lambda: s3.abort_multipart_upload(Bucket=bucket, Key=f"key{i}", UploadId=upload)])
        there = s3.list_objects_v2(Bucket=bucket, Prefix=f"key{i}")["KeyCount"]
        if isinstance(finished, dict):
            assert s3.get_object(Bucket=bucket, Key=f"key{i}")["Body"].read() == body(i)
        else:
            assert finished == "NoSuchUpload" and isinstance(aborted, dict) and there == 0, (finished, aborted)
        assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_the_store_is_clean_when_stopped(server, s3):
    server.stop()
    server.run("fsck")
