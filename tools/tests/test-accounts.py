#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the guests of a tenant or of a control group had. Usage: test-accounts.py L1TUNE"""
import json
import os
import resource
import shutil
import subprocess
import time

from bench import Bench, end_of, equal, finish, ok, skip, wait_for_look
from charged import charge, tenant, tenants
from fake import PARTS, cell, fixed, hist, parts_ns, write
from host import MS, TICK, Host
from promtext import labels_of, parse, value
from world import World, time_of

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
            r = b.run("list", "tenant:" + path)
            ok(r.returncode == 4 and f"no guest matches 'tenant:{path}'" in r.stderr and not r.stdout, f"tenant:{path} has no guest", r)
        for path in "", "a":
            r = b.run("list", "tenant:" + path)
            ok(r.returncode == 2 and "tenant:PATH" in r.stderr,
               f"list tenant:{path} prints the syntax of tenant:PATH and exits with 2", r)
        equal([r["id"] for r in b.json("stat", "-J", "tenant:/a/b")["l2"]], [3],
              "stat tenant:PATH shows only the guests of that tenant")
        r = b.run("top", "--once", "-d", "0.1", "tenant:/a/b")
        ok(r.returncode == 0 and [line.split()[0] for line in r.stdout.splitlines() if line.split()[1:2] == ["elsewhere"]] == ["3"],
           "top tenant:PATH shows only the guests of that tenant", r)
    with Bench() as b:
        for number, cgroup in (1, "/a"), (2, "/b/c"):
            b.machine.guest(number, [CPUID])
            b.machine.process(1000 + number, ["qemu"], f"0::{cgroup}\n")
        equal(selected(b, "tenant:/b"), (0, [2]),
              "without creation cgroups from the module, tenant:PATH selects by the VMM's current cgroup")


# Of each guest, its cgroup and tenants, exits, kernel, VMM and run queue time, guest time, and helpers' time; in ms, the
# latter in clock ticks.
GUESTS = {
    1: ("/a/x", [1, 2], 100, 50, 20, 5, 900, 70),
    2: ("/a/y", [1], 10, 5, 1, 0, 90, 400),
    3: ("/k/p/pod1", [5], 7, 3, 2, 1, 30, 80),
    4: ("/k/p/pod2", [6], 9, 4, 4, 0, 40, 0),
    5: ("/free", [], 3, 1, 1, 1, 10, 20),
    6: ("/free", [], 4, 2, 2, 2, 20, 30),
    7: ("/free/below", [], 1, 1, 0, 0, 5, 600),
}
# Tenants: cgroup, of a match its pattern, and what those had that have ended: guests, exits, kernel, VMM, guest time.
TENANTS = {
    1: ("/a", None, (3, 1000, 200, 100, 5000)),
    2: ("/a/x", None, (2, 600, 150, 60, 3000)),
    4: ("/k/*/pod*", None, (5, 50, 25, 10, 500)),
    5: ("/k/p/pod1", 4, (1, 5, 5, 5, 50)),
    6: ("/k/p/pod2", 4, (0, 0, 0, 0, 0)),
    9: ("/empty", None, (0, 0, 0, 0, 0)),
    11: ("/ab", None, (1, 3, 2, 1, 4)),
}
COLUMNS = "TENANT,CGROUP,GUESTS,STARTED,VCPUS,MEMORY,EXITS,KERNEL,VMM,BUSY,RUNQ,GUEST_TIME,STOLEN,HELPERS,COST"


def cells(exits, kernel, vmm, runq, guest, stolen=None):
    parts = parts_ns(MS, kernel=kernel, vmm=vmm, runq=runq)
    return [cell(2, 10, "CPUID", exits, sum(parts.values()), 9 * MS, hist(b10=exits), **parts),
            fixed(exits=exits, exit_time_ns=sum(parts.values()), guest_time_ns=guest * MS, **({} if stolen is None else {"stolen_ns": stolen}))]


