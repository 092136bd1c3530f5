"""What stands in for a cluster when documented commands are run: manifests are built and judged as its API server would, charts are known
by their values, and any other command must be one that is known here. Each exits like the command."""
import os
import subprocess
import sys


def fail(words):
    print("stand-in: " + words, file=sys.stderr)
    sys.exit(1)


def must(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)
    if done.returncode != 0:
        fail(" ".join(command) + ": " + done.stdout + done.stderr)
    return done.stdout


def judged(text, tools, version):
    custom = "monitoring.coreos.com/" in text or "helm.cattle.io/" in text
    must(os.path.join(tools, "custom" if custom else f"validate-{version}"), input=text)


def kubectl(words, tools, version, ingot):
    if words[:1] == ["-n"]:
        if words[1] not in ("ingot", "juicefs"):
            fail("no namespace " + words[1])
        words = words[2:]
    if words[:2] == ["apply", "-k"] or words[:1] == ["kustomize"]:
        text = must(os.path.join(tools, "kustomize"), "build", words[-1])
        judged(text, tools, version)
        if words[0] == "kustomize":
            print(text)
    elif words[:2] == ["apply", "-f"]:
        with open(words[2], encoding="utf-8") as file:
            text = file.read()
        if "CHANGE-ME" in text:
            fail(words[2] + " is not filled in")
        judged(text, tools, version)
    elif words[:4] == ["create", "secret", "generic", "ingot"] and words[4].startswith("--from-file="):
        keys = words[4].split("=")[1]
        named = {"root_user", "root_password", "sealing_key", "metrics_token"}
        if set(os.listdir(keys)) != named or os.stat(keys).st_mode & 0o77:
            fail(keys + " does not hold the secrets, or others may read it")
    elif words[:3] == ["exec", "ingot-0", "--"]:
        must(ingot, *words[4:], "--help")
    elif words[:2] not in (["wait", "--for=condition=complete"], ["delete", "job"], ["rollout", "status"], ["label", "namespace"],
                           ["label", "node"]):
        fail("kubectl " + " ".join(words))


def helm(words, _tools, _version, _ingot):
    if words[:2] == ["repo", "add"]:
        return
    if words[:2] != ["upgrade", "--install"]:
        fail("helm " + " ".join(words))
    chart = words[2]
    with open(f"deploy/kubernetes/k3s/{chart.split('-')[0]}.yaml", encoding="utf-8") as file:
        same = [line.split(": ")[1].strip() for line in file if line.startswith("  version: ") or line.startswith("  targetNamespace: ")]
    given = [words[words.index("--version") + 1], words[words.index("--namespace") + 1]]
    if given != same:
        fail(f"{chart}: {given} here, {same} for k3s")
    if not os.path.exists(words[words.index("--values") + 1]):
        fail("there are no such values")


def systemctl(words, *_):
    if words[:2] != ["enable", "--now"]:
        fail("systemctl " + " ".join(words))
    unit = f"etc/systemd/system/{words[2]}.service"
    with open(unit, encoding="utf-8") as file:
        here = file.read().replace("/usr/local/", os.path.abspath("usr/local") + "/")
    with open(unit, "w", encoding="utf-8") as file:
        file.write(here)
    must("systemd-analyze", "verify", "--man=no", unit)
