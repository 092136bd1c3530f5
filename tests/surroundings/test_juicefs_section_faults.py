"""What the start-up section of JuiceFS says about a host or a network that is not right, and that it goes on after a crash."""
import hashlib
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, SECTION, until
from test_juicefs_section import changed, is_mounted


@pytest.fixture(scope="module")
def host(world):
    world.bucket("faults")
    host = world.host("10.77.0.40", "faults")
    # All commands but those of FUSE and JuiceFS.
    host.check("mkdir /usr/local/few /usr/local/stub; ln -s /usr/bin/* /usr/local/few; rm /usr/local/few/fusermount* /usr/local/few/juicefs 2> /dev/null; true")
    return host


def stub(host, name, script):
    host.check(f"cat > /usr/local/stub/{name} << 'END'\n#!/bin/sh\n{script}\nEND\nchmod +x /usr/local/stub/{name}")


def fails(world, host, line, path=None, **variables):
    variables.setdefault("JFS_BUCKET", "faults")
    if path:
        variables["PATH"] = path
    before = "fuse.conf" in str(changed(host))
    done = world.section(host, **variables)
    assert done.returncode == 1 and re.fullmatch(f"JuiceFSSection: {line}.*\n", done.stderr), done.stdout + done.stderr
    assert not is_mounted(host) and ("fuse.conf" in str(changed(host))) == before and world.keys("faults") == []
    return done


def test_fuse_missing(world, host):
    fails(world, host, "fusermount3 is not installed: install the package fuse3", f"{world.bin}:/usr/local/few")


def test_fusermount_old(world, host):
    stub(host, "fusermount3", "exit 127")
    stub(host, "fusermount", "echo 'fusermount version: 2.8.6'")
    fails(world, host, "fusermount is of version 2.8.6: 2.9 or later is needed", f"/usr/local/stub:{world.bin}:/usr/bin")
    host.check("rm /usr/local/stub/*")


def test_no_fuse_device(world):
    host = world.host("10.77.0.41", "deviceless")
    host.check("mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9")
    fails(world, host, "there is no /dev/fuse: load the kernel's fuse module")


def test_no_client(world, host):
    fails(world, host, "juicefs is not installed: install it, or set JFS_URL and JFS_SHA256", "/usr/bin:/usr/sbin")
    fails(world, host, r"juicefs is not installed, and http://10.77.0.1:1/juicefs cannot be had: .*onnect", "/usr/bin:/usr/sbin",
          JFS_URL="http://10.77.0.1:1/juicefs", JFS_SHA256="0" * 64)


@pytest.mark.parametrize("packed", [False, True])
def test_client_is_got_and_verified(world, packed):
    host = world.host(f"10.77.0.{42 + packed}", "getting")
    world.bucket(f"getting-{packed}".lower())
    folder = os.path.join(world.folder, f"download{packed}")
    os.makedirs(folder)
    name = shutil.copy(os.path.join(world.bin, "juicefs"), folder)
    if packed:
        subprocess.run(["tar", "-czf", name + ".tar.gz", "-C", folder, "juicefs"], check=True)
        name += ".tar.gz"
    with open(name, "rb") as file:
        good = hashlib.sha256(file.read()).hexdigest()
    url = "file://" + name
    variables = dict(PATH="/usr/sbin:/usr/bin", JFS_URL=url, JFS_BUCKET=f"getting-{packed}".lower(), JFS_META=f"redis://10.77.0.1:6379/{50 + packed}")
    done = world.section(host, JFS_SHA256="0" * 64, **variables)
    assert done.returncode == 1 and f"has the SHA-256 {good}, and JFS_SHA256 is 000" in done.stderr
    assert host.sh("test -e /usr/local/bin/juicefs").returncode == 1
    done = world.section(host, JFS_SHA256=good.upper(), **variables)
    assert done.returncode == 0 and is_mounted(host), done.stderr
    host.check("umount /mnt/jfs")
    os.unlink(name)  # without a network, what is installed is used
    assert world.section(host, JFS_SHA256=good, **variables).returncode == 0 and is_mounted(host)


def test_no_network(world):
    host = world.host("10.77.0.44", "alone", network=False)
    fails(world, host, "JFS_ENDPOINT=http://10.77.0.1:9000 does not answer: .*")