def add_guest(bench, host, number, cgroup, charged, *had, started_ns=10 ** 10):
    *times, helpers = had
    bench.machine.guest(number, cells(*times), vcpus=number, memory_bytes=1 << 20, memory_peak_bytes=number << 30,
                        created_ns=started_ns)
    host.vmm(1000 + number, (1000 + helpers) * MS, cgroup="0::/elsewhere\n", start_ticks=started_ns // TICK,
             **{f"t{100 * number}": ("CPU 0/KVM", 1000 * MS, TICK)})
    charge(bench.machine, number, cgroup, *charged)


def guests_of(number):
    """Of a tenant; of a pattern those of its matches."""
    these = {n for n, (_, pattern, _) in TENANTS.items() if number in (n, pattern)}
    return [guest for guest, (_, charged, *_) in GUESTS.items() if these & set(charged)]


def had(guests):
    """What these guests had, in the order of GUESTS."""
    return [sum(column) for column in zip(*(GUESTS[guest][2:] for guest in guests))] or [0] * 6


def add_tenants(bench):
    for number, (cgroup, pattern, (ended, *ended_had)) in TENANTS.items():
        guests = guests_of(number)
        exits, kernel, vmm, runq, guest, _ = had(guests)
        exits, kernel, vmm, guest = (a + b for a, b in zip((exits, kernel, vmm, guest), ended_had))
        tenant(bench.machine, number, cgroup, pattern, matches=2 if "*" in cgroup else None,
               usage={"vms": len(guests), "vcpus": sum(guests), "memory_bytes": sum(guests) << 30}, vms=ended + len(guests), exits=exits,
               exit_time_ns=(kernel + vmm + runq) * MS, guest_time_ns=guest * MS, kernel_time_ns=kernel * MS, vmm_time_ns=vmm * MS,
               runq_time_ns=runq * MS, stolen_time_ns=number * MS)


def world(bench):
    host = Host(bench)
    for number, values in GUESTS.items():
        add_guest(bench, host, number, *values)
    add_tenants(bench)
    return host


def rows(bench, *args):
    """Of the table, in numbers."""
    r = bench.run("list", "--by", "cgroup", "--noheadings", "--bytes", "-o", COLUMNS, *args)
    table = map(str.split, r.stdout.partition("\n\n")[0].splitlines())
    return {words[1]: [int(word) if word.isdigit() else word for word in words] for words in table}, r


def row_of(number):
    """What the row of a tenant has."""
    cgroup, _, (ended, *ended_had) = TENANTS[number]
    guests = guests_of(number)
    exits, kernel, vmm, runq, guest, helpers = had(guests)
    exits, kernel, vmm, guest = (a + b for a, b in zip((exits, kernel, vmm, guest), ended_had))
    return [number, cgroup, len(guests), ended + len(guests), sum(guests), sum(guests) << 30, exits, kernel * MS, vmm * MS,
            (kernel + vmm) * MS, runq * MS, guest * MS, number * MS, helpers * MS, (kernel + vmm + helpers) * MS]


def row_of_guests(cgroup, guests, number="-"):
    exits, kernel, vmm, runq, guest, helpers = had(guests)
    return [number, cgroup, len(guests), "-", sum(guests), sum(guests) << 30, exits, kernel * MS, vmm * MS, (kernel + vmm) * MS,
            runq * MS, guest * MS, "-", helpers * MS, (kernel + vmm + helpers) * MS]


