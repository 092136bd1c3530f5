"""The start-up section that puts Ingot in MinIO's place, on hosts made of namespaces."""
import os
import re
import subprocess

import pytest

from conftest import INGOT, ROOT

SECTION = os.path.join(ROOT, "deploy", "sections", "35-MinIOSection.sh")
BUILD = os.path.join(ROOT, "deploy", "sections", "build")
KEYS = dict(MINIO_ROOT_USER="flow", MINIO_ROOT_PASSWORD="it's \"secret\" $x")


def section(world, host, shell="dash", script=SECTION, options=(), **variables):
    base = dict(PATH=f"{os.path.dirname(INGOT)}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", MINIO_ENABLE="1")
    base.update(variables)
    return subprocess.run(host.enter() + [shell, *options, script], env={name: value for name, value in base.items() if value is not None},
                          capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


def aws(host, words, user="minioadmin", password="minioadmin", port=9000, region="us-east-1"):
    return host.sh(f"aws --endpoint-url http://127.0.0.1:{port} {words}",
                   env=dict(os.environ, AWS_ACCESS_KEY_ID=user, AWS_SECRET_ACCESS_KEY=password, AWS_DEFAULT_REGION=region))


def process(host):
    return host.sh("pgrep -f '^ingot dev '").stdout.split()


@pytest.fixture(scope="module")
def host(world):
    host = world.host("10.77.0.60", "minio")
    host.check("mkdir -p /var/full /var/old/.minio.sys /var/certs; touch /var/full/file /var/plain; printf 'short\\n' > /var/short; : > /var/empty")
    return host


@pytest.mark.parametrize("value", [None, "", "0"])
def test_not_enabled(world, host, value):
    done = section(world, host, MINIO_ENABLE=value, MINIO_ADDRESS="nonsense")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


WRONG = [
    ("MINIO_ENABLE", "on", "MINIO_ENABLE=on: 1 or 0 is meant"),
    ("MINIO_ROOT_USER", "ab", "MINIO_ROOT_USER is shorter than 3"), ("MINIO_ROOT_PASSWORD", "secret7", "MINIO_ROOT_PASSWORD is shorter than 8"),
    ("MINIO_ROOT_PASSWORD", "two\nlines of it", "MINIO_ROOT_PASSWORD has a line break"),
    ("MINIO_ROOT_PASSWORD_FILE", "/var/nowhere", "MINIO_ROOT_PASSWORD_FILE=/var/nowhere: there is no such file"),
    ("MINIO_ROOT_PASSWORD_FILE", "/var/empty", "MINIO_ROOT_PASSWORD_FILE=/var/empty: the file is empty"),
    ("MINIO_ROOT_PASSWORD_FILE", "/var/short", "MINIO_ROOT_PASSWORD is shorter than 8"),
    ("MINIO_VOLUMES", "data", "MINIO_VOLUMES=data: a folder's whole path"), ("MINIO_VOLUMES", "/data{1...4}", r"MINIO_VOLUMES=/data\{1...4\}: one folder is meant"),
    ("MINIO_VOLUMES", "http://a/data http://b/data", "MINIO_VOLUMES=http://a/data http://b/data: one folder"),
    ("MINIO_VOLUMES", "/data1 /data2", "MINIO_VOLUMES=/data1 /data2: one folder"), ("MINIO_VOLUMES", "/var/old", "MINIO_VOLUMES=/var/old has a MinIO's data"),
    ("MINIO_VOLUMES", "/var/full", "MINIO_VOLUMES=/var/full has other files in it"), ("MINIO_VOLUMES", "/var/plain", "MINIO_VOLUMES=/var/plain is not a folder"),
    ("MINIO_VOLUMES", "/proc/x", "MINIO_VOLUMES=/proc/x cannot be made"),
    ("MINIO_ADDRESS", "9000", "MINIO_ADDRESS=9000: a host's address and a port"), ("MINIO_ADDRESS", "127.0.0.1", "MINIO_ADDRESS=127.0.0.1: a host"),
    ("MINIO_ADDRESS", "127.0.0.1:http", "MINIO_ADDRESS=127.0.0.1:http: a host"), ("MINIO_ADDRESS", "::1:9000", "MINIO_ADDRESS=::1:9000: a host"),
    ("MINIO_ADDRESS", "127.0.0.1:99999", "ingot has ended: .*99999"),
    ("MINIO_ADDRESS", ":9000", "MINIO_ADDRESS=:9000 is for all the network.*MINIO_DEVELOPMENT=1"), ("MINIO_ADDRESS", "10.77.0.60:9000", "MINIO_ADDRESS=10.77.0.60:9000 is for all"),
    ("MINIO_ADDRESS", "[::]:9000", r"MINIO_ADDRESS=\[::\]:9000 is for all"), ("MINIO_OPTS", "--address :9000", "MINIO_ADDRESS=:9000 is for all"),
    ("MINIO_OPTS", "--address", "MINIO_OPTS: --address needs a value"), ("MINIO_OPTS", "--quiet", "MINIO_OPTS: --quiet is not known here"),
    ("MINIO_OPTS", "'--address", "MINIO_OPTS='--address: a quote is not closed"),
    ("MINIO_OPTS", "--certs-dir /var/certs", "MINIO_OPTS: --certs-dir /var/certs: there is no public.crt"),
    ("MINIO_DEFAULT_BUCKETS", "a-bucket:public", "MINIO_DEFAULT_BUCKETS=a-bucket:public: names alone"),
    ("MINIO_DEFAULT_BUCKETS", "A", "ingot has ended: .*A"),
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "ingot is not installed"),
]


