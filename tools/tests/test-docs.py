#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The manual and the completion have what the tool's help has. Usage: test-docs.py L1TUNE"""
import os
import re
import shutil
import subprocess

from bench import TOOL, equal, finish, ok

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
MANUALS = [os.path.join(TOP, "man", name) for name in ("l1tune.8", "l1tune.conf.5")]
MANUAL = os.path.join(TOP, "man/l1tune.8")
COMPLETION = os.path.join(TOP, "completion/l1tune")
# Both forms of an option; completion offers the long ones.
OPTION = re.compile(r"^ +(?:-(\w), )?--([a-z0-9-]+)", re.M)
COLUMN = re.compile(r"^  ([A-Z][A-Z0-9_]+) ", re.M)


def text_of(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def completions(*words):
    """What bash offers after these, which end with the beginning of one."""
    script = (f"source {COMPLETION}; compopt() {{ :; }}; COMP_WORDS=({' '.join(words)}); "
              f"COMP_CWORD={len(words) - 1}; _l1tune; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return text_of("bash", "-c", script).split()


def main():
    with open(MANUAL, encoding="utf-8") as f:
        source = f.read()
    if shutil.which("groff"):
        for manual in MANUALS:
            p = subprocess.run(["groff", "-mdoc", "-ww", "-z", manual], capture_output=True, text=True,
                               check=False)
            equal([p.returncode, p.stderr], [0, ""], f"groff has nothing to say of {os.path.basename(manual)}")
    else:
        print("# no groff: the manual's form is not looked at")
    commands = re.findall(r"^  ([a-z]+) ", text_of(TOOL, "help").split("Options:")[0], re.M)
    ok(len(commands) > 5, "commands", commands)
    offered = completions(TOOL, "limits", "max_v")
    equal([word in offered for word in ("max_vms=", "max_vcpus_per_vm=", "audit.max_vms=")], [True, True, False],
          "limits are completed")
    equal([word in completions(TOOL, "apply", "--") for word in ("--check", "--json")], [True, False],
          "apply takes no --json")
    for name in commands:
        ok(f".Cm {name}" in source, f"{name} is in the manual")
    equal(set(completions("l1tune", "''")) - {"help"} >= set(commands) - {"help"}, True,
          "every command is completed")
    for name in commands:
        if name == "help":
            continue
        help_text = text_of(TOOL, name, "--help")
        missing = [long for _, long in OPTION.findall(help_text)
                   if not re.search(rf"^\.It Fl .*-{long}\b", source, re.M)]
        equal(missing, [], f"{name}: options that the manual lacks")
        offered = completions(TOOL, name, "--")
        missing = [long for _, long in OPTION.findall(help_text) if "--" + long not in offered]
        equal(missing, [], f"{name}: options that completion lacks")
        columns = COLUMN.findall(help_text.partition("\nColumns:\n")[2])
        missing = [column for column in columns
                   if not re.search(rf"^\.It Sy .*\b{column}\b", source, re.M)]
        equal(missing, [], f"{name}: columns that the manual lacks")
        if columns:
            equal(completions(TOOL, name, "-o", "''"), columns, f"{name}: columns are completed")


print("KTAP version 1")
main()
finish()
