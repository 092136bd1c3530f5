"""The metadata's Redis with Sentinel (conf/redis): the master dies under load, and the mount goes on."""
import os
import subprocess
import time

import pytest

from application import Application, now
from conftest import ROOT
from hosts import until

PASSWORD = "change-me"  # as in the examples
PAUSE_MAX = 15
META = "redis://juicefs,10.77.0.41,10.77.0.42,10.77.0.43:26379/1"


def redis(host, port, *words):
    return host.sh(f"redis-cli -p {port} {'-a ' + PASSWORD + ' --no-auth-warning' if port == 6379 else ''} {' '.join(words)}").stdout.strip()


def example(host, name, master):
    """One of the examples on a host, with the master's address in it; nothing else is changed."""
    with open(os.path.join(ROOT, "conf", "redis", name)) as file:
        text = file.read().replace("192.0.2.11", master)
    subprocess.run(host.enter() + ["tee", f"/etc/{name}"], input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    return f"/etc/{name}"


@pytest.fixture(scope="module")
def three(world):
    """Three hosts, each with a Redis and a Sentinel; the first has the first master."""
    hosts = [world.host(f"10.77.0.4{n}", f"redis-{n}") for n in (1, 2, 3)]
    for host in hosts:
        host.check("mkdir -p /var/lib/redis")
        replica = [] if host is hosts[0] else ["--replicaof", hosts[0].address, "6379"]
        host.start("redis-server", example(host, "redis.conf", hosts[0].address), *replica, log=os.path.join(world.folder, host.name + ".log"))
    until("two replicas", lambda: redis(hosts[0], 6379, "info replication").count("state=online") == 2)
    for host in hosts:
        host.start("redis-sentinel", example(host, "sentinel.conf", hosts[0].address), log=os.path.join(world.folder, host.name + "-sentinel.log"))
    until("the sentinels know each other", lambda: all("sentinels=3" in redis(host, 26379, "info sentinel") for host in hosts))
    return hosts


def test_the_master_dies_under_load(world, three):
    client = world.host("10.77.0.45", "sentinel-client")
    done = world.section(client, JFS_META=META, JFS_META_PASSWORD=PASSWORD, JFS_NAME="watched", JFS_BUCKET=world.bucket("watched"))
    assert done.returncode == 0, done.stdout + done.stderr
    application = Application(client, "/mnt/jfs/load", 45)
    time.sleep(10)
    before = now()
    three[0].kill()
    application.finish(timeout=180)
    assert application.errors == []
    assert application.longest_pause() < PAUSE_MAX
    assert application.acknowledged_after(before + PAUSE_MAX) > 20
    masters = [host for host in three[1:] if "role:master" in redis(host, 6379, "info replication")]
    assert len(masters) == 1
    # Nothing that was acknowledged is lost: a replica had it, or it waited for the new master.
    assert application.damaged() == []
    client.check("umount /mnt/jfs")
    client.sh("while pgrep -x juicefs > /dev/null; do sleep 0.1; done")
    checked = client.sh(f"{world.bin}/juicefs fsck '{META}'", env=world.environment(META_PASSWORD=PASSWORD))
    assert checked.returncode == 0, checked.stderr
    print(f"longest pause {application.longest_pause():.1f} s, {len(application.files)} files")
