"""Grants in ACLs: what requests may say, what is shown, and what each permission lets whom do."""
import http.client

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

from test_accounts import connect, ingot
from test_commands import Store

GROUPS = "http://acs.amazonaws.com/groups/"
ALL_USERS = GROUPS + "global/AllUsers"
AUTHENTICATED = GROUPS + "global/AuthenticatedUsers"
DENIED = (403, "AccessDenied")
ORDER = ("ann", "bob", "eve")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("acl"))
    store.run("format", *store.volumes)
    store.start()
    store.people = {name: ingot(store, "user", "add", name, "--email", f"{name}@example.com") for name in ORDER}
    yield store
    store.stop()


@pytest.fixture
def people(store):
    return store.people


@pytest.fixture
def ann(store):
    return connect(store, store.people["ann"])


@pytest.fixture
def bob(store):
    return connect(store, store.people["bob"])


@pytest.fixture
def nobody(store):
    return boto3.client("s3", endpoint_url=f"http://{store.address}", region_name="us-east-1",
                        config=botocore.config.Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"}))


@pytest.fixture
def bucket(ann, new_name):
    ann.create_bucket(Bucket=new_name)
    ann.put_object(Bucket=new_name, Key="k", Body=b"body")
    return new_name


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], caught.value.response["Error"]["Code"]


def may(call, **arguments):
    try:
        call(**arguments)
        return True
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return False


def user(person, permission):
    return {"Grantee": {"Type": "CanonicalUser", "ID": person["canonical_id"]}, "Permission": permission}


def group(uri, permission):
    return {"Grantee": {"Type": "Group", "URI": uri}, "Permission": permission}


def policy(people, *grants, owner="ann"):
    return {"Owner": {"ID": people[owner]["canonical_id"]}, "Grants": list(grants)}


def shown(answer):
    """Each grant as (who, permission)."""
    return [(g["Grantee"].get("DisplayName") or g["Grantee"].get("URI", "").rsplit("/", 1)[-1], g["Permission"]) for g in answer["Grants"]]


def send(store, person, method, path, headers=None, body=b""):
    """A request with headers and a body as they stand here."""
    url = f"http://{store.address}{path}"
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers or {})
    credentials = botocore.credentials.Credentials(person["access_key"], person["secret_key"])
    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(store.address, timeout=60)
    connection.request(method, path, body, dict(request.headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else ""


def what_bob_may_do_to_a_bucket(bob, bucket):
    done = set()
    if may(bob.list_objects_v2, Bucket=bucket):
        done.add("READ")
    if may(bob.put_object, Bucket=bucket, Key="bobs", Body=b""):
        done.add("WRITE")
        bob.delete_object(Bucket=bucket, Key="bobs")
    if may(bob.get_bucket_acl, Bucket=bucket):
        done.add("READ_ACP")
    if may(bob.put_bucket_acl, Bucket=bucket, AccessControlPolicy=bob.acl):
        done.add("WRITE_ACP")
    return done


@pytest.mark.parametrize("permission", ["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"])
def test_bucket_permissions(people, ann, bob, nobody, bucket, permission):
    bob.acl = policy(people, user(people["bob"], permission))
    ann.put_bucket_acl(Bucket=bucket, AccessControlPolicy=bob.acl)
    every = {"READ", "WRITE", "READ_ACP", "WRITE_ACP"}
    assert what_bob_may_do_to_a_bucket(bob, bucket) == (every if permission == "FULL_CONTROL" else {permission})
    assert shown(ann.get_bucket_acl(Bucket=bucket)) == [("bob", permission)]
    for call in (bob.get_bucket_policy, bob.get_bucket_versioning, bob.get_bucket_location, bob.delete_bucket, nobody.list_objects_v2):
        assert code_of(call, Bucket=bucket) == DENIED
    assert code_of(bob.get_object, Bucket=bucket, Key="k") == DENIED  # a bucket's ACL is not its objects'


@pytest.mark.parametrize("permission", ["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"])
def test_object_permissions(people, ann, bob, nobody, bucket, permission):
    granted = policy(people, user(people["ann"], "FULL_CONTROL"), user(people["bob"], permission))
    ann.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=granted)
    where = {"Bucket": bucket, "Key": "k"}
    assert may(bob.get_object, **where) == (permission in ("READ", "FULL_CONTROL"))
    assert may(bob.get_object_attributes, ObjectAttributes=["ETag"], **where) == (permission in ("READ", "FULL_CONTROL"))
    assert may(bob.get_object_acl, **where) == (permission in ("READ_ACP", "FULL_CONTROL"))
    assert may(bob.put_object_acl, AccessControlPolicy=granted, **where) == (permission in ("WRITE_ACP", "FULL_CONTROL"))
    for call, more in ((bob.put_object, {"Body": b""}), (bob.delete_object, {}), (bob.get_object_tagging, {}),
                       (bob.put_object_tagging, {"Tagging": {"TagSet": []}}), (nobody.get_object, {})):
        assert code_of(call, **where, **more) == DENIED
    assert ann.get_object(**where)["Body"].read() == b"body"


def test_groups_and_addresses(people, ann, bob, nobody, bucket):
    ann.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy(people, group(AUTHENTICATED, "READ")))
    assert may(bob.get_object, Bucket=bucket, Key="k") and not may(nobody.get_object, Bucket=bucket, Key="k")
    ann.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy(people, user(people["ann"], "FULL_CONTROL"), group(ALL_USERS, "READ_ACP")))
    assert not may(nobody.get_object, Bucket=bucket, Key="k")
    assert shown(nobody.get_object_acl(Bucket=bucket, Key="k")) == [("AllUsers", "READ_ACP"), ("ann", "FULL_CONTROL")]
    mail = {"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "bob@example.com"}, "Permission": "READ"}
    ann.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy(people, mail))
    answer = ann.get_object_acl(Bucket=bucket, Key="k")
    assert answer["Grants"][0]["Grantee"] == {"DisplayName": "bob", "ID": people["bob"]["canonical_id"], "Type": "CanonicalUser"}
    assert answer["Owner"] == {"DisplayName": "ann", "ID": people["ann"]["canonical_id"]}
    assert may(bob.get_object, Bucket=bucket, Key="k")
    ann.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy(people))
    assert shown(ann.get_object_acl(Bucket=bucket, Key="k")) == [] and not may(bob.get_object, Bucket=bucket, Key="k")


