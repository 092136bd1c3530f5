"""What operators type: subcommands with and without a server, on a store of this test's own. INGOT_BINARY names the binary."""
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

BINARY = os.environ.get("INGOT_BINARY", "")
SIZE = 200 << 20
pytestmark = pytest.mark.skipif(not BINARY, reason="INGOT_BINARY is not set")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Store:
    def __init__(self, folder):
        self.folder, self.address, self.server = folder, f"127.0.0.1:{free_port()}", None
        self.volumes = [self.file(f"v{index}") for index in range(6)]
        self.configuration = folder / "ingot.conf"
        self.configure(self.volumes)
        self.environment = {"PATH": os.environ["PATH"], "INGOT_CONFIG": str(self.configuration)}

    def file(self, name, size=SIZE):
        path = self.folder / name
        with open(path, "wb") as file:
            file.truncate(size)
        return str(path)

    def configure(self, volumes, *lines):
        text = [f"volume = {path}" for path in volumes]
        text += [f"listen = {self.address}", f"socket = {self.folder}/socket", "root_user = operator",
                 "root_password = operator1234", *lines]
        self.configuration.write_text("\n".join(text) + "\n")

    def run(self, *words, check=True):
        done = subprocess.run([BINARY, *words], capture_output=True, text=True, check=False, env=self.environment, timeout=120)
        if check:
            assert done.returncode == 0, (words, done.stderr)
        return done

    def fails(self, *words, says, status=1):
        """One line that says all of it."""
        done = self.run(*words, check=False)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        for text in [says] if isinstance(says, str) else says:
            assert text in done.stderr, done.stderr
        return done

    def answer(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=30) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def log(self):
        return (self.folder / "log").read_text()

    def start(self, path="/-/ready"):
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            self.server = subprocess.Popen([BINARY, "serve"], stderr=log, env=self.environment)
        for _ in range(600):
            if self.answer(path) == 200:
                return
            assert self.server.poll() is None, self.log()
            time.sleep(0.1)
        raise AssertionError(self.log())

    def stop(self):
        if self.server:
            self.server.terminate()
            assert self.server.wait(120) == 0, self.log()
            self.server = None

    def digests(self):
        return [hashlib.sha256(open(path, "rb").read()).hexdigest() for path in self.volumes if os.path.exists(path)]

    def states(self):
        lines = self.run("volume", "list").stdout.splitlines()[1:]
        return {int(line.split()[0]): line.split()[1] for line in lines}


