"""Loads for scripts/bench: warp's cases, JuiceFS's own benchmark over a mount, and what fio gets from the bare devices.

Every load returns a row: rate in operations/s, MiB/s, latencies in ms, and what the server spent while the load was measured
(not while it was prepared): CPU seconds, bytes written to its devices, how busy the machine was, peak memory."""
import datetime
import json
import os
import re
import subprocess
import threading
import time

from servers import ACCESS, SECRET, TICKS, free_port

MIB = 1 << 20
# name: arguments of warp
WARP = {
    "put4m": ["put", "--obj.size=4MiB", "--concurrent=16", "--disable-multipart"],
    "get4m": ["get", "--obj.size=4MiB", "--objects=200", "--concurrent=16", "--disable-multipart"],
    "put64k": ["put", "--obj.size=64KiB", "--concurrent=32"],
    "put4k": ["put", "--obj.size=4KiB", "--concurrent=32"],
    "get4k": ["get", "--obj.size=4KiB", "--objects=5000", "--concurrent=32"],
    "stat": ["stat", "--obj.size=1KiB", "--objects=5000", "--concurrent=32"],
    "list": ["list", "--obj.size=1KiB", "--objects=10000", "--concurrent=16"],
    "delete": ["delete", "--obj.size=1KiB", "--objects=20000", "--batch=100", "--concurrent=16"],
    "mixed": ["mixed", "--obj.size=4MiB", "--objects=150", "--concurrent=16", "--disable-multipart"],
    "multipart": ["multipart", "--part.size=5MiB", "--parts=100", "--concurrent=8"],
}


class Sampler(threading.Thread):
    """Notes what the server has spent, ten times a second, so that a load's preparation can be left out."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.samples, self.over = server, [], threading.Event()

    def sample(self):
        self.samples.append((time.time(), self.server.cpu_seconds(), self.server.devices.written(), idle_seconds()))

    def run(self):
        while not self.over.is_set():
            self.sample()
            self.over.wait(0.1)
        self.sample()

    def between(self, start, end):
        """CPU seconds, bytes written and idle seconds from start to end."""
        def at(when):
            return min(self.samples, key=lambda sample: abs(sample[0] - when))
        first, last = at(start), at(end)
        return [b - a for a, b in zip(first, last)]


def idle_seconds():
    with open("/proc/stat") as file:
        return int(file.readline().split()[4]) / TICKS


def spent(server, sampler, start, end, operations, **row):
    took, cpu, written, idle = sampler.between(start, end)
    return dict(row, cpu_op=1000 * cpu / operations, written=written, busy=1 - idle / (max(took, 0.01) * os.cpu_count()),
                memory=server.peak_memory())


def warp(server, case, seconds, work):
    data = f"{work}/{server.name}-{case}"
    command = [os.environ.get("WARP", "warp"), *WARP[case], f"--host={server.address}", f"--access-key={ACCESS}",
               f"--secret-key={SECRET}", f"--duration={seconds}s", "--no-color", f"--bucket=load-{case}", "--lookup=path",
               f"--benchdata={data}"]
    sampler = Sampler(server)
    sampler.start()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sampler.over.set()
    sampler.join()
    with open(f"{data}.log", "w") as file:
        file.write(done.stdout + done.stderr)
    if done.returncode or not os.path.exists(f"{data}.json.zst"):
        return None
    text = subprocess.run(["zstd", "-dcq", f"{data}.json.zst"], check=True, capture_output=True, text=True).stdout
    total = json.loads(text)["total"]
    start, end = parse_time(total["start_time"]), parse_time(total["end_time"])
    objects, seconds = total["total_objects"], max(end - start, 0.001)
    latency = re.findall(r"Reqs: Avg: ([\d.]+)ms, 50%: ([\d.]+)ms, 90%: ([\d.]+)ms, 99%: ([\d.]+)ms", done.stdout)
    return spent(server, sampler, start, end, max(objects, 1), rate=objects / seconds, mib=total["total_bytes"] / MIB / seconds,
                 stored=total["total_bytes"], errors=total["total_errors"],
                 p50=float(latency[-1][1]) if latency else None, p99=float(latency[-1][3]) if latency else None)


def parse_time(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(whole + "+00:00").timestamp() + float("0." + (rest or "0"))


def juicefs(server, work):
    """juicefs bench on a mount without a cache, Redis beside it. Rows by case name."""
    binary, port = os.environ.get("JUICEFS", "juicefs"), free_port()
    meta, mount = f"redis://127.0.0.1:{port}/1", f"{work}/mount"
    os.makedirs(mount, exist_ok=True)
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", work],
                             stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        environment = dict(os.environ, ACCESS_KEY=ACCESS, SECRET_KEY=SECRET)
        subprocess.run([binary, "format", "--storage", "s3", "--bucket", f"http://{server.address}/juicefs", "--trash-days", "0", meta, "bench"],
                       check=True, env=environment, capture_output=True)
        subprocess.run([binary, "mount", "-d", "--no-usage-report", "--cache-size", "0", "--log", f"{work}/juicefs.log", meta, mount],
                       check=True, capture_output=True)
        try:
            return juicefs_bench(server, binary, mount)
        finally:
            subprocess.run([binary, "umount", mount], check=False, capture_output=True)
    finally:
        redis.terminate()
        redis.wait()


def juicefs_bench(server, binary, mount):
    sampler = Sampler(server)
    sampler.start()
    start = time.time()
    done = subprocess.run([binary, "bench", "-p", "4", "--big-file-size", "512M", "--small-file-count", "250", mount],
                          capture_output=True, text=True, check=True)
    end = time.time()
    sampler.over.set()
    sampler.join()
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    rows = {}
    for name, label in (("jfs-write", "Write big file"), ("jfs-read", "Read big file"), ("jfs-small-write", "Write small file"),
                        ("jfs-small-read", "Read small file")):
        found = re.search(label + r"[^|]*\|\s*([\d.]+)", text)
        if found:
            rate = float(found.group(1))
            # The CPU is that of the whole benchmark: its phases are not told apart.
            rows[name] = spent(server, sampler, start, end, 1, rate=rate, mib=rate if "small" not in name else 0, stored=0, errors=0,
                               p50=None, p99=None)
    return rows


def fio(devices):
    """MiB/s that the devices write and read together: io_uring, direct, 1 MiB blocks, 16 deep, all at once."""
    rates = {}
    for direction in ("write", "read"):
        jobs = [word for index, loop in enumerate(devices.loops) for word in (f"--name=device{index}", f"--filename={loop}")]
        command = ["fio", "--output-format=json", "--ioengine=io_uring", "--direct=1", "--bs=1M", "--iodepth=16", f"--rw={direction}",
                   "--time_based", "--runtime=8", *jobs]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rates[direction] = sum(job[direction]["bw_bytes"] for job in result["jobs"]) / MIB
    return rates
