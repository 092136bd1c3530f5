"""Object Lock: its configuration, retention and legal hold, and that nothing gets a locked version off the store before its time."""
import datetime
import signal
import threading
import time

import botocore.exceptions
import pytest

from conftest import empty_bucket
from test_buckets import fails
from test_lifecycle import PATIENCE, Server, wait_for

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"


def in_seconds(seconds):
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=seconds)


def until(mode, seconds=3600):
    return {"Mode": mode, "RetainUntilDate": in_seconds(seconds)}


def rule(mode, **period):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, **period}}}


def release(client, bucket):
    """Ends all legal holds and governance, so that the bucket can be emptied."""
    for version in client.list_object_versions(Bucket=bucket).get("Versions", []):
        client.put_object_legal_hold(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"], LegalHold={"Status": "OFF"})
        client.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"], BypassGovernanceRetention=True)
    empty_bucket(client, bucket)


@pytest.fixture
def locked(client, new_name):
    name = new_name + "-locked"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    yield name
    release(client, name)
    client.delete_bucket(Bucket=name)


def put(client, bucket, key="k", **options):
    return client.put_object(Bucket=bucket, Key=key, Body=b"body", **options)["VersionId"]


def denied(call, **arguments):
    fails(403, "AccessDenied", call, **arguments)


def test_configuration(client, locked, bucket):
    assert client.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    assert client.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    for wanted in (rule(COMPLIANCE, Years=2), rule(GOVERNANCE, Days=1), {"ObjectLockEnabled": "Enabled"}):
        client.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=wanted)
        assert client.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == wanted
    fails(409, "InvalidBucketState", client.put_bucket_versioning, Bucket=locked, VersioningConfiguration={"Status": "Suspended"})
    fails(400, "InvalidRetentionPeriod", client.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=rule(GOVERNANCE, Days=0))
    fails(400, "MalformedXML", client.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=rule("none", Days=1))
    fails(404, "ObjectLockConfigurationNotFoundError", client.get_object_lock_configuration, Bucket=bucket)
    fails(409, "InvalidBucketState", client.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=rule(GOVERNANCE, Days=1))
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    fails(409, "InvalidBucketState", client.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def test_a_bucket_without_it_takes_no_locks(client, bucket):
    client.put_object(Bucket=bucket, Key="k", Body=b"body")
    fails(400, "InvalidRequest", client.put_object, Bucket=bucket, Key="new", Body=b"x", ObjectLockLegalHoldStatus="ON")
    fails(400, "InvalidRequest", client.create_multipart_upload, Bucket=bucket, Key="new", ObjectLockMode=GOVERNANCE,
          ObjectLockRetainUntilDate=in_seconds(60))
    fails(400, "InvalidRequest", client.copy_object, Bucket=bucket, Key="new", CopySource={"Bucket": bucket, "Key": "k"},
          ObjectLockLegalHoldStatus="OFF")
    fails(400, "InvalidRequest", client.put_object_retention, Bucket=bucket, Key="k", Retention=until(GOVERNANCE))
    fails(400, "InvalidRequest", client.put_object_legal_hold, Bucket=bucket, Key="k", LegalHold={"Status": "ON"})
    fails(400, "InvalidRequest", client.get_object_retention, Bucket=bucket, Key="k")
    fails(400, "InvalidRequest", client.get_object_legal_hold, Bucket=bucket, Key="k")
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_wrong_headers(client, locked):
    wrong = [{"ObjectLockMode": "governance", "ObjectLockRetainUntilDate": in_seconds(60)}, {"ObjectLockMode": GOVERNANCE},
             {"ObjectLockRetainUntilDate": in_seconds(60)}, {"ObjectLockMode": GOVERNANCE, "ObjectLockRetainUntilDate": in_seconds(-60)},
             {"ObjectLockLegalHoldStatus": "on"}]
    for headers in wrong:
        fails(400, "InvalidArgument", client.put_object, Bucket=locked, Key="k", Body=b"x", **headers)
    put(client, locked)
    fails(400, "InvalidArgument", client.put_object_retention, Bucket=locked, Key="k", Retention=until(GOVERNANCE, -60))
    fails(404, "NoSuchObjectLockConfiguration", client.get_object_retention, Bucket=locked, Key="k")
    fails(404, "NoSuchObjectLockConfiguration", client.get_object_legal_hold, Bucket=locked, Key="k")
    fails(404, "NoSuchKey", client.put_object_retention, Bucket=locked, Key="none", Retention=until(GOVERNANCE))


def test_governance(client, locked):
    version = {"Bucket": locked, "Key": "k", "VersionId": put(client, locked)}
    client.put_object_retention(**version, Retention=until(GOVERNANCE))
    head = client.head_object(**version)
    assert head["ObjectLockMode"] == GOVERNANCE and "ObjectLockLegalHoldStatus" not in head
    assert client.get_object_retention(**version)["Retention"]["Mode"] == GOVERNANCE
    denied(client.delete_object, **version)
    denied(client.put_object_retention, **version, Retention=until(GOVERNANCE, 60))
    denied(client.put_object_retention, **version, Retention=until(COMPLIANCE, 7200))
    denied(client.put_object_retention, **version, Retention={})
    client.put_object_retention(**version, Retention=until(GOVERNANCE, 7200))
    client.put_object_retention(**version, Retention=until(GOVERNANCE, 60), BypassGovernanceRetention=True)
    client.put_object_tagging(**version, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert client.head_object(**version)["ObjectLockMode"] == GOVERNANCE
    marker = client.delete_object(Bucket=locked, Key="k")
    assert marker["DeleteMarker"] is True
    denied(client.delete_object, **version)
    client.delete_object(Bucket=locked, Key="k", VersionId=marker["VersionId"])
    client.delete_object(**version, BypassGovernanceRetention=True)
    fails(404, "NoSuchVersion", client.get_object, **version)


def test_many_are_deleted_but_for_the_locked(client, locked):
    free, held = put(client, locked, "free"), put(client, locked, "held", ObjectLockLegalHoldStatus="ON")
    ruled = put(client, locked, "ruled", ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=in_seconds(60))
    objects = [{"Key": key, "VersionId": version} for key, version in (("free", free), ("held", held), ("ruled", ruled))]
    answer = client.delete_objects(Bucket=locked, Delete={"Objects": objects})
    assert [entry["Key"] for entry in answer["Deleted"]] == ["free"]
    assert [(entry["Key"], entry["Code"]) for entry in answer["Errors"]] == [("held", "AccessDenied"), ("ruled", "AccessDenied")]
    answer = client.delete_objects(Bucket=locked, Delete={"Objects": objects}, BypassGovernanceRetention=True)
    assert [entry["Key"] for entry in answer["Errors"]] == ["held"]


def test_a_hold_is_stronger_than_bypassing(client, locked):
    version = {"Bucket": locked, "Key": "k", "VersionId": put(client, locked, ObjectLockLegalHoldStatus="ON")}
    denied(client.delete_object, **version)
    denied(client.delete_object, **version, BypassGovernanceRetention=True)
    assert client.get_object_legal_hold(**version)["LegalHold"] == {"Status": "ON"}
    client.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    assert client.head_object(**version)["ObjectLockLegalHoldStatus"] == "OFF"
    client.delete_object(**version)


def test_compliance_ends_by_itself_only(client, locked):
    version = {"Bucket": locked, "Key": "k",
               "VersionId": put(client, locked, ObjectLockMode=COMPLIANCE, ObjectLockRetainUntilDate=in_seconds(6))}
    denied(client.delete_object, **version, BypassGovernanceRetention=True)
    denied(client.put_object_retention, **version, Retention=until(COMPLIANCE, 2), BypassGovernanceRetention=True)
    denied(client.put_object_retention, **version, Retention=until(GOVERNANCE, 60), BypassGovernanceRetention=True)
    denied(client.put_object_retention, **version, Retention={}, BypassGovernanceRetention=True)
    for _ in range(PATIENCE):
        try:
            client.delete_object(**version)
            break
        except botocore.exceptions.ClientError:
            time.sleep(0.5)
    fails(404, "NoSuchVersion", client.get_object, **version)


def test_the_default_is_for_every_way_in(client, locked, bucket):
    client.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=rule(GOVERNANCE, Days=1))
    client.put_object(Bucket=bucket, Key="source", Body=b"body")
    put(client, locked, "put")
    client.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})
    upload = client.create_multipart_upload(Bucket=locked, Key="parts")["UploadId"]
    part = client.upload_part(Bucket=locked, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    client.complete_multipart_upload(Bucket=locked, Key="parts", UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    for key in ("put", "copy", "parts"):
        head = client.head_object(Bucket=locked, Key=key)
        assert head["ObjectLockMode"] == GOVERNANCE
        assert abs(head["ObjectLockRetainUntilDate"] - in_seconds(86400)) < datetime.timedelta(seconds=PATIENCE)
        denied(client.delete_object, Bucket=locked, Key=key, VersionId=head["VersionId"])
    own = put(client, locked, "own", ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=in_seconds(60))
    assert client.head_object(Bucket=locked, Key="own", VersionId=own)["ObjectLockRetainUntilDate"] < in_seconds(120)


def test_a_copy_has_a_lock_of_its_own(client, locked):
    put(client, locked, "source", ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=in_seconds(3600), ObjectLockLegalHoldStatus="ON")
    client.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "source"})
    head = client.head_object(Bucket=locked, Key="copy")
    assert "ObjectLockMode" not in head and "ObjectLockLegalHoldStatus" not in head
    client.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "source"}, ObjectLockLegalHoldStatus="ON")
    assert client.head_object(Bucket=locked, Key="copy")["ObjectLockLegalHoldStatus"] == "ON"


