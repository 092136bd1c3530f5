"""docs/migrate-from-minio.md, its commands as they stand there, from a MinIO to Ingot. MINIO and MC name the binaries."""
import os
import shutil

import pytest

from conftest import ACCESS, SECRET
from documents import blocks
from hosts import until

MINIO, MC = os.environ.get("MINIO", ""), os.environ.get("MC", "")
pytestmark = pytest.mark.skipif(not (MINIO and MC), reason="MINIO and MC do not name MinIO's server and client")
OLD = "http://10.77.0.92:9000"
NAMES = "10.77.0.1 ingot.example.net redis.example.net\\n10.77.0.92 minio.example.net\\n"


@pytest.fixture(scope="module")
def migration(world):
    minio = world.host("10.77.0.92", "minio")
    minio.start(MINIO, "server", "--address", ":9000", "--console-address", ":9001", "/var/tmp/minio",
                env=dict(os.environ, MINIO_ROOT_USER=ACCESS, MINIO_ROOT_PASSWORD=SECRET))
    host = world.host("10.77.0.93", "migration")
    host.check(f"printf '{NAMES}' >> /etc/hosts")
    shutil.copy(MC, os.path.join(world.bin, "mc"))
    until("MinIO", lambda: host.sh(f"curl -fsS {OLD}/minio/health/live").returncode == 0)

    def run(block):
        return host.check("set -eu\ncd /var/tmp\n" + block, timeout=300,
                          env=world.environment(OLD_ACCESS_KEY=ACCESS, OLD_SECRET_KEY=SECRET, NEW_ACCESS_KEY=ACCESS, NEW_SECRET_KEY=SECRET,
                                                AWS_DEFAULT_REGION="us-east-1", MC_QUIET="1"))
    return host, run


def test_a_bucket(world, migration):
    _, run = migration
    world.s3("""
import os, json
s3.create_bucket(Bucket='photos')
for n in range(50):
    s3.put_object(Bucket='photos', Key=f'a b/ö{n}', Body=os.urandom(1000 * n), ContentType='image/x-test', Metadata={'one': str(n)}, Tagging='t=1')
s3.put_object(Bucket='photos', Key='large', Body=os.urandom(70 << 20))
s3.put_bucket_versioning(Bucket='photos', VersioningConfiguration={'Status': 'Enabled'})
s3.put_bucket_tagging(Bucket='photos', Tagging={'TagSet': [{'Key': 'of', 'Value': 'photos'}]})
s3.put_bucket_policy(Bucket='photos', Policy=json.dumps({'Version': '2012-10-17', 'Statement': [
    {'Effect': 'Allow', 'Principal': {'AWS': ['*']}, 'Action': ['s3:GetObject'], 'Resource': ['arn:aws:s3:::photos/a b/*']}]}))
s3.put_bucket_lifecycle_configuration(Bucket='photos', LifecycleConfiguration={'Rules': [
    {'ID': 'old', 'Status': 'Enabled', 'Filter': {'Prefix': 'tmp/'}, 'Expiration': {'Days': 7}}]})""", OLD)
    sections = blocks("docs/migrate-from-minio.md")
    for block in sections["Copy while MinIO goes on"] + sections["Settings of a bucket"]:
        run(block)
    world.s3("s3.put_object(Bucket='photos', Key='later', Body=b'1'); s3.put_object(Bucket='photos', Key='a b/ö7', Body=b'other')\n"
             "s3.delete_object(Bucket='photos', Key='a b/ö8')", OLD)
    last, compare = sections["Switch"]
    run(last)
    assert [line for line in run(compare).splitlines() if line.strip()] == []
    look = """
import hashlib
for o in s3.list_objects_v2(Bucket='photos')['Contents']:
    got = s3.get_object(Bucket='photos', Key=o['Key'])
    tags = s3.get_object_tagging(Bucket='photos', Key=o['Key'])['TagSet']
    print(o['Key'], hashlib.sha256(got['Body'].read()).hexdigest(), got['ContentType'], got['Metadata'], tags)
print(s3.get_bucket_versioning(Bucket='photos')['Status'], s3.get_bucket_tagging(Bucket='photos')['TagSet'])
rule = s3.get_bucket_lifecycle_configuration(Bucket='photos')['Rules'][0]
print(rule['ID'], rule['Status'], rule['Filter'], rule['Expiration']['Days'])
"""
    old, new = world.s3(look, OLD), world.s3(look)
    assert new == old and old.count("image/x-test") == 48
    assert migration[0].sh("curl -fsS http://ingot.example.net:9000/photos/a%20b/%C3%B69 | wc -c").stdout.strip() == "9000"


def test_a_volume(world, migration):
    host, run = migration
    world.s3("s3.create_bucket(Bucket='juicefs')", OLD)
    meta = "redis://redis.example.net:6379/1"
    environment = world.environment(ACCESS_KEY=ACCESS, SECRET_KEY=SECRET)
    host.check(f"juicefs format --storage minio --bucket http://minio.example.net:9000/juicefs {meta} moved && juicefs mount -d {meta} /mnt/jfs",
               env={**environment, "MINIO_ROOT_USER": ACCESS})
    host.check("cd /mnt/jfs && for n in $(seq 200); do head -c $((n * 500)) /dev/urandom > $n; done; head -c 20000000 /dev/urandom > large; sha256sum * > /var/tmp/sums")
    for block in blocks("docs/migrate-from-minio.md")["A JuiceFS volume"]:
        run(block)
    host.check("cd /mnt/jfs && sha256sum -c --quiet /var/tmp/sums && grep -q . large && cp large another")
    host.check("umount /mnt/jfs; while pgrep -x juicefs > /dev/null; do sleep 0.1; done")
