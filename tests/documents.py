"""The command blocks of the documentation, for the tests that execute them."""
import os
import re

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))


def blocks(document):
    """The blocks of commands of a document, by the heading above them: {heading: [block, …]}."""
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        parts = re.split(r"^#+ (.*)\n", file.read(), flags=re.M)[1:]
    found = {}
    for heading, text in zip(parts[::2], parts[1::2]):
        commands = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
        if commands:
            found[heading] = commands
    return found
