#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune start: what it says of starts that the module would have seen. Usage: test-start.py L1TUNE"""
import shutil

from bench import Bench, equal, finish, ok, on_terminal
from charged import starts, tenant
from fake import PARTS, write

MS = 1_000_000
CODES = {"CPUID": 10, "HLT": 12, "IO_INSTRUCTION": 30, "EPT_VIOLATION": 48}


def line(text):
    return f"{text:<255}\n"


def reason(name, count, **parts):
    """With times in ms."""
    parts = " ".join(f"{part}_ns={parts.get(part, 0) * MS}" for part in PARTS)
    return f"reason 2 {CODES[name]} {name} {count} {parts}"


def start_file(state, *lines, until="idle", phases=None, last=None, idle="-"):
    begun = len([one for one in lines if one.startswith("phase")])
    head = [f"state {state}", f"until {until}", "memory_ns 1000000", "vcpu_ns 2000000", "halt_ns -", f"idle_ns {idle}"]
    return "".join(map(line, [*head, *lines, f"end {last or state} {begun if phases is None else phases}"]))


# setup 100 ms, entry 1 ms, firmware 300 ms, boot 600 ms
WEB = start_file("started", f"phase setup {100 * MS}", f"phase entry {MS}", f"phase firmware {300 * MS} {10 * MS}",
                 reason("IO_INSTRUCTION", 1000, kernel=40, vmm=200), reason("CPUID", 200, kernel=50),
                 f"phase boot {600 * MS} {150 * MS}", reason("EPT_VIOLATION", 4000, kernel=100, blocked=300),
                 reason("IO_INSTRUCTION", 50, vmm=50), idle=1001 * MS)
SLOW = start_file("started", f"phase setup {900 * MS}", f"phase entry {MS}", f"phase firmware {300 * MS} {10 * MS}",
                  reason("IO_INSTRUCTION", 1000, kernel=40, vmm=250), f"phase boot {600 * MS} {200 * MS}",
                  reason("EPT_VIOLATION", 4000, kernel=100, blocked=300))


def last(number, state, comm, **phases):
    times = " ".join(f"{phase}_ns={ms * MS}" for phase, ms in phases.items())
    return f"id={number} pid=7 uid=0 created_ns=5 state={state} {times} comm={comm}"


def bench_with(starts, gone=(), comms=None):
    b = Bench()
    for number, text in starts.items():
        b.machine.guest(number, comm=(comms or {}).get(number, "web"))
        write(f"{b.machine.device(f'l2-{number}')}/start", text.encode(), 0o440)
    write(f"{b.machine.device('l1')}/start/last", "".join(map(line, gone)).encode(), 0o440)
    return b


def test_list():
    with bench_with({3: WEB}, [last(1, "ended", "web", setup=20, entry=1, firmware=5)]) as b:
        rows = [row.split() for row in b.run("start", "--noheadings").stdout.splitlines()]
        equal(rows, [["1", "web", "ended", "26.0ms", "20.0ms", "1.00ms", "5.00ms", "-"],
                     ["3", "web", "started", "1.00s", "100ms", "1.00ms", "300ms", "600ms"]],
              "start lists running and ended guests with the time of each phase")
    with bench_with({}) as b:
        r = b.run("start")
        equal([r.returncode, r.stdout, r.stderr], [0, "", "l1tune: no guest has started since the module was loaded\n"], "start without guests says so and exits with 0")
        equal(b.json("start", "--json")["start"], [], "start --json without guests has an empty list")