def test_a_hold_and_a_delete_at_once(client, locked):
    """Whichever comes first: a version that was held is there afterwards."""
    for _ in range(20):
        version = {"Bucket": locked, "Key": "raced", "VersionId": put(client, locked, "raced")}
        outcomes = {}

        def attempt(name, call, version=version, outcomes=outcomes, **arguments):
            try:
                call(**version, **arguments)
                outcomes[name] = None
            except botocore.exceptions.ClientError as error:
                outcomes[name] = error.response["Error"]["Code"]

        threads = [threading.Thread(target=attempt, args=("hold", client.put_object_legal_hold), kwargs={"LegalHold": {"Status": "ON"}}),
                   threading.Thread(target=attempt, args=("delete", client.delete_object))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if outcomes["hold"] is None:
            assert outcomes["delete"] == "AccessDenied"
            assert client.get_object(**version)["Body"].read() == b"body"
        else:
            assert outcomes == {"hold": "NoSuchVersion", "delete": None}


@pytest.fixture(scope="module")
def quick(tmp_path_factory, client):  # pylint: disable=unused-argument
    server = Server(str(tmp_path_factory.mktemp("lock")))
    server.start()
    yield server.client()
    assert server.end(signal.SIGTERM) == 0


def test_lifecycle_waits_for_the_end_of_a_lock(quick, new_name):
    quick.create_bucket(Bucket=new_name, ObjectLockEnabledForBucket=True)
    quick.put_bucket_lifecycle_configuration(Bucket=new_name, LifecycleConfiguration={"Rules": [
        {"ID": "old", "Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
         "Expiration": {"ExpiredObjectDeleteMarker": True}}]})
    retained = put(quick, new_name, "retained", ObjectLockMode=COMPLIANCE, ObjectLockRetainUntilDate=in_seconds(8))
    held = put(quick, new_name, "held", ObjectLockLegalHoldStatus="ON")
    put(quick, new_name, "free")
    for key in ("retained", "held", "free"):
        quick.delete_object(Bucket=new_name, Key=key)

    def left():
        return sorted(entry["Key"] for entry in quick.list_object_versions(Bucket=new_name).get("Versions", []))

    wait_for(["held", "retained"], left)
    quick.get_object(Bucket=new_name, Key="retained", VersionId=retained)
    wait_for(["held"], left)
    quick.put_object_legal_hold(Bucket=new_name, Key="held", VersionId=held, LegalHold={"Status": "OFF"})
    wait_for([], left)
