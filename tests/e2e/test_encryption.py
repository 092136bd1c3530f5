"""Encryption as clients and operators see it, on a store of this test's own whose volumes it reads."""
import base64
import hashlib
import os
import signal
import time

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from test_commands import BINARY, Store

pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")
MARK = b"PLAIN-TEXT-OF-THE-TEST-"
PART = 5 << 20


def customer(seed):
    key = hashlib.sha256(seed).digest()
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64encode(key).decode(),
            "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode()}


def as_source(arguments):
    return {"CopySource" + name: value for name, value in arguments.items()}


KEY, OTHER = customer(b"one"), customer(b"two")
WAYS = {"sse-s3": ({"ServerSideEncryption": "AES256"}, {}), "sse-c": (KEY, KEY),
        "sse-kms": ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "first"}, {})}


def text(size):
    return (MARK * (size // len(MARK) + 1))[:size]


class Encrypted(Store):
    def __init__(self, folder):
        super().__init__(folder)
        self.keys = folder / "keys"
        self.versions = {}
        self.add("first")
        self.add("second")

    def add(self, name):
        """A key, or the next version of it."""
        self.versions.setdefault(name, []).append(os.urandom(32).hex())
        self.write_keys()

    def write_keys(self):
        self.keys.write_text("".join(f"{name} {number + 1} {key}\n" for name, keys in self.versions.items()
                                     for number, key in enumerate(keys) if key))
        self.configure(self.volumes, f"kms_key_file = {self.keys}")

    def client(self):
        return boto3.client("s3", endpoint_url=f"http://{self.address}", region_name="us-east-1", aws_access_key_id="operator",
                            aws_secret_access_key="operator1234",
                            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

    def crash(self):
        self.server.kill()
        self.server.wait()
        self.server = None

    def volumes_hold(self, what):
        for path in self.volumes:
            with open(path, "rb") as file:
                kept = b""
                while block := file.read(4 << 20):
                    if what in kept + block:
                        return True
                    kept = block[-len(what):]
        return False


@pytest.fixture
def store(tmp_path):
    it = Encrypted(tmp_path)
    it.run("format", "--data", "4", "--parity", "2", *it.volumes)
    yield it
    if it.server:
        it.server.kill()
        it.server.wait()


def code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def read(client, key, **arguments):
    return client.get_object(Bucket="box", Key=key, **arguments)["Body"].read()


def upload(client, key, parts, create, each):
    upload_id = client.create_multipart_upload(Bucket="box", Key=key, **create)["UploadId"]
    done = []
    for number, body in enumerate(parts, 1):
        part = client.upload_part(Bucket="box", Key=key, UploadId=upload_id, PartNumber=number, Body=body, **each)
        done.append({"PartNumber": number, "ETag": part["ETag"]})
    return client.complete_multipart_upload(Bucket="box", Key=key, UploadId=upload_id, MultipartUpload={"Parts": done}, **each)


def test_no_plain_text_on_the_volumes(store):
    store.start()
    client = store.client()
    client.create_bucket(Bucket="box")
    for name, (write, again) in WAYS.items():
        client.put_object(Bucket="box", Key=f"{name}-small", Body=text(5000), **write)
        client.put_object(Bucket="box", Key=f"{name}-large", Body=text(3000000), **write)
        upload(client, f"{name}-parts", [text(PART), text(100)], write, again)
    client.copy_object(Bucket="box", Key="copied", CopySource={"Bucket": "box", "Key": "sse-c-large"}, **as_source(KEY), **OTHER)
    client.put_bucket_encryption(Bucket="box", ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    client.put_object(Bucket="box", Key="default", Body=text(100000))
    store.crash()
    assert not store.volumes_hold(MARK)
    store.start()
    client = store.client()
    for name, (_, again) in WAYS.items():
        assert read(client, f"{name}-small", **again) == text(5000)
        assert read(client, f"{name}-large", **again) == text(3000000)
        assert read(client, f"{name}-parts", **again) == text(PART) + text(100)
    assert read(client, "copied", **OTHER) == text(3000000)
    assert not store.volumes_hold(MARK)
    store.run("scrub")
    store.stop()
    store.run("fsck")
    store.start()
    client = store.client()
    client.delete_bucket_encryption(Bucket="box")
    client.put_object(Bucket="box", Key="plain", Body=text(100000))
    store.crash()
    assert store.volumes_hold(MARK)  # the scan sees what is there


def test_answers_tell_of_encryption(store):
    store.start()
    client = store.client()
    client.create_bucket(Bucket="box")
    etag = hashlib.md5(b"x" * 100).hexdigest()
    put = client.put_object(Bucket="box", Key="s", Body=b"x" * 100, ServerSideEncryption="AES256")
    assert put["ServerSideEncryption"] == "AES256" and put["ETag"] == f'"{etag}"'
    context = base64.b64encode(b'{"a": "b"}').decode()
    put = client.put_object(Bucket="box", Key="k", Body=b"x" * 100, ServerSideEncryption="aws:kms", SSEKMSKeyId="first",
                            BucketKeyEnabled=True, SSEKMSEncryptionContext=context)
    assert put["ServerSideEncryption"] == "aws:kms" and put["SSEKMSKeyId"] == "first" and put["BucketKeyEnabled"] is True
    assert put["SSEKMSEncryptionContext"] == context and put["ETag"] != f'"{etag}"'
    put = client.put_object(Bucket="box", Key="c", Body=b"x" * 100, **KEY)
    assert put["SSECustomerKeyMD5"] == KEY["SSECustomerKeyMD5"] and "ServerSideEncryption" not in put
    for call in client.get_object, client.head_object:
        assert call(Bucket="box", Key="s")["ServerSideEncryption"] == "AES256"
        assert call(Bucket="box", Key="k")["SSEKMSKeyId"] == "first"
        answer = call(Bucket="box", Key="c", **KEY)
        assert answer["SSECustomerAlgorithm"] == "AES256" and answer["ContentLength"] == 100
    assert {entry["Size"] for entry in client.list_objects_v2(Bucket="box")["Contents"]} == {100}
    copied = client.copy_object(Bucket="box", Key="copy", CopySource="box/s", ServerSideEncryption="aws:kms", SSEKMSKeyId="second")
    assert copied["SSEKMSKeyId"] == "second"
    assert client.copy_object(Bucket="box", Key="copy", CopySource="box/k")["ServerSideEncryption"] == "AES256"
    client.put_object_tagging(Bucket="box", Key="c", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert client.get_object_tagging(Bucket="box", Key="c")["TagSet"]
    attributes = client.get_object_attributes(Bucket="box", Key="c", ObjectAttributes=["ObjectSize"], **KEY)
    assert attributes["ObjectSize"] == 100
    client.copy_object(Bucket="box", Key="c", CopySource="box/c", **as_source(KEY), **OTHER)  # another key, in place
    assert read(client, "c", Range="bytes=98-", **OTHER) == b"xx"
    assert code(client.get_object, Bucket="box", Key="c", **KEY) == (403, "AccessDenied")
    left = client.copy_object(Bucket="box", Key="c", CopySource="box/c", **as_source(OTHER))  # and the client's key left
    assert left["ServerSideEncryption"] == "AES256" and read(client, "c") == b"x" * 100
    store.stop()


def test_refusals(store):
    store.start()
    client = store.client()
    client.create_bucket(Bucket="box")
    client.put_object(Bucket="box", Key="c", Body=b"x", **KEY)
    client.put_object(Bucket="box", Key="p", Body=b"x")
    put = {"Bucket": "box", "Key": "x", "Body": b"x"}
    assert code(client.get_object, Bucket="box", Key="c") == (400, "InvalidRequest")
    assert code(client.get_object, Bucket="box", Key="p", **KEY) == (400, "InvalidRequest")
    assert code(client.head_object, Bucket="box", Key="c") == (400, "400")
    assert code(client.head_object, Bucket="box", Key="c", **OTHER) == (403, "403")
    assert code(client.get_object_attributes, Bucket="box", Key="c", ObjectAttributes=["ETag"]) == (400, "InvalidRequest")
    assert code(client.copy_object, Bucket="box", Key="x", CopySource="box/c") == (400, "InvalidRequest")
    assert code(client.copy_object, Bucket="box", Key="x", CopySource="box/c", **as_source(OTHER)) == (403, "AccessDenied")
    assert code(client.put_object, **put, **dict(KEY, SSECustomerAlgorithm="AES128")) == (400, "InvalidEncryptionAlgorithmError")
    assert code(client.put_object, **put, **dict(KEY, SSECustomerKeyMD5=OTHER["SSECustomerKeyMD5"])) == (400, "InvalidArgument")
    assert code(client.put_object, **put, ServerSideEncryption="aws:kms", SSEKMSKeyId="none") == (400, "KMS.NotFoundException")
    assert code(client.put_object, **put, ServerSideEncryption="aws:kms") == (400, "KMS.NotFoundException")
    assert code(client.put_object, **put, ServerSideEncryption="AES256", SSEKMSKeyId="first") == (400, "InvalidArgument")
    assert code(client.put_object, **put, ServerSideEncryption="aws:kms", SSEKMSKeyId="first", SSEKMSEncryptionContext="e3") == (400, "InvalidArgument")
    assert code(client.put_object, **put, ServerSideEncryption="AES512") == (400, "InvalidArgument")
    assert code(client.put_object, **put, ServerSideEncryption="aws:kms:dsse") == (501, "NotImplemented")
    assert code(client.put_object, **put, ServerSideEncryption="AES256", **KEY) == (400, "InvalidArgument")
    upload_id = client.create_multipart_upload(Bucket="box", Key="x", **KEY)["UploadId"]
    part = {"Bucket": "box", "Key": "x", "UploadId": upload_id, "PartNumber": 1, "Body": b"x"}
    assert code(client.upload_part, **part) == (400, "InvalidRequest")
    assert code(client.upload_part, **part, **OTHER) == (400, "InvalidRequest")
    done = {"Parts": [{"PartNumber": 1, "ETag": client.upload_part(**part, **KEY)["ETag"]}]}
    assert code(client.complete_multipart_upload, Bucket="box", Key="x", UploadId=upload_id, MultipartUpload=done, **OTHER) == (400, "InvalidRequest")
    client.complete_multipart_upload(Bucket="box", Key="x", UploadId=upload_id, MultipartUpload=done)
    upload_id = client.create_multipart_upload(Bucket="box", Key="x", ChecksumAlgorithm="SHA256", **KEY)["UploadId"]
    part = client.upload_part(Bucket="box", Key="x", UploadId=upload_id, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256", **KEY)
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    assert code(client.complete_multipart_upload, Bucket="box", Key="x", UploadId=upload_id, MultipartUpload=done) == (400, "InvalidRequest")
    client.complete_multipart_upload(Bucket="box", Key="x", UploadId=upload_id, MultipartUpload=done, **KEY)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "first"}}
    assert code(client.put_bucket_encryption, Bucket="box", ServerSideEncryptionConfiguration={"Rules": [rule]}) == (400, "InvalidArgument")
    assert code(client.put_bucket_encryption, Bucket="box", ServerSideEncryptionConfiguration={"Rules": []}) == (400, "MalformedXML")
    assert code(client.get_bucket_encryption, Bucket="box") == (404, "ServerSideEncryptionConfigurationNotFoundError")
    store.stop()
    store.configure(store.volumes, f"kms_key_file = {store.keys}", "customer_keys = tls")
    store.start()
    assert code(store.client().put_object, **put, **KEY) == (400, "InvalidRequest")
    store.stop()


def test_key_files(store):
    """Another version without a restart; one that is malformed changes nothing, and is no start."""
    store.start()
    client = store.client()
    client.create_bucket(Bucket="box")
    first = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "first"}
    client.put_object(Bucket="box", Key="old", Body=b"old", **first)
    store.add("first")
    store.server.send_signal(signal.SIGHUP)
    new = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "third"}
    store.add("third")
    store.server.send_signal(signal.SIGHUP)
    for _ in range(100):
        try:
            client.put_object(Bucket="box", Key="third", Body=b"third", **new)
            break
        except ClientError:
            time.sleep(0.1)
    client.put_object(Bucket="box", Key="new", Body=b"new", **first)
    assert read(client, "old") == b"old" and read(client, "new") == b"new" and read(client, "third") == b"third"
    store.keys.write_text("first 1 abc\n")
    store.server.send_signal(signal.SIGHUP)
    for _ in range(100):
        if "line 1" in store.log():
            break
        time.sleep(0.1)
    assert "keys in use stay" in store.log()
    assert read(client, "old") == b"old"
    store.stop()
    store.fails("serve", says=["kms_key_file", "line 1"])
