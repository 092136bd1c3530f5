"""Buckets: names, life, location, versioning, configurations that are not there."""
import uuid

import botocore
import pytest
from botocore.exceptions import ClientError

from conftest import make_client


def code_of(error):
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"], error.value.response["Error"]["Code"]


def fails(status, code, call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert code_of(error) == (status, code)


def test_create_list_delete(client):
    name = f"e2e-{uuid.uuid4().hex[:20]}"
    client.create_bucket(Bucket=name)
    assert name in [b["Name"] for b in client.list_buckets()["Buckets"]]
    client.delete_bucket(Bucket=name)
    assert name not in [b["Name"] for b in client.list_buckets()["Buckets"]]
    fails(404, "NoSuchBucket", client.delete_bucket, Bucket=name)


def test_create_twice_keeps_what_is_there(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"1")
    try:
        client.create_bucket(Bucket=bucket)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "BucketAlreadyOwnedByYou"
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


@pytest.mark.parametrize("name", ["ab", "Upper-case", "192.168.5.123", "a..b", "ends-", "a" * 64])
def test_bad_names(client, name):
    with pytest.raises(Exception):
        client.create_bucket(Bucket=name)


def test_head(client, bucket):
    assert client.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    fails(404, "404", client.head_bucket, Bucket="no-such-" + bucket)


def test_delete_needs_an_empty_bucket(client, bucket):
    client.put_object(Bucket=bucket, Key="a")
    fails(409, "BucketNotEmpty", client.delete_bucket, Bucket=bucket)


def test_location(client, bucket):
    assert "LocationConstraint" in client.get_bucket_location(Bucket=bucket)


def test_versioning_states(client, bucket):
    assert "Status" not in client.get_bucket_versioning(Bucket=bucket)
    for status in "Enabled", "Suspended":
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert client.get_bucket_versioning(Bucket=bucket)["Status"] == status


@pytest.mark.parametrize("call,code", [
    ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
    ("get_bucket_policy", "NoSuchBucketPolicy"),
    ("get_bucket_tagging", "NoSuchTagSet"),
    ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
    ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
])
def test_nothing_configured(client, bucket, call, code):
    fails(404, code, getattr(client, call), Bucket=bucket)


def test_acl_names_the_owner(client, bucket):
    for _ in range(4):  # connections of several reactors, each with a memory of its own
        other = make_client()
        acl = other.get_bucket_acl(Bucket=bucket)
        assert [g["Permission"] for g in acl["Grants"]] == ["FULL_CONTROL"]
        owner = other.list_buckets()["Owner"]
        assert acl["Owner"] == owner
        assert acl["Grants"][0]["Grantee"] == owner | {"Type": "CanonicalUser"}


def test_tags(client, bucket):
    tags = [{"Key": f"k{i:02}", "Value": "v"} for i in range(50)]
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags[::-1]})
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    too_many = {"TagSet": tags + [{"Key": "one-more", "Value": ""}]}
    fails(400, "InvalidTag", client.put_bucket_tagging, Bucket=bucket, Tagging=too_many)
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    client.delete_bucket_tagging(Bucket=bucket)
    fails(404, "NoSuchTagSet", client.get_bucket_tagging, Bucket=bucket)


def test_tags_from_the_start(client, new_name):
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    fails(400, "InvalidTag", client.create_bucket, Bucket=new_name, CreateBucketConfiguration={"Tags": tags + tags[:1]})
    fails(404, "404", client.head_bucket, Bucket=new_name)
    assert client.create_bucket(Bucket=new_name, CreateBucketConfiguration={"Tags": tags})["BucketArn"] == f"arn:aws:s3:::{new_name}"
    assert client.get_bucket_tagging(Bucket=new_name)["TagSet"] == tags
    assert client.head_bucket(Bucket=new_name)["BucketArn"] == f"arn:aws:s3:::{new_name}"
    client.delete_bucket(Bucket=new_name)


def test_how_many_buckets(client, bucket):
    assert len(client.list_buckets(MaxBuckets=1)["Buckets"]) == 1
    fails(400, "InvalidArgument", client.list_buckets, MaxBuckets=10001)


def test_public_read_lets_everybody_list(client, bucket):
    anybody = make_client(signature_version=botocore.UNSIGNED)
    client.put_object(Bucket=bucket, Key="a", Body=b"1")
    fails(403, "AccessDenied", anybody.list_objects_v2, Bucket=bucket)
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert [o["Key"] for o in anybody.list_objects_v2(Bucket=bucket)["Contents"]] == ["a"]
    assert [o["Key"] for o in anybody.list_objects(Bucket=bucket)["Contents"]] == ["a"]
    anybody.head_bucket(Bucket=bucket)
    assert [v["Key"] for v in anybody.list_object_versions(Bucket=bucket)["Versions"]] == ["a"]
    fails(403, "AccessDenied", anybody.get_object, Bucket=bucket, Key="a")
    fails(403, "AccessDenied", anybody.put_object, Bucket=bucket, Key="b", Body=b"2")
    fails(404, "NoSuchKey", anybody.get_object, Bucket=bucket, Key="no")
    client.put_bucket_acl(Bucket=bucket, ACL="private")
    fails(403, "AccessDenied", anybody.list_objects_v2, Bucket=bucket)
    fails(403, "AccessDenied", anybody.get_object, Bucket=bucket, Key="no")


def test_everybody_is_told_of_buckets_that_are_not_there(new_name):
    anybody = make_client(signature_version=botocore.UNSIGNED)
    for call in anybody.get_object, anybody.delete_object, anybody.put_object:
        fails(404, "NoSuchBucket", call, Bucket=new_name, Key="a")
    fails(404, "NoSuchBucket", anybody.delete_bucket, Bucket=new_name)
    fails(403, "AccessDenied", anybody.create_bucket, Bucket=new_name)