def test_wrong_clock(world, host):
    stub(host, "date", "exec /usr/bin/date -d '1 hour ago' \"$@\"")
    fails(world, host, "the clock of this host says .* UTC, and that of http://10.77.0.1:9000 .* GMT: set it", f"/usr/local/stub:{world.bin}:/usr/bin")
    host.check("rm /usr/local/stub/*")


def test_authority_of_ones_own(world, host):
    authority = world.authority()
    world.start_store(world.store, "--tls-certificate", os.path.join(world.folder, "tls.pem"), "--tls-key", os.path.join(world.folder, "tls.key"),
                      folder="tls", port=9443, INGOT_DEFAULT_BUCKETS="tls", INGOT_SOCKET=os.path.join(world.folder, "tls.socket"))
    until("the store", lambda: host.sh(f"curl -fsS --cacert {authority} https://10.77.0.1:9443/-/ready").returncode == 0)
    variables = dict(JFS_ENDPOINT="https://10.77.0.1:9443", JFS_BUCKET="tls", JFS_META="redis://10.77.0.1:6379/52")
    fails(world, host, "JFS_ENDPOINT=https://10.77.0.1:9443: its certificate is of no authority that this host trusts", **variables)
    done = world.section(host, SSL_CERT_FILE=authority, **variables)
    assert done.returncode == 0, done.stderr
    host.check("echo over TLS > /mnt/jfs/file; umount /mnt/jfs")


def test_volume_is_another(world, host):
    world.bucket("other")
    variables = dict(JFS_BUCKET="other", JFS_META="redis://10.77.0.1:6379/53")
    assert world.section(host, **variables).returncode == 0
    host.check("echo data > /mnt/jfs/file; umount /mnt/jfs")
    fails(world, host, "JFS_META=redis://10.77.0.1:6379/53 holds the volume flowfs, and JFS_NAME is another", JFS_NAME="another", JFS_META=variables["JFS_META"], JFS_BUCKET="other")
    fails(world, host, "the volume flowfs has its data in http://10.77.0.1:9000/other, and", JFS_META=variables["JFS_META"])
    # The metadata engine is not the volume's: the data must not be formatted over.
    before = world.keys("other")
    fails(world, host, "the bucket other has objects below flowfs/, and redis://10.77.0.1:6379/54 knows no volume", JFS_BUCKET="other", JFS_META="redis://10.77.0.1:6379/54")
    assert world.keys("other") == before


def test_check_tells_everything_and_changes_nothing(world):
    host = world.host("10.77.0.45", "checked")
    done = world.section(host, JFS_CHECK="1", JFS_META="redis://10.77.0.1:6381/1", JFS_BUCKET="not-there", JFS_MOUNTPOINT="/usr/bin",
                         JFS_SYSTEMD="1", JFS_MOUNT_OPTS="-o writebak")
    assert done.returncode == 1
    assert [re.sub(r"[ :].*", "", line[16:]) for line in done.stderr.splitlines()] == [
        "JFS_MOUNTPOINT=/usr/bin", "JFS_SYSTEMD=1,", "JFS_MOUNT_OPTS", "JFS_BUCKET=not-there", "JFS_META=redis"], done.stderr
    done = world.section(host, JFS_CHECK="1", JFS_NAME="A", JFS_CACHE_SIZE="x")
    assert "JFS_NAME=A" in done.stderr
    done = world.section(host, JFS_CHECK="1", JFS_BUCKET="faults")
    assert (done.returncode, done.stdout) == (0, "JuiceFSSection: nothing is wrong\n")
    assert changed(host) == [] and world.keys("faults") == []