def test_since():
    with Bench() as b:
        world(b)
        found, r = rows(b)
        for number, (cgroup, *_) in TENANTS.items():
            equal(found.get(cgroup), row_of(number),
                  f"list --by cgroup shows for tenant {cgroup} the sums of its guests, including those that ended")
        for cgroup, guests in ("/free", [5, 6]), ("/free/below", [7]):
            equal(found.get(cgroup), row_of_guests(cgroup, guests),
                  f"list --by cgroup shows for cgroup {cgroup}, which is no tenant, the sums of its running guests")
        equal([len(found), r.stderr], [len(TENANTS) + 2, ""],
              "list --by cgroup has only rows of tenants and of cgroups with guests, and prints no message")
        cost = {cgroup: row[-1] for cgroup, row in found.items()}
        outermost = sorted(set(cost) - {"/a/x", "/k/p/pod1", "/k/p/pod2"}, key=cost.get, reverse=True)
        expected = [c for o in outermost for c in (o, *{"/a": ["/a/x"], "/k/*/pod*": ["/k/p/pod1", "/k/p/pod2"]}.get(o, []))]
        equal(list(found), expected,
              "list --by cgroup sorts by COST, highest first, with nested tenants below the outer one")
        found, _ = rows(b, "--sort", "GUEST_TIME")
        equal(list(found), ["/a", "/a/x", "/k/*/pod*", "/k/p/pod1", "/k/p/pod2", "/free", "/free/below", "/ab", "/empty"],
              "list --by cgroup --sort GUEST_TIME sorts all rows by GUEST_TIME, largest first")
        r = b.run("list", "--by", "cgroup")
        equal(r.stdout.split("\n")[0].split(), "TENANT CGROUP GUESTS STARTED VCPUS MEMORY EXITS BUSY STOLEN HELPERS COST".split(),
              "list --by cgroup has its usual columns")


def test_guests():
    with Bench() as b:
        world(b)
        found, r = rows(b, "1", "tenant:/k/p/pod1", "7")
        one = ["/a", "/a/x", "/k/*/pod*", "/k/p/pod1", "/free/below"]
        equal(sorted(found), sorted(one),
              "list --by cgroup GUEST shows only the tenants and cgroups of the selected guests")
        for cgroup, number, guests in (("/a", 1, [1]), ("/a/x", 2, [1]), ("/k/*/pod*", 4, [3]), ("/k/p/pod1", 5, [3]), ("/free/below", "-", [7])):
            equal(found[cgroup], row_of_guests(cgroup, guests, number),
                  f"list --by cgroup GUEST sums for {cgroup} only the selected guests")
        equal(r.stderr, "", "list --by cgroup with GUEST prints no message")
        r = b.run("list", "--noheadings", "--bytes", "-o", "ID,TENANT,COST", "--sort", "-ID")
        equal(r.stdout.split(), [str(word) for number, (_, charged, _, kernel, vmm, _, _, helpers) in GUESTS.items()
                                 for word in (number, charged[-1] if charged else "-", (kernel + vmm + helpers) * MS)],
              "list shows the cost of each guest and the innermost tenant that it is charged to")


def test_json():
    with Bench() as b:
        world(b)
        d = b.json("list", "-J", "--by", "cgroup")
        equal([d["tenants_known"], d["interval_ns"], "l2" in d], [True, None, False],
              "list --json --by cgroup has tenants_known, an interval of null and no l2")
        found = {c["cgroup"]: c for c in d["cgroups"]}
        equal({name: (c["kind"], c["tenant"], c["outer"]) for name, c in found.items()},
              {"/a": ("tenant", 1, None), "/a/x": ("tenant", 2, 1), "/k/*/pod*": ("pattern", 4, None), "/k/p/pod1": ("match", 5, 4),
               "/k/p/pod2": ("match", 6, 4), "/empty": ("tenant", 9, None), "/ab": ("tenant", 11, None),
               "/free": ("cgroup", None, None), "/free/below": ("cgroup", None, None)},
              "list --json --by cgroup has kind, tenant and outer tenant of each control group")
        keys = ["tenant", "cgroup", "guests", "started", "vcpus", "memory_bytes", "exits", "kernel_ns", "vmm_ns", "runq_ns", "guest_time_ns",
                "stolen_ns", "helpers_ns", "cost_ns"]

        def without_busy(row):
            return [None if value == "-" else value for i, value in enumerate(row) if i != 9]
        for number, (cgroup, *_) in TENANTS.items():
            equal([found[cgroup][key] for key in keys], without_busy(row_of(number)),
                  f"list --json --by cgroup has the same values for {cgroup} as the table")
        equal([found["/free"][key] for key in keys], without_busy(row_of_guests("/free", [5, 6])),
              "list --json --by cgroup has the same values for /free as the table")
        equal(found["/a"]["exit_time_ns"], sum(found["/a"][part + "_ns"] for part in PARTS),
              "list --json --by cgroup: exit_time_ns is the sum of the parts")


