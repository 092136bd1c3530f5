"""PutObject with x-amz-write-offset-bytes: bytes put behind those that are there."""
import base64
import concurrent.futures
import hashlib
import os

import pytest

from conftest import make_client
from test_buckets import fails

BIG = os.urandom((1 << 20) + 13)
PIECES = {"inline": [b"one ", b"two ", b"three"], "grows": [os.urandom(5000), os.urandom(5000), os.urandom(5000), b"x"],
          "large": [BIG, b"x", BIG, os.urandom(20)], "from nothing": [b"a", os.urandom(9000), BIG]}


def append(client, bucket, key, offset, body, **more):
    return client.put_object(Bucket=bucket, Key=key, Body=body, WriteOffsetBytes=offset, **more)


def check(client, bucket, key, pieces):
    whole = b"".join(pieces)
    got = client.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert got["Body"].read() == whole  # boto3 compares the checksum of the whole
    for i, piece in enumerate(pieces):
        assert client.get_object(Bucket=bucket, Key=key, PartNumber=i + 1)["Body"].read() == piece
    middle = len(whole) // 2
    assert client.get_object(Bucket=bucket, Key=key, Range=f"bytes={middle - 1}-{middle}")["Body"].read() == whole[middle - 1:middle + 1]
    return got


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA1", "SHA256"])
def test_piece_by_piece(client, bucket, name, versioned, algorithm):
    pieces = PIECES[name]
    options = {"ChecksumAlgorithm": algorithm}
    if algorithm == "CRC64NVME":  # what the server takes by itself
        client, options = make_client(request_checksum_calculation="when_required", response_checksum_validation="when_required"), {}
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions, offset = [], 0
    for i, piece in enumerate(pieces):
        put = append(client, bucket, "a", offset, piece, **options)
        offset += len(piece)
        assert put["Size"] == offset
        got = check(client, bucket, "a", pieces[:i + 1]) if i else client.get_object(Bucket=bucket, Key="a")
        assert got["ETag"] == put["ETag"]
        versions.append(put.get("VersionId"))
    assert put["ETag"].endswith(f'-{len(pieces)}"')
    head = client.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    if algorithm.startswith("CRC"):
        whole = client.put_object(Bucket=bucket, Key="whole", Body=b"".join(pieces), **options)
        assert head["Checksum" + algorithm] == put["Checksum" + algorithm] == whole["Checksum" + algorithm]
    else:
        of_parts = b"".join(hashlib.new(algorithm.lower(), piece).digest() for piece in pieces)
        value = base64.b64encode(hashlib.new(algorithm.lower(), of_parts).digest()).decode()
        assert head["Checksum" + algorithm] == f"{value}-{len(pieces)}" and head["ChecksumType"] == "COMPOSITE"
    if name == "large" and not versioned:
        md5s = b"".join(hashlib.md5(p).digest() for p in pieces[:2])
        assert append(client, bucket, "b", 0, pieces[0], **options)
        assert append(client, bucket, "b", len(pieces[0]), pieces[1], **options)["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-2"'
    for i, version in enumerate(versions if versioned else []):
        assert client.get_object(Bucket=bucket, Key="a", VersionId=version)["Body"].read() == b"".join(pieces[:i + 1])


def test_behind_any_object(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"plain", ContentType="text/x-test", Metadata={"one": "1"}, Tagging="t=1")
    append(client, bucket, "a", 5, BIG)
    got = check(client, bucket, "a", [b"plain", BIG])
    assert got["ContentType"] == "text/x-test" and got["Metadata"] == {"one": "1"} and got["TagCount"] == 1

    upload = client.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=7, Body=BIG)["ETag"]
    client.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 7, "ETag": part}]})
    append(client, bucket, "m", len(BIG), b"tail")
    assert client.get_object(Bucket=bucket, Key="m")["Body"].read() == BIG + b"tail"
    attributes = client.get_object_attributes(Bucket=bucket, Key="m", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert attributes["ObjectParts"]["TotalPartsCount"] == 2 and attributes["ObjectSize"] == len(BIG) + 4

    client.put_object(Bucket=bucket, Key="e", Body=b"")
    append(client, bucket, "e", 0, b"bytes")
    assert client.get_object(Bucket=bucket, Key="e")["Body"].read() == b"bytes"


def test_a_copy_keeps_to_itself(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=BIG)
    client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a"})
    append(client, bucket, "a", len(BIG), BIG)
    assert client.get_object(Bucket=bucket, Key="copy")["Body"].read() == BIG
    client.delete_object(Bucket=bucket, Key="copy")
    check(client, bucket, "a", [BIG, BIG])
    client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a"})
    client.delete_object(Bucket=bucket, Key="a")
    check(client, bucket, "copy", [BIG, BIG])


@pytest.fixture
def refused(client, bucket):
    def call(status, code, key, offset, body, **more):
        fails(status, code, client.put_object, Bucket=bucket, Key=key, Body=body, WriteOffsetBytes=offset, **more)
    return call


def test_a_delete_marker_is_nothing(client, bucket, refused):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    append(client, bucket, "a", 0, b"1")
    client.delete_object(Bucket=bucket, Key="a")
    refused(400, "InvalidWriteOffset", "a", 1, b"2")
    append(client, bucket, "a", 0, b"3")
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"3"


def test_suspended_versioning(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=BIG)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    append(client, bucket, "a", len(BIG), BIG)
    check(client, bucket, "a", [BIG, BIG])
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_what_is_refused(client, bucket, refused):
    client.put_object(Bucket=bucket, Key="a", Body=b"12345", ChecksumAlgorithm="CRC32")
    for offset in (0, 4, 6, 1 << 40):
        refused(400, "InvalidWriteOffset", "a", offset, b"x")
    refused(400, "InvalidWriteOffset", "no", 1, b"x")
    fails(404, "NoSuchBucket", client.put_object, Bucket=bucket + "-no", Key="a", Body=b"x", WriteOffsetBytes=0)
    refused(400, "InvalidRequest", "a", 5, b"")
    refused(400, "InvalidRequest", "a", 5, b"x", Metadata={"one": "1"})
    refused(400, "InvalidRequest", "a", 5, b"x", ChecksumAlgorithm="SHA256")
    refused(400, "EncryptionTypeMismatch", "a", 5, b"x", ServerSideEncryption="AES256")
    refused(412, "PreconditionFailed", "a", 5, b"x", IfMatch='"no"')
    refused(400, "BadDigest", "a", 5, b"x", ChecksumCRC32="AAAAAA==")
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"12345"
    client.put_object(Bucket=bucket, Key="sealed", Body=b"12345", ServerSideEncryption="AES256")
    refused(501, "NotImplemented", "sealed", 5, b"x")


def test_of_writers_at_one_place_one_wins(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"12345")

    def write(n):
        try:
            append(client, bucket, "a", 5, b"%02d" % n)
            return n
        except client.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] in ("InvalidWriteOffset", "ConditionalRequestConflict")
            return None

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        winners = [n for n in pool.map(write, range(30)) if n is not None]
    assert len(winners) == 1
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"12345%02d" % winners[0]