def test_headers(people, ann, bob, bucket):
    bob_id = f'id="{people["bob"]["canonical_id"]}"'
    ann.put_object(Bucket=bucket, Key="put", Body=b"", GrantRead=f'{bob_id}, uri="{AUTHENTICATED}"', GrantReadACP="emailAddress=eve@example.com")
    assert sorted(shown(ann.get_object_acl(Bucket=bucket, Key="put"))) == [("AuthenticatedUsers", "READ"), ("bob", "READ"), ("eve", "READ_ACP")]
    ann.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/put", GrantFullControl=bob_id)
    assert shown(bob.get_object_acl(Bucket=bucket, Key="copy")) == [("bob", "FULL_CONTROL")]
    upload = ann.create_multipart_upload(Bucket=bucket, Key="parts", GrantRead=bob_id)["UploadId"]
    part = ann.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"p")
    ann.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload,
                                  MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert may(bob.get_object, Bucket=bucket, Key="parts")
    ann.put_object_acl(Bucket=bucket, Key="parts", GrantReadACP=bob_id)
    assert not may(bob.get_object, Bucket=bucket, Key="parts") and may(bob.get_object_acl, Bucket=bucket, Key="parts")
    ann.put_bucket_acl(Bucket=bucket, GrantWrite=f"uri={GROUPS}s3/LogDelivery", GrantRead=bob_id)
    assert shown(ann.get_bucket_acl(Bucket=bucket)) == [("LogDelivery", "WRITE"), ("bob", "READ")]
    ann.create_bucket(Bucket=bucket + "-2", GrantRead=bob_id)
    assert may(bob.list_objects_v2, Bucket=bucket + "-2")
    assert shown(ann.get_bucket_acl(Bucket=bucket + "-2")) == [("bob", "READ")]


def test_copies_are_private(ann, nobody, bucket):
    ann.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert may(nobody.get_object, Bucket=bucket, Key="k")
    ann.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert not may(nobody.get_object, Bucket=bucket, Key="copy")
    ann.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ACL="public-read")
    assert may(nobody.get_object, Bucket=bucket, Key="copy")
    ann.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", MetadataDirective="REPLACE")
    assert not may(nobody.get_object, Bucket=bucket, Key="k")


LISTS = "<AccessControlPolicy><Owner><ID>{ann}</ID></Owner><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
GRANT = "<Grant><Grantee " + XSI + ' xsi:type="{type}">{grantee}</Grantee><Permission>{permission}</Permission></Grant>'


