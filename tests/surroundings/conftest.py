import os
import shutil
import subprocess
import sys

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "..")]
from hosts import Host, Switch, until  # noqa: E402

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
INGOT = os.environ.get("INGOT", os.path.join(ROOT, "build", "ingot"))
SECTION = os.path.join(ROOT, "deploy", "sections", "37-JuiceFSSection.sh")
ACCESS, SECRET = "operator", "se cret/\"quoted\"'$x\\`y%41+="
REDIS_SECRET = "p@ss:w/ord"


def juicefs():
    if os.environ.get("JUICEFS"):
        return os.environ["JUICEFS"]
    folder = os.path.join(ROOT, "var", "juicefs")
    subprocess.run([os.path.join(ROOT, "scripts", "venv"), folder, os.path.join(ROOT, "tests", "long", "juicefs-requirements.txt")], check=True)
    return os.path.join(folder, "bin", "juicefs")


class World:
    """A host with Ingot and two Redis, one of them with a password, and what clients are told."""

    def __init__(self, folder):
        self.folder, self.switch, self.hosts = folder, Switch(), []
        self.bin = os.path.join(folder, "bin")
        os.makedirs(self.bin)
        shutil.copy(juicefs(), self.bin)
        self.store = self.host("10.77.0.1", "store")
        self.start_store(self.store)
        self.store.start("redis-server", "--port", "6379", "--protected-mode", "no", "--databases", "1000", "--save", "", "--dir", "/var/tmp")
        with open(os.path.join(folder, "redis.conf"), "w") as file:
            file.write(f'port 6380\nrequirepass "{REDIS_SECRET}"\nsave ""\ndir /var/tmp\n')
        self.store.start("redis-server", os.path.join(folder, "redis.conf"))
        self.client = self.host("10.77.0.2", "client")
        until("the store", lambda: self.client.sh("curl -fsS http://10.77.0.1:9000/-/ready").returncode == 0)
        until("Redis", lambda: self.client.sh("redis-cli -h 10.77.0.1 ping && redis-cli -h 10.77.0.1 -p 6380 ping").returncode == 0)

    def start_store(self, host, *options, folder="volumes", port=9000, **more):
        return host.start(INGOT, "dev", "--dir", os.path.join(self.folder, folder), "--size", "2GiB", "--listen", f"0.0.0.0:{port}", *options,
                          env=dict(os.environ, INGOT_ROOT_USER=ACCESS, INGOT_ROOT_PASSWORD=SECRET, **more),
                          log=os.path.join(self.folder, f"{host.name}.log"))

    def host(self, address, name, **more):
        host = Host(self.switch, address, name, **more)
        self.hosts.append(host)
        return host

    def s3(self, code, endpoint="http://10.77.0.1:9000"):
        """Runs lines of Python on the client's host, where s3 is a client of the store; returns what they print."""
        start = ("import boto3, botocore.config, sys\n"
                 f"s3 = boto3.client('s3', endpoint_url={endpoint!r}, aws_access_key_id={ACCESS!r}, aws_secret_access_key={SECRET!r}, "
                 "region_name='us-east-1', config=botocore.config.Config(s3={'addressing_style': 'path'}))\n")
        done = subprocess.run(self.client.enter() + [sys.executable, "-c", start + code], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bucket(self, name):
        self.s3(f"s3.create_bucket(Bucket={name!r})")
        return name

    def keys(self, bucket):
        return self.s3(f"[print(o['Key']) for o in s3.list_objects_v2(Bucket={bucket!r}).get('Contents', [])]").split()

    def environment(self, **variables):
        """A plain environment with the variables of a volume; None takes one away."""
        base = dict(PATH=f"{self.bin}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", JFS_ENABLE="1", JFS_NAME="flowfs",
                    JFS_MOUNTPOINT="/mnt/jfs", JFS_META="redis://10.77.0.1:6379/1", JFS_STORAGE="s3",
                    JFS_ENDPOINT="http://10.77.0.1:9000", JFS_BUCKET="flow-bucket", JFS_ACCESS_KEY=ACCESS, JFS_SECRET_KEY=SECRET,
                    JFS_FORMAT_IF_MISSING="1", JFS_CACHE_DIR="/var/cache/juicefs", JFS_CACHE_SIZE="1GB")
        base.update(variables)
        return {name: value for name, value in base.items() if value is not None}

    def section(self, host, shell="sh", script=SECTION, timeout=300, **variables):
        return subprocess.run(host.enter() + [shell, script], env=self.environment(**variables), capture_output=True, text=True,
                              timeout=timeout, check=False, stdin=subprocess.DEVNULL)

    def authority(self):
        """Makes a certificate authority and, of it, the store's certificate for its address; returns the authority's file."""
        file = lambda name: os.path.join(self.folder, name)  # noqa: E731
        if not os.path.exists(file("tls.pem")):
            with open(file("names"), "w") as names:
                names.write("subjectAltName=IP:10.77.0.1,DNS:store.test")
            for words in (["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test authority", "-keyout", file("ca.key"), "-out", file("ca.pem")],
                          ["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=store", "-keyout", file("tls.key"), "-out", file("tls.csr")],
                          ["x509", "-req", "-in", file("tls.csr"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2",
                           "-extfile", file("names"), "-out", file("tls.pem")]):
                subprocess.run(["openssl", *words], check=True, capture_output=True)
        return file("ca.pem")

    def close(self):
        for host in reversed(self.hosts):
            host.kill()
        self.switch.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(str(tmp_path_factory.mktemp("world")))
    yield world
    world.close()