@pytest.mark.parametrize("variable,value,line", WRONG, ids=[f"{name}={value!r}" for name, value, _ in WRONG])
def test_wrong_value(world, host, variable, value, line):
    done = section(world, host, **{variable: value})
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(f"MinIOSection: .*{line}.*\n", done.stderr), done.stderr
    assert process(host) == [] and not ("MINIO_ROOT_PASSWORD" == variable and value in done.stderr)


def test_network_needs_a_password(world, host):
    done = section(world, host, MINIO_ADDRESS=":9000", MINIO_DEVELOPMENT="1")
    assert done.returncode == 1 and "MINIO_ROOT_PASSWORD is minioadmin or not set" in done.stderr and process(host) == []


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_serves_as_minio_does(world, shell):
    host = world.host(f"10.77.0.{61 + (shell == 'bash')}", "minio-" + shell)
    variables = dict(MINIO_DEFAULT_BUCKETS="one-bucket, two-bucket", MINIO_VOLUMES="/mnt/data")
    pids = set()
    for _ in range(3):
        done = section(world, host, shell, options=["-eu"], **variables)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        pids.update(process(host))
    assert len(pids) == 1
    assert aws(host, "s3 ls").stdout.split()[2::3] == ["one-bucket", "two-bucket"]
    for path in ("live", "ready", "cluster", "cluster/read"):
        host.check(f"curl -fsS http://127.0.0.1:9000/minio/health/{path}")
    assert world.client.sh(f"curl -sS --max-time 5 http://{host.address}:9000/").returncode != 0  # its own host alone
    assert host.check("stat -c %a /mnt/data /var/log/minio-section.log").split() == ["700", "600"]

    # Other variables: another start, the same data; for the network when told to.
    host.check("echo data > /root/file")
    assert aws(host, "s3 cp /root/file s3://one-bucket/key").returncode == 0
    done = section(world, host, shell, MINIO_OPTS="--address :9010 --console-address :9011", MINIO_DEVELOPMENT="1", MINIO_REGION="eu-west-1",
                   MINIO_BROWSER="off", **KEYS, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "MinIOSection: not used: --console-address=:9011 MINIO_BROWSER\n" and KEYS["MINIO_ROOT_PASSWORD"] not in done.stdout
    assert len(process(host)) == 1 and pids.isdisjoint(process(host))
    assert aws(host, "s3 cp s3://one-bucket/key -", "flow", KEYS["MINIO_ROOT_PASSWORD"], 9010, "eu-west-1").stdout == "data\n"
    assert "eu-west-1" in aws(host, "s3api get-bucket-location --bucket one-bucket", "flow", KEYS["MINIO_ROOT_PASSWORD"], 9010, "eu-west-1").stdout
    assert aws(host, "s3 ls", port=9010).returncode != 0
    world.client.check(f"curl -fsS http://{host.address}:9010/minio/health/ready")

    # What has crashed is started by the next run; what is not its own is left alone.
    host.check(f"kill -9 {process(host)[0]}; while pgrep -f '^ingot dev ' > /dev/null; do sleep 0.1; done; echo 1 > /run/minio-section.pid")
    done = section(world, host, shell, **variables)
    assert done.returncode == 0 and len(process(host)) == 1, done.stderr
    host.check("echo 1 > /run/minio-section.pid")
    done = section(world, host, shell, **variables)
    assert done.returncode == 1 and "something else answers there already" in done.stderr and len(process(host)) == 1
    host.kill()


def test_over_tls_with_password_in_a_file(world):
    host = world.host("10.77.0.63", "minio-tls")
    authority = world.authority()
    host.check(f"mkdir -p /root/certs; cp {world.folder}/tls.pem /root/certs/public.crt; cp {world.folder}/tls.key /root/certs/private.key;"
               "printf 'of a file\\n' > /run/password")
    done = section(world, host, MINIO_ADDRESS="0.0.0.0:9000", MINIO_OPTS="-S /root/certs", MINIO_DEVELOPMENT="1", MINIO_ROOT_USER="flow",
                   MINIO_ROOT_PASSWORD_FILE="/run/password")
    assert done.returncode == 0, done.stderr
    host.check(f"curl -fsS --cacert {authority} --connect-to 10.77.0.1:443:{host.address}:9000 https://10.77.0.1/minio/health/live")
    listed = host.sh("aws --endpoint-url https://127.0.0.1:9000 --no-verify-ssl s3 ls",
                     env=dict(os.environ, AWS_ACCESS_KEY_ID="flow", AWS_SECRET_ACCESS_KEY="of a file", AWS_DEFAULT_REGION="us-east-1"))
    assert listed.returncode == 0, listed.stderr
    host.kill()


def test_joined_with_juicefs(world, tmp_path):
    """One start-up script makes the store and mounts a volume in it."""
    host = world.host("10.77.0.64", "joined")
    host.start("redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", "/var/tmp")
    script = tmp_path / "startup.sh"
    script.write_text(subprocess.run([BUILD], capture_output=True, text=True, check=True).stdout)
    done = section(world, host, script=str(script), options=["-eu"], PATH=f"{world.bin}:{os.path.dirname(INGOT)}:/usr/sbin:/usr/bin:/sbin:/bin",
                   MINIO_DEFAULT_BUCKETS="flow-bucket", **KEYS, JFS_ENABLE="1", JFS_NAME="flowfs", JFS_MOUNTPOINT="/mnt/jfs", JFS_META="redis://127.0.0.1:6379/1",
                   JFS_STORAGE="minio", JFS_ENDPOINT="http://127.0.0.1:9000", JFS_BUCKET="flow-bucket", JFS_ACCESS_KEY=KEYS["MINIO_ROOT_USER"],
                   JFS_SECRET_KEY=KEYS["MINIO_ROOT_PASSWORD"], JFS_FORMAT_IF_MISSING="1")
    assert done.returncode == 0, done.stderr
    host.check("echo in MinIO's place > /mnt/jfs/file; umount /mnt/jfs".replace("'", "\\'"))
    assert "flowfs/chunks" in aws(host, "s3 ls --recursive s3://flow-bucket", "flow", KEYS["MINIO_ROOT_PASSWORD"]).stdout
    host.kill()
