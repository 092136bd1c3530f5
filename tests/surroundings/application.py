"""Runs load.py on a host, and says what became of what it wrote."""
import os
import subprocess
import sys
import time

LOAD = os.path.join(os.path.dirname(os.path.realpath(__file__)), "load.py")


class Application:
    def __init__(self, host, folder, seconds):
        self.host, self.folder = host, folder
        self.process = subprocess.Popen(host.enter() + [sys.executable, LOAD, folder, str(seconds)], stdout=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL)

    def finish(self, timeout):
        lines = [line.split() for line in self.process.communicate(timeout=timeout)[0].splitlines()]
        assert self.process.returncode == 0
        self.errors = [" ".join(line[1:]) for line in lines if line[0] == "error"]
        self.files = {line[1]: (line[2], float(line[3]), float(line[4])) for line in lines if line[0] == "ok"}

    def longest_pause(self):
        """Seconds between two acknowledgements, one behind the other."""
        ended = sorted(entry[2] for entry in self.files.values())
        return max(b - a for a, b in zip(ended, ended[1:]))

    def acknowledged_after(self, moment):
        return sum(ended > moment for _, _, ended in self.files.values())

    def damaged(self):
        """Names of files that are not as they were acknowledged, read by the host as it is now."""
        sums = self.host.check(f"cd {self.folder} && find . -type f | xargs -r sha256sum", timeout=600)
        there = {line.split()[1].removeprefix("./"): line.split()[0] for line in sums.splitlines()}
        return [name for name, (digest, _, _) in self.files.items() if there.get(name) != digest]


def now():
    return time.time()
