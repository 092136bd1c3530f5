"""S3 Inventory: the configurations, and the reports, on a server whose days last two seconds."""
import base64
import csv
import gzip
import hashlib
import io
import json
import time
import urllib.parse

import boto3
import botocore.config
import pytest

from test_buckets import fails
from test_commands import BINARY, store  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")
FIELDS = ["Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "ReplicationStatus", "EncryptionStatus",
          "ObjectLockRetainUntilDate", "ObjectLockMode", "ObjectLockLegalHoldStatus", "IntelligentTieringAccessTier", "BucketKeyStatus",
          "ChecksumAlgorithm", "ObjectAccessControlList", "ObjectOwner", "LifecycleExpirationDate"]
PATIENCE = 60  # seconds; reports come within a few


class World:
    def __init__(self, running):
        self.store = running
        running.configure(running.volumes, "lifecycle_day = 2s")
        running.start()
        self.client = boto3.client("s3", endpoint_url=f"http://{running.address}", region_name="us-east-1", aws_access_key_id="operator",
                                   aws_secret_access_key="operator1234", config=botocore.config.Config(s3={"addressing_style": "path"}))
        self.client.create_bucket(Bucket="source")
        self.client.create_bucket(Bucket="reports")

    def allow(self, **condition):
        statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::reports/*",
                     "Condition": condition or {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source"},
                                                "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}
        self.client.put_bucket_policy(Bucket="reports", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    def configure(self, name, versions="All", enabled=True, fields=FIELDS, prefix=None, source="source", frequency="Daily", query=None, **destination):
        configuration = {"Id": name, "IsEnabled": enabled, "IncludedObjectVersions": versions, "OptionalFields": fields,
                         "Schedule": {"Frequency": frequency},
                         "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "CSV", **destination}}}
        if prefix is not None:
            configuration["Filter"] = {"Prefix": prefix}
        self.client.put_bucket_inventory_configuration(Bucket=source, Id=query or name, InventoryConfiguration=configuration)
        return configuration

    def keys(self, prefix):
        return [one["Key"] for page in self.client.get_paginator("list_objects_v2").paginate(Bucket="reports", Prefix=prefix)
                for one in page.get("Contents", [])]

    def read(self, key):
        return self.client.get_object(Bucket="reports", Key=key)["Body"].read()

    def report(self, prefix, after=0):
        """The rows of the first whole report that began after that time, as dicts, and its manifest."""
        for _ in range(PATIENCE * 10):
            for key in self.keys(prefix):
                if not key.endswith("/manifest.checksum"):
                    continue
                manifest = self.read(key.replace(".checksum", ".json"))
                if int(json.loads(manifest)["creationTimestamp"]) <= after:
                    continue
                assert hashlib.md5(manifest).hexdigest() == self.read(key).decode()
                return self.rows(json.loads(manifest)), json.loads(manifest)
            time.sleep(0.1)
        raise AssertionError(self.store.log())

    def rows(self, manifest):
        columns, rows = manifest["fileSchema"].split(", "), []
        assert manifest["version"] == "2016-11-30" and manifest["fileFormat"] == "CSV" and manifest["destinationBucket"] == "arn:aws:s3:::reports"
        for file in manifest["files"]:
            packed = self.read(file["key"])
            assert len(packed) == file["size"] and hashlib.md5(packed).hexdigest() == file["MD5checksum"]
            for row in csv.reader(io.StringIO(gzip.decompress(packed).decode())):
                rows.append(dict(zip(columns, row, strict=True)))
        for row in rows:
            row["Key"] = urllib.parse.unquote(row["Key"])
        return rows


@pytest.fixture
def world(store):  # noqa: F811
    yield World(store)
    store.stop()
    store.run("fsck")


def test_all_versions(world):
    s3 = world.client
    s3.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="source", Key='a b/ö,"q"+1', Body=b"x", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket="source", Key='a b/ö,"q"+1', Body=b"xy", ServerSideEncryption="AES256", StorageClass="STANDARD_IA")
    s3.put_object(Bucket="source", Key="gone", Body=b"x")
    s3.delete_object(Bucket="source", Key="gone")
    upload = s3.create_multipart_upload(Bucket="source", Key="joined")["UploadId"]
    part = s3.upload_part(Bucket="source", Key="joined", UploadId=upload, PartNumber=1, Body=bytes(1000))
    s3.complete_multipart_upload(Bucket="source", Key="joined", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    s3.put_bucket_ownership_controls(Bucket="source", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_public_access_block(Bucket="source")
    s3.put_object_acl(Bucket="source", Key="joined", ACL="public-read")
    world.allow()
    world.configure("every", Prefix="in/ventory")
    rows, manifest = world.report("in/ventory/source/every/")
    listed = s3.list_object_versions(Bucket="source")
    owner = listed["Versions"][0]["Owner"]["ID"]
    expected = {(one["Key"], one["VersionId"]): one for one in listed["Versions"] + listed["DeleteMarkers"]}
    assert manifest["sourceBucket"] == "source"
    assert manifest["fileSchema"] == "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, " + ", ".join(FIELDS)
    assert {(row["Key"], row["VersionId"]) for row in rows} == set(expected) and len(rows) == len(expected) == 5
    for row in rows:
        one = expected[row["Key"], row["VersionId"]]
        assert row["Bucket"] == "source" and row["IsLatest"] == str(one["IsLatest"]).lower() and row["ObjectOwner"] == owner
        assert row["LastModifiedDate"] == one["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (one["LastModified"].microsecond // 1000)
        assert row["IsDeleteMarker"] == str("Size" not in one).lower()
        if "Size" in one:
            assert row["Size"] == str(one["Size"]) and row["ETag"] == one["ETag"].strip('"') and row["StorageClass"] == one["StorageClass"]
            assert row["IsMultipartUploaded"] == str("-" in one["ETag"]).lower()
    by_key = {(row["Key"], row["IsLatest"]): row for row in rows}
    assert by_key['a b/ö,"q"+1', "true"]["EncryptionStatus"] == "SSE-S3" and by_key['a b/ö,"q"+1', "false"]["EncryptionStatus"] == "NOT-SSE"
    assert by_key['a b/ö,"q"+1', "false"]["ChecksumAlgorithm"] == "SHA256"
    acl = json.loads(base64.b64decode(by_key["joined", "true"]["ObjectAccessControlList"]))
    assert acl["grants"] == [{"canonicalId": owner, "type": "CanonicalUser", "permission": "FULL_CONTROL"},
                             {"uri": "http://acs.amazonaws.com/groups/global/AllUsers", "type": "Group", "permission": "READ"}]
    hive = [key for key in world.keys("in/ventory/source/every/hive/") if key.endswith("/symlink.txt")]
    assert world.read(hive[0]).decode().splitlines() == ["s3://reports/" + file["key"] for file in manifest["files"]]
    assert s3.head_object(Bucket="reports", Key=manifest["files"][0]["key"])["ContentType"] == "application/gzip"


def test_current_versions_of_a_prefix(world):
    s3 = world.client
    for number in range(2300):
        s3.put_object(Bucket="source", Key=f"in/{number:05}", Body=b"")
    s3.put_object(Bucket="source", Key="in", Body=b"")
    s3.put_object(Bucket="source", Key="io", Body=b"")
    s3.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="source", Key="in/00007", Body=b"seven")
    s3.delete_object(Bucket="source", Key="in/00008")
    world.allow()
    world.configure("some", versions="Current", prefix="in/", fields=["Size"], Encryption={"SSES3": {}})
    rows, manifest = world.report("source/some/")
    assert manifest["fileSchema"] == "Bucket, Key, Size"
    assert [row["Key"] for row in rows] == [f"in/{number:05}" for number in range(2300) if number != 8]
    assert [row["Size"] for row in rows][7] == "5"
    assert s3.head_object(Bucket="reports", Key=manifest["files"][0]["key"])["ServerSideEncryption"] == "AES256"
    s3.put_object(Bucket="source", Key="in/later", Body=b"")
    rows, _ = world.report("source/some/", after=int(time.time() * 1000))  # the next day
    assert rows[-1]["Key"] == "in/later"


def test_locks_and_lifecycle(world):
    s3 = world.client
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="a", Body=b"", ObjectLockLegalHoldStatus="ON", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate="2030-01-02T00:00:00Z")
    s3.put_bucket_lifecycle_configuration(Bucket="locked", LifecycleConfiguration={"Rules": [
        {"ID": "never here", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": "2031-01-01T00:00:00Z"}}]})
    world.allow(ArnLike={"aws:SourceArn": "arn:aws:s3:::locked"})
    world.configure("l", source="locked", versions="Current")
    (row,), _ = world.report("locked/l/")
    assert row["ObjectLockMode"] == "GOVERNANCE" and row["ObjectLockLegalHoldStatus"] == "ON"
    assert row["ObjectLockRetainUntilDate"] == "2030-01-02T00:00:00.000Z" and row["LifecycleExpirationDate"] == "2031-01-01T00:00:00.000Z"
    hold = {"Status": "OFF"}
    s3.put_object_legal_hold(Bucket="locked", Key="a", LegalHold=hold)


def test_empty_bucket_and_disabled(world):
    world.allow()
    world.configure("off", enabled=False)
    world.configure("on", versions="Current")
    rows, manifest = world.report("source/on/")
    assert rows == [] and len(manifest["files"]) == 1
    assert world.keys("source/off/") == []


def test_destination_that_refuses(world):
    world.configure("one")
    for _ in range(PATIENCE * 10):
        if "does not allow s3:PutObject" in world.store.log():
            break
        time.sleep(0.1)
    assert "inventory one of bucket source: the policy of its destination does not allow s3:PutObject to s3.amazonaws.com" in world.store.log()
    assert world.keys("") == []
    world.allow(StringEquals={"aws:SourceAccount": "000000000000"})
    time.sleep(3)
    assert world.keys("") == []
    world.allow()
    world.report("source/one/")


def test_destination_that_goes(world):
    world.configure("one")
    world.client.delete_bucket(Bucket="reports")
    for _ in range(PATIENCE * 10):
        if "its destination does not exist" in world.store.log():
            return
        time.sleep(0.1)
    raise AssertionError(world.store.log())


def test_killed_in_a_report(world):
    for number in range(300):
        world.client.put_object(Bucket="source", Key=f"k{number}", Body=b"x")
    world.allow()
    for number in range(8):
        world.configure(f"c{number}")
    time.sleep(0.3)
    world.store.server.kill()
    world.store.server.wait()
    world.store.start()
    for number in range(8):
        rows, _ = world.report(f"source/c{number}/")
        assert len(rows) == 300


def test_configurations(world):
    s3 = world.client
    asked = world.configure("Weekly.1_2-3", frequency="Weekly", prefix="p/", enabled=False, Prefix="q", AccountId="123456789012", Encryption={"SSEKMS": {"KeyId": "k"}})
    got = s3.get_bucket_inventory_configuration(Bucket="source", Id="Weekly.1_2-3")["InventoryConfiguration"]
    assert got == asked
    listed = s3.list_bucket_inventory_configurations(Bucket="source")
    assert listed["InventoryConfigurationList"] == [asked] and listed["IsTruncated"] is False
    world.configure("Weekly.1_2-3", enabled=False)
    assert s3.get_bucket_inventory_configuration(Bucket="source", Id="Weekly.1_2-3")["InventoryConfiguration"]["Schedule"] == {"Frequency": "Daily"}
    for number in range(104):
        world.configure(f"n{number:03}", enabled=False)
    first = s3.list_bucket_inventory_configurations(Bucket="source")
    assert first["IsTruncated"] and len(first["InventoryConfigurationList"]) == 100
    second = s3.list_bucket_inventory_configurations(Bucket="source", ContinuationToken=first["NextContinuationToken"])
    assert not second["IsTruncated"] and [one["Id"] for one in second["InventoryConfigurationList"]] == [f"n{number:03}" for number in range(99, 104)]
    s3.delete_bucket_inventory_configuration(Bucket="source", Id="n000")
    fails(404, "NoSuchConfiguration", s3.delete_bucket_inventory_configuration, Bucket="source", Id="n000")
    fails(404, "NoSuchConfiguration", s3.get_bucket_inventory_configuration, Bucket="source", Id="n000")
    s3.delete_bucket(Bucket="source")
    fails(404, "NoSuchBucket", s3.list_bucket_inventory_configurations, Bucket="source")


def test_bad_configurations(world):
    def refused(status, code, **more):
        fails(status, code, world.configure, **{"name": "one", "enabled": False, **more})

    refused(400, "InvalidS3DestinationBucket", Bucket="arn:aws:s3:::nowhere")
    refused(400, "InvalidS3DestinationBucket", Bucket="reports")
    refused(501, "NotImplemented", Format="Parquet")
    refused(400, "MalformedXML", Format="TSV")
    refused(400, "MalformedXML", fields=["Weight"])
    refused(400, "MalformedXML", frequency="Hourly")
    refused(400, "InvalidArgument", query="two")
    refused(400, "InvalidArgument", query="t/wo")
    fails(400, "InvalidArgument", world.client.list_bucket_inventory_configurations, Bucket="source", ContinuationToken="none of ours")
    assert "InventoryConfigurationList" not in world.client.list_bucket_inventory_configurations(Bucket="source")
