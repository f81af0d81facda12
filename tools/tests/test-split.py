#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Who spends the time, what vCPUs do now, guests inside guests. Usage: test-split.py L1TUNE"""
import json
import os
import re
import subprocess
import time

from bench import Bench, end_of, equal, finish, ok, on_terminal, wait_for_look
import fake
from fake import cell, fixed, hist, now, write


MS = 1_000_000


def split(level, code, reason, count, buckets, **parts):
    """A cell with its parts, in ms."""
    return fake.split(level, code, reason, count, sum(parts.values()) * MS // max(count, 1), hist(**buckets), **parts)


CPUID = split(2, 10, "CPUID", 1000, {"b10": 1000}, kernel=1)
IO = split(2, 30, "IO_INSTRUCTION", 100, {"b21": 100}, kernel=10, vmm=60, vmm_sleep=20, blocked=5, runq=10)
HLT = split(2, 12, "HLT", 51, {"b21": 50}, kernel=9, halted=900_000)
VMREAD = split(2, 23, "VMREAD", 300, {"b11": 300}, kernel=1)
NESTED = split(3, 10, "CPUID", 50, {"b10": 50}, kernel=1, vmm=1)
L3 = {"l3_entries": 400, "l3_exits_handled": 300, "l3_exits_left": 100}


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def guests(bench, throttled=False):
    m = bench.machine
    hlt = HLT if not throttled else split(2, 12, "HLT", 51, {"b21": 50}, halted=5, throttled=7)
    since = boottime() - 900 * 10**9
    m.guest(1, [CPUID, IO, hlt, VMREAD, NESTED,
                fixed(exits=1501, exit_time_ns=900_118 * MS, guest_time_ns=5_000 * MS, **L3)],
            vcpus=3, nested="running",
            vcpu_cells={0: [CPUID, hlt, fixed(exits=1051), now(5, since, 2, 12)],
                        1: [IO, NESTED, VMREAD, fixed(exits=450, **L3), now(1, since)],
                        2: [fixed(exits=0), now(0, 0)]})
    m.guest(2, [CPUID, fixed(exits=1000, exit_time_ns=MS, l3_entries=0, l3_exits_handled=0,
                             l3_exits_left=0)], nested="off")
    m.process(1001, ["qemu", "-name", "web"])


def rows(result):
    """The words of its lines; a slow machine is some seconds late."""
    text = re.sub(r"15m0\ds", "15m00s", result.stdout)
    return [line.split() for line in text.splitlines()]


def test_stat():
    with Bench() as b:
        guests(b)
        r = b.run("stat")
        equal(rows(r)[0], "GUEST NAME LEVEL REASON COUNT RATE AVG P50 P99 KERNEL VMM VMM_SLEEP HALTED "
              "BLOCKED RUNQ THROTTLED SHARE".split(), "stat prints a column for each part of the time")
        r = b.run("stat", "--noheadings", "-o",
                  "LEVEL,REASON,KERNEL,VMM,VMM_SLEEP,HALTED,BLOCKED,RUNQ,THROTTLED,SHARE", "1")
        equal(rows(r), [
            "2 IO_INSTRUCTION 10.0ms 60.0ms 20.0ms 0ns 5.00ms 10.0ms 0ns 84.3%".split(),
            "2 HLT 9.00ms 0ns 0ns 15m00s 0ns 0ns 0ns 10.8%".split(),
            "3 CPUID 1.00ms 1.00ms 0ns 0ns 0ns 0ns 0ns 2.4%".split(),
            "2 CPUID 1.00ms 0ns 0ns 0ns 0ns 0ns 0ns 1.2%".split(),
            "2 VMREAD 1.00ms 0ns 0ns 0ns 0ns 0ns 0ns 1.2%".split(),
        ], "stat prints the parts of each reason, sorted by busy time, HLT as any other")
        r = b.run("stat", "--noheadings", "-o", "REASON,AVG,TOTAL", "1")
        equal(dict(line[:2] for line in rows(r))["HLT"], "2.10ms",
              "stat leaves an open exit out of the average")
        for width, throttled, expected in (
                (80, False, "GUEST NAME REASON COUNT P99 KERNEL VMM HALTED BLOCKED RUNQ SHARE"),
                (80, True, "GUEST NAME REASON COUNT KERNEL VMM BLOCKED RUNQ THROTTLED SHARE"),
                (160, False, "GUEST NAME LEVEL REASON COUNT RATE AVG P50 P99 KERNEL VMM VMM_SLEEP HALTED "
                 "BLOCKED RUNQ THROTTLED SHARE")):
            guests(b, throttled)
            text = on_terminal(b.command("stat"), columns=width, NO_COLOR="1")
            equal(text.splitlines()[0].split(), expected.split(),
                  f"stat selects its columns for a width of {width}, throttled {throttled}")
            ok(max(map(len, text.splitlines())) <= width and "CPUID" in text,
               f"stat fits into {width} columns, throttled {throttled}", text)
            equal("L3 CPUID" in text, width == 80,
                  f"stat at a width of {width} prints L3 with the reason only without a LEVEL column")
        guests(b)
        r = b.run("stat", "--noheadings", "--vcpus", "-o", "VCPU,REASON,STATE,SINCE", "1")
        equal(rows(r), ["0 HLT halted 15m00s".split(), "0 CPUID -".split() + ["-"],
                        "1 IO_INSTRUCTION - -".split(), "1 CPUID - -".split(),
                        "1 VMREAD - -".split()], "stat --vcpus prints a vCPU's state in the row of its open exit")


def test_sum():
    with Bench() as b:
        guests(b)
        r = b.run("stat", "--sum", "--noheadings", "-o", "GUEST,NAME,REASON,COUNT,RATE,TOTAL,P50")
        ok("all - CPUID 2000 - 2.00ms 1.02\u00b5s".split() in rows(r),
           "stat --sum adds up the same reason of two guests", r.stdout)
        equal(len(rows(r)), 5, "stat --sum prints each reason once")
        d = b.json("stat", "-J", "--sum")
        cpuid = next(x for x in d["sum"]["reasons"] if (x["reason"], x["level"]) == ("CPUID", 2))
        equal([cpuid["count"], cpuid["time_ns"], cpuid["hist"][10], d["sum"]["exits"],
               d["sum"]["guests"], cpuid["max_ns"]], [2000, 2 * MS, 2000, 2501, 2, 1000],
              "stat --sum --json has the sums of a reason, all exits and the number of guests")
        ok("sum" not in b.json("stat", "-J"), "stat --json without --sum has no sum")
        old = cell(2, 10, "CPUID", 7, 70, 10, hist(b9=7))
        b.machine.guest(3, [old])
        d = b.json("stat", "-J", "--sum")
        cpuid = next(x for x in d["sum"]["reasons"] if (x["reason"], x["level"]) == ("CPUID", 2))
        equal([cpuid["count"], cpuid["kernel_ns"]], [2007, None],
              "stat --sum --json has null for a part that is unknown for one guest")
        r = b.run("stat", "--sum", "--vcpus")
        ok(r.returncode == 2 and "--sum and --vcpus are mutually exclusive" in r.stderr and not r.stdout,
           "stat --sum --vcpus exits with 2 and says that they are mutually exclusive", r)


def test_list():
    with Bench() as b:
        guests(b)
        r = b.run("list")
        equal(rows(r), ["ID NAME PID VCPUS MEMORY NESTED EXITS BUSY VMM BLOCKED RUNQ".split(),
                        "1 web 1001 3 512M running 1501 83.0ms 61.0ms 5.00ms 10.0ms".split(),
                        "2 vmm 1002 1 512M off 1000 1.00ms 0ns 0ns 0ns".split()],
              "list prints nested state, exits, busy time and parts of each guest")
        ok(max(map(len, r.stdout.splitlines())) <= 80, "list with parts of time fits into 80 columns", r.stdout)
        r = b.run("list", "--noheadings", "-o", "L3_ENTRIES,L3_HANDLED,L3_LEFT,L3_FACTOR")
        equal(rows(r), ["400 300 100 3.50".split(), "0 0 0 -".split()],
              "list -o L3_... prints entries and exits of nested guests and their factor")
        r = b.run("list", "--noheadings", "--vcpus", "-o", "ID,VCPU,STATE,SINCE,REASON,EXITS", "1")
        equal(rows(r), ["1 0 halted 15m00s HLT 1051".split(), "1 1 guest 15m00s - 450".split(),
                        "1 2 not seen since load - - 0".split()],
              "list --vcpus prints each vCPU's state, since when, and its open exit")
        r = b.run("list", "--noheadings", "-o", "ID,P50,P90,P99")
        equal(rows(r), ["1 1.02\u00b5s 2.05\u00b5s 2.10ms".split(), "2 1.02\u00b5s 1.02\u00b5s 1.02\u00b5s".split()],
              "list prints percentiles of a guest's exits without HLT")
        b.machine.guest(4, [CPUID], vcpu_cells={
            5: [CPUID, NESTED, now(3, boottime() - 3 * 10**9, 3, 10)],
            6: [CPUID, now(99, 0)], 7: [CPUID, now(2, 2**64 - 1, 2, 77)], 8: [CPUID],
            9: [CPUID, NESTED, now(2, boottime(), 2, 10)]})
        r = b.run("list", "--noheadings", "--vcpus", "-o", "VCPU,STATE,SINCE,REASON", "4")
        equal([line[:2] + line[3:] for line in rows(r)], [
            "5 vmm L3 CPUID".split(), "6 - -".split(), "7 kernel -".split(), "8 - -".split(),
            "9 kernel CPUID".split()],
            "list --vcpus prints - for an unknown state, and for an exit that has no cell")


def test_states():
    words = ("not seen since load", "guest", "kernel", "vmm", "asleep", "halted", "blocked", "runq", "throttled")
    names = "none guest kernel vmm vmm_sleep halted blocked runq throttled".split()
    with Bench() as b:
        b.machine.guest(1, [CPUID], vcpus=9, vcpu_cells={n: [CPUID, now(n, boottime())] for n in range(9)})
        listed = b.run("list", "--noheadings", "--vcpus", "-o", "STATE").stdout
        equal([line.strip() for line in listed.splitlines()], list(words), "list --vcpus prints a word for each state")
        equal([vcpu["state"] for vcpu in b.json("list", "-J", "--vcpus")["l2"][0]["vcpu"]], names,
              "list --json --vcpus has the module's names of states")
        for state in "Tt":
            b.machine.process(1001, ["qemu"], comm="a) S", state=state)
            listed = b.run("list", "--noheadings", "--vcpus", "-o", "STATE").stdout.split("\n")
            equal([line.strip() for line in listed[3:6]], ["vmm", "paused", "halted"],
                  f"list --vcpus prints paused only for a sleeping vCPU of a process in state {state}")
        equal([vcpu["state"] for vcpu in b.json("list", "-J", "--vcpus")["l2"][0]["vcpu"]], names,
              "list --json --vcpus has the module's name of a paused vCPU's state")
        test_frozen(b)
        b.machine.process(1001, ["qemu"], state="T")
        b.machine.guest(1, [CPUID], vcpu_cells={4: [IO, now(4, boottime(), 2, 30)]})
        r = b.run("stat", "--noheadings", "--vcpus", "-o", "REASON,STATE")
        ok("IO_INSTRUCTION paused".split() in rows(r),
           "stat --vcpus prints paused in the row of the open exit", r.stdout)


def test_frozen(b):
    """The freezer of either version of cgroups, by the file that says what is, not what was asked for."""
    root = b.directory + "/cgroup"
    os.makedirs(root + "/a/b", exist_ok=True)

    def shown(state="S", text="9:freezer:/a/b\n4:cpu:/x\n0::/a/b\n"):
        b.machine.process(1001, ["qemu"], cgroup=text, state=state)
        return [line.strip() for line in b.run("list", "--noheadings", "--vcpus", "-o", "STATE").stdout.split("\n")[3:6]]

    def mounts(kind, options):
        write(b.machine.proc + "/self/mountinfo", f"36 22 0:30 / {root} rw - {kind} {kind} {options}")

    mounts("cgroup2", "rw")
    write(root + "/a/b/cgroup.events", "populated 1\nfrozen 0")
    write(root + "/a/b/cgroup.freeze", "1")
    equal(shown(), ["vmm", "asleep", "halted"], "list --vcpus prints asleep for a cgroup that is not frozen yet")
    write(root + "/a/b/cgroup.events", "populated 1\nfrozen 1")
    equal(shown(), ["vmm", "frozen", "halted"],
          "list --vcpus prints frozen only for a sleeping vCPU in a frozen cgroup")
    equal(shown("D"), ["vmm", "frozen", "halted"],
          "list --vcpus prints frozen for a process in state D in a frozen cgroup")
    equal(shown("T"), ["vmm", "paused", "halted"],
          "list --vcpus prints paused for a stopped process in a frozen cgroup")
    equal(shown(text="0::/a\n"), ["vmm", "asleep", "halted"],
          "list --vcpus prints asleep if cgroup.events cannot be read")
    equal(shown(text="0::/a/../a/b\n"), ["vmm", "asleep", "halted"],
          "list --vcpus prints asleep for a cgroup outside of the cgroup namespace")
    mounts("cgroup", "rw,freezer")
    equal(shown(), ["vmm", "asleep", "halted"], "list --vcpus with cgroup v1 does not read cgroup.events")
    for state, word in ("THAWED", "asleep"), ("FREEZING", "asleep"), ("FROZEN", "frozen"):
        write(root + "/a/b/freezer.state", state)
        equal(shown(), ["vmm", word, "halted"], f"list --vcpus with cgroup v1 prints {word} for freezer.state {state}")
    mounts("cgroup", "rw,cpu")
    equal(shown(), ["vmm", "asleep", "halted"], "list --vcpus with cgroup v1 ignores a hierarchy without the freezer")


def test_paused():
    """Of an hour of a paused guest nothing is busy time."""
    with Bench() as b:
        b.machine.guest(1, [split(2, 30, "IO_INSTRUCTION", 1, {"b33": 1}, vmm_sleep=3_600_000)])
        b.machine.guest(2, [split(2, 12, "HLT", 9, {"b24": 9}, kernel=1, halted=100)])
        b.machine.guest(3, [IO])
        for args in ["list"], ["list", "-o", "ID", "--sort", "busy"]:
            equal([line[0] for line in rows(b.run(*args, "--noheadings"))], ["3", "2", "1"],
                  f"{' '.join(args)} puts a paused guest last, however long it has been paused")
        equal([guest["id"] for guest in b.json("list", "-J")["l2"]], [3, 2, 1], "list --json puts a paused guest last")


def test_percentiles():
    """The tool's own words for a guest as a whole; HLT is in none of them, and in each table of reasons."""
    with Bench() as b:
        idle = split(2, 12, "HLT", 1000, {"b33": 1000}, halted=9_000_000)
        nested = split(3, 120, "hlt", 1000, {"b33": 1000}, halted=9_000_000)
        slow = split(2, 30, "IO_INSTRUCTION", 1, {"b33": 1}, vmm_sleep=5_000)
        for number, cells in enumerate(([CPUID, idle, nested], [idle], [slow, idle]), 1):
            b.machine.guest(number, cells, vcpu_cells={0: cells})
        for args in [], ["--vcpus"]:
            r = b.run("list", "--noheadings", "-o", "ID,P50,P90,P99", "--sort", "-id", *args)
            equal(rows(r), ["1 1.02\u00b5s 1.02\u00b5s 1.02\u00b5s".split(), "2 - - -".split(),
                            "3 >4.29s >4.29s >4.29s".split()],
                  f"{' '.join(['list', *args])} leaves HLT out of a guest's percentiles")
        document = b.json("stat", "-J", "--vcpus")
        web = {guest["id"]: guest for guest in document["l2"]}
        equal([web[1]["p99_le_ns"], web[1]["vcpu"][0]["p99_le_ns"], web[2]["p99_le_ns"], web[3]["p50_le_ns"]],
              [1024, 1024, None, None], "stat --json --vcpus leaves HLT out of the percentiles of guests and vCPUs")
        equal(b.json("stat", "-J", "--sum")["sum"]["p50_le_ns"], 1024,
              "stat --json --sum leaves HLT out of the percentiles of all guests")
        r = b.run("stat", "--noheadings", "-o", "REASON,P50", "2")
        equal(rows(r), [["HLT", ">4.29s"]], "stat prints percentiles of HLT in the row of HLT")


def test_status():
    with Bench(totals={"exit_time_ns": 1000 * MS, "kernel_time_ns": 400 * MS, "vmm_time_ns": 200 * MS,
                       "vmm_sleep_time_ns": 20 * MS, "halted_time_ns": 300 * MS, "blocked_time_ns": 30 * MS,
                       "runq_time_ns": 50 * MS, "throttled_time_ns": 0}) as b:
        guests(b)
        r = b.run("status")
        ok("breakdown 400ms in KVM, 200ms in VMMs, 50.0ms without a CPU,\n"
           "          300ms halted, 20.0ms with the VMM asleep, 30.0ms blocked, 0ns throttled\n" in r.stdout,
           "status prints the breakdown of the host's exit time", r.stdout)
        line = next(x for x in r.stdout.splitlines() if " web " in x)
        equal(line.split()[:9], "1 web 3 512M 1501 83.0ms 15m00s 10.0ms running".split(),
              "status prints a guest's busy, halted and run queue time and nested state")


def test_json():
    with Bench() as b:
        guests(b)
        web, other = b.json("list", "-J", "--vcpus")["l2"]
        equal(web["nested"], {"state": "running"} | L3 | {"l1_exits_per_l2_exit": 3.5},
              "list --json has a guest's nested state, counts and factor")
        equal([other["nested"]["state"], other["nested"]["l1_exits_per_l2_exit"]], ["off", None],
              "list --json has null for the nested factor if nesting is off")
        parts = [web[part] for part in fake.parts_ns()]
        equal(parts, [22 * MS, 61 * MS, 20 * MS, 900_000 * MS, 5 * MS, 10 * MS, 0],
              "list --json has the parts of a guest's exit time")
        equal(sum(parts), web["exit_time_ns"], "list --json has parts of a guest that add up to its exit time")
        equal([web["p50_le_ns"], web["p99_le_ns"], web["vcpu"][1]["p50_le_ns"],
               web["vcpu"][2]["p50_le_ns"]], [1024, 2**21, 2**11, None],
              "list --json --vcpus has percentiles of guests and vCPUs")
        vcpus = web["vcpu"]
        equal([v["state"] for v in vcpus], ["halted", "guest", "none"],
              "list --json --vcpus has the state of each vCPU")
        equal([v["open"] for v in vcpus], [{"reason": "HLT", "code": 12, "level": 2}, None, None],
              "list --json --vcpus has the open exit of each vCPU")
        ok(900e9 <= vcpus[0]["state_for_ns"] < 930e9,
           "list --json --vcpus has how long a vCPU has been in its state", vcpus[0]["state_for_ns"])
        ok("reasons" not in vcpus[0], "list --json --vcpus has no reasons")
        b.machine.guest(3, [cell(2, 10, "CPUID", 7, 70, 10, hist(b9=7))],
                        vcpu_cells={0: [CPUID]})
        old = b.json("list", "-J", "--vcpus", "3")["l2"][0]
        equal([old["nested"], old["kernel_ns"], old["vcpu"][0]["state"], old["vcpu"][0]["open"]],
              [None, None, None, None], "list --json --vcpus has null for what an older module lacks")


def test_intervals():
    with Bench() as b:
        guests(b)
        p = subprocess.Popen(b.command("stat", "-J", "--vcpus", "-i", "1", "-c", "1", "1"),
                             stdout=subprocess.PIPE, text=True)
        wait_for_look(p)
        hlt = split(2, 12, "HLT", 51, {"b21": 50}, kernel=10, halted=900_400)
        since = boottime() - 900 * 10**9
        more = L3 | {"l3_entries": 410, "l3_exits_left": 102}
        b.machine.guest(1, [CPUID, IO, hlt, VMREAD, NESTED, fixed(exits=1501, **more)], vcpus=3,
                        nested="on", vcpu_cells={0: [CPUID, hlt, now(5, since, 2, 12)]})
        web = json.loads(p.stdout.readline())["l2"][0]
        equal(end_of(p), 0, "stat -i 1 -c 1 exits with 0")
        p.stdout.close()
        hlt = next(x for x in web["reasons"] if x["reason"] == "HLT")
        equal([hlt["count"], hlt["time_ns"], hlt["kernel_ns"], hlt["halted_ns"]],
              [0, 401 * MS, 1 * MS, 400 * MS], "stat --interval adds the time of an open exit, but not its count")
        equal([web["nested"]["l3_entries"], web["nested"]["l3_exits_left"]], [10, 2],
              "stat --interval has the difference of nested entries and exits")
        vcpu = web["vcpu"][0]
        equal([vcpu["state"], vcpu["open"]["reason"]], ["halted", "HLT"],
              "stat --interval has a vCPU's current state and open exit")
        ok(vcpu["state_for_ns"] >= 900e9,
           "stat --interval has the whole time that a vCPU has been in its state", vcpu["state_for_ns"])


print("KTAP version 1")
for test in (test_stat, test_sum, test_list, test_states, test_paused, test_percentiles, test_status, test_json,
             test_intervals):
    test()
finish()