def test_unknown():
    with Bench() as b:
        host = world(b)
        os.unlink(host.proc + "/1001/stat")
        b.machine.guest(8, [], vcpus=0)
        charge(b.machine, 8, "/a/x", 1, 2)
        b.machine.guest(9, [], vcpus=0)
        charge(b.machine, 9, "/probe")
        found, r = rows(b)
        expected = row_of(1)
        helpers = GUESTS[2][7] * MS
        equal(found["/a"][-2:], [helpers, expected[9] + helpers],
              "HELPERS and COST of a tenant leave out helpers that are unknown")
        equal(found["/probe"][2:5], [1, "-", 0],
              "list --by cgroup counts VMs without vCPUs in GUESTS, as the module does")
        ok("leave out the helper threads of 1 guest," in r.stdout,
           "list --by cgroup says of how many guests the helper threads are unknown", r)
        unknown = {c["cgroup"]: c["guests_without_helpers"] for c in b.json("list", "-J", "--by", "cgroup")["cgroups"]}
        equal([unknown["/a"], unknown["/a/x"], unknown["/free"]], [1, 1, 0],
              "guests_without_helpers counts guests with unknown helpers, without VMs that have no vCPU")
        device = b.machine.device("tenant-1")
        write(f"{device}/totals/stolen_time_ns", "unknown", 0o440)
        os.unlink(f"{device}/totals/runq_time_ns")
        found, _ = rows(b)
        equal([found["/a"][i] for i in (7, 8, 9, 12, 14)], ["-", "-", "-", "-", "?"],
              "list --by cgroup shows - for parts that the module does not provide, and ? as COST")
        write(f"{device}/totals/exits", "many", 0o440)
        r = b.run("list", "--by", "cgroup")
        ok(r.returncode == 1 and "tenant-1/totals/exits" in r.stderr,
           "list --by cgroup exits with 1 and names a file of totals that has no number", r)
    with Bench() as b:
        Host(b)
        tenants(b.machine)
        r = b.run("list", "--by", "cgroup")
        equal([r.returncode, r.stdout, r.stderr], [0, "", "l1tune: no tenants and no guests\n"],
              "list --by cgroup without tenants and guests says that there are none")
        for args, said in ((["--by", "user"], "invalid value 'user': use cgroup"), (["--by", "cgroup", "--vcpus"], "mutually exclusive"),
                           (["--by"], "--by needs a value: --by cgroup")):
            r = b.run("list", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"list {' '.join(args)} exits with 2 and says: {said}", r)
        b.machine.guest(1, cells(*GUESTS[1][2:7]))
        charge(b.machine, 1, ODD, 77)
        r = b.run("list", "--by", "cgroup", "--noheadings", "-o", "TENANT,CGROUP")
        equal(r.stdout.splitlines()[0].strip(), r"- /odd \x1b[2J\xff",
              "list --by cgroup escapes control characters in CGROUP, and shows - for a tenant that was removed")


