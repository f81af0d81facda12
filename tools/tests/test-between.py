#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune diff of two files of one load of the module. Usage: test-between.py L1TUNE"""
import json
import os

from bench import Bench, equal, finish, ok
from fake import cell, hist

MS = 1_000_000


def split(code, reason, count, kernel=0, vmm=0, runq=0):
    """A cell with its parts, in ms."""
    return cell(2, code, reason, count, (kernel + vmm + runq) * MS, 9 * MS, hist(b18=count),
                kernel_ns=kernel * MS, vmm_ns=vmm * MS, vmm_sleep_ns=0, halted_ns=0,
                blocked_ns=0, runq_ns=runq * MS, throttled_ns=0)


def save(bench, name, seconds=None, **changes):
    """What stat --json prints; as if it had been printed so long after the guests' start."""
    document = bench.json("stat", "-J")
    for guest in document["l2"]:
        guest["interval_ns"] = seconds * 10**9 if seconds else guest["interval_ns"]
    path = os.path.join(bench.directory, name)
    with open(path, "w", encoding="ascii") as f:
        json.dump(document | changes, f)
    return path


def rows(result):
    return [line.split() for line in result.stdout.splitlines()]


def saved(bench):
    """Two files: guest 1 goes on, 2 ends between them, 3 starts."""
    bench.machine.process(1001, ["qemu", "-name", "web"])
    bench.machine.guest(1, [split(10, "CPUID", 1000, kernel=10), split(30, "IO_INSTRUCTION", 100, vmm=5)],
                        exits=1100, guest_time_ns=500 * MS)
    bench.machine.guest(2, [split(10, "CPUID", 7)])
    first = save(bench, "first.json", 100)
    bench.remove(2)
    bench.machine.guest(1, [split(10, "CPUID", 1500, kernel=60, runq=30), split(30, "IO_INSTRUCTION", 100, vmm=5)],
                        exits=1600, guest_time_ns=700 * MS)
    bench.machine.guest(3, [split(10, "CPUID", 40, kernel=4)])
    second = save(bench, "second.json", 110)
    return first, second


def test_subtraction():
    with Bench() as b:
        first, second = saved(b)
        r = b.run("diff", first, second)
        equal(rows(r)[0][:3], [second, "minus", first + ":"], "the head line says that the files are subtracted")
        ok("10.0s" in r.stdout.splitlines()[0], "the head line says how much time is between the files", r.stdout)
        equal(rows(r)[1], "GUEST NAME LEVEL REASON COUNT RATE TIME AVG P99 BUSY RUNQ".split(),
              "the columns are of one side")
        equal(rows(r)[2], "1 web 2 CPUID 500 50.0 0.8% 160\u00b5s 262\u00b5s 50.0ms 30.0ms".split(),
              "the earlier counts of a guest are subtracted from the later ones, reason by reason")
        equal([row[:5] for row in rows(r)[3:]], ["3 vmm 2 CPUID 40".split()],
              "a guest that started between the files counts from its start, and a reason without exits is left out")
        ok("guest 2 (vmm)" in r.stderr and "second.json" in r.stderr and r.returncode == 0,
           "a guest that is in the earlier file only is named", r)
        equal(rows(b.run("diff", second, first)), rows(r), "the order of the files makes no difference")
        r = b.run("diff", "--noheadings", "-o", "REASON,KERNEL,RUNQ", first, second)
        equal(rows(r)[0], "CPUID 50.0ms 30.0ms".split(), "--noheadings prints no head line, and parts can be chosen")
        r = b.run("diff", first, first)
        ok(r.returncode == 0 and not r.stdout and "no exits" in r.stderr, "a file minus itself has no exits", r)


def test_json():
    with Bench() as b:
        first, second = saved(b)
        d = b.json("diff", "-J", second, first)["diff"]
        equal([d["a"]["file"], d["between"]["later"], d["between"]["interval_ns"], "reasons" in d],
              [second, "a", 10**10, False], "JSON says which file is the later one")
        guest = d["between"]["l2"][0]
        equal([guest["id"], guest["interval_ns"], guest["exits"], guest["guest_time_ns"], guest["runq_ns"]],
              [1, 10**10, 500, 200 * MS, 30 * MS], "JSON has each guest's difference")
        equal([(r["reason"], r["count"], r["time_ns"], r["max_ns"]) for r in guest["reasons"]],
              [("CPUID", 500, 80 * MS, None), ("IO_INSTRUCTION", 0, 0, None)], "JSON has each reason's difference")


def test_what_is_compared():
    with Bench() as b:
        first, second = saved(b)
        for name, changes in (("another boot", {"boot_id": "another"}), ("another load", {"loaded_ns": 6 * 10**9}),
                              ("an unknown boot", {"boot_id": None}), ("an interval", {"interval_ns": 10**9})):
            other = save(b, "other.json", 120, **changes)
            ok("CHANGE" in b.run("diff", first, other).stdout, f"a file of {name} is compared, not subtracted")
        b.remove(1)
        other = save(b, "other.json", 120)
        ok("CHANGE" in b.run("diff", first, other).stdout, "files without a common guest are compared")
        b.machine.guest(3, [split(10, "CPUID", 50, kernel=5)])
        other = save(b, "other.json", 120)
        r = b.run("diff", other, second)
        ok(r.stdout.startswith(f"{other} minus {second}: ") and "CHANGE" not in r.stdout,
           "diff subtracts two files that have a single guest in common", r)


print("KTAP version 1")
for test in test_subtraction, test_json, test_what_is_compared:
    test()
finish()
