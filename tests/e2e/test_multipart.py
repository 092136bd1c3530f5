"""Multipart uploads."""
import base64
import hashlib
import os
import zlib

import pytest

from test_buckets import fails

PART = 5 << 20


def upload(client, bucket, key, sizes, **options):
    upload_id = client.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    parts, body = [], b""
    algorithm = {k: v for k, v in options.items() if k == "ChecksumAlgorithm"}
    for number, size in enumerate(sizes, 1):
        data = os.urandom(size)
        body += data
        answer = client.upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data, **algorithm)
        part = {"PartNumber": number, "ETag": answer["ETag"]}
        part.update({k: v for k, v in answer.items() if k.startswith("Checksum") and k != "ChecksumType"})
        parts.append(part)
    return upload_id, parts, body


def complete(client, bucket, key, upload_id, parts):
    return client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})


def test_complete(client, bucket):
    upload_id, parts, body = upload(client, bucket, "a", [PART, PART + 1, 7], Metadata={"m": "1"})
    listed = client.list_parts(Bucket=bucket, Key="a", UploadId=upload_id)["Parts"]
    assert [p["Size"] for p in listed] == [PART, PART + 1, 7]
    etag = complete(client, bucket, "a", upload_id, parts)["ETag"]
    md5 = hashlib.md5(b"".join(bytes.fromhex(p["ETag"].strip('"')) for p in parts)).hexdigest()
    assert etag == f'"{md5}-3"'
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == body and got["Metadata"] == {"m": "1"}
    assert client.get_object(Bucket=bucket, Key="a", Range=f"bytes={PART - 3}-{PART + 3}")["Body"].read() == body[PART - 3:PART + 4]
    second = client.get_object(Bucket=bucket, Key="a", PartNumber=2)
    assert second["Body"].read() == body[PART:2 * PART + 1] and second["PartsCount"] == 3
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_small_part(client, bucket):
    upload_id, parts, _ = upload(client, bucket, "a", [100, 100])
    fails(400, "EntityTooSmall", complete, client=client, bucket=bucket, key="a", upload_id=upload_id, parts=parts)


def test_wrong_order_and_missing_part(client, bucket):
    upload_id, parts, _ = upload(client, bucket, "a", [PART, 1])
    fails(400, "InvalidPartOrder", complete, client=client, bucket=bucket, key="a", upload_id=upload_id, parts=parts[::-1])
    missing = [{"PartNumber": 9, "ETag": parts[0]["ETag"]}]
    fails(400, "InvalidPart", complete, client=client, bucket=bucket, key="a", upload_id=upload_id, parts=missing)


def test_abort(client, bucket):
    upload_id, parts, _ = upload(client, bucket, "a", [1])
    assert [u["UploadId"] for u in client.list_multipart_uploads(Bucket=bucket, Prefix="a")["Uploads"]] == [upload_id]
    client.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=upload_id)
    fails(404, "NoSuchUpload", complete, client=client, bucket=bucket, key="a", upload_id=upload_id, parts=parts)
    fails(404, "NoSuchUpload", client.list_parts, Bucket=bucket, Key="a", UploadId=upload_id)


def test_resent_part(client, bucket):
    upload_id, parts, _ = upload(client, bucket, "a", [10])
    answer = client.upload_part(Bucket=bucket, Key="a", UploadId=upload_id, PartNumber=1, Body=b"new")
    fails(400, "InvalidPart", complete, client=client, bucket=bucket, key="a", upload_id=upload_id, parts=parts)
    parts = [{k: v for k, v in answer.items() if k == "ETag" or k.startswith("Checksum")} | {"PartNumber": 1}]
    complete(client, bucket, "a", upload_id, parts)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"new"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_checksums(client, bucket, algorithm):
    upload_id, parts, body = upload(client, bucket, "a", [PART, 10], ChecksumAlgorithm=algorithm)
    done = complete(client, bucket, "a", upload_id, parts)
    assert done["Checksum" + algorithm].endswith("-2")
    head = client.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm] == done["Checksum" + algorithm]
    attributes = client.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=["Checksum", "ObjectParts"])
    assert attributes["Checksum"] == {"Checksum" + algorithm: done["Checksum" + algorithm], "ChecksumType": "COMPOSITE"}
    for part in parts:
        checksum = part["Checksum" + algorithm]
        assert attributes["ObjectParts"]["Parts"][part["PartNumber"] - 1]["Checksum" + algorithm] == checksum
        got = client.get_object(Bucket=bucket, Key="a", PartNumber=part["PartNumber"], ChecksumMode="ENABLED")
        assert (got["Checksum" + algorithm], got["ChecksumType"]) == (checksum, "COMPOSITE")


def test_a_composite_checksum_is_claimed_with_its_count_or_without(client, bucket):
    for suffix, right in (("-2", True), ("", True), ("-3", False), (None, False)):
        upload_id, parts, _ = upload(client, bucket, "a", [PART, 10], ChecksumAlgorithm="CRC32")
        whole = zlib.crc32(b"".join(base64.b64decode(part["ChecksumCRC32"]) for part in parts)).to_bytes(4, "big")
        claim = "AAAAAA==" if suffix is None else base64.b64encode(whole).decode() + suffix
        call = dict(Bucket=bucket, Key="a", UploadId=upload_id, MultipartUpload={"Parts": parts}, ChecksumCRC32=claim)
        if right:
            client.complete_multipart_upload(**call)
        else:
            fails(400, "BadDigest", client.complete_multipart_upload, **call)
            client.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=upload_id)


def test_attributes_tell_of_parts_without_checksums(client, bucket):
    upload_id, parts, body = upload(client, bucket, "a", [PART, PART, 10])
    complete(client, bucket, "a", upload_id, [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in parts])
    got = client.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=1)
    assert got["ObjectParts"] == {"TotalPartsCount": 3, "PartNumberMarker": 1, "NextPartNumberMarker": 2, "MaxParts": 1,
                                  "IsTruncated": True, "Parts": [{"PartNumber": 2, "Size": PART}]}


def test_part_copy(client, bucket):
    body = os.urandom(PART + 100)
    client.put_object(Bucket=bucket, Key="source", Body=body)
    upload_id = client.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    parts = []
    for number, (first, last) in enumerate([(0, PART - 1), (PART, PART + 99)], 1):
        answer = client.upload_part_copy(Bucket=bucket, Key="a", UploadId=upload_id, PartNumber=number,
                                         CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange=f"bytes={first}-{last}")
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    complete(client, bucket, "a", upload_id, parts)
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == body


def test_upload_that_never_was(client, bucket):
    fails(404, "NoSuchUpload", client.upload_part, Bucket=bucket, Key="a", UploadId="no", PartNumber=1, Body=b"")