def test_no_tenants():
    with Bench() as b:
        host = Host(b)
        for number, cgroup in (1, "/a/x"), (2, "/a/x"), (3, "/b"):
            exits, kernel, vmm, runq, guest, helpers = GUESTS[number][2:]
            b.machine.guest(number, cells(exits, kernel, vmm, runq, guest, stolen=number), vcpus=number, memory_bytes=number << 30)
            host.vmm(1000 + number, (1000 + helpers) * MS, cgroup=f"0::{cgroup}\n", **{f"t{100 * number}": ("CPU 0/KVM", 1000 * MS, TICK)})
        b.machine.guest(4, cells(*GUESTS[4][2:7]), pid=99)
        found, r = rows(b)
        for cgroup, guests in ("/a/x", [1, 2]), ("/b", [3]):
            equal(found[cgroup], row_of_guests(cgroup, guests)[:12] + [sum(guests)] + row_of_guests(cgroup, guests)[13:],
                  f"without tenants {cgroup} has the guests whose VMM is in it")
        equal([found["-"][2], found["-"][7]], [1, GUESTS[4][3] * MS],
              "list --by cgroup sums guests whose cgroup is unknown in one row")
        equal([r.returncode, r.stderr.count("tenants are unknown here")], [0, 1], "list --by cgroup says once that tenants are unknown")
        r = b.run("list", "--by", "cgroup", "-i", "0.05", "-c", "3")
        equal([r.stdout.count("GUESTS"), r.stderr.count("tenants are unknown here"), "STARTED" in r.stdout], [3, 1, False],
              "list --by cgroup -i says once that tenants are unknown, and has no column STARTED then")


