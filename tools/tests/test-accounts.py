#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the guests of a tenant or of a control group had. Usage: test-accounts.py L1TUNE"""
from bench import Bench, equal, finish, ok
from charged import charge
from fake import cell, hist

CPUID = cell(2, 10, "CPUID", 60000, 90_000_000, 2_000_000, hist(b10=30000, b11=30000))
ODD = "/odd \x1b[2J\udcff"


def selected(bench, *guests):
    r = bench.run("list", "--noheadings", "-o", "ID", "--sort", "-ID", *guests)
    return r.returncode, [int(number) for number in r.stdout.split()]


def test_selection():
    with Bench() as b:
        cgroups = {1: "/", 2: "/a", 3: "/a/b", 4: "/ab", 5: "/a/pod1/x", 6: "/a/pod2", 7: r"/m\x2d1.scope", 8: ODD}
        for number, cgroup in cgroups.items():
            b.machine.guest(number, [CPUID])
            b.machine.process(1000 + number, ["qemu"], "0::/elsewhere\n")
            charge(b.machine, number, cgroup)
        for path, expected in (("/", list(cgroups)), ("/a", [2, 3, 5, 6]), ("/a/", [2, 3, 5, 6]), ("/a/b", [3]), ("/a*", [2, 3, 4, 5, 6]),
                               ("/a/pod?", [5, 6]), ("/*/pod[2-9]", [6]), ("/?/*/x", [5]), (r"/m\x2d1.scope", [7]), (ODD, [8])):
            equal(selected(b, "tenant:" + path), (0, expected), f"tenant:{path!r} has the guests that were created in it or below")
        for path in "/b", "/a/b/c", "/pod1", "/elsewhere", "/*/*/*/*", "/a/pod":
            equal(selected(b, "tenant:" + path), (4, []), f"tenant:{path} has no guest")
        for path in "", "a":
            r = b.run("list", "tenant:" + path)
            ok(r.returncode == 2 and "tenant:PATH" in r.stderr, f"usage: tenant:{path}", r)
        equal([r["id"] for r in b.json("stat", "-J", "tenant:/a/b")["l2"]], [3], "stat takes a tenant")
        r = b.run("top", "--once", "-d", "0.1", "tenant:/a/b")
        ok(r.returncode == 0 and [line.split()[0] for line in r.stdout.splitlines() if line.split()[1:2] == ["elsewhere"]] == ["3"],
           "top takes a tenant", r)
    with Bench() as b:
        for number, cgroup in (1, "/a"), (2, "/b/c"):
            b.machine.guest(number, [CPUID])
            b.machine.process(1000 + number, ["qemu"], f"0::{cgroup}\n")
        equal(selected(b, "tenant:/b"), (0, [2]), "a module that does not say where: it is where the VMM is now")


print("KTAP version 1")
for test in (test_selection,):
    test()
finish()
