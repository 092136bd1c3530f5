"""The command blocks of README.md and docs/, executed as they stand there, on hosts with disks of their own; stand-ins are systemctl (a
host has no systemd) and, where MC names none, MinIO's mc. Every block has its test, here or where TESTS says."""
import os
import re
import subprocess

import pytest

from conftest import INGOT, ROOT
from documents import blocks
from hosts import until

HERE = "tests/surroundings/test_documents.py"
TESTS = {
    ("README.md", "Try it"): "tests/long/quickstart",  # its second block is the tests themselves
    ("README.md", "Run it"): HERE,
    ("README.md", "Encryption"): HERE,
    ("README.md", "Accounts and keys"): HERE,
    ("README.md", "JuiceFS"): HERE,
    ("README.md", "Other clients"): HERE,
    ("docs/juicefs.md", "The bucket and its key"): HERE,
    ("docs/juicefs.md", "By hand"): HERE,
    ("docs/juicefs.md", "TLS with an authority of your own"): HERE,
    ("docs/juicefs.md", "The start-up section"): HERE,
    ("docs/juicefs.md", "fstab"): "tests/surroundings/test_fstab.py",
    ("docs/kubernetes.md", "Ingot"): "tests/kubernetes/run",
    ("docs/kubernetes.md", "JuiceFS"): "tests/kubernetes/run",
    ("docs/kubernetes.md", "Longhorn"): "tests/kubernetes/run",
    ("docs/kubernetes.md", "k3s"): "tests/kubernetes/run",
    ("docs/migrate-from-minio.md", "Copy while MinIO goes on"): "tests/surroundings/test_migrate.py",
    ("docs/migrate-from-minio.md", "Settings of a bucket"): "tests/surroundings/test_migrate.py",
    ("docs/migrate-from-minio.md", "Switch"): "tests/surroundings/test_migrate.py",
    ("docs/migrate-from-minio.md", "A JuiceFS volume"): "tests/surroundings/test_migrate.py",
    ("docs/packages.md", "Debian"): "tests/package/debian",
    ("docs/packages.md", "Image"): "tests/image/run",
    ("docs/regions.md", "B: a volume per region"): HERE,
}
DISKS = ["sdb", "sdc", "sdd", "sde", "sdf", "sdg"]
DEVICES = """
mount -t tmpfs tmpfs /mnt && for node in null zero full random urandom tty fuse; do cp -a /dev/$node /mnt; done
mkdir /mnt/pts /mnt/shm && mount -t devpts devpts /mnt/pts && ln -s pts/ptmx /mnt/ptmx && ln -s /proc/self/fd /mnt/fd
mount --move /mnt /dev
"""
SYSTEMCTL = """#!/bin/sh
set -eu
start() { mkdir -p /run/ingot; setsid ingot serve >> /var/log/ingot.log 2>&1 < /dev/null & }
case "$*" in
"start ingot") start ;;
"restart ingot") pkill -x ingot || true; while pgrep -x ingot > /dev/null; do sleep 0.1; done; start ;;
"reload ingot") pkill -HUP -x ingot ;;
"daemon-reload") ;;
"enable --now "*) systemd-analyze verify --man=no "/etc/systemd/system/$3" && echo "$3" >> /run/enabled ;;
*) echo "systemctl $*: not expected" >&2; exit 1 ;;
esac
"""
ADMIN = {"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "a-long-password", "AWS_DEFAULT_REGION": "us-east-1"}


def documents():
    folder = os.path.join(ROOT, "docs")
    return ["README.md"] + sorted("docs/" + name for name in os.listdir(folder) if name.endswith(".md"))


def test_every_block_has_its_test():
    assert {(document, heading) for document in documents() for heading in blocks(document)} == set(TESTS)
    for test in set(TESTS.values()):
        with open(os.path.join(ROOT, test), encoding="utf-8") as file:
            text = file.read()
        for document, heading in (place for place, by in TESTS.items() if by == test and by != "tests/long/quickstart"):
            assert document in text, (test, document, heading)
    for document in documents():
        with open(os.path.join(ROOT, document), encoding="utf-8") as file:
            assert not re.search(r"^\n    \S", file.read(), re.M), f"{document} has a block that is not marked"


class Documented:
    """A store's host with six disks and a Redis, and a client's host, which knows them by name."""

    def __init__(self, world, folder):
        self.world, self.loops = world, []
        self.store = self.host("10.77.0.101", "documented")
        self.client = self.host("10.77.0.102", "reader")
        self.store.check(DEVICES)
        for disk in DISKS:
            file = os.path.join(folder, disk)
            with open(file, "wb") as disk_file:
                disk_file.truncate(2 << 30)
            loop = subprocess.run(["losetup", "--find", "--show", file], check=True, capture_output=True, text=True).stdout.strip()
            self.loops.append(loop)
            number = os.stat(loop).st_rdev
            self.store.check(f"mknod /dev/{disk} b {os.major(number)} {os.minor(number)}")
        self.store.check("groupadd -f ingot; mkdir -p /etc/ingot /mnt/share /run/ingot")
        self.store.start("redis-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--dir", "/var/tmp")

    def host(self, address, name):
        host = self.world.host(address, name)
        host.check("echo 10.77.0.101 ingot.example.net redis.example.net >> /etc/hosts; mkdir -p /var/tmp/project /mnt/juicefs\n"
                   f"ln -s {INGOT} /usr/local/bin/ingot; cat > /usr/local/bin/systemctl << 'END'\n{SYSTEMCTL}END\n"
                   f"chmod +x /usr/local/bin/systemctl; ln -s {ROOT}/deploy {ROOT}/conf {ROOT}/systemd /var/tmp/project")
        return host

    def run(self, host, block, **variables):
        return host.check("set -eu\ncd /var/tmp/project\n" + block, env=self.world.environment(**ADMIN, **variables))

    def configure(self, *lines):
        """Writes the configuration, anew, and starts the server by it, or again."""
        names = " ".join("/dev/" + disk for disk in DISKS)
        self.store.check("cat > /etc/ingot/ingot.conf << 'END'\n" + "\n".join(
            [f"volume = {names}", "root_user = admin", "root_password = a-long-password", *lines]) + "\nEND\nsystemctl restart ingot")
        self.ready()

    def ready(self):
        until("the store", lambda: self.store.sh("curl -kfsS http://127.0.0.1:9000/-/ready || curl -kfsS https://127.0.0.1:9000/-/ready").returncode == 0)

    def close(self):
        for host in self.client, self.store:
            host.sh("umount /mnt/share /mnt/juicefs; while pgrep -x juicefs > /dev/null; do sleep 0.1; done")
        self.store.sh("pkill -x ingot; while pgrep -x ingot > /dev/null; do sleep 0.1; done")
        for loop in self.loops:
            subprocess.run(["losetup", "--detach", loop], check=True)


@pytest.fixture(scope="module")
def documented(world, tmp_path_factory):
    documented = Documented(world, str(tmp_path_factory.mktemp("disks")))
    yield documented
    documented.close()


def printed_keys(text):
    found = re.findall(r"^access key: (\S+)\nsecret key: (\S+)$", text, re.M)
    return [{"ACCESS_KEY": access, "SECRET_KEY": secret} for access, secret in found]


def test_readme(world, documented):
    store, run = documented.store, lambda block, **variables: documented.run(documented.store, block, **variables)
    block, = blocks("README.md")["Run it"]
    store.start("bash", "-euc", block, env=world.environment())
    documented.ready()
    assert all("/dev/" + disk in run("ingot status") for disk in DISKS)

    block, = blocks("README.md")["Accounts and keys"]
    _, for_share, _ = printed_keys(run(block))
    store.check("pkill -x ingot; while pgrep -x ingot > /dev/null; do sleep 0.1; done")

    store.check("umask 077; echo \"other 1 $(openssl rand -hex 32)\" > /etc/ingot/kms-keys")
    documented.configure("kms_key_file = /etc/ingot/kms-keys")
    run("aws --endpoint-url http://127.0.0.1:9000 s3 mb s3://bucket; echo sealed > file")
    block, = blocks("README.md")["Encryption"]
    run(block)
    assert "my-key" in run("aws --endpoint-url http://127.0.0.1:9000 s3api head-object --bucket bucket --key file")

    block, = blocks("README.md")["JuiceFS"]
    run(block, **for_share)
    run("echo it works > /mnt/share/a && juicefs status redis://127.0.0.1:6379/1 && umount /mnt/share")
    denied = store.sh("aws --endpoint-url http://127.0.0.1:9000 s3 ls s3://bucket",
                      env=world.environment(**{**ADMIN, "AWS_ACCESS_KEY_ID": for_share["ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": for_share["SECRET_KEY"]}))
    assert denied.returncode != 0 and "AccessDenied" in denied.stderr

    block, = blocks("README.md")["Other clients"]
    for line in block.splitlines():
        if line.startswith("mc "):
            if not os.environ.get("MC"):
                continue
            line = os.environ["MC"] + line.removeprefix("mc") + " && " + os.environ["MC"] + " ls ingot"
        assert "bucket" in run(line), line


def test_juicefs(world, documented):
    tls = blocks("docs/juicefs.md")["TLS with an authority of your own"]
    authority, server, client = tls
    documented.run(documented.store, authority)
    documented.configure()
    documented.store.check("printf '%s\\n' 'tls_certificate = /etc/ingot/ingot.pem' 'tls_key = /etc/ingot/ingot.key' >> /etc/ingot/ingot.conf")
    documented.run(documented.store, server)
    documented.ready()
    documented.client.check("cat > /var/tmp/project/authority.pem << 'END'\n" + documented.store.check("cat /var/tmp/project/authority.pem") + "END")
    assert documented.client.sh("curl -sS https://ingot.example.net:9000/-/ready").returncode != 0
    documented.run(documented.client, client)

    add, lifecycle = blocks("docs/juicefs.md")["The bucket and its key"]
    key, = printed_keys(documented.run(documented.store, add))
    secure = "aws --endpoint-url https://ingot.example.net:9000"
    trusted = {"AWS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}
    documented.run(documented.client, f"{secure} s3 mb s3://juicefs && {secure} s3 mb s3://another", **trusted)
    documented.run(documented.client, lifecycle.replace("http://", "https://"), **trusted)
    documented.store.check("redis-cli flushall")
    block, = blocks("docs/juicefs.md")["By hand"]
    documented.run(documented.client, block, **key)
    documented.client.check("head -c 30000000 /dev/urandom > /mnt/juicefs/a && sha256sum /mnt/juicefs/a > /var/tmp/sum && umount /mnt/juicefs"
                            " && while pgrep -x juicefs > /dev/null; do sleep 0.1; done; rm -rf /var/jfsCache /root/.juicefs/cache")
    documented.run(documented.client, block.splitlines()[-1])
    documented.client.check("sha256sum -c /var/tmp/sum && umount /mnt/juicefs")
    assert "chunks/" in documented.run(documented.client, f"{secure} s3 ls --recursive s3://juicefs", **trusted)
    scoped = {"AWS_ACCESS_KEY_ID": key["ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": key["SECRET_KEY"], "AWS_DEFAULT_REGION": "us-east-1", **trusted}
    for command in "s3 ls s3://another", "s3 mb s3://third", "s3 cp /etc/hostname s3://another/a":
        denied = documented.client.sh(f"{secure} {command}", env=world.environment(**scoped))
        assert denied.returncode != 0 and "AccessDenied" in denied.stderr, command

    block, = blocks("docs/juicefs.md")["The start-up section"]
    documented.run(documented.client, block + "sh -n startup.sh && sh startup.sh", JFS_ENABLE="0")


def test_regions(world, documented):
    block, = blocks("docs/regions.md")["B: a volume per region"]
    host = documented.host("10.77.0.103", "syncing")
    host.check("mkdir -p /etc/juicefs /etc/systemd/system")
    documented.run(host, block)
    assert host.check("cat /run/enabled; stat -c %a /etc/juicefs/sync-gra.env").split() == ["juicefs-sync@gra.timer", "600"]
