"""Clients of a running S3 server: INGOT_ENDPOINT, INGOT_ACCESS_KEY, INGOT_SECRET_KEY (and INGOT_REGION) say which. Without an
endpoint the tests are skipped."""
import os
import uuid

import boto3
import botocore.config
import pytest

ENDPOINT = os.environ.get("INGOT_ENDPOINT", "")
ACCESS_KEY = os.environ.get("INGOT_ACCESS_KEY", "")
SECRET_KEY = os.environ.get("INGOT_SECRET_KEY", "")
REGION = os.environ.get("INGOT_REGION", "us-east-1")
TLS_ENDPOINT = os.environ.get("INGOT_TLS_ENDPOINT", "")  # a server with TLS, the same credentials
CA = os.environ.get("INGOT_CA", "")  # its authority (PEM)
DOMAIN = os.environ.get("INGOT_DOMAIN", "")  # both servers': bucket.DOMAIN is a bucket


def make_client(access_key=ACCESS_KEY, secret_key=SECRET_KEY, region=REGION, **options):
    options.setdefault("s3", {"addressing_style": "path"})
    options.setdefault("retries", {"max_attempts": 1})
    return boto3.client(
        "s3", endpoint_url=ENDPOINT, region_name=region, aws_access_key_id=access_key,
        aws_secret_access_key=secret_key, config=botocore.config.Config(**options))


def pytest_collection_modifyitems(items):
    if ENDPOINT:
        return
    for item in items:
        if os.path.dirname(str(item.fspath)) == os.path.dirname(__file__) and "client" in item.fixturenames:
            item.add_marker(pytest.mark.skip(reason="INGOT_ENDPOINT is not set"))


@pytest.fixture(scope="session")
def client():
    return make_client()


def empty_bucket(client, bucket):
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
    for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


@pytest.fixture
def new_name():
    return f"e2e-{uuid.uuid4().hex[:20]}"


@pytest.fixture
def bucket(client, new_name):
    name = new_name
    client.create_bucket(Bucket=name)
    yield name
    empty_bucket(client, name)
    client.delete_bucket(Bucket=name)
