"""Accounts and access keys: what operators make by `ingot user` and `ingot key`, and whom it lets in."""
import json
import os
import time

import boto3
import botocore.config
import pytest

from test_buckets import fails
from test_commands import Store

PATIENCE = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("accounts"))
    store.run("format", *store.volumes)
    store.start()
    yield store
    store.stop()


def ingot(store, *words):
    return json.loads(store.run(*words, "--json").stdout)


def connect(store, credential):
    return boto3.client("s3", endpoint_url=f"http://{store.address}", region_name="us-east-1",
                        aws_access_key_id=credential["access_key"], aws_secret_access_key=credential["secret_key"],
                        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


def soon(check):
    """A change counts with the next request of each reactor."""
    for _ in range(PATIENCE * 5):
        if check():
            return
        time.sleep(0.2)
    assert check()


def refused(client):
    try:
        client.list_buckets()
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"] == "InvalidAccessKeyId"
    return False


def test_an_account_copies_what_its_own_key_encrypts(store):
    cid = connect(store, ingot(store, "user", "add", "cid"))
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    cid.create_bucket(Bucket="cids")
    cid.put_object(Bucket="cids", Key="k", Body=b"body", **key)
    cid.copy_object(Bucket="cids", Key="copy", CopySource="cids/k", **{"CopySource" + name: value for name, value in key.items()})
    assert cid.get_object(Bucket="cids", Key="copy")["Body"].read() == b"body"
    fails(400, "InvalidRequest", cid.copy_object, Bucket="cids", Key="copy", CopySource="cids/k")


def test_accounts_are_apart(store):
    ann = connect(store, ingot(store, "user", "add", "ann", "--display-name", "Ann", "--email", "ann@example.com"))
    bob = connect(store, ingot(store, "user", "add", "bob"))
    ann.create_bucket(Bucket="anns")
    ann.put_object(Bucket="anns", Key="k", Body=b"body")
    assert [b["Name"] for b in ann.list_buckets()["Buckets"]] == ["anns"]
    assert bob.list_buckets()["Buckets"] == []
    assert ann.list_buckets()["Owner"]["DisplayName"] == "Ann"
    for call, more in ((bob.get_object, {"Key": "k"}), (bob.list_objects_v2, {}), (bob.put_object, {"Key": "x", "Body": b""}),
                       (bob.delete_object, {"Key": "k"}), (bob.get_bucket_acl, {}), (bob.delete_bucket, {})):
        fails(403, "AccessDenied", call, Bucket="anns", **more)
    fails(409, "BucketAlreadyExists", bob.create_bucket, Bucket="anns")
    listed = {user["name"]: user for user in ingot(store, "user", "list")["users"]}
    assert listed["ann"]["email"] == "ann@example.com" and listed["ann"]["keys"] == 1 and len(listed["root"]["number"]) == 12
    assert listed["ann"]["canonical_id"] == ann.list_buckets()["Owner"]["ID"]
    store.fails("user", "remove", "ann", says="owns buckets")
    ann.delete_object(Bucket="anns", Key="k")
    ann.delete_bucket(Bucket="anns")
    store.run("user", "remove", "ann")
    soon(lambda: refused(ann))
    store.fails("user", "remove", "ann", says="there is no account ann")
    store.fails("user", "add", "bob", says="in use")
    store.fails("user", "remove", "root", says="store's own")
    store.fails("user", "add", "b b", says="a name has")
    store.run("user", "disable", "bob")
    soon(lambda: refused(bob))
    store.run("user", "enable", "bob")
    soon(lambda: not refused(bob))


def test_a_key_for_one_bucket(store):
    eve = connect(store, ingot(store, "user", "add", "eve"))
    for name in "photos", "other":
        eve.create_bucket(Bucket=name)
        eve.put_object(Bucket=name, Key="a/1", Body=b"body")
        eve.put_object(Bucket=name, Key="b/1", Body=b"body")
    key = connect(store, ingot(store, "key", "add", "eve", "--bucket", "photos"))
    assert [b["Name"] for b in key.list_buckets()["Buckets"]] == ["photos"]
    assert key.get_object(Bucket="photos", Key="a/1")["Body"].read() == b"body"
    fails(403, "AccessDenied", key.get_object, Bucket="other", Key="a/1")
    fails(403, "AccessDenied", key.copy_object, Bucket="photos", Key="c", CopySource={"Bucket": "other", "Key": "a/1"})
    reader = connect(store, ingot(store, "key", "add", "eve", "--bucket", "photos", "--prefix", "a/", "--policy", "readonly"))
    assert reader.get_object(Bucket="photos", Key="a/1")["Body"].read() == b"body"
    fails(403, "AccessDenied", reader.get_object, Bucket="photos", Key="b/1")
    fails(403, "AccessDenied", reader.put_object, Bucket="photos", Key="a/2", Body=b"")
    brief = ingot(store, "key", "add", "eve", "--expires", "2s")
    soon(lambda: refused(connect(store, brief)))
    listed = [entry for entry in ingot(store, "key", "list", "eve")["keys"] if entry["bucket"] == "photos"]
    assert sorted(entry["prefix"] or "" for entry in listed) == ["", "a/"] and all("secret_key" not in entry for entry in listed)
    store.run("key", "remove", listed[0]["access_key"])
    store.fails("key", "remove", listed[0]["access_key"], says="no access key")
    store.fails("key", "add", "nobody", says="there is no account nobody")
    store.fails("key", "add", "eve", "--prefix", "a/", says="a prefix is of one bucket's keys")
    store.fails("key", "add", "eve", "--expires", "soon", says="expires:")


def test_keys_are_there_after_a_restart_and_secrets_nowhere(store):
    path = os.path.join(store.folder, "secret")
    with open(path, "w", encoding="utf-8") as file:
        file.write("a-secret-that-can-be-found\n")
    store.run("user", "add", "zoe", "--access-key", "ZOES", "--secret-file", path)
    os.unlink(path)
    zoe = connect(store, {"access_key": "ZOES", "secret_key": "a-secret-that-can-be-found"})
    zoe.create_bucket(Bucket="zoes")
    store.stop()
    for volume in store.volumes:
        with open(volume, "rb") as file:
            assert b"a-secret-that-can-be-found" not in file.read()
    assert "a-secret-that-can-be-found" not in store.log()
    store.start()
    assert [b["Name"] for b in zoe.list_buckets()["Buckets"]] == ["zoes"]
