"""What came of a run: fails unless just the cases of cases.txt have passed.

    report.py DIRECTORY GLOBS

A case that no shim could run counts as failed if it is on the list, and one that passes without being
on it counts as failed too, so that the list stays true. So does a glob in config.json that matches
nothing any more. The runner's word on each failure goes into DIRECTORY/failures.
"""

import fnmatch
import json
import os
import re
import sys

directory, globs = sys.argv[1:]


def tests(name):
    with open(os.path.join(directory, name)) as file:
        return {test: result["actual"] for test, result in json.load(file)["tests"].items()}


def matches(name, glob):
    return fnmatch.fnmatchcase(name, glob.replace("[^", "[!"))


def outputs():
    """What the runner printed about each case that failed."""
    with open(os.path.join(directory, "log"), errors="replace") as file:
        blocks = re.split(r"^(PASSED|FAILED|UNIMPLEMENTED) \((.*)\)$", file.read(), flags=re.M)
    return {name: text for kind, name, text in zip(*[iter(blocks[1:])] * 3) if kind == "FAILED"}


try:
    results = tests("results.json")
except FileNotFoundError:
    sys.exit(f"the runner broke off, see {directory}/log")
with open("cases.txt") as file:
    core = {line.strip() for line in file}
core = {name for name in core if any(matches(name, glob) for glob in globs.split(";"))}
with open("config.json") as file:
    disabled = json.load(file)["DisabledTests"]

passed = {name for name, result in results.items() if result == "PASS"}
failures = {name: "it failed" for name, result in results.items() if result == "FAIL"}
for name in core - passed - failures.keys():
    failures[name] = "it was not run" if name not in results else "the shim cannot run it"
for name in passed - core:
    failures[name] = "it passed, and is not in cases.txt"
names = tests("names.json")
for glob in disabled:
    if not any(matches(name, glob) for name in names):
        failures[glob] = "it is disabled in config.json, and no case has such a name"

os.mkdir(os.path.join(directory, "failures"))
for name, text in outputs().items():
    with open(os.path.join(directory, "failures", name), "w") as file:
        file.write(text)
for name, why in sorted(failures.items()):
    print(f"{name}: {why}")
if failures:
    print(f"see {directory}/failures")
print(f"{len(passed & core)} passed, {len(failures)} failed")
sys.exit(bool(failures))
