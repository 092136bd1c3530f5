"""ingot policy explain: what would be decided about a request, and why; the same as is then decided about the request itself."""
import json

import boto3
import botocore.config
import pytest

from test_buckets import fails
from test_commands import BINARY, store, wait_for  # noqa: F401 (a fixture)

pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")


class World:
    """A store with a bucket of ann's, and bob."""

    def __init__(self, running):
        self.store = running
        running.configure(running.volumes, "audit_log = yes")
        running.start()
        self.keys = {"root": ("operator", "operator1234")}
        for name in ("ann", "bob"):
            made = json.loads(running.run("user", "add", name, "--json").stdout)
            self.keys[name] = made["access_key"], made["secret_key"]
        self.client("ann").create_bucket(Bucket="photos")
        self.client("ann").put_object(Bucket="photos", Key="a b", Body=b"x")

    def client(self, name):
        key, secret = self.keys[name]
        return boto3.client("s3", endpoint_url=f"http://{self.store.address}", region_name="us-east-1", aws_access_key_id=key,
                            aws_secret_access_key=secret, config=botocore.config.Config(s3={"addressing_style": "path"}))

    def policy(self, *statements):
        self.client("ann").put_bucket_policy(Bucket="photos", Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))

    def explain(self, who, *words, options=()):
        caller = ["--key", self.keys[who][0]] if who else ["--anonymous"]
        done = self.store.run("policy", "explain", "--json", *caller, *options, *words, check=False)
        assert done.returncode in (0, 1), done.stderr
        answer = json.loads(done.stdout)
        assert answer["allowed"] == (done.returncode == 0)
        return answer


@pytest.fixture
def world(store):  # noqa: F811
    yield World(store)
    store.stop()


def statement(effect, action, **more):
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::photos/*", **more}


def test_owners_and_strangers(world):
    assert world.explain("root", "GET", "/photos/a%20b")["reason"].startswith("the credential of the configuration")
    own = world.explain("ann", "GET", "/photos/a%20b")
    assert own["allowed"] and own["action"] == "s3:GetObject" and own["reason"] == "the bucket is the caller's own"
    other = world.explain("bob", "GET", "/photos/a%20b")
    assert (other["status"], other["code"]) == (403, "AccessDenied")
    assert other["reason"] == "neither bucket policy nor ACL allows s3:GetObject"
    assert not world.explain(None, "GET", "/photos/a%20b")["allowed"]
    assert world.explain(None, "GET", "/")["reason"] == "it needs credentials"


def test_statements_are_named(world):
    world.policy(statement("Allow", "s3:GetObject", Sid="Readers"), statement("Deny", "s3:*", Sid="NotFromThere",
                           Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    allowed = world.explain("bob", "GET", "/photos/a%20b")
    assert allowed["allowed"] and allowed["reason"] == "bucket policy: statement 1 Readers allows s3:GetObject"
    denied = world.explain("bob", "GET", "/photos/a%20b", options=["--source-ip", "10.1.2.3"])
    assert denied["reason"] == "bucket policy: statement 2 NotFromThere denies s3:GetObject"
    assert world.explain("bob", "PUT", "/photos/new")["reason"] == "neither bucket policy nor ACL allows s3:PutObject"


def test_headers_transport_and_tags_count(world):
    world.policy(statement("Deny", "s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
                 statement("Allow", "s3:PutObject", Condition={"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}),
                 statement("Allow", "s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}))
    tls = ["--tls"]
    assert "statement 1 denies" in world.explain("bob", "PUT", "/photos/new")["reason"]
    assert not world.explain("bob", "PUT", "/photos/new", options=tls)["allowed"]
    assert world.explain("bob", "PUT", "/photos/new", "x-amz-acl: bucket-owner-full-control", options=tls)["allowed"]
    assert not world.explain("bob", "GET", "/photos/a%20b", options=tls)["allowed"]
    root = world.client("root")
    root.delete_bucket_policy(Bucket="photos")
    root.put_object_tagging(Bucket="photos", Key="a b", Tagging={"TagSet": [{"Key": "open", "Value": "yes"}]})
    world.policy(statement("Allow", "s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}))
    assert world.explain("bob", "GET", "/photos/a%20b", options=tls)["allowed"]
    assert not world.explain("bob", "GET", "/photos/none", options=tls)["allowed"]


def test_acls(world):
    world.client("ann").put_object_acl(Bucket="photos", Key="a b", ACL="public-read")
    assert world.explain(None, "GET", "/photos/a%20b")["reason"] == "an ACL allows it"


def test_scoped_and_unknown_keys(world):
    made = json.loads(world.store.run("key", "add", "ann", "--bucket", "photos", "--policy", "readonly", "--json").stdout)
    world.keys["reader"] = made["access_key"], made["secret_key"]
    assert world.explain("reader", "GET", "/photos/a%20b")["allowed"]
    assert world.explain("reader", "PUT", "/photos/a")["reason"] == "the access key is for reading only"
    assert "outside of the bucket" in world.explain("reader", "GET", "/others/a")["reason"]
    world.keys["nobody"] = "NOSUCHKEY", ""
    assert world.explain("nobody", "GET", "/photos/a")["code"] == "InvalidAccessKeyId"


def test_what_is_not_there(world):
    assert world.explain("ann", "GET", "/nowhere/a")["code"] == "NoSuchBucket"
    assert world.explain("ann", "GET", "/photos/none")["allowed"]
    assert world.explain("ann", "PATCH", "/photos/none")["code"] == "MethodNotAllowed"
    assert world.explain("ann", "POST", "/photos?delete")["reason"] == "it is decided for each key, or by what the body says"


def test_the_log_tells_the_same(world):
    asked = world.explain("bob", "GET", "/photos/a%20b")
    fails(403, "AccessDenied", world.client("bob").get_object, Bucket="photos", Key="a b")
    # The line is written once the answer has been sent: the client may have it first.
    wait_for(lambda: f'denied="{asked["reason"]}"' in world.store.log())


def test_usage(world):
    store = world.store  # noqa: F811
    store.fails("policy", "explain", "GET", "/photos/a", says="--anonymous", status=2)
    store.fails("policy", "explain", "--anonymous", "GET", says="METHOD TARGET", status=2)
    store.fails("policy", "explain", "--anonymous", "GET", "/a", "no header", says="no header", status=2)
    store.fails("policy", "explain", "--anonymous", "GET", "a", says="/bucket/key")
    assert store.run("policy", "explain", "--key", world.keys["ann"][0], "GET", "/photos/a").stdout.splitlines() == [
        "allowed: s3:GetObject", "the bucket is the caller's own"]


def test_without_a_server(store):  # noqa: F811
    store.fails("policy", "explain", "--anonymous", "GET", "/a/b", says="only a running server")
