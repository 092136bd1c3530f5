"""A bucket with versions under JuiceFS: what JuiceFS deletes becomes a noncurrent version, and the lifecycle rule that we ship
(conf/juicefs-lifecycle.json) gives the space back. A day lasts two seconds here."""
import json
import os
import sys

from conftest import INGOT, ROOT
from hosts import until

FILES = 10_000
WRITE = """
import concurrent.futures, os, sys
def write(n):
    with open(f"/mnt/jfs/d{n %% 100}/{n}", "wb") as file:
        file.write(os.urandom(20000))
for n in range(100):
    os.makedirs(f"/mnt/jfs/d{n}", exist_ok=True)
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    for _ in pool.map(write, range(%d)):
        pass
""" % FILES
RULE = os.path.join(ROOT, "conf", "juicefs-lifecycle.json")


def available(world, host):
    status = host.check(f"{INGOT} status --json --socket /run/ingot/ingot.socket")
    return json.loads(status)["capacity"]["available"]


def counts(world, endpoint):
    """Current objects, other versions, delete markers."""
    return json.loads(world.s3("""
import json
current = old = markers = 0
for page in s3.get_paginator('list_object_versions').paginate(Bucket='kept'):
    for version in page.get('Versions', []):
        current, old = current + version['IsLatest'], old + (not version['IsLatest'])
    markers += len(page.get('DeleteMarkers', []))
print(json.dumps([current, old, markers]))""", endpoint))


def test_space_returns(world):
    host, endpoint = world.host("10.77.0.50", "short-days"), "http://10.77.0.50:9000"
    world.start_store(host, "--lifecycle-day", "2s", "--socket", "/run/ingot/ingot.socket", folder="short")
    until("the store", lambda: world.client.sh(f"curl -fsS {endpoint}/-/ready").returncode == 0)
    world.s3("s3.create_bucket(Bucket='kept')\n"
             "s3.put_bucket_versioning(Bucket='kept', VersioningConfiguration={'Status': 'Enabled'})", endpoint)
    client = world.host("10.77.0.51", "kept-client")
    done = world.section(client, JFS_META="redis://10.77.0.1:6379/50", JFS_NAME="kept", JFS_BUCKET="kept", JFS_ENDPOINT=endpoint)
    assert done.returncode == 0, done.stdout + done.stderr
    client.check(f"{world.bin}/juicefs config redis://10.77.0.1:6379/50 --trash-days 0 --yes")
    before = available(world, host)
    client.check(f"{sys.executable} - <<'E'\n{WRITE}\nE\nsync -f /mnt/jfs", timeout=600)
    used = before - available(world, host)
    assert used > FILES * 20000
    client.check("rm -rf /mnt/jfs/d*", timeout=600)
    client.check(f"{world.bin}/juicefs gc --delete redis://10.77.0.1:6379/50", timeout=600)
    until("JuiceFS has deleted its objects", lambda: counts(world, endpoint)[0] < 100, seconds=300, every=5)
    # They are all still there, as versions.
    kept = counts(world, endpoint)
    assert kept[1] >= FILES and before - available(world, host) > 0.9 * used
    with open(RULE) as file:
        rule = file.read()
    world.s3(f"import json\ns3.put_bucket_lifecycle_configuration(Bucket='kept', LifecycleConfiguration=json.loads('''{rule}'''))", endpoint)
    until("the space is back", lambda: counts(world, endpoint)[1:] == [0, 0] and before - available(world, host) < 0.1 * used,
          seconds=300, every=5)
    print(f"{kept} versions; {used >> 20} MiB used, {(before - available(world, host)) >> 20} MiB at the end")
    client.check("umount /mnt/jfs")
