"""The start-up section of JuiceFS, on hosts made of namespaces."""
import os
import re
import subprocess
import threading

import pytest

from conftest import ACCESS, REDIS_SECRET, ROOT, SECRET, SECTION

SHELLS = ["dash", "bash"]
BUILD = os.path.join(ROOT, "deploy", "sections", "build")


def is_mounted(host, path="/mnt/jfs"):
    return host.sh(f'mountpoint -q "{path}"').returncode == 0


def unmount(host, path="/mnt/jfs"):
    host.check(f'umount "{path}"')
    host.sh("while pgrep -x juicefs > /dev/null; do sleep 0.1; done", timeout=30)


def changed(host):
    """Files that a host has changed in its own folders, except what any process leaves."""
    found = host.check(f"cd {host.folder} && find */upper -type f -o -type c").split("\n")
    return [name for name in found if name and not name.startswith(("var/upper/tmp", "var/upper/log/redis"))]


@pytest.fixture(scope="module")
def host(world):
    host = world.host("10.77.0.20", "table")
    world.bucket("table")
    return host


@pytest.mark.parametrize("value", [None, "", "0"])
def test_not_enabled(world, host, value):
    done = world.section(host, JFS_ENABLE=value, JFS_NAME="Not a name")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


WRONG = [
    ("JFS_ENABLE", "yes", "JFS_ENABLE=yes: 1 or 0 is meant"),
    ("JFS_NAME", None, "not set: JFS_NAME"), ("JFS_NAME", "", "not set: JFS_NAME"),
    ("JFS_NAME", "Flow", "JFS_NAME=Flow"), ("JFS_NAME", "a b", "JFS_NAME=a b"), ("JFS_NAME", "x';reboot;'", "JFS_NAME=x';reboot;'"),
    ("JFS_NAME", "abc\nabc", "JFS_NAME"),
    ("JFS_MOUNTPOINT", None, "not set: JFS_MOUNTPOINT"), ("JFS_MOUNTPOINT", "", "not set: JFS_MOUNTPOINT"),
    ("JFS_MOUNTPOINT", "mnt/jfs", "JFS_MOUNTPOINT=mnt/jfs"), ("JFS_MOUNTPOINT", "/", "JFS_MOUNTPOINT=/"),
    ("JFS_MOUNTPOINT", "/usr/bin", "JFS_MOUNTPOINT=/usr/bin is not empty"), ("JFS_MOUNTPOINT", "/etc/passwd", "JFS_MOUNTPOINT=/etc/passwd is not a folder"),
    ("JFS_MOUNTPOINT", "/run", "JFS_MOUNTPOINT=/run: tmpfs is mounted there"), ("JFS_MOUNTPOINT", "/mnt/a\nb", "JFS_MOUNTPOINT has a line break"),
    ("JFS_META", None, "not set: JFS_META"), ("JFS_META", "", "not set: JFS_META"), ("JFS_META", "10.77.0.1:6379", "JFS_META is no address"),
    ("JFS_META", "what://10.77.0.1", "Invalid meta driver: what"),
    ("JFS_META", "redis://10.77.0.1:6381/1", "JFS_META=redis://10.77.0.1:6381/1 does not answer: dial tcp 10.77.0.1:6381: connect: connection refused"),
    ("JFS_META", "redis://10.77.0.1:6380/1", "JFS_META=redis://10.77.0.1:6380/1: .*NOAUTH"),
    ("JFS_META", "redis://:not-this-one@10.77.0.1:6380/1", "JFS_META=redis://:@10.77.0.1:6380/1: .*WRONGPASS"),
    ("JFS_STORAGE", None, "not set: JFS_STORAGE"), ("JFS_STORAGE", "", "not set: JFS_STORAGE"), ("JFS_STORAGE", "S3", "JFS_STORAGE=S3: s3 or minio"),
    ("JFS_ENDPOINT", None, "not set: JFS_ENDPOINT"), ("JFS_ENDPOINT", "10.77.0.1:9000", "JFS_ENDPOINT=10.77.0.1:9000"),
    ("JFS_ENDPOINT", "http://10.77.0.1:9000/table", "JFS_ENDPOINT=http://10.77.0.1:9000/table"),
    ("JFS_ENDPOINT", "http://10.77.0.1:9009", "JFS_ENDPOINT=http://10.77.0.1:9009 does not answer"),
    ("JFS_ENDPOINT", "http://nowhere.invalid", "JFS_ENDPOINT=http://nowhere.invalid: there is no host of this name"),
    ("JFS_ENDPOINT", "https://10.77.0.1:9000", "JFS_ENDPOINT=https://10.77.0.1:9000: curl"),
    ("JFS_BUCKET", None, "not set: JFS_BUCKET"), ("JFS_BUCKET", "a/b", "JFS_BUCKET=a/b"), ("JFS_BUCKET", "not-there", "JFS_BUCKET=not-there: there is no such bucket"),
    ("JFS_ACCESS_KEY", None, "not set: JFS_ACCESS_KEY"), ("JFS_ACCESS_KEY", "", "not set: JFS_ACCESS_KEY"), ("JFS_ACCESS_KEY", "some body", "JFS_ACCESS_KEY=some body: .* knows no such key"),
    ("JFS_SECRET_KEY", None, "not set: JFS_SECRET_KEY"), ("JFS_SECRET_KEY", "", "not set: JFS_SECRET_KEY"),
    ("JFS_SECRET_KEY", "not this one", "JFS_SECRET_KEY is not the secret of JFS_ACCESS_KEY=operator"), ("JFS_SECRET_KEY", "two\nlines", "JFS_SECRET_KEY has a line break"),
    ("JFS_SECRET_KEY_FILE", "/nowhere", "JFS_SECRET_KEY and JFS_SECRET_KEY_FILE are both set"),
    ("JFS_META_PASSWORD_FILE", "/nowhere", "JFS_META_PASSWORD_FILE=/nowhere: there is no such file"),
    ("JFS_META_PASSWORD_FILE", "/dev/null", "JFS_META_PASSWORD_FILE=/dev/null"),
    ("JFS_FORMAT_IF_MISSING", "true", "JFS_FORMAT_IF_MISSING=true: 1 or 0"), ("JFS_FORMAT_IF_MISSING", None, "has no volume: set JFS_FORMAT_IF_MISSING=1"),
    ("JFS_FORMAT_IF_MISSING", "0", "has no volume: set JFS_FORMAT_IF_MISSING=1"), ("JFS_FORMAT_IF_MISSING", "", "has no volume"),
    ("JFS_CACHE_DIR", "cache", "JFS_CACHE_DIR=cache"), ("JFS_CACHE_SIZE", "much", "JFS_CACHE_SIZE=much: a size is meant"),
    ("JFS_CACHE_SIZE", "-1GB", "JFS_CACHE_SIZE=-1GB"), ("JFS_CACHE_SIZE", "100B", "JFS_CACHE_SIZE=100B"), ("JFS_CACHE_SIZE", "1 2GB", "JFS_CACHE_SIZE=1 2GB"),
    ("JFS_MOUNT_OPTS", "-o writebak", "JFS_MOUNT_OPTS: juicefs mount has no option writebak"),
    ("JFS_MOUNT_OPTS", "--writebak", "JFS_MOUNT_OPTS: juicefs mount has no option writebak"),
    ("JFS_MOUNT_OPTS", "writeback", "JFS_MOUNT_OPTS: writeback is no option"), ("JFS_MOUNT_OPTS", "--max-uploads", "JFS_MOUNT_OPTS: max-uploads needs a value"),
    ("JFS_MOUNT_OPTS", "-o cache-size", "JFS_MOUNT_OPTS: cache-size needs a value"), ("JFS_MOUNT_OPTS", "-o", "JFS_MOUNT_OPTS: o needs a value"),
    ("JFS_MOUNT_OPTS", "-o cache-size=x", "JFS_MOUNT_OPTS=x: a size is meant"), ("JFS_MOUNT_OPTS", "-o 'a", "JFS_MOUNT_OPTS=-o 'a: a quote is not closed"),
    ("JFS_SYSTEMD", "on", "JFS_SYSTEMD=on: 1 or 0"), ("JFS_SYSTEMD", "1", "JFS_SYSTEMD=1, and this host does not run systemd"),
    ("JFS_URL", "juicefs.com", "JFS_URL=juicefs.com"), ("JFS_URL", "https://10.77.0.1/juicefs", "JFS_SHA256=: the SHA-256"),
]


