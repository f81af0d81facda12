#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The manual and the completion have what the tool's help has. Usage: test-docs.py L1TUNE"""
import os
import re
import shlex
import shutil
import subprocess

from bench import TOOL, Bench, equal, finish, ok
from fake import VERSION, cell, hist
from tenants import tenant, v2

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
MANUALS = [os.path.join(TOP, "man", name) for name in ("l1tune.8", "l1tune.conf.5")]
MANUAL = os.path.join(TOP, "man/l1tune.8")
COMPLETION = os.path.join(TOP, "completion/l1tune.bash")
# Both forms of an option, and what follows it; completion offers the long ones.
OPTION = re.compile(r"^ +(?:-(\w), )?--([a-z0-9-]+)(?: (\S+))?  ", re.M)
COLUMN = re.compile(r"^  ([A-Z][A-Z0-9_]+) ", re.M)
SHELLS = {"zsh": ["zsh", "-n", "completion/_l1tune"], "fish": ["fish", "-n", "completion/l1tune.fish"]}


def text_of(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def read(name):
    with open(os.path.join(TOP, "..", name), encoding="utf-8") as f:
        return f.read()


def completions(*words):
    """What bash offers after these, which end with the beginning of one."""
    script = (f"source {COMPLETION}; compopt() {{ :; }}; COMP_WORDS=({' '.join(words)}); "
              f"COMP_CWORD={len(words) - 1}; _l1tune; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return text_of("bash", "-c", script).splitlines()


def documented(source, letter, long, argument):
    """Whether the manual has an entry for the option, in both forms, with its argument."""
    form = rf"(?:{letter} , )?-{long}" if letter else f"-{long}"
    if argument and "|" not in argument:
        form += rf" Ar {argument}"
    return re.search(rf"^\.It Fl {form}\b", source, re.M)


def in_synopsis(source, name):
    """The options that the manual's synopsis shows for a command."""
    forms = re.findall(rf"^\.Nm\n\.Cm {name}\n((?:\.(?!Nm|Cm|Sh).*\n)*)", source.partition(".Sh DESCRIPTION")[0], re.M)
    return set(re.findall(r"(?:Fl|\|) -([a-z0-9-]+)|Fl ([a-zA-Z])\b", "".join(forms)))


def one(code, reason):
    return cell(2, code, reason, 1, 1, 1, hist(b9=1))


def test_machine():
    """What is completed of the guests that there are."""
    with Bench() as b:
        m = b.machine
        m.guest(3, [one(10, "CPUID"), one(12, "HLT")], pid=1001)
        m.guest(4, [one(28, "CR_ACCESS")], pid=1002)
        m.process(1001, ["qemu-system-x86_64", "-name", "guest=web server"], "0::/a\n")
        m.process(1002, ["qemu-system-x86_64", "-name", "guest=$(touch here)"], "0::/b\n")
        wrapper = os.path.join(b.directory, "l1tune")
        with open(wrapper, "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\nexec {shlex.join(b.command())} \"$@\"\n")
        os.chmod(wrapper, 0o755)
        equal(completions(wrapper, "stat", "''"), ["3", r"web\ server", "4", r"\$\(touch\ here\)"],
              "guests are completed by id and by name, whatever a name holds")
        equal(completions(wrapper, "stat", r"web\\ s"), [r"web\ server"], "a name that is begun is completed")
        equal(completions(wrapper, "try", "--l2", "w"), [r"web\ server"], "the value of an option is completed")
        equal(completions(wrapper, "hist", "3", "''"), ["CPUID", "HLT"], "reasons are those that the guest had")
        equal(completions(wrapper, "hist", "3", "HLT", "''"), [""], "a third argument of hist is not completed")
        v2(m)
        tenant(m, 1, "/kube/*")
        tenant(m, 2, "/machine.slice/a b")
        os.makedirs(m.sys + "/fs/cgroup/machine.slice/web.scope")
        equal(completions(wrapper, "limits", "ten"), ["tenant:"], "tenant: is completed")
        equal(completions(wrapper, "limits", "tenant", ":", "/k"), [r"/kube/\*"], "a tenant is completed")
        equal(completions(wrapper, "limits", "tenant", ":", "/machine.slice/"), [r"/machine.slice/a\ b", "/machine.slice/web.scope"],
              "and a cgroup in a directory that is there")
        equal(completions(wrapper, "doctor", "--tenant", "/mach"), [r"/machine.slice/a\ b", "/machine.slice"], "so is the value of --tenant")


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
    equal(completions(TOOL, "''"), commands, "every command is completed")
    equal(completions(TOOL, "help", "''"), commands, "help completes every command")
    equal(completions(TOOL, "limits", "max_vms", "=", "''"), ["max"], "values of limits are completed")
    equal(completions(TOOL, "limits", "--sort", "=", "USE"), ["USE"], "a value after = is completed")
    for shell, command in SHELLS.items():
        if shutil.which(shell):
            equal(subprocess.run(command, cwd=TOP, capture_output=True, check=False).returncode, 0, f"{shell} reads its completion")
    for name in commands:
        if name == "help":
            continue
        help_text = text_of(TOOL, name, "--help")
        options = OPTION.findall(help_text)
        missing = [option for option in options if not documented(source, *option)]
        equal(missing, [], f"{name}: options that the manual lacks")
        known = {long for _, long, _ in options} | {letter for letter, _, _ in options}
        wrong = {long or letter for long, letter in in_synopsis(source, name)} - known
        equal(wrong, set(), f"{name}: options of the manual's synopsis that the command lacks")
        offered = completions(TOOL, name, "--")
        missing = [long for _, long, _ in options if "--" + long not in offered]
        equal(missing, [], f"{name}: options that completion lacks")
        columns = COLUMN.findall(help_text.partition("\nColumns:\n")[2])
        missing = [column for column in columns
                   if not re.search(rf"^\.It Sy .*\b{column}\b", source, re.M)]
        equal(missing, [], f"{name}: columns that the manual lacks")
        if columns:
            equal(completions(TOOL, name, "-o", "''"), columns, f"{name}: columns are completed")


def test_version():
    versions = {
        "dkms.conf": re.search(r'PACKAGE_VERSION="(.*)"', read("dkms.conf"))[1],
        "debian/changelog": re.match(r"l1tune \((.*?)\)", read("debian/changelog"))[1],
        "NEWS": re.match(r"l1tune (.*)", read("NEWS"))[1],
    }
    equal(versions, dict.fromkeys(versions, VERSION), "all name the version that Kbuild sets")


def test_runbook():
    alerts = re.findall(r"^ +- alert: (\w+)$(?:\n(?! +- alert).*)*?\n +runbook: (\S+)$", read("tools/prometheus/l1tune.rules.yml"), re.M)
    equal([name for name, _ in alerts], re.findall(r"- alert: (\w+)", read("tools/prometheus/l1tune.rules.yml")), "every alert has a runbook")
    equal([f"docs/operating.md#{name.lower()}" for name, _ in alerts], [link for _, link in alerts], "which is the section of its name")
    sections = re.findall(r"^### (\w+)$", read("docs/operating.md").partition("\n## Alerts\n")[2].partition("\n## ")[0], re.M)
    equal(sections, [name for name, _ in alerts], "the section is there, in the same order")


print("KTAP version 1")
test_version()
test_runbook()
main()
test_machine()
finish()
