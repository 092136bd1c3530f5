"""Bucket policies, public access blocks and ownership controls, as the owner and as nobody."""
import json
import os

import botocore
import botocore.config
import boto3
import pytest
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("INGOT_ENDPOINT")


@pytest.fixture
def nobody():
    config = botocore.config.Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    return boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1", config=config)


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


DENIED = (403, "AccessDenied")


def put_policy(client, bucket, *statements, **more):
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    client.put_bucket_policy(Bucket=bucket, Policy=policy, **more)
    return policy


def allow(bucket, action, resource="/*", effect="Allow", **more):
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}{resource}", **more}


def test_policy_is_kept_as_sent(client, bucket):
    assert code_of(client.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    assert client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    policy = put_policy(client, bucket, allow(bucket, "s3:GetObject"))
    assert client.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    put_policy(client, bucket, allow(bucket, "s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    client.delete_bucket_policy(Bucket=bucket)
    client.delete_bucket_policy(Bucket=bucket)
    assert code_of(client.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


def test_malformed_policies_change_nothing(client, bucket):
    policy = put_policy(client, bucket, allow(bucket, "s3:GetObject"))
    for bad in ("{", "[]", json.dumps({"Version": "2012-10-17", "Statement": [allow("other", "s3:GetObject")]}),
                json.dumps({"Version": "2012-10-17", "Statement": [allow(bucket, "s3:Get")]}),
                json.dumps({"Version": "2012-10-17", "Statement": [allow(bucket, "s3:ListBucket")]})):
        assert code_of(client.put_bucket_policy, Bucket=bucket, Policy=bad) == (400, "MalformedPolicy")
    assert code_of(client.put_bucket_policy, Bucket=bucket, Policy=" " * 20481)[1] == "PolicyTooLarge"
    assert client.get_bucket_policy(Bucket=bucket)["Policy"] == policy


def test_nobody_may_what_a_policy_allows(client, bucket, nobody):
    client.put_object(Bucket=bucket, Key="public/a", Body=b"a")
    client.put_object(Bucket=bucket, Key="b", Body=b"b")
    assert code_of(nobody.get_object, Bucket=bucket, Key="public/a") == DENIED
    put_policy(client, bucket, allow(bucket, "s3:GetObject", "/public/*"), allow(bucket, "s3:PutObject", "/in/${aws:SourceIp}*"))
    assert nobody.get_object(Bucket=bucket, Key="public/a")["Body"].read() == b"a"
    assert code_of(nobody.get_object, Bucket=bucket, Key="b") == DENIED
    assert code_of(nobody.get_object, Bucket=bucket, Key="public/gone") == DENIED  # may not list
    assert code_of(nobody.list_objects_v2, Bucket=bucket) == DENIED
    assert code_of(nobody.put_object, Bucket=bucket, Key="public/a", Body=b"x") == DENIED
    nobody.put_object(Bucket=bucket, Key="in/127.0.0.1", Body=b"x")
    assert code_of(nobody.delete_object, Bucket=bucket, Key="public/a") == DENIED
    deleted = nobody.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "public/a"}]})
    assert deleted["Errors"][0]["Code"] == "AccessDenied"
    put_policy(client, bucket, allow(bucket, "s3:GetObject"), allow(bucket, "s3:ListBucket", "", Condition={
        "StringLike": {"s3:prefix": "public/*"}}))
    assert [o["Key"] for o in nobody.list_objects_v2(Bucket=bucket, Prefix="public/")["Contents"]] == ["public/a"]
    assert code_of(nobody.list_objects_v2, Bucket=bucket) == DENIED
    put_policy(client, bucket, allow(bucket, "s3:GetObject"), allow(bucket, "s3:ListBucket", ""))
    assert code_of(nobody.get_object, Bucket=bucket, Key="public/gone") == (404, "NoSuchKey")