@pytest.mark.parametrize("variable,value,line", WRONG, ids=[f"{name}={value!r}" for name, value, _ in WRONG])
def test_wrong_value(world, host, variable, value, line):
    variables = {"JFS_BUCKET": "table", variable: value}
    done = world.section(host, **variables)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(f"JuiceFSSection: .*{line}.*\n", done.stderr), done.stderr
    assert "not-this-one" not in done.stderr and SECRET not in done.stderr
    assert not is_mounted(host) and world.keys("table") == []
    assert [name for name in changed(host) if "sections" not in name] == []


def test_all_that_is_missing_in_one_line(world, host):
    done = world.section(host, JFS_NAME=None, JFS_BUCKET="", JFS_SECRET_KEY=None)
    assert done.returncode == 1 and done.stderr == "JuiceFSSection: not set: JFS_NAME JFS_BUCKET JFS_SECRET_KEY\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_mounts_and_does_so_again(world, shell):
    host = world.host(f"10.77.0.{21 + SHELLS.index(shell)}", shell)
    world.bucket(f"plain-{shell}")
    variables = dict(JFS_BUCKET=f"plain-{shell}", JFS_META=f"redis://10.77.0.1:6379/{2 + SHELLS.index(shell)}", shell=shell)
    for turn in range(10):
        done = world.section(host, **variables)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert ("formatting flowfs" in done.stdout) == (turn == 0)
        assert host.check("grep -c ' fuse.juicefs ' /proc/mounts; grep -c ^user_allow_other /etc/fuse.conf").split() == ["1", "1"]
    host.check("echo here > /mnt/jfs/file")
    command = host.check("ps axww -o args | grep '[j]uicefs mount' | head -n 1")
    assert "--cache-dir=/var/cache/juicefs --cache-size=1024 -o allow_other" in command
    unmount(host)
    assert world.section(host, **variables).returncode == 0 and host.check("cat /mnt/jfs/file") == "here\n"
    # The client is kept alive, and a mount whose processes are all gone is replaced.
    host.check("kill -9 $(pgrep -x juicefs | tail -n 1)")
    assert host.check("sleep 1; cat /mnt/jfs/file") == "here\n"
    host.check("kill -9 $(pgrep -x juicefs | head -n 1) $(pgrep -x juicefs | tail -n 1)")
    assert host.sh("cat /mnt/jfs/file").returncode != 0
    assert world.section(host, **variables).returncode == 0 and host.check("cat /mnt/jfs/file") == "here\n"
    unmount(host)


