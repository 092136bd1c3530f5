"""IAM and STS as boto3 and aws use them: users and what they may do, groups, roles, sessions."""
import json
import os

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("INGOT_ENDPOINT")


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def service(client, name, key=None):
    own = client._request_signer._credentials  # pylint: disable=protected-access
    key = key or {"AccessKeyId": own.access_key, "SecretAccessKey": own.secret_key}
    return boto3.client(name, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id=key["AccessKeyId"],
                        aws_secret_access_key=key["SecretAccessKey"], aws_session_token=key.get("SessionToken"),
                        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


@pytest.fixture
def iam(client):
    return service(client, "iam")


@pytest.fixture
def user(iam, bucket):
    name = f"user-{bucket}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield name, key
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
    for entry in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=entry["AccessKeyId"])
    iam.delete_user(UserName=name)


def policy(effect, action, resource="*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]})


def test_a_user_may_what_policies_allow_at_once(client, bucket, iam, user):
    name, key = user
    s3 = service(client, "s3", key)
    assert code_of(s3.list_objects_v2, Bucket=bucket) == (403, "AccessDenied")
    iam.put_user_policy(UserName=name, PolicyName="list", PolicyDocument=policy("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    s3.list_objects_v2(Bucket=bucket)
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"") == (403, "AccessDenied")
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    iam.put_user_policy(UserName=name, PolicyName="never", PolicyDocument=policy("Deny", "s3:PutObject"))
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"") == (403, "AccessDenied")
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert code_of(s3.list_objects_v2, Bucket=bucket) == (403, "InvalidAccessKeyId")


def test_users_do_not_administer(client, iam, user):
    name, key = user
    own = service(client, "iam", key)
    assert code_of(own.create_user, UserName="another") == (403, "AccessDenied")
    assert code_of(own.put_user_policy, UserName=name, PolicyName="p", PolicyDocument=policy("Allow", "*")) == (403, "AccessDenied")
    assert code_of(own.get_user, UserName="nobody-there") == (403, "AccessDenied")
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    assert own.get_user()["User"]["UserName"] == name
    assert code_of(own.get_user, UserName="nobody-there") == (404, "NoSuchEntity")
    assert code_of(own.delete_user, UserName=name) == (403, "AccessDenied")


def test_groups(client, bucket, iam, user):
    name, key = user
    group = f"group-{bucket}"
    s3 = service(client, "s3", key)
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="all", PolicyDocument=policy("Allow", "s3:*"))
    iam.add_user_to_group(GroupName=group, UserName=name)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert [u["UserName"] for u in iam.get_group(GroupName=group)["Users"]] == [name]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=name)["Groups"]] == [group]
    assert code_of(iam.delete_group, GroupName=group) == (409, "DeleteConflict")
    iam.remove_user_from_group(GroupName=group, UserName=name)
    assert code_of(s3.put_object, Bucket=bucket, Key="k", Body=b"") == (403, "AccessDenied")
    iam.delete_group_policy(GroupName=group, PolicyName="all")
    iam.delete_group(GroupName=group)


def test_a_role_and_its_sessions(client, bucket, iam, user):
    name, key = user
    role, sts = f"role-{bucket}", service(client, "sts", key)
    arn = iam.get_user(UserName=name)["User"]["Arn"]
    assert sts.get_caller_identity()["Arn"] == arn
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}]})
    role_arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=policy("Allow", "s3:*"))
    session = sts.assume_role(RoleArn=role_arn, RoleSessionName="one")["Credentials"]
    s3 = service(client, "s3", session)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert service(client, "sts", session).get_caller_identity()["Arn"].endswith(f":assumed-role/{role}/one")
    narrow = sts.assume_role(RoleArn=role_arn, RoleSessionName="two", Policy=policy("Allow", "s3:GetObject"))["Credentials"]
    s3_narrow = service(client, "s3", narrow)
    assert s3_narrow.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert code_of(s3_narrow.put_object, Bucket=bucket, Key="k", Body=b"") == (403, "AccessDenied")
    # Neither another's token nor none goes with a session's key, and no token is good that was changed.
    for token in session["SessionToken"], None, narrow["SessionToken"][:-8] + "AAAAAAA=", "x":
        wrong = {**narrow, "SessionToken": token}
        assert code_of(service(client, "s3", wrong).get_object, Bucket=bucket, Key="k")[1] in ("InvalidToken", "InvalidAccessKeyId")
    iam.delete_role_policy(RoleName=role, PolicyName="all")
    assert code_of(s3.get_object, Bucket=bucket, Key="k") == (403, "AccessDenied")
    iam.delete_role(RoleName=role)
    assert code_of(s3.get_object, Bucket=bucket, Key="k") == (400, "InvalidToken")


def test_bad_input(iam, user):
    name, _ = user
    assert code_of(iam.create_user, UserName=name.upper()) == (409, "EntityAlreadyExists")
    assert code_of(iam.create_user, UserName="a b") == (400, "ValidationError")
    assert code_of(iam.create_user, UserName="x", Path="/no-end") == (400, "ValidationError")
    assert code_of(iam.put_user_policy, UserName=name, PolicyName="p", PolicyDocument="{}") == (400, "MalformedPolicyDocument")
    assert code_of(iam.put_user_policy, UserName=name, PolicyName="p", PolicyDocument=policy("Allow", ["s3:GetObject"] * 500)) == (409, "LimitExceeded")
    assert code_of(iam.attach_user_policy, UserName=name, PolicyArn="arn:aws:iam::aws:policy/None") == (404, "NoSuchEntity")
    assert code_of(iam.get_user_policy, UserName=name, PolicyName="p") == (404, "NoSuchEntity")
    assert code_of(iam.delete_user, UserName=name) == (409, "DeleteConflict")
    assert code_of(iam.delete_user, UserName="nobody-there") == (404, "NoSuchEntity")
