"""An Ingot store on six disks, for the fault tests: disks that can fail (faultfs, needs FUSE) or plain files. The binary is
$INGOT or build/ingot."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "bench"))
from servers import free_port  # noqa: E402

ACCESS, SECRET = "faultaccess", "faultsecret1234"
BINARY = os.path.abspath(os.environ.get("INGOT", "build/ingot"))


def build_faultfs(folder):
    binary = os.path.join(folder, "faultfs")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-o", binary, os.path.join(HERE, "faultfs.c"), *flags], check=True)
    return binary


class File:
    """A volume that is a plain file: nothing fails, and it can be put aside."""

    def __init__(self, folder, name, size):
        self.path = self.backing = os.path.join(folder, name)
        with open(self.path, "wb") as file:
            file.truncate(size)

    def close(self):
        pass


class Disk:
    def __init__(self, binary, folder, index, size):
        self.backing, self.mount = os.path.join(folder, f"backing{index}"), os.path.join(folder, f"disk{index}")
        os.makedirs(self.mount)
        with open(self.backing, "wb") as file:
            file.truncate(size)
        self.process = subprocess.Popen([binary, self.backing, self.mount], stderr=subprocess.DEVNULL)
        self.path = os.path.join(self.mount, "disk")
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path):
            if time.monotonic() > deadline:
                raise RuntimeError("faultfs did not mount")
            time.sleep(0.05)

    def command(self, text):
        with open(os.path.join(self.mount, "control"), "wb", buffering=0) as file:
            file.write(text.encode())

    def counters(self):
        with open(os.path.join(self.mount, "control")) as file:
            words = file.read().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def close(self):
        self.command("ok")
        subprocess.run(["fusermount3", "-u", "-z", self.mount], check=False, stderr=subprocess.DEVNULL)
        self.process.terminate()
        self.process.wait(10)


class Store:
    """size: bytes of each disk, or a list of them."""

    def __init__(self, data=4, parity=2, count=6, size=2 << 30, folder=None, fault=True):
        self.folder = tempfile.mkdtemp(prefix="ingot-fault-", dir=folder)
        self.binary = build_faultfs(self.folder) if fault else None
        sizes = size if isinstance(size, list) else [size] * count
        self.disks = []
        for one in sizes:
            self.add_disk(one)
        self.address = f"127.0.0.1:{free_port()}"
        self.process = None
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.run("format", "--data", str(data), "--parity", str(parity), *[disk.path for disk in self.disks])

    def add_disk(self, size):
        index = len(self.disks)
        self.disks.append(Disk(self.binary, self.folder, index, size) if self.binary else File(self.folder, f"volume{index}", size))
        return self.disks[-1]

    def run(self, *arguments, check=True):
        environment = dict(os.environ, INGOT_SOCKET=os.path.join(self.folder, "socket"))
        done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=300)
        if check and done.returncode:
            raise RuntimeError(f"ingot {arguments[0]}: {done.stderr.strip()} {done.stdout.strip()}")
        return done

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def volumes(self):
        """What status says of each volume, by its index."""
        return {volume["index"]: volume for volume in self.status()["volumes"]}

    def scrub_status(self):
        return json.loads(self.run("scrub", "status", "--json").stdout)

    def query(self, sql):
        """The rows that the metadata answers."""
        return [json.loads(line) for line in self.run("query", "--json", sql).stdout.splitlines()[1:]]

    def check(self, volumes=None):
        """fsck of the stopped store; True when it is clean."""
        paths = volumes if volumes is not None else [disk.path for disk in self.disks]
        done = self.run("fsck", *[word for path in paths for word in ("--volume", path)], check=False)
        print(done.stdout.strip(), done.stderr.strip())
        return done.returncode == 0

    def launch(self, volumes=None):
        """Starts the server without waiting for it."""
        paths = volumes if volumes is not None else [disk.path for disk in self.disks]
        words = [word for path in paths for word in ("--volume", path)]
        environment = dict(os.environ, INGOT_ROOT_USER=ACCESS, INGOT_ROOT_PASSWORD=SECRET)
        self.process = subprocess.Popen([BINARY, "serve", "--listen", self.address, "--socket", os.path.join(self.folder, "socket"), *words],
                                        stdout=self.log, stderr=self.log, env=environment)

    def start(self, volumes=None, timeout=60):
        self.launch(volumes)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"ingot serve ended with {self.process.returncode}: {self.last_line()}")
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2)
                return
            except (OSError, urllib.error.HTTPError):
                time.sleep(0.1)
        raise RuntimeError(f"ingot is not ready after {timeout} s; see {self.folder}/log")

    def last_line(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return (file.read().splitlines() or ["(nothing logged)"])[-1]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self, timeout=60):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def close(self, keep=False):
        if self.process:
            self.kill()
        for disk in self.disks:
            disk.close()
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