def test_denials_bind_the_owner_but_for_the_policy(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"a", Tagging="secret=yes")
    client.put_object(Bucket=bucket, Key="b", Body=b"b")
    put_policy(client, bucket, allow(bucket, "s3:*", effect="Deny", Condition={"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}),
               allow(bucket, "s3:*", "", effect="Deny", Condition={"StringEquals": {"s3:delimiter": "/"}}))
    assert code_of(client.get_object, Bucket=bucket, Key="a") == DENIED
    assert code_of(client.get_object_tagging, Bucket=bucket, Key="a") == DENIED
    assert code_of(client.put_object_tagging, Bucket=bucket, Key="a", Tagging={"TagSet": []}) == DENIED
    assert code_of(client.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/a") == DENIED
    assert client.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"
    assert code_of(client.list_objects, Bucket=bucket, Delimiter="/") == DENIED
    put_policy(client, bucket, allow(bucket, "s3:*", "", effect="Deny"), allow(bucket, "s3:*", effect="Deny"))
    assert code_of(client.list_objects, Bucket=bucket) == DENIED
    assert code_of(client.get_bucket_acl, Bucket=bucket) == DENIED
    client.get_bucket_policy(Bucket=bucket)
    client.delete_bucket_policy(Bucket=bucket)
    client.list_objects(Bucket=bucket)


def test_conditions_on_what_is_sent(client, bucket):
    put_policy(client, bucket, allow(bucket, "s3:PutObject", effect="Deny", Condition={"Null": {"s3:RequestObjectTagKeys": True}}),
               allow(bucket, "s3:PutObjectTagging", effect="Deny", Condition={"StringEquals": {"s3:RequestObjectTag/k": "bad"}}),
               allow(bucket, "s3:PutObjectAcl", effect="Deny"))
    assert code_of(client.put_object, Bucket=bucket, Key="a", Body=b"a") == DENIED
    client.put_object(Bucket=bucket, Key="a", Body=b"a", Tagging="k=v")
    assert code_of(client.put_object, Bucket=bucket, Key="a", Body=b"a", Tagging="k=bad") == DENIED
    assert code_of(client.put_object, Bucket=bucket, Key="a", Body=b"a", Tagging="k=v", ACL="public-read") == DENIED
    assert code_of(client.put_object_tagging, Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "bad"}]}) == DENIED
    client.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "good"}]})


def test_expected_owners(client, bucket):
    owner = client.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ExpectedBucketOwner=owner)
    assert code_of(client.put_object, Bucket=bucket, Key="a", Body=b"a", ExpectedBucketOwner="210987654321") == DENIED
    assert code_of(client.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="210987654321") == DENIED
    assert code_of(client.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": "a"}]}, ExpectedBucketOwner="210987654321") == DENIED
    source = {"Bucket": bucket, "Key": "b", "CopySource": f"{bucket}/a"}
    client.copy_object(**source, ExpectedSourceBucketOwner=owner)
    assert code_of(client.copy_object, **source, ExpectedSourceBucketOwner="210987654321") == DENIED


def test_public_access_block(client, bucket, nobody):
    assert code_of(client.get_public_access_block, Bucket=bucket) == (404, "NoSuchPublicAccessBlockConfiguration")
    off = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    client.put_object(Bucket=bucket, Key="a", Body=b"a", ACL="public-read")
    assert nobody.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    wanted = {**off, "IgnorePublicAcls": True, "BlockPublicPolicy": True}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)
    assert client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == wanted
    assert code_of(nobody.get_object, Bucket=bucket, Key="a") == DENIED
    with pytest.raises(ClientError, match="AccessDenied"):
        put_policy(client, bucket, allow(bucket, "s3:GetObject"))
    client.delete_public_access_block(Bucket=bucket)
    put_policy(client, bucket, allow(bucket, "s3:*"))
    client.put_object(Bucket=bucket, Key="b", Body=b"b")
    assert nobody.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert code_of(nobody.get_object, Bucket=bucket, Key="b") == DENIED
    assert client.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"


def test_ownership_controls(client, bucket):
    assert code_of(client.get_bucket_ownership_controls, Bucket=bucket) == (404, "OwnershipControlsNotFoundError")
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert code_of(client.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=controls)[1] == "InvalidBucketAclWithObjectOwnership"
    client.put_bucket_acl(Bucket=bucket, ACL="private")
    client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    assert client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == controls
    client.delete_bucket_ownership_controls(Bucket=bucket)
    controls = {"Rules": [{"ObjectOwnership": "Nobody"}]}
    assert code_of(client.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=controls) == (400, "MalformedXML")


def test_nobody_lists_no_buckets(nobody):
    assert code_of(nobody.list_buckets) == DENIED


def test_requesters_pay(client, nobody, bucket):
    assert client.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    put_policy(client, bucket, allow(bucket, "s3:GetObject"))
    client.put_object(Bucket=bucket, Key="k", Body=b"body")
    for payer in "Requester", "BucketOwner":
        client.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})
        assert client.get_bucket_request_payment(Bucket=bucket)["Payer"] == payer
        assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"
        if payer == "Requester":
            assert code_of(nobody.get_object, Bucket=bucket, Key="k") == DENIED
            assert code_of(nobody.get_object, Bucket=bucket, Key="k", RequestPayer="requester") == DENIED
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"
    assert code_of(client.put_bucket_request_payment, Bucket=bucket, RequestPaymentConfiguration={"Payer": "Nobody"}) == (400, "MalformedXML")


def test_acceleration_is_kept(client, bucket):
    assert "Status" not in client.get_bucket_accelerate_configuration(Bucket=bucket)
    for status in "Enabled", "Suspended":
        client.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": status})
        assert client.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == status
    assert code_of(client.put_bucket_accelerate_configuration, Bucket=bucket, AccelerateConfiguration={"Status": "on"}) == (400, "MalformedXML")
