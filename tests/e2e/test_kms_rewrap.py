"""A key of SSE-KMS is rotated: data keys are sealed again, and the old version can go."""
import json
import os
import secrets
import signal

import boto3
import botocore.config
import pytest

from test_buckets import fails
from test_commands import BINARY, store, wait_for  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")
BODY = os.urandom(70000)


class Keys:
    def __init__(self, running):
        self.store, self.path, self.lines = running, running.folder / "kms-keys", {}
        self.set(("first", 1), ("other", 1))
        running.configure(running.volumes, f"kms_key_file = {self.path}")
        running.start()

    def set(self, *versions):
        for version in versions:
            self.lines.setdefault(version, secrets.token_hex(32))
        self.path.write_text("".join(f"{key} {version} {self.lines[key, version]}\n" for key, version in versions))
        self.path.chmod(0o600)
        if self.store.server:
            self.store.server.send_signal(signal.SIGHUP)
            wait_for(lambda: self.listed() == {key: max(v for k, v in versions if k == key) for key, _ in versions})

    def listed(self):
        return {key["id"]: key["newest"] for key in json.loads(self.store.run("kms", "list", "--json").stdout)["keys"]}

    def rewrap(self, status=0):
        done = self.store.run("kms", "rewrap", "--json", check=False)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def keys(store):  # noqa: F811
    yield Keys(store)
    store.stop()
    store.run("fsck")


def client_of(keys):
    return boto3.client("s3", endpoint_url=f"http://{keys.store.address}", region_name="us-east-1", aws_access_key_id="operator",
                        aws_secret_access_key="operator1234", config=botocore.config.Config(s3={"addressing_style": "path"}))


def put(client, bucket, key, kms_key="first", **more):
    client.put_object(Bucket=bucket, Key=key, Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=kms_key, **more)


def test_rotation(keys):
    client = client_of(keys)
    for bucket in ("aaa", "bbb"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="bbb", VersioningConfiguration={"Status": "Enabled"})
    for n in range(300):  # more than a page
        client.put_object(Bucket="aaa", Key=f"{n:03}", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="first")
    for _ in range(3):
        put(client, "bbb", "versions", Metadata={"one": "1"}, Tagging="t=1")
    put(client, "bbb", "other", "other")
    client.put_object(Bucket="bbb", Key="plain", Body=BODY)
    client.put_object(Bucket="bbb", Key="own", Body=BODY, ServerSideEncryption="AES256")
    client.delete_object(Bucket="bbb", Key="own")
    upload = client.create_multipart_upload(Bucket="bbb", Key="upload", ServerSideEncryption="aws:kms", SSEKMSKeyId="first")["UploadId"]
    part = client.upload_part(Bucket="bbb", Key="upload", UploadId=upload, PartNumber=1, Body=BODY)["ETag"]
    before = client.head_object(Bucket="bbb", Key="versions")

    assert keys.rewrap() == {"looked": 308, "sealed": 0, "unreadable": 0}
    keys.set(("first", 1), ("first", 2), ("other", 1))
    put(client, "bbb", "new")
    assert keys.rewrap() == {"looked": 309, "sealed": 304, "unreadable": 0}
    assert keys.rewrap()["sealed"] == 0
    keys.set(("first", 2), ("other", 1))  # the old version goes
    client.complete_multipart_upload(Bucket="bbb", Key="upload", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    for key in ("versions", "other", "plain", "upload", "new"):
        assert client.get_object(Bucket="bbb", Key=key)["Body"].read() == BODY
    for version in client.list_object_versions(Bucket="bbb", Prefix="versions")["Versions"]:
        got = client.get_object(Bucket="bbb", Key="versions", VersionId=version["VersionId"])
        assert got["Body"].read() == BODY and got["Metadata"] == {"one": "1"} and got["TagCount"] == 1
    after = client.head_object(Bucket="bbb", Key="versions")
    assert (after["ETag"], after["LastModified"], after["VersionId"]) == (before["ETag"], before["LastModified"], before["VersionId"])
    for n in range(0, 300, 50):
        assert client.get_object(Bucket="aaa", Key=f"{n:03}")["Body"].read() == b"x"


def test_a_key_that_is_gone_is_told(keys):
    client = client_of(keys)
    client.create_bucket(Bucket="aaa")
    put(client, "aaa", "one")
    put(client, "aaa", "two", "other")
    keys.set(("first", 2))
    assert keys.rewrap(status=1) == {"looked": 2, "sealed": 0, "unreadable": 2}
    fails(400, "KMS.NotFoundException", client.get_object, Bucket="aaa", Key="one")
    keys.set(("first", 1), ("first", 2), ("other", 1))
    assert keys.rewrap() == {"looked": 2, "sealed": 1, "unreadable": 0}
    keys.set(("first", 2), ("other", 1))
    assert client.get_object(Bucket="aaa", Key="one")["Body"].read() == BODY


def test_without_a_server(store):  # noqa: F811
    store.fails("kms", "rewrap", says="only a running server")
    store.fails("kms", says="list or rewrap", status=2)