@pytest.mark.parametrize("target", ["", "/k"])
def test_bad_requests_change_nothing(store, people, ann, bucket, target):
    ann_id = people["ann"]["canonical_id"]

    def grant(kind, grantee, permission="READ"):
        return LISTS.format(ann=ann_id, grants=GRANT.format(type=kind, grantee=grantee, permission=permission))

    bad = {
        "MalformedACLError": ["<AccessControlPolicy>", "nothing", "<a/>", grant("CanonicalUser", f"<ID>{ann_id}</ID>", "ALL"),
                              grant("Sheep", f"<ID>{ann_id}</ID>"), grant("Group", f"<ID>{ann_id}</ID>"),
                              LISTS.format(ann=ann_id, grants=GRANT.format(type="CanonicalUser", grantee=f"<ID>{ann_id}</ID>", permission="READ") * 101)],
        "InvalidArgument": [grant("CanonicalUser", "<ID>_foo</ID>"), grant("CanonicalUser", "<ID></ID>"),
                            grant("CanonicalUser", f"<ID>{'0' * 64}</ID>"), grant("Group", "<URI>http://example.com/</URI>")],
        "UnresolvableGrantByEmailAddress": [grant("AmazonCustomerByEmail", "<EmailAddress>nobody@example.com</EmailAddress>")],
        "MissingSecurityHeader": [""],
    }
    path = f"/{bucket}{target}?acl"
    for code, bodies in bad.items():
        for body in bodies:
            assert send(store, people["ann"], "PUT", path, body=body.encode()) == (400, code), body
    body = grant("CanonicalUser", f"<ID>{ann_id}</ID>").encode()
    assert send(store, people["ann"], "PUT", path, body=body.replace(ann_id.encode(), people["bob"]["canonical_id"].encode(), 1)) == DENIED
    assert send(store, people["ann"], "PUT", path, {"x-amz-acl": "private"}, body) == (400, "UnexpectedContent")
    for headers, code in (({"x-amz-acl": "public"}, "InvalidArgument"), ({"x-amz-acl": ""}, "InvalidArgument"), ({"x-amz-grant-read": "bob"}, "InvalidArgument"),
                          ({"x-amz-grant-everything": f"id={ann_id}"}, "InvalidArgument"), ({"x-amz-grant-read": "id=bob"}, "InvalidArgument"),
                          ({"x-amz-grant-read": "uri=http://example.com"}, "InvalidArgument"),
                          ({"x-amz-grant-read": "emailAddress=nobody@example.com"}, "UnresolvableGrantByEmailAddress"),
                          ({"x-amz-acl": "private", "x-amz-grant-read": f"id={ann_id}"}, "InvalidRequest")):
        assert send(store, people["ann"], "PUT", path, headers) == (400, code), headers
        assert send(store, people["ann"], "PUT", f"/{bucket}/new", headers, b"x") == (400, code), headers
        assert send(store, people["ann"], "PUT", f"/{bucket}-new", headers) == (400, code), headers
    assert send(store, people["ann"], "PUT", f"/{bucket}/new", {"x-amz-acl": "log-delivery-write"}, b"x") == (400, "InvalidArgument")
    assert [o["Key"] for o in ann.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    assert f"{bucket}-new" not in [b["Name"] for b in ann.list_buckets()["Buckets"]]
    assert shown(ann.get_bucket_acl(Bucket=bucket)) == [("ann", "FULL_CONTROL")]
    assert shown(ann.get_object_acl(Bucket=bucket, Key="k")) == [("ann", "FULL_CONTROL")]
    assert send(store, people["ann"], "PUT", f"/{bucket}/none?acl", {"x-amz-acl": "private"}) == (404, "NoSuchKey")


def test_objects_of_another_account(people, ann, bob, bucket):
    ann.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy(people, user(people["ann"], "FULL_CONTROL"), user(people["bob"], "WRITE")))
    bob.put_object(Bucket=bucket, Key="bobs", Body=b"bob's")
    assert code_of(ann.get_object, Bucket=bucket, Key="bobs") == DENIED
    assert code_of(ann.put_object_acl, Bucket=bucket, Key="bobs", ACL="public-read") == DENIED
    assert may(bob.get_object, Bucket=bucket, Key="bobs")
    bob.put_object_acl(Bucket=bucket, Key="bobs", GrantRead=f"id={people['ann']['canonical_id']}")
    assert ann.get_object(Bucket=bucket, Key="bobs")["Body"].read() == b"bob's"
    bob.put_object_acl(Bucket=bucket, Key="bobs", ACL="bucket-owner-full-control")
    assert shown(ann.get_object_acl(Bucket=bucket, Key="bobs")) == [("bob", "FULL_CONTROL"), ("ann", "FULL_CONTROL")]
    bob.put_object_acl(Bucket=bucket, Key="bobs", ACL="private")
    ann.delete_object(Bucket=bucket, Key="bobs")  # who pays for the bucket may always clear it