OPTIONS = [("-o writeback,cache-size=100GB,allow_other", ["--writeback", "--cache-size=102400", "-o allow_other"]),
           ("--max-uploads 20 --writeback", ["--max-uploads=20", "--writeback", "--cache-size=1024"]),
           ("--max-uploads=20 -o ro,attr-cache=2s", ["--max-uploads=20", "--attr-cache=2s", "-o ro"]),
           ("--cache-dir '/var/cache/a b'", ["--cache-dir=/var/cache/a b"]),
           ("", ["--cache-size=1024"]), ("-d -o _netdev,background,cache-size=1.5T", ["--cache-size=1572864"])]


@pytest.mark.parametrize("number", range(len(OPTIONS)))
def test_mount_options(world, number):
    host = world.hosts[-1] if number else world.host("10.77.0.23", "options")
    if number == 0:
        world.bucket("options")
    options, wanted = OPTIONS[number]
    done = world.section(host, JFS_BUCKET="options", JFS_META="redis://10.77.0.1:6379/4", JFS_MOUNT_OPTS=options)
    assert done.returncode == 0, done.stderr
    command = host.check("ps axww -o args | grep '[j]uicefs mount' | head -n 1")
    for flag in wanted:
        assert f" {flag} " in command
    unmount(host)


def test_values_with_blanks_and_quotes(world):
    """The secret key of all these tests has them, too."""
    host = world.host("10.77.0.24", "blanks")
    world.bucket("blanks")
    path = "/mnt/a b'c\\d$e"
    done = world.section(host, JFS_BUCKET="blanks", JFS_META="redis://10.77.0.1:6379/5", JFS_MOUNTPOINT=path, JFS_CACHE_DIR="/var/cache/it's $x")
    assert done.returncode == 0, done.stderr
    assert world.section(host, JFS_BUCKET="blanks", JFS_META="redis://10.77.0.1:6379/5", JFS_MOUNTPOINT=path).returncode == 0
    assert host.check("grep -c fuse.juicefs /proc/mounts; ls /mnt /var/cache | grep -F -e 'a b' -e \"it's\"").split("\n")[:3] == ["1", path[5:], "it's $x"]