CRASH = """
count=$(($(cat /run/count) + 1))
echo $count > /run/count
[ $count != $(cat /run/crash) ] || [ $(cat /run/when) != before ] || kill -9 -$(cat /run/group)
%s "$@"
status=$?
[ $count != $(cat /run/crash) ] || [ $(cat /run/when) != after ] || kill -9 -$(cat /run/group)
exit $status
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_crash_at_every_step(world, when):
    """The section is killed before or after each of its calls of another program of weight, and then run again."""
    host = world.host(f"10.77.0.{46 + (when == 'after')}", "crash-" + when)
    bucket = world.bucket("crash-" + when)
    host.check("mkdir /usr/local/stub")
    for name, real in (("curl", "/usr/bin/curl"), ("mkdir", "/usr/bin/mkdir"), ("tail", "/usr/bin/tail"), ("chmod", "/usr/bin/chmod")):
        stub(host, name, CRASH % real)
    stub(host, "juicefs", f'[ "$1" != mount ] || [ "$2" = --help ] || exec {world.bin}/juicefs "$@"\n' + CRASH % f"{world.bin}/juicefs")
    script = os.path.join(world.folder, f"hasty-{when}.sh")
    with open(SECTION) as file, open(script, "w") as copy:  # waits less for a lock that a crash left
        copy.write(file.read().replace("\nLOCK_S=60 ", "\nLOCK_S=3 ").replace("\nFORMAT_S=45 ", "\nFORMAT_S=2 "))
    step, crashes = 0, 0
    while True:
        step += 1
        variables = dict(JFS_NAME=f"vol-{step}", JFS_BUCKET=bucket, JFS_META=f"redis://10.77.0.1:6379/{100 * (1 + (when == 'after')) + step}",
                         PATH=f"/usr/local/stub:{world.bin}:/usr/sbin:/usr/bin")
        host.check(f"echo 0 > /run/count; echo {step} > /run/crash; echo {when} > /run/when")
        first = subprocess.run(host.enter() + ["setsid", "sh", "-c", f"echo $$ > /run/group; exec sh {script}"], env=world.environment(**variables),
                               capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
        if int(host.check("cat /run/count")) < step:
            assert first.returncode == 0
            break
        crashes += 1
        assert first.returncode != 0 and "mounted" not in first.stdout
        host.check("echo 0 > /run/crash")
        again = world.section(host, script=script, **variables)
        assert again.returncode == 0 and is_mounted(host), f"step {step}: {again.stdout}{again.stderr}"
        status = host.check(f"{world.bin}/juicefs status {variables['JFS_META']} 2> /dev/null")
        mine = [key for key in world.keys(bucket) if key.startswith(f"vol-{step}/")]  # the lock itself may be left: it locks nothing any more
        assert mine == [f"vol-{step}/juicefs_uuid"], mine
        uuid = world.s3(f"print(s3.get_object(Bucket={bucket!r}, Key='vol-{step}/juicefs_uuid')['Body'].read().decode())").strip()
        assert f'"UUID": "{uuid}"' in status
        assert host.check("grep -c ^user_allow_other /etc/fuse.conf") == "1\n"
        host.check("umount /mnt/jfs")
    assert crashes > 12


def test_built_script(world, tmp_path):
    """Sections in order, in a script that goes on only after good ones; and every script is clean."""
    for name, line in (("36-FirstSection.sh", "echo first"), ("40-DockerSection.sh", "echo docker")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
    build = os.path.join(ROOT, "deploy", "sections", "build")
    built = subprocess.run([build, os.path.join(ROOT, "deploy", "sections"), str(tmp_path)], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^# --- (\S+\.sh)$", built, re.M)
    assert names == sorted(names) and "37-JuiceFSSection.sh" in names and names[-1] == "40-DockerSection.sh"
    (tmp_path / "startup.sh").write_text(built)
    for options, shell in (("-eu", "dash"), ("-u", "bash"), ("", "dash")):
        done = subprocess.run([shell, *options.split(), str(tmp_path / "startup.sh")], capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
        assert (done.returncode, done.stdout) == (0, "first\ndocker\n"), done.stderr
        done = subprocess.run([shell, *options.split(), str(tmp_path / "startup.sh")], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "JFS_ENABLE": "1"})
        assert (done.returncode, done.stdout) == (1, "first\n"), "what comes after a section that failed has run"
    assert subprocess.run([build, str(tmp_path / "nowhere")], capture_output=True, check=False).returncode == 1


def test_shellcheck():
    scripts = [os.path.join(ROOT, "deploy", "sections", name) for name in os.listdir(os.path.join(ROOT, "deploy", "sections"))]
    subprocess.run(["shellcheck", *scripts], check=True)


def test_unit_is_the_one_that_is_installed():
    with open(SECTION) as section, open(os.path.join(ROOT, "systemd", "juicefs-mount@.service")) as unit:
        assert f"cat << 'UNIT'\n{unit.read()}UNIT\n" in section.read()
