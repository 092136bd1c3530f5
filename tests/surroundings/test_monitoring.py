"""The dashboard and the alerts (deploy/monitoring) ask for metrics that a store and a mount really have."""
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

FOLDER = os.path.join(ROOT, "deploy", "monitoring")


def names(text):
    return set(re.findall(r"\b(?:ingot|juicefs)_[a-z0-9_]+", text))


def test_every_metric_is_there(world):
    with open(os.path.join(FOLDER, "dashboard.json")) as file:
        dashboard = json.load(file)
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    with open(os.path.join(FOLDER, "alerts.yml")) as file:
        expressions += re.findall(r"expr: (.*)", file.read())
    assert len(expressions) > 30
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    world.bucket("seen")
    done = world.section(world.client, JFS_META="redis://10.77.0.1:6379/90", JFS_NAME="seen", JFS_BUCKET="seen")
    assert done.returncode == 0, done.stderr
    world.client.check("echo 1 > /mnt/jfs/a && sync -f /mnt/jfs && cat /mnt/jfs/a")
    there = world.client.check("curl -fsS http://10.77.0.1:9000/-/metrics; curl -fsS http://127.0.0.1:9567/metrics")
    world.client.check("umount /mnt/jfs")
    known = {re.split(r"[{ ]", line)[0] for line in there.splitlines() if line and not line.startswith("#")}
    wanted = set().union(*(names(expression) for expression in expressions))
    assert sorted(wanted - known) == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian's prometheus) is not installed")
def test_prometheus_takes_them():
    done = subprocess.run(["promtool", "check", "config", os.path.join(FOLDER, "prometheus.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