def test_secrets_in_files_and_nowhere_else(world):
    """As part of a start-up script under set -eux: nothing of it may show a secret, nor any process, nor any file."""
    host = world.host("10.77.0.25", "secrets")
    world.bucket("secrets")
    host.check("mkdir /run/secrets; printf '%s\\n' \"$S\" > /run/secrets/s3; printf %s \"$R\" > /run/secrets/redis",
               env=dict(os.environ, S=SECRET, R=REDIS_SECRET))
    script = os.path.join(world.folder, "startup.sh")
    environment = world.environment(JFS_BUCKET="secrets", JFS_SECRET_KEY=None, JFS_SECRET_KEY_FILE="/run/secrets/s3",
                                    JFS_META="redis://10.77.0.1:6380/1", JFS_META_PASSWORD_FILE="/run/secrets/redis")
    built = subprocess.run([BUILD], env=environment, capture_output=True, text=True, check=True).stdout
    with open(script, "w") as file:
        file.write(built)
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        seen.add(file.read())
                except OSError:
                    pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        done = subprocess.run(host.enter() + ["sh", "-eux", script], env=environment, capture_output=True, text=True, check=False, timeout=120)
    finally:
        stop.set()
        watcher.join()
    assert done.returncode == 0 and is_mounted(host), done.stderr
    assert any(b"juicefs\0format" in line for line in seen) and any(line.startswith(b"curl\0") for line in seen)
    secrets = [SECRET, REDIS_SECRET, "p%40ss", SECRET.encode().hex(), ("AWS4" + SECRET).encode().hex()]
    text = built + done.stdout + done.stderr + "\n".join(line.decode(errors="replace") for line in seen)
    assert not any(secret in text for secret in secrets)
    left = subprocess.run(host.enter() + ["sh", "-c", f"cat $(find {host.folder} /tmp/tmp.* -xdev -type f 2> /dev/null)"], capture_output=True, check=False).stdout
    assert not any(secret.encode() in left for secret in secrets)
    # A password in the address is as good, and shows no more.
    unmount(host)
    done = world.section(host, JFS_BUCKET="secrets", JFS_META="redis://:p%40ss%3Aw%2ford@10.77.0.1:6380/1")
    assert done.returncode == 0 and "p%40ss" not in host.check("ps axww -o args"), done.stderr


def test_eight_hosts_at_once(world):
    world.bucket("eight")
    hosts = [world.host(f"10.77.0.{30 + n}", f"eight{n}") for n in range(8)]
    meta = "redis://10.77.0.1:6379/6"
    environment = world.environment(JFS_BUCKET="eight", JFS_META=meta)
    runs = [subprocess.Popen(host.enter() + [SHELLS[n % 2], SECTION], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for n, host in enumerate(hosts)]
    words = [run.communicate(timeout=200)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 8, words
    assert sum("formatting" in text for text in words) == 1, words
    for n, host in enumerate(hosts):
        host.check(f"echo {n} > /mnt/jfs/{n}")
    for host in hosts:
        assert host.check("cat /mnt/jfs/*").split() == [str(n) for n in range(8)]
    assert not [key for key in world.keys("eight") if "lock" in key]
    for host in hosts:
        host.kill()
