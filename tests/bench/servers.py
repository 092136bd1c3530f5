"""Ingot and its peers as servers on six block devices: start, measure, stop. Used by scripts/bench.

Devices are loop devices over files in one folder (a RAM file system or a disk, with direct I/O), or folders of
files where loop devices are not to be had. Every server gets them empty."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ACCESS, SECRET = "benchaccess", "benchsecret1234"
WIPE = 8 << 20
TICKS = os.sysconf("SC_CLK_TCK")


class Devices:
    """Six loop devices over files in folder. The files are filled once and kept: the first write to a page or an extent of
    the file system below costs many times a later one, and would be measured instead of the server that happens to go
    first. For the same reason the devices take no discards."""

    def __init__(self, folder, size, count=6):
        self.folder, self.size, self.count, self.loops = folder, size, count, []

    def paths(self):
        return [os.path.join(self.folder, f"device{index}") for index in range(self.count)]

    def make(self):
        """Empty devices: what a server before left is wiped where formats are looked for."""
        self.detach()
        os.makedirs(self.folder, exist_ok=True)
        for path in self.paths():
            if not os.path.exists(path) or os.path.getsize(path) != self.size:
                self.fill(path)
            command = ["losetup", "--find", "--show", "--direct-io=on", path]
            loop = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
            self.loops.append(loop)
            with open(f"/sys/block/{os.path.basename(loop)}/queue/discard_max_bytes", "w") as file:
                file.write("0")
            with open(loop, "r+b", buffering=0) as device:
                for off in (0, self.size - WIPE):
                    device.seek(off)
                    device.write(bytes(WIPE))
                os.fsync(device.fileno())

    def fill(self, path):
        zeros = bytes(4 << 20)
        with open(path, "wb") as file:
            for off in range(0, self.size, len(zeros)):
                file.write(zeros[:self.size - off])
            os.fsync(file.fileno())

    def detach(self):
        for loop in self.loops:
            subprocess.run(["losetup", "--detach", loop], check=False)
        self.loops = []

    def drop(self):
        self.detach()
        for path in self.paths():
            if os.path.exists(path):
                os.unlink(path)

    def written(self):
        """Bytes written to the devices since they were made."""
        total = 0
        for loop in self.loops:
            with open(f"/sys/block/{os.path.basename(loop)}/stat") as file:
                total += int(file.read().split()[6]) * 512
        return total


class Server:
    """A server process on devices. Subclasses say how it starts and which port it serves."""
    name = "?"

    def __init__(self, devices, work):
        self.devices, self.work = devices, os.path.join(work, self.name)
        self.process = None
        self.port = free_port()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.devices.make()
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.prepare()
        log = open(os.path.join(self.work, "log"), "wb")
        environment = dict(os.environ, **self.environment())
        self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=environment, cwd=self.work)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://{self.address}{self.ready_path}", timeout=2)
                return
            except urllib.error.HTTPError as error:
                if error.code in (403, 404):
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"{self.name} did not start; see {self.work}/log")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        self.clean()
        self.devices.detach()

    def cpu_seconds(self):
        total = 0
        for pid in process_tree(self.process.pid):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / TICKS

    def peak_memory(self):
        """Bytes."""
        total = 0
        for pid in process_tree(self.process.pid):
            try:
                with open(f"/proc/{pid}/status") as file:
                    total += int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) * 1024
            except (OSError, AttributeError):
                pass
        return total

    ready_path = "/"

    def prepare(self):
        pass

    def clean(self):
        pass

    def environment(self):
        return {}


class FileSystems:
    """XFS on every device, for servers that want folders."""

    def prepare(self):
        self.mounts = []
        for index, loop in enumerate(self.devices.loops):
            mount = os.path.join(self.work, f"fs{index}")
            os.makedirs(mount)
            subprocess.run(["mkfs.xfs", "-q", "-f", "-K", loop], check=True)
            subprocess.run(["mount", loop, mount], check=True)
            self.mounts.append(mount)

    def clean(self):
        for mount in getattr(self, "mounts", []):
            subprocess.run(["umount", mount], check=False)


class Ingot(Server):
    name = "ingot"
    ready_path = "/-/ready"
    binary = "build/ingot"

    def __init__(self, devices, work):
        super().__init__(devices, work)
        self.binary = os.path.abspath(os.environ.get("INGOT", self.binary))

    def prepare(self):
        command = [self.binary, "format", "--data", "4", "--parity", "2", *self.devices.loops]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def command(self):
        volumes = [word for loop in self.devices.loops for word in ("--volume", loop)]
        return [self.binary, "serve", "--listen", self.address, "--socket", os.path.join(self.work, "socket"), *volumes]

    def environment(self):
        return {"INGOT_ROOT_USER": ACCESS, "INGOT_ROOT_PASSWORD": SECRET}


class Before(Ingot):
    """Another build of Ingot: what a change costs is a ratio of two builds in one run."""
    name = "before"

    def __init__(self, devices, work):
        super().__init__(devices, work)
        self.binary = os.path.abspath(os.environ["BEFORE"])


class Minio(FileSystems, Server):
    name = "minio"
    ready_path = "/minio/health/ready"

    def command(self):
        return [os.environ.get("MINIO", "minio"), "server", "--quiet", "--address", self.address, *self.mounts]

    def environment(self):
        return {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_STORAGE_CLASS_STANDARD": "EC:2",
                "MINIO_UPDATE": "off", "MINIO_CALLHOME_ENABLE": "off"}


class Seaweedfs(FileSystems, Server):
    name = "seaweedfs"

    def command(self):
        identity = ('{"identities":[{"name":"bench","credentials":[{"accessKey":"%s","secretKey":"%s"}],'
                    '"actions":["Admin","Read","Write","List","Tagging"]}]}' % (ACCESS, SECRET))
        config = os.path.join(self.work, "s3.json")
        with open(config, "w") as file:
            file.write(identity)
        ports = [free_port() for _ in range(3)]
        return [os.environ.get("WEED", "weed"), "server", f"-dir={','.join(self.mounts)}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                f"-master.port={ports[0]}", f"-volume.port={ports[1]}", "-filer", f"-filer.port={ports[2]}", "-s3",
                f"-s3.port={self.port}", f"-s3.config={config}", "-volume.max=100", "-master.volumeSizeLimitMB=256",
                "-master.telemetry=false"]


SERVERS = {server.name: server for server in (Ingot, Before, Minio, Seaweedfs)}


def process_tree(pid):
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for thread in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{thread}/children") as file:
                    todo += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        return port if port < 55000 else free_port()