def test_one():
    with bench_with({3: WEB}) as b:
        out = b.run("start", "3").stdout
        most = [text[11:19].strip() for text in out.splitlines() if text.startswith(("most time", " " * 11)) and "%  " in text]
        equal(most, ["400ms", "240ms", "150ms"],
              "start GUEST prints the three causes that took most time, the longest first")
        ok("4000 EPT_VIOLATION in boot, 300ms of it blocked" in out,
           "start GUEST prints the count and largest part of a reason in boot", out)
        ok("1000 IO_INSTRUCTION in firmware, 200ms of it in the VMM" in out,
           "start GUEST prints the count and largest part of a reason in firmware", out)
        ok("the guest itself, in boot" in out, "start GUEST prints time in the guest among what took most time", out)
        ok("memory after" not in out, "start GUEST does not say so if something else takes longer", out)
        row = next(text for text in out.splitlines() if text.startswith("firmware")).split()
        equal(row[:8], ["firmware", "300ms", "30.0%", "10.0ms", "1200", "0", "90.0ms", "200ms"],
              "start GUEST prints a phase with its exits, faults and parts")
        row = next(text for text in out.splitlines() if text.startswith("boot")).split()
        equal(row[4:6], ["4050", "4000"], "start GUEST prints exits and page faults in separate columns")
        one = b.json("start", "--json", "3")["start"][0]
        equal([one["total_ns"], sum(p["time_ns"] for p in one["phases"])], [1001 * MS] * 2,
              "start --json has phases that add up to the total")
        equal([(m["what"], m["reason"], m["time_ns"]) for m in one["most"]],
              [("exits", "EPT_VIOLATION", 400 * MS), ("exits", "IO_INSTRUCTION", 240 * MS), ("guest", None, 150 * MS)],
              "start --json has what took most time")
    with bench_with({3: SLOW}) as b:
        out = b.run("start", "3").stdout
        ok("900ms 50.0%  the VMM, before its first KVM_RUN" in out,
           "start GUEST names a VMM that is slow before its first KVM_RUN", out)
        ok("setup      the guest had memory after 1.00ms, " in out and "a vCPU after 2.00ms; " in out and "VFIO" in out,
           "start GUEST says when a guest whose setup takes longest had memory and a vCPU", out)
        sentence = on_terminal(b.command("start", "3"), 60, NO_COLOR="1").partition("\nsetup      the")[2].splitlines()
        ok(len(sentence) > 3 and all(len(line) <= 60 for line in sentence) and all(line.startswith(" " * 11) for line in sentence[1:]),
           "start GUEST breaks a sentence at blanks where it is wider than the terminal", sentence)
        equal(on_terminal(b.command("start", "3"), 25, NO_COLOR="1").count("vCPU after 2.00ms; then the VMM"), 1,
              "start GUEST leaves a sentence in one line on a terminal too narrow for it")
        r = b.run("start", "9")
        ok(r.returncode == 4 and "no guest matches '9'" in r.stderr and not r.stdout,
           "start GUEST exits with 4 and names the guest if no guest matches", r)


def test_states():
    going = start_file("starting", f"phase setup {MS}", f"phase entry {MS}", f"phase firmware {5000 * MS} {MS}",
                       reason("HLT", 5, halted=4000)).replace("halt_ns -" + " " * 8, "halt_ns 9000000 ")
    with bench_with({3: going}) as b:
        out = b.run("start", "3").stdout
        ok("still starting after 5.00s" in out,
           "start GUEST says that a guest is still starting before it is idle", out)
        ok("it halted after 9.00ms with paging off" in out,
           "start GUEST does not take a halt with paging off for idle", out)
        equal(b.json("start", "--json")["start"][0]["phases"][3]["time_ns"], None,
              "start --json has null for a phase that has not begun")
    with bench_with({3: start_file("unknown")}) as b:
        out = b.run("start", "3")
        ok("unknown" in out.stdout and out.returncode == 0,
           "start GUEST says unknown for a guest older than the module, and exits with 0", out.stdout)
        equal(b.json("start", "--json")["start"][0]["total_ns"], None,
              "start --json has null for the total of a guest older than the module")
        ok("?" in b.run("start").stdout, "start prints ? for a guest older than the module")
    with bench_with({3: start_file("started", f"phase setup {MS}", "phase entry -", f"phase firmware {MS} 0", f"phase boot {MS} 0")}) as b:
        equal(b.run("start", "--noheadings", "-o", "SETUP,ENTRY,FIRMWARE").stdout.split(), ["1.00ms", "?", "1.00ms"],
              "start prints ? for an entry that was not seen")
    with bench_with({3: start_file("starting", f"phase setup {MS}", last="started")}) as b:
        r = b.run("start")
        ok(r.returncode == 1 and "/l2-3/start: unexpected value" in r.stderr and not r.stdout,
           "start exits with 1 and names a guest's start file that changes at each read", r)
    with bench_with({}, [last(4, "ended", "web", setup=20)]) as b:
        out = b.run("start", "4").stdout
        ok("ended after 20.0ms, before it had started" in out,
           "start GUEST says that a guest ended before it had started", out)
    with bench_with({3: start_file("started", f"phase setup {MS}", until="port 0xf4")}) as b:
        equal(b.json("start", "--json")["start"][0]["until"], "port 0xf4",
              "start --json names the port that ends a start")


def test_spread():
    gone = [last(n, "started", "web", setup=n * 10, entry=0, firmware=0, boot=0) for n in range(1, 11)]
    gone += [last(11, "ended", "web", setup=1), last(12, "started", "db", setup=9999)]
    with bench_with({20: start_file("started", f"phase setup {110 * MS}")}, gone) as b:
        one = b.json("start", "--json", "20")["start"][0]["same_name"]
        equal([one[key] for key in ("started", "ended", "p50_ns", "p90_ns", "max_ns")],
              [11, 1, 60 * MS, 100 * MS, 110 * MS], "start --json has percentiles of all starts of the same name")
        out = b.run("start", "20").stdout
        ok("11 of name web: 50% in at most 60.0ms, 90% in 100ms" in out and "; 1 ended" in out, "start GUEST prints the percentiles of all starts of the name", out)


