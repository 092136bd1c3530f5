"""Hosts made of namespaces: each with its own network address, processes, /etc, /run, /tmp, /var, /usr/local and /mnt, on one switch.
All of a host goes when its first process is killed, as when its power fails. Needs root."""
import os
import signal
import subprocess
import tempfile
import time

SCRATCH = ("etc", "run", "var", "usr/local", "mnt", "root")
SETUP = """
set -e
mount -t tmpfs tmpfs "$1"
for folder in %s; do
    mkdir -p "$1/$folder/upper" "$1/$folder/work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$1/$folder/upper,workdir=$1/$folder/work" overlay "/$folder"
done
mount -t tmpfs tmpfs /run
mkdir /run/shared
# A /tmp of its own, with the folders of the machine's: JuiceFS has sockets there that are named by the number of a process alone.
mount --rbind /tmp /run/shared
mount -t tmpfs tmpfs /tmp
for folder in /run/shared/*/; do
    mkdir "/tmp/$(basename "$folder")"
    mount --rbind "$folder" "/tmp/$(basename "$folder")"
done
umount -R /run/shared
rmdir /run/shared
mkdir /run/lock # the last: it is waited for
exec bash -c 'while :; do sleep 3600 & wait $!; done' # an init, which takes in whoever has died
""" % " ".join(SCRATCH)


def until(what, condition, seconds=30, every=0.1):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def first_child(process):
    def look():
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                words = file.read().split()
        except OSError as error:
            raise AssertionError("a host did not start") from error
        return int(words[0]) if words else None
    return until("the host's first process", look)


class Switch:
    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link add br0 type bridge && ip link set br0 up && exec sleep infinity"])
        self.ports = 0
        until("the switch", lambda: self.run("ip", "link", "show", "br0", check=False).returncode == 0)

    def run(self, *words, check=True):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", *words], check=check, capture_output=True, text=True)

    def close(self):
        self.process.kill()
        self.process.wait()


class Host:
    def __init__(self, switch, address, name=None, network=True):
        self.switch, self.address, self.name = switch, address, name or address
        self.folder = tempfile.mkdtemp(prefix="ingot-host-")
        self.unshare = subprocess.Popen(["unshare", "-n", "-m", "-u", "-p", "-f", "--kill-child", "--mount-proc", "--propagation", "private",
                                         "sh", "-c", SETUP, "sh", self.folder])
        self.pid, self.children = first_child(self.unshare), []
        until("the host's folders", lambda: self.sh("mountpoint -q /run/lock/.. && test -d /run/lock").returncode == 0)
        self.check("ip link set lo up; hostname " + self.name)
        if network:
            self.plug()

    def plug(self):
        self.switch.ports += 1
        port = f"p{self.switch.ports}"
        self.switch.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        self.switch.run("ip", "link", "set", port, "master", "br0", "up")
        self.check(f"ip addr add {self.address}/24 dev eth0; ip link set eth0 up")

    def enter(self):
        return ["/usr/bin/nsenter", "-t", str(self.pid), "-n", "-m", "-u", "-p"]

    def sh(self, command, env=None, timeout=300, shell="sh"):
        return subprocess.run(self.enter() + [shell, "-c", command], env=env, capture_output=True, text=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL)

    def check(self, command, env=None, timeout=300):
        done = self.sh(command, env, timeout)
        assert done.returncode == 0, f"{self.name}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *words, env=None, log=None):
        """A process of the host that goes on; its output in the file log."""
        with open(log or os.devnull, "ab") as out:
            process = subprocess.Popen(self.enter() + list(words), env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        self.children.append(process)
        return process

    def kill(self):
        """As when its power fails."""
        if self.unshare.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.unshare.wait()
        for process in self.children:
            process.wait()
        self.children = []
        if os.path.isdir(self.folder):
            os.rmdir(self.folder)
