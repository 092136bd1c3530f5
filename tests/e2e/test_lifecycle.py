"""Lifecycle rules: the configuration, the headers, and what expires, on a server whose days last a second."""
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import boto3
import botocore.config
import pytest

from conftest import ACCESS_KEY, SECRET_KEY, empty_bucket
from test_buckets import fails

BINARY = os.environ.get("INGOT_BINARY", "")
PATIENCE = 120  # seconds; what is waited for comes within a few
EXPIRE = {"Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1}, "ID": "gone"}


class Server:
    """Of its own, for its short days; may be killed and started again."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.folder, self.process = folder, None

    def start(self, *options):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "dev", "--dir", os.path.join(self.folder, "store"), "--size", "512MiB", "--listen", self.address,
                 "--lifecycle-day", "1s", *options], stdout=log, stderr=log)
        for _ in range(PATIENCE * 5):
            try:
                with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None, "the server did not start"
                time.sleep(0.2)

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE)

    def client(self):
        return boto3.client("s3", endpoint_url=f"http://{self.address}", region_name="us-east-1", aws_access_key_id=ACCESS_KEY,
                            aws_secret_access_key=SECRET_KEY,
                            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.address}/-/metrics", timeout=5) as answer:
            return dict(re.findall(r"^(\S+) (\S+)$", answer.read().decode(), re.M))

    def available(self):
        return int(self.metrics()["ingot_capacity_usable_free_bytes"])


@pytest.fixture(scope="module")
def server(tmp_path_factory, client):  # pylint: disable=unused-argument
    one = Server(str(tmp_path_factory.mktemp("lifecycle")))
    one.start()
    yield one
    assert one.end(signal.SIGTERM) == 0


@pytest.fixture
def quick(server):
    return server.client()


@pytest.fixture
def short(quick, new_name):
    quick.create_bucket(Bucket=new_name)
    yield new_name
    quick.delete_bucket_lifecycle(Bucket=new_name)
    empty_bucket(quick, new_name)
    quick.delete_bucket(Bucket=new_name)


def configure(client, bucket, *rules, **options):
    return client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **options)


def refused(code, client, bucket, *rules, **options):
    fails(400, code, client.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **options)


def keys(client, bucket):
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def versions(client, bucket):
    listed = client.list_object_versions(Bucket=bucket)
    return len(listed.get("Versions", [])), len(listed.get("DeleteMarkers", []))


def wait_for(wanted, look, *arguments):
    for _ in range(PATIENCE * 10):
        found = look(*arguments)
        if found == wanted:
            return
        time.sleep(0.1)
    assert found == wanted


# --- the configuration ---

RULES = [
    {"ID": "one & only", "Prefix": "a/", "Status": "Disabled", "Expiration": {"Days": 30}},
    {"ID": "two", "Filter": {"And": {"Prefix": " b", "Tags": [{"Key": "k", "Value": ""}, {"Key": "ä", "Value": "v"}],
                                     "ObjectSizeGreaterThan": 0, "ObjectSizeLessThan": 1 << 40}},
     "Status": "Enabled", "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
     "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "DEEP_ARCHIVE", "NewerNoncurrentVersions": 2}],
     "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 100}, "Expiration": {"Days": 91}},
    {"ID": "three", "Filter": {}, "Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": True},
     "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    {"ID": "four", "Filter": {"Tag": {"Key": "k", "Value": "v"}}, "Status": "Enabled", "Expiration": {"Days": 2147483647}},
]


def test_configuration(client, bucket):
    fails(404, "NoSuchLifecycleConfiguration", client.get_bucket_lifecycle_configuration, Bucket=bucket)
    configure(client, bucket, *RULES)
    answer = client.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert answer["Rules"] == RULES and "TransitionDefaultMinimumObjectSize" not in answer
    answer = configure(client, bucket, EXPIRE, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    assert answer["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    answer = client.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert answer["Rules"] == [EXPIRE] and answer["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [EXPIRE]
    for _ in range(2):
        client.delete_bucket_lifecycle(Bucket=bucket)
        fails(404, "NoSuchLifecycleConfiguration", client.get_bucket_lifecycle_configuration, Bucket=bucket)
    fails(404, "NoSuchBucket", client.get_bucket_lifecycle_configuration, Bucket=bucket + "-none")
    fails(404, "NoSuchBucket", client.put_bucket_lifecycle_configuration, Bucket=bucket + "-none", LifecycleConfiguration={"Rules": [EXPIRE]})
    fails(404, "NoSuchBucket", client.delete_bucket_lifecycle, Bucket=bucket + "-none")


@pytest.mark.parametrize("code,change", [
    ("InvalidArgument", {"Expiration": {"Days": 0}}),
    ("InvalidArgument", {"Expiration": {"Date": "2030-01-01T00:00:01Z"}}),
    ("InvalidArgument", {"ID": "i" * 256}),
    ("InvalidArgument", {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}}),
    ("InvalidArgument", {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}),
    ("InvalidArgument", {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}),
    ("InvalidRequest", {"Expiration": {"ExpiredObjectDeleteMarker": True}, "Filter": {"Tag": {"Key": "k", "Value": "v"}}}),
    ("InvalidRequest", {"Filter": {"And": {"Tags": [{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}]}}}),
    ("MalformedXML", {"Status": "on"}),
    ("MalformedXML", {"Prefix": "both"}),
    ("MalformedXML", {"Expiration": {}}),
    ("MalformedXML", {"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}),
    ("MalformedXML", {"Transitions": [{"Days": 0, "StorageClass": "STANDARD"}]}),
])
def test_wrong_rules_change_nothing(client, bucket, code, change):
    configure(client, bucket, EXPIRE)
    refused(code, client, bucket, EXPIRE | change)
    refused("InvalidArgument", client, bucket, EXPIRE, EXPIRE)
    refused("InvalidArgument", client, bucket, EXPIRE, TransitionDefaultMinimumObjectSize="tiny")
    assert client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [EXPIRE]


def test_headers(client, bucket):
    configure(client, bucket, EXPIRE | {"ID": "a b"}, {"ID": "up", "Status": "Enabled", "Filter": {"Prefix": "big/"},
                                                       "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}})
    expected = r'expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="a%20b"'
    answers = [client.put_object(Bucket=bucket, Key="old/1", Body=b"x"), client.head_object(Bucket=bucket, Key="old/1"),
               client.get_object(Bucket=bucket, Key="old/1"),
               client.copy_object(Bucket=bucket, Key="old/2", CopySource={"Bucket": bucket, "Key": "old/1"})]
    for answer in answers:
        assert re.fullmatch(expected, answer["Expiration"])
    assert "Expiration" not in client.put_object(Bucket=bucket, Key="new", Body=b"x")
    assert "Expiration" not in client.head_object(Bucket=bucket, Key="new")
    upload = client.create_multipart_upload(Bucket=bucket, Key="big/1")
    parts = client.list_parts(Bucket=bucket, Key="big/1", UploadId=upload["UploadId"])
    assert upload["AbortRuleId"] == parts["AbortRuleId"] == "up" and upload["AbortDate"] == parts["AbortDate"]
    other = client.create_multipart_upload(Bucket=bucket, Key="old/3")
    assert "AbortDate" not in other
    part = client.upload_part(Bucket=bucket, Key="old/3", UploadId=other["UploadId"], PartNumber=1, Body=b"x")
    done = client.complete_multipart_upload(Bucket=bucket, Key="old/3", UploadId=other["UploadId"],
                                            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert re.fullmatch(expected, done["Expiration"])


# --- what expires ---

def test_objects_expire_and_their_space_returns(server, quick, short):
    quick.put_object(Bucket=short, Key="keep", Body=b"k" * (4 << 20))
    time.sleep(1.5)  # capacity is looked at once a second
    before = server.available()
    for i in range(20):
        quick.put_object(Bucket=short, Key=f"old/{i}", Body=b"o" * (4 << 20))
    wait_for(True, lambda: server.available() <= before - (70 << 20))
    configure(quick, short, EXPIRE)
    wait_for(["keep"], keys, quick, short)
    wait_for(True, lambda: server.available() >= before - (8 << 20))  # the metadata may have grown by a chunk
    assert int(server.metrics()['ingot_lifecycle_actions_total{action="expire"}']) >= 20


def test_a_versioned_bucket(quick, short):
    quick.put_bucket_versioning(Bucket=short, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(6):
        quick.put_object(Bucket=short, Key="old/a", Body=b"x")
    configure(quick, short, {"Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}})
    wait_for((3, 0), versions, quick, short)
    configure(quick, short, EXPIRE)
    wait_for((3, 1), versions, quick, short)
    configure(quick, short, {"Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                             "Expiration": {"ExpiredObjectDeleteMarker": True}})
    wait_for((0, 0), versions, quick, short)


def test_newer_versions_are_counted_while_others_write(quick, short):
    quick.put_bucket_versioning(Bucket=short, VersioningConfiguration={"Status": "Enabled"})
    configure(quick, short, {"Status": "Enabled", "Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 4}})

    for _ in range(5):
        quick.put_object(Bucket=short, Key="k", Body=b"x")

    def write():
        for _ in range(40):
            quick.put_object(Bucket=short, Key="k", Body=b"x")
    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert versions(quick, short)[0] >= 5
    wait_for((5, 0), versions, quick, short)


def test_a_suspended_bucket(quick, short):
    quick.put_bucket_versioning(Bucket=short, VersioningConfiguration={"Status": "Enabled"})
    quick.put_object(Bucket=short, Key="old/a", Body=b"x")
    quick.put_bucket_versioning(Bucket=short, VersioningConfiguration={"Status": "Suspended"})
    quick.put_object(Bucket=short, Key="old/a", Body=b"y")
    configure(quick, short, EXPIRE)
    wait_for((1, 1), versions, quick, short)  # the null version gave way to a null marker
    assert quick.list_object_versions(Bucket=short)["DeleteMarkers"][0]["VersionId"] == "null"


def test_transitions_and_uploads(quick, short):
    quick.put_object(Bucket=short, Key="cold/a", Body=b"x", Metadata={"a": "b"})
    quick.create_multipart_upload(Bucket=short, Key="cold/b")
    configure(quick, short, {"Status": "Enabled", "Prefix": "cold/", "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
                             "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    wait_for("GLACIER", lambda: quick.head_object(Bucket=short, Key="cold/a").get("StorageClass"))
    answer = quick.get_object(Bucket=short, Key="cold/a")
    assert answer["Body"].read() == b"x" and answer["Metadata"] == {"a": "b"}
    wait_for(0, lambda: len(quick.list_multipart_uploads(Bucket=short).get("Uploads", [])))


def test_it_goes_on_after_a_kill(server, quick, short):
    for i in range(300):
        quick.put_object(Bucket=short, Key=f"old/{i}", Body=b"x")
    configure(quick, short, EXPIRE | {"Expiration": {"Days": 3}})
    server.end(signal.SIGKILL)
    server.start()
    wait_for([], keys, quick, short)