def test_compare():
    with bench_with({3: WEB, 4: SLOW}, comms={3: "web", 4: "slow"}) as b:
        rows = [row.split() for row in b.run("start", "--compare", "web", "slow", "--noheadings").stdout.splitlines()]
        ok(["setup", "-", "100ms", "900ms", "+800ms"] in rows,
           "start --compare prints a phase of both guests and its difference", rows)
        ok(["firmware", "CPUID", "50.0ms", "0ns", "-50.0ms"] in rows,
           "start --compare prints 0 for a reason that one guest lacks", rows)
        equal([one["id"] for one in b.json("start", "--json", "--compare", "4", "3")["start"]], [4, 3],
              "start --json --compare has the guests in the given order")
        r = b.run("start", "--compare", "3")
        ok(r.returncode == 2 and "--compare compares two guests" in r.stderr and not r.stdout,
           "start --compare with one guest exits with 2 and asks for two", r)
        for width, is_wide in (80, False), (120, True):
            lines = on_terminal(b.command("start", "web"), width, NO_COLOR="1").splitlines()
            equal([max(map(len, lines[1:6])) <= width, "VMM_SLEEP" in lines[1]], [True, is_wide],
                  f"start GUEST fits into {width} columns and prints all parts only if there is room")
        r = b.run("start", "--compare", "3", "9")
        equal([r.returncode, r.stderr.split(":")[1]], [4, " no guest matches '9'"],
              "start --compare exits with 4 and names a guest that does not exist")


def test_until():
    with bench_with({}) as b:
        path = f"{b.machine.device('l1')}/start/port"
        write(path, "none", 0o644)
        equal(b.run("start", "--until", "0xf4").returncode, 0, "start --until PORT exits with 0")
        with open(path, encoding="ascii") as f:
            equal(f.read().strip(), "0xf4", "start --until PORT writes the port to the module")
        b.run("start", "--until", "idle")
        with open(path, encoding="ascii") as f:
            equal(f.read().strip()[:4], "none", "start --until idle writes none to the module")
        r = b.run("start", "--until", "1", "3")
        with open(path, encoding="ascii") as f:
            ok(r.returncode == 2 and "--until applies to future guests" in r.stderr and f.read().startswith("none"),
               "start --until with a guest exits with 2 and writes nothing to the module", r)


def test_by():
    with bench_with({}) as b:
        starts(b.machine, "l1", {0: 50, 3: 39, 4: 1, 9: 9, 17: 1}, ended=3)
        tenant(b.machine, 1, "/web")
        tenant(b.machine, 2, "/pods/*", matches=1)
        tenant(b.machine, 3, "/pods/a", pattern=2)
        tenant(b.machine, 4, "/none")
        for device, counts in ("tenant-1", {9: 1, 17: 1}), ("tenant-2", {3: 2}), ("tenant-3", {3: 2}), ("tenant-4", {}):
            starts(b.machine, device, counts)
        rows = [row.split() for row in b.run("start", "--by", "cgroup", "--noheadings").stdout.splitlines()]
        equal(rows[0], ["-", "*", "100", "3", "1.05ms", "16.8ms", "537ms"],
              "start --by cgroup prints all starts first, with upper bounds of their percentiles")
        equal(rows[1:], [["1", "/web", "2", "0", "537ms", ">68.7s", ">68.7s"], ["2", "/pods/*", "2", "0"] + ["8.39ms"] * 3,
                         ["3", "/pods/a", "2", "0"] + ["8.39ms"] * 3, ["4", "/none", "0", "0", "-", "-", "-"]],
              "start --by cgroup prints each tenant, > beyond the last bound, and - without starts")
        of = b.json("start", "--json", "--by", "cgroup")["start"]
        equal([[one[key] for key in ("kind", "tenant", "cgroup", "started", "ended", "p50_below_ns", "p99_below_ns")] for one in of[:2]],
              [["all", None, None, 100, 3, 1 << 20, 1 << 29], ["tenant", 1, "/web", 2, 0, 1 << 29, None]],
              "start --json --by cgroup has the starts and upper bounds of all and of a tenant")
        equal([one["kind"] for one in of[2:]], ["pattern", "match", "tenant"],
              "start --json --by cgroup says whether a row is a tenant, a pattern or a match")
        for words, said in (["cgroup", "3"], "use it alone"), (["cgroup", "--until", "1"], "use it alone"), (["uid"], "invalid value 'uid': use cgroup"):
            r = b.run("start", "--by", *words)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"start --by {' '.join(words)} exits with 2 and says: {said}", r)
    with bench_with({}) as b:
        shutil.rmtree(f"{b.machine.device('l1')}/start")
        r = b.run("start", "--by", "cgroup")
        equal([r.returncode, "l1/start/times: load the module that came with" in r.stderr], [1, True],
              "start --by cgroup exits with 1 if the module does not count starts")


print("KTAP version 1")
test_list()
test_one()
test_states()
test_spread()
test_compare()
test_until()
test_by()
finish()
