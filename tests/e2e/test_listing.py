"""Listings: order, delimiters, paging, encoding."""
import pytest

from test_buckets import fails

KEYS = ["a", "a+b", "aa/1", "aa/2", "b c/1", "b", "dir/", "dir/x/y", "dir/z", "é", "z"]


@pytest.fixture
def filled(client, bucket):
    for key in KEYS:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def pages(call, token, next_token, **arguments):
    keys, prefixes = [], []
    while True:
        page = call(**arguments)
        keys += [o["Key"] for o in page.get("Contents", [])]
        prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            return keys, prefixes
        arguments[token] = page[next_token]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_order(client, filled, size):
    keys, _ = pages(client.list_objects_v2, "ContinuationToken", "NextContinuationToken", Bucket=filled, MaxKeys=size)
    assert keys == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("call,token,next_token", [("list_objects", "Marker", "NextMarker"),
                                                   ("list_objects_v2", "ContinuationToken", "NextContinuationToken")])
def test_delimiter(client, filled, call, token, next_token, size):
    keys, prefixes = pages(getattr(client, call), token, next_token, Bucket=filled, Delimiter="/", MaxKeys=size)
    assert keys == ["a", "a+b", "b", "z", "é"]
    assert prefixes == ["aa/", "b c/", "dir/"]


def test_prefix(client, filled):
    page = client.list_objects_v2(Bucket=filled, Prefix="dir/", Delimiter="/")
    assert [o["Key"] for o in page["Contents"]] == ["dir/", "dir/z"]
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["dir/x/"]
    assert page["KeyCount"] == 3


def test_long_delimiter(client, filled):
    page = client.list_objects_v2(Bucket=filled, Delimiter="r/x")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["dir/x"]


def test_start_after(client, filled):
    page = client.list_objects_v2(Bucket=filled, StartAfter="b")
    assert page["Contents"][0]["Key"] == "b c/1"


def test_token_and_start_after(client, filled):
    first = client.list_objects_v2(Bucket=filled, StartAfter="a", MaxKeys=1)
    second = client.list_objects_v2(Bucket=filled, StartAfter="a", ContinuationToken=first["NextContinuationToken"])
    assert [o["Key"] for o in first["Contents"]] == ["a+b"]
    assert second["Contents"][0]["Key"] == "aa/1"


def test_no_keys(client, filled):
    page = client.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert not page["IsTruncated"] and "Contents" not in page


def test_owner(client, filled):
    assert "Owner" not in client.list_objects_v2(Bucket=filled)["Contents"][0]
    assert "Owner" in client.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]
    assert "Owner" in client.list_objects(Bucket=filled)["Contents"][0]


def test_bad_token(client, filled):
    fails(400, "InvalidArgument", client.list_objects_v2, Bucket=filled, ContinuationToken="!no token!")


def test_missing_bucket(client, bucket):
    fails(404, "NoSuchBucket", client.list_objects_v2, Bucket=bucket + "-no")


def test_version_marker_null(client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"null version")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=bucket, Key="a", Body=b"second")
    client.put_object(Bucket=bucket, Key="b", Body=b"third")
    whole = client.list_object_versions(Bucket=bucket)["Versions"]
    assert [v["VersionId"] == "null" for v in whole] == [False, True, False]
    rest = client.list_object_versions(Bucket=bucket, KeyMarker="a", VersionIdMarker="null")["Versions"]
    assert [v["Key"] for v in rest] == ["b"]
    client.delete_object(Bucket=bucket, Key="a", VersionId="null")
    rest = client.list_object_versions(Bucket=bucket, KeyMarker="a", VersionIdMarker="null")["Versions"]
    assert [v["Key"] for v in rest] == ["a", "b"]