def test_intervals():
    with Bench() as b:
        host = world(b)
        with subprocess.Popen(b.command("list", "--by", "cgroup", "-J", "-i", "1", "-c", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as p:
            wait_for_look(p)
            # The start of a process is rounded down to a tick, which is to be in the interval.
            time.sleep(2 * TICK / 10**9)
            before = {number: row_of(number) for number in TENANTS}
            more = dict(GUESTS)
            more[2] = ("/a/y", [1], 17, 9, 3, 0, 100, 450)
            more[8] = ("/a/x", [1, 2], 1000, 11, 13, 0, 17, 190)
            more[5] = ("/free", [], 5, 2, 5, 1, 10, 50)
            kept = dict(GUESTS)
            GUESTS.update(more)
            for number in 2, 8, 5:
                add_guest(b, host, number, *GUESTS[number],
                          **{"started_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME)} if number == 8 else {})
            tenant(b.machine, 10, "/new", vms=2, kernel_time_ns=5 * MS)
            add_tenants(b)
            after = {number: row_of(number) for number in TENANTS}
            GUESTS.clear()
            GUESTS.update(kept)
            d = json.loads(p.stdout.readline())
            equal(end_of(p), 0, "list --by cgroup -i 1 -c 1 ends with exit status 0")
        found = {c["cgroup"]: c for c in d["cgroups"]}
        for number, (cgroup, *_) in TENANTS.items():
            c = found[cgroup]
            equal([c[key] for key in ("guests", "vcpus", "started", "exits", "kernel_ns", "vmm_ns", "helpers_ns", "cost_ns")],
                  [after[number][2], after[number][4]] + [after[number][i] - before[number][i] for i in (3, 6, 7, 8, 13, 14)],
                  f"list --by cgroup -i has for tenant {cgroup} its present guests and what it used in the interval")
        equal([found["/free"][key] for key in ("guests", "exits", "vmm_ns", "helpers_ns", "started")], [2, 2, 4 * MS, 30 * MS, None],
              "list --by cgroup -i has for a cgroup that is no tenant its guests and what they used in the interval")
        equal([found["/new"][key] for key in ("started", "cost_ns")], [2, 5 * MS],
              "list --by cgroup -i counts all of a tenant that was added in the interval")


def test_ended():
    with Bench() as b:
        world(b)
        with subprocess.Popen(b.command("list", "--by", "cgroup", "-J", "-i", "2", "-c", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as p:
            wait_for_look(p)
            b.machine.exits(7, cells(101, 2, 0, 0, 5))
            time.sleep(1.2)
            b.remove(7)
            b.remove(2)
            d = json.loads(p.stdout.readline())
            end_of(p)
        found = {c["cgroup"]: c for c in d["cgroups"]}
        equal([found["/free/below"][key] for key in ("guests", "vcpus", "exits", "kernel_ns", "guests_without_helpers")], [0, 0, 100, MS, 1],
              "list --by cgroup -i counts the exits of a guest that ended in the interval, with unknown helpers")
        equal("/a/y" in found, False,
              "list --by cgroup -i has no row for the cgroup of an ended guest that was charged to a tenant")
        equal(found["/a"]["guests"], 2, "list --by cgroup -i takes a tenant's number of guests from the module")


def test_stat():
    with Bench() as b:
        world(b)
        sums = {"/a": [1, 2], "/a/x": [1], "/k/*/pod*": [3, 4], "/k/p/pod1": [3], "/k/p/pod2": [4], "/free": [5, 6], "/free/below": [7]}
        r = b.run("stat", "--by", "cgroup", "--noheadings", "--bytes", "-o", "GUEST,NAME,REASON,COUNT,KERNEL,VMM,RUNQ")
        found = {words[1]: words[2:] for words in map(str.split, r.stdout.splitlines())}
        expected = {cgroup: ["CPUID", str(exits), *(str(part * MS) for part in parts)]
                    for cgroup, (exits, *parts) in ((cgroup, had(guests)[:4]) for cgroup, guests in sums.items())}
        equal(found, expected, "stat --by cgroup has the exit reasons of each tenant and of other control groups")
        equal([r.stderr, {line.split()[0] for line in r.stdout.splitlines()}], ["", {"-"}], "rows of stat --by cgroup have no guest's id")
        r = b.run("stat", "--by", "cgroup", "--noheadings", "-o", "NAME", "1", "7")
        equal(r.stdout.split(), ["/free/below", "/a", "/a/x"],
              "stat --by cgroup GUEST has the selected guests' cgroups in the order of list")
        d = b.json("stat", "--by", "cgroup", "-J")
        equal({c["cgroup"]: (c["tenant"], c["guests"], [reason["count"] for reason in c["reasons"]]) for c in d["cgroups"]},
              {cgroup: (next((n for n, (path, *_) in TENANTS.items() if path == cgroup), None), len(guests), [had(guests)[0]])
               for cgroup, guests in sums.items()},
              "stat --by cgroup --json has the exit reasons of each tenant and of other control groups")
        equal(len(d["l2"]), len(GUESTS), "stat --by cgroup --json also has the guests")
        for args, said in (["--by", "user"], "invalid value 'user': use cgroup"), (["--by", "cgroup", "--vcpus"], "mutually exclusive"):
            r = b.run("stat", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"stat {' '.join(args)} exits with 2 and says: {said}", r)
    with Bench() as b:
        b.machine.guest(1, cells(*GUESTS[1][2:7]))
        b.machine.process(1001, ["qemu"], "0::/x\n")
        r = b.run("stat", "--by", "cgroup", "--noheadings", "-o", "NAME,COUNT")
        equal([r.stdout.split(), r.stderr.count("tenants are unknown here")], [["/x", "100"], 1],
              "stat --by cgroup without tenants uses the VMM's current cgroup and says so")


def test_replay():
    with World(seconds=1000) as w:
        world(w)
        w.record("-c", "1")
        r = w.replay("--at", time_of(w.now()), "list", "--by", "cgroup", "--noheadings", "-o", "TENANT,CGROUP,GUESTS,EXITS")
        equal([r.stdout.partition("\n\n")[0].split(), r.stderr.count("tenants are unknown here")],
              [["-", "/elsewhere", str(len(GUESTS)), str(had(GUESTS)[0])], 1],
              "replay list --by cgroup sums by the VMMs' cgroups and says that tenants are unknown")


def exported(bench, *args):
    r = bench.run("export", *args)
    return r, parse(r.stdout)[0]


def seconds(ns):
    return f"{ns // 10**9}.{ns % 10**9:09d}"


def test_export():
    with Bench() as b:
        world(b)
        r, s = exported(b)
        equal([r.returncode, r.stderr, value(s, "l1tune_tenants"), value(s, "l1tune_tenants_other")], [0, "", str(len(TENANTS)), "0"],
              "export writes the number of tenants, and none as left out")
        for number, (cgroup, pattern, _) in TENANTS.items():
            row = row_of(number)

            def of(name, **labels):
                return value(s, "l1tune_tenant_" + name, tenant=cgroup, **labels)
            equal([of("created_vms_total"), of("exits_total"), *(of("exit_seconds_total", part=part) for part in ("kernel", "vmm", "runq", "halted")),
                   of("guest_seconds_total"), of("stolen_seconds_total")],
                  [str(row[3]), str(row[6]), *(seconds(ns) for ns in (row[7], row[8], row[10], 0, row[11], row[12]))],
                  f"export: the counters of tenant {cgroup} include guests that ended")
            equal([of(name) for name in ("vms", "vcpus", "memory_bytes", "nested_vms")],
                  [None] * 4 if "*" in cgroup else [str(row[2]), str(row[4]), str(row[5]), "0"],
                  f"export: the gauges of tenant {cgroup} are its present guests, vCPUs and memory")
            equal(of("info", id=number, pattern=TENANTS[pattern][0] if pattern else ""), "1",
                  f"export: l1tune_tenant_info of {cgroup} has its number and its pattern")
        write(f"{b.machine.device('tenant-1')}/totals/stolen_time_ns", "unknown", 0o440)
        _, s = exported(b)
        equal([of["tenant"] for of in labels_of(s, "l1tune_tenant_stolen_seconds_total") if of["tenant"] in ("/a", "/a/x")], ["/a/x"],
              "export leaves out stolen seconds of a tenant where they are unknown")
        equal(len([name for name, labels in s if ("tenant", "/a/x") in labels]), 17,
              "export writes 17 series for a tenant")
        b.machine.guest(1, stats=b"damaged")
        r, s = exported(b)
        equal([r.returncode, value(s, "l1tune_tenants")], [1, str(len(TENANTS))],
              "export exits with 1 for a guest that cannot be read, and still writes all tenants")
    with Bench() as b:
        _, s = exported(b)
        equal([value(s, "l1tune_up"), [name for name, _ in s if "tenant" in name]], ["1", []],
              "export writes l1tune_up and no tenant metric if the module has no tenants")
        tenants(b.machine)
        _, s = exported(b)
        equal([value(s, "l1tune_tenants"), value(s, "l1tune_tenants_other_exits")], ["0", "0"],
              "export writes 0 tenants if the module has tenants but none is defined")


def test_export_labels():
    with Bench() as b:
        pod = "/kubepods.slice" + "".join(f"/kubepods-besteffort-pod{'ab' * 16}{n}.slice" for n in range(6))
        given = ['/quo"te', "/back\\slash", ODD, "/web#7", "/same", "/x\\x0a", "/\u00fc" * 130, pod, "/two" + pod]
        for number, cgroup in enumerate(given, 1):
            tenant(b.machine, number, cgroup)
        # A match of the same path is older than the tenant that was defined then.
        tenant(b.machine, 20, "/s*", matches=1)
        tenant(b.machine, 3, "/same", pattern=20)
        tenant(b.machine, 30, ODD)
        _, s = exported(b)
        labels = {int(of["id"]): of["tenant"] for of in labels_of(s, "l1tune_tenant_info")}
        equal(len(set(labels.values())), len(labels), "export gives each tenant a label of its own")
        equal([labels[number] for number in (1, 2, 30, 4, 5, 6)], ['/quo"te', "/back\\slash", "/odd \\x1b[2J\\xff", "/web_7", "/same", "/x\\x0a"],
              "export escapes control characters and '#' in tenant labels, and nothing else")
        equal(labels[3], "/same#3", "export adds its number to the label of a match that has the path of a tenant")
        equal([labels[7], len(labels[8]), pod.endswith(labels[8]), labels[9]],
              ["/\u00fc" * (256 // 3), 256, True, labels[8] + "#9"],
              "export shortens a tenant label to the end of its path, at a character boundary")
        equal([of["pattern"] for of in labels_of(s, "l1tune_tenant_info") if of["tenant"] == "/same#3"], ["/s*"],
              "l1tune_tenant_info of a match names its pattern")


def test_export_many():
    with Bench() as b:
        # The pattern and the tenant around them cost most; of the 150 matches and the others the first cost least.
        tenant(b.machine, 1, "/pods/*", matches=150, exits=10**6, kernel_time_ns=10**12)
        for number in range(150):
            tenant(b.machine, 10 + number, f"/pods/{number}", pattern=1, exits=1000 + number, kernel_time_ns=MS, vmm_time_ns=number * MS,
                   guest_time_ns=(1000 - number) * MS)
        small = {200: ("/small", 5), 201: ("/small/inner", 2), 202: ("/tiny", 1), 203: ("/smaller", 3)}
        for number, (cgroup, exits) in small.items():
            tenant(b.machine, number, cgroup, exits=exits, guest_time_ns=exits * MS, **{part + "_time_ns": exits for part in PARTS})
        r, s = exported(b)
        names = {of["tenant"] for of in labels_of(s, "l1tune_tenant_info")}
        equal(names, {"/pods/*"} | {f"/pods/{number}" for number in range(51, 150)},
              "export writes series of the hundred most expensive tenants")
        equal(len([1 for _, labels in s if "tenant" in dict(labels)]), 100 * 17 - 4 - 100,
              "export writes 17 series per tenant, fewer for a pattern and none for unknown stolen time")
        equal([value(s, "l1tune_tenants"), value(s, "l1tune_tenants_other")], ["155", "55"],
              "export writes the number of all tenants and of those left out")
        equal([value(s, "l1tune_tenants_other_" + name, **labels) for name, labels in
               (("exits", {}), ("guest_seconds", {}), *(("exit_seconds", {"part": part}) for part in PARTS))],
              ["9", "0.009000000"] + ["0.000000009"] * len(PARTS),
              "export sums the tenants left out without counting matches or nested tenants twice")
        if shutil.which("promtool"):
            os.mkdir(b.directory + "/text")
            b.run("export", "--textfile", b.directory + "/text")
            with open(b.directory + "/text/l1tune.prom", "rb") as f:
                p = subprocess.run(["promtool", "check", "metrics"], stdin=f, capture_output=True, text=True, check=False)
            equal([p.returncode, p.stdout, p.stderr], [0, "", ""], "promtool accepts the tenant metrics of export")
        else:
            skip("promtool accepts the tenant metrics of export", "no promtool (package prometheus)")
    with Bench() as b:
        tenant(b.machine, 0, "/pods/a")
        for number in range(1, 4096):
            os.symlink("tenant-0", f"{b.machine.sys}/class/l1tune/tenant-{number}")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        r = b.run("export", tool=os.environ.get("L1TUNE_INSTALLED"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"# 4096 tenants: {spent:.2f} s of CPU, {len(r.stdout)} bytes")
        equal([r.returncode, value(parse(r.stdout)[0], "l1tune_tenants")], [0, "4096"], "export has all tenants if there are as many as there can be")
        ok(spent < 3, "export of as many tenants as there can be takes less than three seconds of CPU", spent)


print("KTAP version 1")
for test in (test_selection, test_since, test_guests, test_json, test_unknown, test_no_tenants, test_intervals, test_ended,
             test_stat, test_replay, test_export, test_export_labels, test_export_many):
    test()
finish()
