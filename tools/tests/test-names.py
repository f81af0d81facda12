#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Names of guests by what VMMs and their wrappers put into /proc. Usage: test-names.py L1TUNE"""
import json
import os
import re
import subprocess

from bench import TOOL, Bench, equal, finish, ok
from fake import write

HERE = os.path.dirname(os.path.abspath(__file__))
CPU = re.compile(r"([0-9]*):([^:]*):(.*)")


def add(b, number, row):
    """A guest and the process of its VMM, with a vCPU's thread if that is elsewhere."""
    pid = 2000 + number
    comm = row.get("comm", "newvmm")
    b.machine.guest(number, pid=pid, comm=comm)
    b.machine.process(pid, row["argv"], row["cgroup"], comm)
    if "vcpu_cgroup" in row:
        thread = f"{b.machine.proc}/{pid}/task/{pid + 5000}"
        fields = " ".join(["S"] + ["0"] * 49)
        write(thread + "/stat", f"{pid + 5000} (CPU 0/KVM) {fields}")
        write(thread + "/cgroup", row["vcpu_cgroup"].encode())


def path_of(cgroup):
    return cgroup.strip().split(":", 2)[2]


def guests_of(b):
    r = b.run("list", "--json")
    ok(r.returncode == 0, "list --json shows the guests and exits with 0", r)
    return {guest["id"]: guest for guest in json.loads(r.stdout)["l2"]}


def test_fixtures():
    with open(HERE + "/names.json", encoding="utf-8") as f:
        rows = json.load(f)["guests"]
    with Bench() as b:
        for number, row in enumerate(rows, 1):
            add(b, number, row)
        guests = guests_of(b)
    for number, row in enumerate(rows, 1):
        guest = guests[number]
        equal([guest["name"], guest["name_source"]], [row["name"], row["source"]],
              f"list --json has the name of a guest of {row['vmm']} and its source")
        if "instance" in row:
            equal(guest["instance"], row["instance"], f"list --json has the instance of a guest of {row['vmm']}")
        if "cgroup_shown" in row:
            equal(guest["cgroup"], row["cgroup_shown"], f"list --json has the cgroup of a guest of {row['vmm']}")
        equal(guest["vcpu_cgroup"], path_of(row["vcpu_cgroup"]) if "vcpu_cgroup" in row else None,
              f"list --json has the vCPU cgroup of a guest of {row['vmm']} if it differs, or null")
    return rows


def test_rules(rows):
    """A rule without a fixture is not known to work."""
    sources = set()
    for file in "name.c", "name-cgroup.c":
        with open(f"{HERE}/../model/{file}", encoding="utf-8") as f:
            text = f.read()
        sources |= set(re.findall(r'BY_\w+, "([^"]+)"', text)) | set(re.findall(r'\*source = (?:[^";]*\? )?"([^"]+)"', text))
        sources |= set(re.findall(r'\*source = [^;]*: "([^"]+)"', text))
    ok({"qemu -name", "libvirt cgroup", "scope"} <= sources, "the rules for guest names are found in the tool's sources", sources)
    equal(sources - {row["source"] for row in rows}, set(), "each rule for guest names has a fixture in names.json")
    ok(len(rows) >= 40, f"names.json has at least 40 fixtures: {len(rows)}", len(rows))


def qemu(*args):
    return {"argv": ["/usr/bin/qemu-system-x86_64", "-name", "web", *args], "cgroup": "0::/\n"}


def labels_of(b):
    """As list and Prometheus show the guests, by id."""
    text = b.run("export").stdout
    exported = dict(re.findall(r'^l1tune_guest_info\{guest="([^"]+)",id="(\d+)"', text, re.M))
    return ({number: guest["label"] for number, guest in guests_of(b).items()},
            {int(number): label for label, number in exported.items()})


def test_labels():
    first, second = qemu("-uuid", "aaaa"), qemu("-uuid", "bbbb")
    with Bench() as b:
        add(b, 1, first)
        equal(labels_of(b), ({1: "web"}, {1: "web"}), "list and export use a unique guest name as its label")
        add(b, 2, second)
        both = {1: "web@aaaa", 2: "web@bbbb"}
        equal(labels_of(b), (both, both), "list and export label guests of one name as NAME@INSTANCE")
        r = b.run("list", "-o", "ID,NAME")
        ok("web@aaaa" in r.stdout and "web@bbbb" in r.stdout, "list shows guests of one name as NAME@INSTANCE", r)
        r = b.run("stat", "web@bbbb", "--json")
        equal([guest["id"] for guest in json.loads(r.stdout)["l2"]], [2],
              "stat NAME@INSTANCE selects the guest with that label")
    with Bench() as b:
        add(b, 7, second)
        add(b, 8, first)
        both = {8: "web@aaaa", 7: "web@bbbb"}
        equal(labels_of(b), (both, both), "labels of guests are the same after a restart in another order")
    with Bench() as b:
        add(b, 1, qemu())
        add(b, 2, qemu())
        equal(labels_of(b)[1], {1: "web", 2: "web#2"},
              "export labels guests of one name without an instance as NAME#ID")
    with Bench() as b:
        for number, task in (1, "blue"), (2, "green"):
            add(b, number, {"argv": ["qemu-system-x86_64", "-name", "linux.img", "-drive", "file=linux.img"],
                            "cgroup": f"0::/nomad.slice/share.slice/b6f1c0de-5a11.{task}.scope\n"})
        equal(labels_of(b)[1], {1: "linux.img@b6f1c0de-5a11.blue/linux.img", 2: "linux.img@b6f1c0de-5a11.green/linux.img"},
              "export tells guests of one name and one file, each below its own directory, apart by their cgroups")
    with Bench() as b:
        bare = {"argv": ["/opt/newvmm", "--bundle", "/srv/b/one"], "cgroup": "0::/\n"}
        add(b, 3, bare)
        equal(labels_of(b)[1], {3: "newvmm@/srv/b/one"},
              "export labels a guest without a name by its command and instance")
    with Bench() as b:
        add(b, 1, qemu("-uuid", "\x1b[2J"))
        add(b, 2, qemu("-uuid", "bbbb"))
        r = b.run("list")
        ok("\x1b" not in r.stdout and "web@\\x1b[2J" in r.stdout, "list escapes control characters in NAME@INSTANCE", r)
        equal(labels_of(b)[1], {1: r"web@\\x1b[2J", 2: "web@bbbb"}, "export escapes control characters in labels of NAME@INSTANCE")


def test_selectors():
    with Bench() as b:
        add(b, 1, {"argv": ["qemu-kvm", "-name", "a"], "cgroup": "0::/outer\n", "vcpu_cgroup": "0::/inner/vcpu0\n"})
        add(b, 2, {"argv": ["qemu-kvm", "-name", "b"], "cgroup": "0::/other\n"})
        for glob, expected in ("/outer", [1]), ("/inner/*", [1]), ("/other", [2]), ("/*", [1, 2]):
            r = b.run("list", "--noheadings", "-o", "ID", "--sort", "-ID", f"cgroup:{glob}")
            equal([r.returncode, [int(number) for number in r.stdout.split()]], [0, expected],
                  f"list cgroup:{glob} selects exactly the guests whose cgroup, or that of whose vCPUs, matches")


print("KTAP version 1")
test_rules(test_fixtures())
test_labels()
test_selectors()
finish()
