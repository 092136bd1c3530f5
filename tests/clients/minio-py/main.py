"""What programs do with MinIO's client for Python. One line per step; the first wrong thing ends it."""
import datetime
import io
import os
import urllib.parse
import uuid

import minio
import urllib3
from minio.commonconfig import ENABLED, ComposeSource, CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.versioningconfig import VersioningConfig

url = urllib.parse.urlparse(os.environ["INGOT_ENDPOINT"])
web = urllib3.PoolManager(retries=False)
client = minio.Minio(url.netloc, access_key=os.environ["INGOT_ACCESS_KEY"], secret_key=os.environ["INGOT_SECRET_KEY"],
                      secure=url.scheme == "https", region=os.environ["INGOT_REGION"])
bucket = f"minio-py-{uuid.uuid4().hex[:12]}"
key = "a b/grün+日本=&%.txt"
big = os.urandom(13 * 1024 * 1024 + 7)


def put(name, content, **options):
    return client.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(content), length=len(content), **options)


def read(name, **options):
    answer = client.get_object(bucket_name=bucket, object_name=name, **options)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def fails(code, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except minio.error.S3Error as error:
        assert error.code == code, error
        return
    raise AssertionError(f"no {code}")


def make_bucket():
    assert not client.bucket_exists(bucket_name=bucket)
    client.make_bucket(bucket_name=bucket)
    assert client.bucket_exists(bucket_name=bucket)
    assert bucket in [b.name for b in client.list_buckets()]


def upload():
    answer = put(key, b"content", content_type="text/x", metadata={"a": "1"})
    stat = client.stat_object(bucket_name=bucket, object_name=key)
    assert (stat.size, stat.etag, stat.content_type) == (7, answer.etag, "text/x")
    assert stat.metadata["x-amz-meta-a"] == "1"


def download():
    assert read(key) == b"content"
    assert read(key, offset=2, length=3) == b"nte"
    fails("NoSuchKey", read, "no")
    fails("NoSuchKey", client.stat_object, bucket_name=bucket, object_name="no")


def list_objects():
    for i in range(25):
        put(f"list/{i % 5}/{i}", b"x")
    for version_1 in False, True:
        names = [o.object_name for o in client.list_objects(bucket_name=bucket, prefix="list/", recursive=True, use_api_v1=version_1)]
        assert len(names) == 25 and names == sorted(names)
    folders = [o.object_name for o in client.list_objects(bucket_name=bucket, prefix="list/")]
    assert folders == [f"list/{i}/" for i in range(5)]
    assert [o.object_name for o in client.list_objects(bucket_name=bucket, prefix="a b/")] == [key]


def copy():
    client.copy_object(bucket_name=bucket, object_name="copy", source=CopySource(bucket_name=bucket, object_name=key))
    assert read("copy") == b"content"


def multipart():
    put("big", big, part_size=5 * 1024 * 1024)
    assert client.stat_object(bucket_name=bucket, object_name="big").etag.endswith("-3")
    assert read("big") == big
    client.put_object(bucket_name=bucket, object_name="piped", data=io.BytesIO(big), length=-1, part_size=5 * 1024 * 1024)
    assert read("piped") == big
    client.compose_object(bucket_name=bucket, object_name="composed", sources=[
        ComposeSource(bucket_name=bucket, object_name="big"), ComposeSource(bucket_name=bucket, object_name="copy")])
    assert read("composed") == big + b"content"


def presign():
    address = client.presigned_put_object(bucket_name=bucket, object_name="presigned", expires=datetime.timedelta(minutes=1))
    assert web.request("PUT", address, body=b"by URL").status == 200
    address = client.presigned_get_object(bucket_name=bucket, object_name="presigned", response_headers={"response-content-type": "text/y"})
    answer = web.request("GET", address)
    assert answer.data == b"by URL" and answer.headers["Content-Type"] == "text/y"
    policy = minio.datatypes.PostPolicy(bucket, datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1))
    policy.add_equals_condition("key", "posted")
    policy.add_content_length_range_condition(1, 100)
    fields = {**client.presigned_post_policy(policy=policy), "key": "posted", "file": ("file", b"by form")}
    assert web.request("POST", f"{url.geturl()}/{bucket}", fields=fields).status == 204
    assert read("posted") == b"by form"


def tags():
    wanted = Tags.new_object_tags()
    wanted["k"] = "v w"
    client.set_object_tags(bucket_name=bucket, object_name=key, tags=wanted)
    assert client.get_object_tags(bucket_name=bucket, object_name=key) == {"k": "v w"}
    client.delete_object_tags(bucket_name=bucket, object_name=key)
    assert not client.get_object_tags(bucket_name=bucket, object_name=key)
    put("tagged", b"x", tags=wanted)
    assert client.get_object_tags(bucket_name=bucket, object_name="tagged") == {"k": "v w"}


def versions():
    client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(status=ENABLED))
    assert client.get_bucket_versioning(bucket_name=bucket).status == ENABLED
    ids = [put("v", content).version_id for content in (b"one", b"two")]
    client.remove_object(bucket_name=bucket, object_name="v")
    fails("NoSuchKey", read, "v")
    assert read("v", version_id=ids[0]) == b"one"
    history = list(client.list_objects(bucket_name=bucket, prefix="v", include_version=True))
    assert [entry.version_id for entry in history if not entry.is_delete_marker] == ids[::-1] and len(history) == 3


def delete_all():
    entries = [DeleteObject(name=e.object_name, version_id=e.version_id)
               for e in client.list_objects(bucket_name=bucket, recursive=True, include_version=True)]
    assert not list(client.remove_objects(bucket_name=bucket, delete_object_list=entries))
    client.remove_bucket(bucket_name=bucket)
    assert not client.bucket_exists(bucket_name=bucket)


for name, step in {"bucket": make_bucket, "upload": upload, "download": download, "list": list_objects, "copy": copy,
                   "multipart": multipart, "presign": presign, "tags": tags, "versions": versions, "delete": delete_all}.items():
    step()
    print("ok", name, flush=True)