@pytest.fixture
def store(tmp_path):
    it = Store(tmp_path)
    it.run("format", "--data", "4", "--parity", "2", *it.volumes)
    yield it
    if it.server:
        it.server.kill()
        it.server.wait()


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def test_help_of_every_subcommand():
    names = [line.split()[0] for line in subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True)
             .stdout.split("\n\n")[2].splitlines()]
    assert "serve" in names and "volume" in names and len(names) >= 11
    for name in names:
        done = subprocess.run([BINARY, name, "--help"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"usage: ingot {name}") and "--config FILE" in done.stdout
        wrong = subprocess.run([BINARY, name, "--no-such"], capture_output=True, text=True, check=False)
        assert wrong.returncode == 2 and "--no-such" in wrong.stderr and len(wrong.stderr.splitlines()) == 1


def test_without_a_server(store):
    assert "can lose 2 more" in store.run("status").stdout
    for _ in range(10):  # the command's thread may end before anything else has happened
        store.fails("scrub", says="only a running server scrubs")
    store.fails("query", "SELECT * FROM nowhere", says="nowhere")
    store.fails("backup", "/nowhere/backup", says="/nowhere/backup")
    store.fails("restore", "--yes", str(store.folder / "nothing"), says=["nothing", "No such file"])
    store.fails("restore", str(store.folder / "nothing"), says="--yes", status=2)
    store.run("fsck")


def test_what_is_refused_names_all_and_writes_nothing(store):
    before = store.digests()
    store.fails("format", *store.volumes, says=[store.volumes[0], "--force"])
    store.fails("serve", "--listen", "nonsense", says="nonsense", status=2)
    key = store.file("key")
    with open(key, "w", encoding="utf-8") as file:
        file.write("nonsense\n")
    for words in ["serve"], ["format", "--force", *store.volumes], ["restore", "--yes", "nothing"], ["fsck"]:
        store.fails(*words, "--sealing-key-file", key, says=["sealing", "64 hexadecimal digits"], status=2)
    names = store.volumes[2:]
    for path in names:
        os.rename(path, path + ".away")
    store.fails("serve", says=[*names, "bring the others back"])
    for path in names:
        os.rename(path + ".away", path)
    assert store.digests() == before
    store.start()
    store.fails("serve", "--socket", str(store.folder / "other"), says="in use by another process")
    store.stop()


def test_too_many_old_copies(store):
    """Three of six put back from before: the three that know better are not brought level to them."""
    old = store.volumes[0], store.volumes[3], store.volumes[4]
    for path in old:
        shutil.copyfile(path, path + ".old")
    store.start()
    store.run("volume", "offline", "5")
    store.run("volume", "online", "5")
    wait_for(lambda: store.states()[5] == "in")
    store.stop()
    for path in old:
        os.rename(path, path + ".new")
        os.rename(path + ".old", path)
    before = store.digests()
    store.fails("serve", says=["older copies", "current volumes"])
    store.fails("fsck", "--mend", says="older copies")
    assert store.digests() == before
    os.rename(old[0] + ".new", old[0])  # two that are behind are brought level
    store.start()
    wait_for(lambda: set(store.states().values()) == {"in"})
    store.stop()


def test_read_only_with_default_buckets(store):
    """More than m volumes are away: refused; when asked for, what can be read is served, and nothing is made."""
    store.start()
    store.stop()
    for path in store.volumes[:3]:
        os.rename(path, path + ".away")
    before = store.digests()
    store.fails("serve", says=[*store.volumes[:3], "--read-only"])
    assert store.digests() == before
    store.configure(store.volumes, "default_buckets = one two", "read_only = yes")
    store.start("/-/live")
    assert store.answer("/-/ready") == 503 and "read-only" in store.log()
    assert all(path in store.log() for path in store.volumes[:3])
    store.fails("scrub", "start", says="read-only")
    store.fails("volume", "drain", "5", says="read-only")
    store.stop()


def test_volumes_while_serving(store):
    store.start()
    seventh, eighth, link = store.file("v6"), store.file("v7"), store.folder / "link"
    os.symlink(store.volumes[0], link)
    before = open(seventh, "rb").read()
    store.fails("volume", "replace", "nobody", seventh, says="nobody")
    assert open(seventh, "rb").read() == before
    store.fails("volume", "add", store.volumes[1], says=store.volumes[1])
    store.fails("volume", "grow", str(link), says=store.volumes[0])  # a volume under any of its names
    assert "configuration" in store.run("volume", "replace", "0", seventh).stdout
    wait_for(lambda: store.states()[0] == "drained")
    assert store.states()[6] == "in"
    status = json.loads(store.run("status", "--json").stdout)
    assert status["extents_missing"] == 0 and status["repair"]["extents_unrecoverable"] == 0
    assert "extents" not in store.run("status").stdout  # nothing is owed, nothing is said
    store.fails("volume", "remove", "1", says="drain it first")
    store.run("volume", "add", eighth)
    wait_for(lambda: store.run("volume", "remove", str(link), check=False).returncode == 0)  # others take its copy of the metadata
    assert 0 not in store.states()
    store.stop()
    store.fails("serve", says=[store.volumes[0], "was removed"])
    store.volumes = store.volumes[1:] + [seventh, eighth]
    store.configure(store.volumes)
    store.start()
    assert set(store.states().values()) == {"in"}
    store.stop()


def test_a_backup_older_than_the_volumes(store):
    import boto3
    import botocore.config
    store.start()
    client = boto3.client("s3", endpoint_url=f"http://{store.address}", region_name="us-east-1", aws_access_key_id="operator",
                          aws_secret_access_key="operator1234", config=botocore.config.Config(s3={"addressing_style": "path"}))
    client.create_bucket(Bucket="kept")
    client.put_object(Bucket="kept", Key="key", Body=b"x" * 5000000)
    store.run("backup", str(store.folder / "backup"))
    client.put_object(Bucket="kept", Key="later", Body=b"y")
    store.fails("restore", "--yes", str(store.folder / "backup"), says="a server runs")
    store.stop()
    store.run("restore", "--yes", str(store.folder / "backup"))
    store.start()
    assert client.get_object(Bucket="kept", Key="key")["Body"].read() == b"x" * 5000000
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket="kept")["Contents"]] == ["key"]
    store.run("fsck")
    seventh = store.file("v6")
    store.run("volume", "replace", "0", seventh)
    wait_for(lambda: store.states()[0] == "drained")
    wait_for(lambda: store.run("volume", "remove", "0", check=False).returncode == 0)
    store.stop()
    store.configure(store.volumes[1:] + [seventh])
    store.fails("restore", "--yes", str(store.folder / "backup"), says="older than the store's volumes")
    store.start()
    assert client.get_object(Bucket="kept", Key="key")["Body"].read() == b"x" * 5000000
    store.stop()


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout",
                    folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True)


def test_bad_certificates_are_named(store):
    for name in "first", "second":
        certificate(store.folder, name)
    tls = [f"tls_certificate = {store.folder}/first.pem", f"tls_key = {store.folder}/first.key"]
    store.configure(store.volumes, tls[0], f"tls_key = {store.folder}/second.key")
    store.fails("serve", says="second.key", status=2)
    store.configure(store.volumes, tls[0])
    store.fails("serve", says="tls_key", status=2)
    store.configure(store.volumes, *tls)
    with open(store.folder / "log", "w", encoding="utf-8") as log:
        store.server = subprocess.Popen([BINARY, "serve"], stderr=log, env=store.environment)
    wait_for(lambda: "serves on" in store.log())
    os.unlink(store.folder / "first.pem")
    store.server.send_signal(signal.SIGHUP)
    wait_for(lambda: "in use stays" in store.log())
    wrong = [line for line in store.log().splitlines() if line.startswith(("error:", "warning:"))]
    assert all("first.pem" in line for line in wrong), wrong
    store.stop()


def test_query_confines(store):
    store.start()
    for sql in "ATTACH '/tmp/x' AS x", "SELECT secret FROM access_key", "DELETE FROM bucket", "PRAGMA table_list", "SELECT 1; SELECT 2":
        store.fails("query", sql, says="ingot query")
    assert store.run("query", "SELECT 1 AS a, NULL AS b").stdout == "a\tb\n1\t\n"
    store.fails("query", "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
                says="longer than a query may")
    store.stop()


def test_a_query_nobody_reads_is_cut_off(store):
    store.start()
    sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, hex(zeroblob(5000)) FROM n"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(store.folder / "socket"))
        client.sendall(json.dumps({"id": 1, "command": "query", "arguments": {"sql": sql}}).encode() + b"\n")
        poll = select.poll()
        poll.register(client, select.POLLRDHUP)
        assert poll.poll(60000), "it still waits for its reader"
    store.stop()
