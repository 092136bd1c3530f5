"""Three regions (deploy/regions), each with a store and a Redis of its own: one volume for all, and a volume for each with copies by
systemd/juicefs-sync@.service."""
import os
import re
import shlex

import pytest

from conftest import ACCESS, ROOT, SECRET
from hosts import until

REGIONS = {"gra": "10.77.0.61", "sbg": "10.77.0.62", "bhs": "10.77.0.63"}
NAMES = "".join(f"{address} s3.{region}.example.net redis.{region}.example.net\n" for region, address in REGIONS.items())


def example(mode, region):
    """The variables of an example; only the stores' scheme and port, and the secrets, are this test's."""
    with open(os.path.join(ROOT, "deploy", "regions", mode, region + ".env")) as file:
        lines = shlex.split(file.read(), comments=True)
    values = dict(line.split("=", 1) for line in lines)
    for name in ("JFS_META_PASSWORD_FILE", "JFS_ACCESS_KEY_FILE", "JFS_SECRET_KEY_FILE"):
        assert values.pop(name).startswith("/etc/juicefs/")
    assert values.pop("JFS_SYSTEMD") == "1"
    values["JFS_ENDPOINT"] = re.sub(r"^https://(.*)$", r"http://\1:9000", values["JFS_ENDPOINT"])
    return {**values, "JFS_ACCESS_KEY": ACCESS, "JFS_SECRET_KEY": SECRET}


@pytest.fixture(scope="module")
def regions(world):
    """A host of each region that runs its store and its Redis, and another that mounts."""
    mounting = {}
    for region, address in REGIONS.items():
        store = world.host(address, "store-" + region)
        world.start_store(store, folder="region-" + region)
        store.start("redis-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--dir", "/var/tmp")
        host = mounting[region] = world.host(address.replace(".0.6", ".0.7"), region)
        host.check(f"printf '{NAMES}' >> /etc/hosts")
        endpoint = f"http://{address}:9000"
        until("the store of " + region, lambda: host.sh(f"curl -fsS {endpoint}/-/ready && redis-cli -h {address} ping").returncode == 0)
        world.s3("s3.create_bucket(Bucket='juicefs-shared')", endpoint)
    yield mounting
    for host in mounting.values():
        host.sh("umount /mnt/shared")


def mount(world, host, mode, region):
    done = world.section(host, **{**dict.fromkeys(["JFS_META_PASSWORD"]), **example(mode, region)})
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_volume_for_all(world, regions):
    for region, host in regions.items():
        mount(world, host, "one-volume", region)
    for region, host in regions.items():
        host.check(f"echo {region} > /mnt/shared/{region}")
    until("all see all", lambda: all(host.sh("cat /mnt/shared/gra /mnt/shared/sbg /mnt/shared/bhs").stdout == "gra\nsbg\nbhs\n"
                                     for host in regions.values()))
    for host in regions.values():
        host.check("umount /mnt/shared; while pgrep -x juicefs > /dev/null; do sleep 0.1; done; rm -rf /var/cache/juicefs")
    regions["gra"].check("redis-cli -h redis.gra.example.net flushall")
    world.s3("for o in s3.list_objects_v2(Bucket='juicefs-shared')['Contents']: s3.delete_object(Bucket='juicefs-shared', Key=o['Key'])",
             "http://10.77.0.61:9000")


def copy(world, host, region, own):
    """What juicefs-sync@REGION.service would do there."""
    with open(os.path.join(ROOT, "systemd", "juicefs-sync@.service")) as file:
        command = re.search(r"^ExecStart=(.*)$", file.read(), re.M).group(1).replace("%i", region)
    with open(os.path.join(ROOT, "deploy", "regions", "volume-per-region", "sync-gra.env")) as file:
        variables = re.sub(r"\.(gra|sbg)\.", lambda match: f".{dict(gra=region, sbg=own)[match.group(1)]}.", file.read())
    variables = "".join(line + "\n" for line in variables.splitlines() if not line.startswith("#"))
    host.check(f"set -a\n{variables}set +a\n{command}", env=world.environment())


def test_a_volume_for_each(world, regions):
    for region, host in regions.items():
        mount(world, host, "volume-per-region", region)
        host.check(f"mkdir -p /mnt/shared/{region}/sub && head -c 3000000 /dev/urandom > /mnt/shared/{region}/sub/a && echo {region} > /mnt/shared/{region}/b"
                   f" && ln -s b /mnt/shared/{region}/link && chmod 640 /mnt/shared/{region}/b")
    for region in REGIONS:
        for own in REGIONS:
            if own != region:
                copy(world, regions[own], region, own)
    sums = {region: host.check("cd /mnt/shared && find gra sbg bhs -type f | sort | xargs sha256sum; stat -c '%n %a' */b; readlink */link") for region, host in regions.items()}
    assert len(set(sums.values())) == 1 and sums["gra"].count("/sub/a") == 3

    # What the owner does counts; what others do to its folder does not stay.
    gra, sbg = regions["gra"], regions["sbg"]
    gra.check("cd /mnt/shared/gra && rm sub/a && echo changed > b && mkdir new && echo 1 > new/c")
    sbg.check("cd /mnt/shared/gra && echo of a stranger > stranger && echo own > /mnt/shared/sbg/own")
    copy(world, sbg, "gra", "sbg")
    assert sbg.check("cd /mnt/shared/gra && find . | sort && cat b new/c") == ".\n./b\n./link\n./new\n./new/c\n./sub\nchanged\n1\n"
    assert sbg.check("cat /mnt/shared/sbg/own") == "own\n"
    # Even a later change of another length.
    sbg.check("sleep 1.1; echo changed by a stranger > /mnt/shared/gra/b")
    copy(world, sbg, "gra", "sbg")
    until("the owner's is back", lambda: sbg.check("cat /mnt/shared/gra/b") == "changed\n", seconds=5)