def test_disabled_acls(people, ann, bob, nobody, bucket):
    ann.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    ann.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    bob.put_object(Bucket=bucket, Key="bobs", Body=b"bob's")
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert code_of(ann.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=controls) == (400, "InvalidBucketAclWithObjectOwnership")
    ann.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy(people, user(people["ann"], "FULL_CONTROL")))
    ann.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    refused = (400, "AccessControlListNotSupported")
    assert not may(nobody.get_object, Bucket=bucket, Key="k") and not may(bob.get_object, Bucket=bucket, Key="bobs")
    assert ann.get_object(Bucket=bucket, Key="bobs")["Body"].read() == b"bob's"
    assert shown(ann.get_object_acl(Bucket=bucket, Key="bobs")) == [("ann", "FULL_CONTROL")]
    for acl in ("private", "public-read", "bucket-owner-read"):
        assert code_of(ann.put_object, Bucket=bucket, Key="new", Body=b"", ACL=acl) == refused
    assert code_of(ann.put_object, Bucket=bucket, Key="new", Body=b"", GrantRead=f"id={people['bob']['canonical_id']}") == refused
    assert code_of(ann.put_object, Bucket=bucket, Key="new", Body=b"", GrantFullControl=f"uri={ALL_USERS}") == refused
    assert code_of(ann.put_object_acl, Bucket=bucket, Key="k", ACL="bucket-owner-full-control") == refused
    assert code_of(ann.put_bucket_acl, Bucket=bucket, AccessControlPolicy=policy(people)) == refused
    ann.put_object(Bucket=bucket, Key="new", Body=b"", ACL="bucket-owner-full-control")
    ann.put_object(Bucket=bucket, Key="new", Body=b"", GrantFullControl=f"id={people['ann']['canonical_id']}")
    ann.delete_bucket_ownership_controls(Bucket=bucket)
    assert may(nobody.get_object, Bucket=bucket, Key="k")  # what was granted counts again
    assert code_of(ann.get_object, Bucket=bucket, Key="bobs") == DENIED


def test_ownership_from_the_start(people, ann, bob, new_name):
    code = (400, "InvalidBucketAclWithObjectOwnership")
    for acl in ({"ACL": "public-read"}, {"GrantRead": f"id={people['bob']['canonical_id']}"}):
        assert code_of(ann.create_bucket, Bucket=new_name, ObjectOwnership="BucketOwnerEnforced", **acl) == code
    ann.create_bucket(Bucket=new_name, ObjectOwnership="BucketOwnerPreferred", ACL="public-read-write")
    rules = ann.get_bucket_ownership_controls(Bucket=new_name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    bob.put_object(Bucket=new_name, Key="given", Body=b"", ACL="bucket-owner-full-control")
    bob.put_object(Bucket=new_name, Key="kept", Body=b"")
    assert ann.get_object_acl(Bucket=new_name, Key="given")["Owner"]["DisplayName"] == "ann"
    assert bob.get_object_acl(Bucket=new_name, Key="kept")["Owner"]["DisplayName"] == "bob"


def test_unknown_ownership_makes_no_bucket(store, people, ann, new_name):
    assert send(store, people["ann"], "PUT", f"/{new_name}", {"x-amz-object-ownership": "Mine"}) == (400, "InvalidArgument")
    assert code_of(ann.head_bucket, Bucket=new_name) == (404, "404")


def test_public_access_block(people, ann, bob, nobody, bucket):
    ann.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy(people, group(ALL_USERS, "READ"), user(people["bob"], "READ")))
    ann.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    bob_id, everybody = f"id={people['bob']['canonical_id']}", f"uri={AUTHENTICATED}"
    for acl in ({"ACL": "public-read"}, {"ACL": "authenticated-read"}, {"GrantWriteACP": everybody}, {"GrantRead": f"{bob_id}, {everybody}"}):
        assert code_of(ann.put_object, Bucket=bucket, Key="new", Body=b"", **acl) == DENIED
        assert code_of(ann.copy_object, Bucket=bucket, Key="new", CopySource=f"{bucket}/k", **acl) == DENIED
        assert code_of(ann.create_multipart_upload, Bucket=bucket, Key="new", **acl) == DENIED
        assert code_of(ann.put_object_acl, Bucket=bucket, Key="k", **acl) == DENIED
        assert code_of(ann.put_bucket_acl, Bucket=bucket, **acl) == DENIED
        assert code_of(ann.create_bucket, Bucket=bucket, **acl) == DENIED  # it is there: its ACL would be reset
    assert shown(ann.get_bucket_acl(Bucket=bucket)) == [("ann", "FULL_CONTROL")]
    ann.put_object(Bucket=bucket, Key="new", Body=b"", GrantRead=bob_id)
    assert may(nobody.get_object, Bucket=bucket, Key="k")
    ann.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert not may(nobody.get_object, Bucket=bucket, Key="k") and may(bob.get_object, Bucket=bucket, Key="k")


def test_creating_again_resets_the_acl(ann, bob, bucket):
    ann.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert code_of(bob.create_bucket, Bucket=bucket) == (409, "BucketAlreadyExists")
    ann.create_bucket(Bucket=bucket)
    assert shown(ann.get_bucket_acl(Bucket=bucket)) == [("ann", "FULL_CONTROL")] and not may(bob.list_objects_v2, Bucket=bucket)
