"""The gateway's host dies under load, and another host starts its volumes, under the same address, with the lease that docs/juicefs.md
advises for that."""
import os
import time

from application import Application, now
from conftest import ACCESS, SECRET
from hosts import until

WAIT_MAX = 30
ADDRESS = "10.77.0.30"


def gateway(world, name, network=True):
    """A host with the gateway's address: as another machine, it has another boot id, so the lease of the first one must have ended."""
    host = world.host(ADDRESS, name, network=network)
    boot = os.path.join(world.folder, name + ".boot")
    with open("/proc/sys/kernel/random/uuid") as random, open(boot, "w") as file:
        file.write(random.read())
    host.check(f"mount --bind {boot} /proc/sys/kernel/random/boot_id")
    return host


def test_a_host_takes_over(world):
    first = gateway(world, "gateway-1")
    world.start_store(first, "--lease", "5s", folder="moving")
    client = world.host("10.77.0.31", "gateway-client")
    endpoint = f"http://{ADDRESS}:9000"
    until("the first gateway", lambda: client.sh(f"curl -fsS {endpoint}/-/ready").returncode == 0)
    world.s3("s3.create_bucket(Bucket='moving')", endpoint)
    done = world.section(client, JFS_META="redis://10.77.0.1:6379/30", JFS_NAME="moving", JFS_BUCKET="moving", JFS_ENDPOINT=endpoint)
    assert done.returncode == 0, done.stdout + done.stderr
    application = Application(client, "/mnt/jfs/load", 60)
    time.sleep(10)
    first.kill()
    died = now()
    second = gateway(world, "gateway-2", network=False)
    world.start_store(second, "--lease", "5s", folder="moving")
    until("the second gateway", lambda: second.sh("curl -fsS http://127.0.0.1:9000/-/ready").returncode == 0, seconds=60)
    second.plug()  # the address moves when there is somebody to answer, and is announced, as whatever moves addresses does
    until("the address is announced", lambda: second.sh(f"curl -m 2 http://{client.address}:1").returncode == 7)
    print(f"ready {now() - died:.1f} s after the first died")
    application.finish(timeout=240)
    assert application.errors == []
    assert application.longest_pause() < WAIT_MAX
    assert application.acknowledged_after(died + WAIT_MAX) > 20
    assert application.damaged() == []
    client.check("umount /mnt/jfs")
    client.sh("while pgrep -x juicefs > /dev/null; do sleep 0.1; done")
    checked = client.sh(f"{world.bin}/juicefs fsck redis://10.77.0.1:6379/30", env=world.environment(ACCESS_KEY=ACCESS, SECRET_KEY=SECRET))
    assert checked.returncode == 0, checked.stderr
    print(f"longest pause {application.longest_pause():.1f} s, {len(application.files)} files")
