#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The time that L0 took, where it is known and where not. Usage: test-stolen.py L1TUNE"""
import json

from bench import Bench, equal, finish, ok, on_terminal
from fake import cell, fixed, hist, write
from promtext import parse, value

MS = 1_000_000
PARTS = {"kernel_ns": 50 * MS, "vmm_ns": 30 * MS, "vmm_sleep_ns": 0, "halted_ns": 20 * MS, "blocked_ns": 0,
         "runq_ns": 0, "throttled_ns": 0}
TOTALS = {"exits": 1000, "exit_time_ns": 100 * MS} | {part[:-3] + "_time_ns": ns for part, ns in PARTS.items()}
CPUID = (2, 10, "CPUID", 900, 80 * MS, 9 * MS, hist(b17=900))
HLT = (2, 12, "HLT", 100, 20 * MS, 9 * MS, hist(b18=100))
NAMES = {"ok": "known", "not_offered": "unknown", "not_enabled": "unknown", "no_hooks": "unknown",
         "bare_metal": "unknown"}


def machine(clock, in_exits=7 * MS, whole=21 * MS):
    """One whose module says that of the steal clock; None: it is older."""
    is_known = clock == "ok"
    totals = TOTALS if clock is None else TOTALS | {"stolen_time_ns": whole if is_known else "unknown"}
    bench = Bench(totals=totals, **({} if clock is None else {"steal_clock": clock}))
    cells = [cell(*which, **PARTS, **({"stolen_ns": ns} if is_known else {}))
             for which, ns in ((CPUID, in_exits), (HLT, 0))]
    cells.append(fixed(exits=1000, exit_time_ns=100 * MS, guest_time_ns=40 * MS,
                       **({"stolen_ns": whole} if is_known else {})))
    bench.machine.limits()
    bench.machine.guest(1, cells, vcpu_cells={0: cells})
    return bench


def column(bench, *args):
    return bench.run(*args, "--noheadings", "--bytes", "-o", "STOLEN").stdout.split("\n")[:-1]


def doctor(bench):
    rows = json.loads(bench.run("doctor", "--no-try", "--json").stdout)["rows"]
    return {row["row"]: row for row in rows}.get("stolen time")


def test_known():
    with machine("ok") as b:
        equal([line.strip() for line in column(b, "list")], ["21000000"], "list prints all stolen time of a guest")
        equal([line.strip() for line in column(b, "list", "--vcpus")], ["21000000"],
              "list --vcpus prints all stolen time of a vCPU")
        equal(sorted(line.strip() for line in column(b, "stat")), ["0", "7000000"],
              "stat prints the stolen time of each reason, and 0 for none")
        document = b.json("stat", "--json", "--vcpus")
        guest = document["l2"][0]
        equal([guest["stolen_ns"], guest["vcpu"][0]["stolen_ns"]], [21 * MS] * 2,
              "stat --json --vcpus has the stolen time of guest and vCPU")
        equal({r["reason"]: r["stolen_ns"] for r in guest["reasons"]}, {"CPUID": 7 * MS, "HLT": 0},
              "stat --json has the stolen time of each reason")
        equal([document["l1"]["steal_clock"], document["l1"]["totals"]["stolen_time_ns"]], ["ok", 21 * MS],
              "stat --json has the host's steal clock and stolen time")
        samples, _ = parse(b.run("export").stdout)
        equal([value(samples, "l1tune_guest_stolen_seconds_total", guest="vmm#1"),
               value(samples, "l1tune_host_stolen_seconds_total")], ["0.021000000"] * 2,
              "export has the stolen time of guest and host")
        ok("21.0ms stolen by L0" in b.run("status").stdout, "status prints the stolen time", b.run("status").stdout)
        equal(doctor(b)["state"], "ok", "doctor reports stolen time as ok if it is known")


def test_unknown():
    for clock in [clock for clock, is_known in NAMES.items() if is_known == "unknown"] + [None]:
        with machine(clock) as b:
            equal([line.strip() for line in column(b, "list")], ["-"],
                  f"list prints - for stolen time with steal clock {clock}")
            equal({line.strip() for line in column(b, "stat")}, {"-"},
                  f"stat prints - for stolen time with steal clock {clock}")
            document = b.json("stat", "--json")
            guest = document["l2"][0]
            equal([guest["stolen_ns"], *(r["stolen_ns"] for r in guest["reasons"])], [None] * 3,
                  f"stat --json has null for stolen time with steal clock {clock}")
            equal([document["l1"]["steal_clock"], document["l1"]["totals"].get("stolen_time_ns")], [clock, None],
                  f"stat --json has null for the host's stolen time with steal clock {clock}")
            ok("\nl1tune_guest_stolen" not in b.run("export").stdout and "host_stolen" not in b.run("export").stdout,
               f"export has no metric of stolen time with steal clock {clock}")
            ok("stolen" not in b.run("status").stdout, f"status prints no stolen time with steal clock {clock}")
            row = doctor(b)
            equal(row["state"], "warning" if clock in ("not_enabled", "no_hooks") else "info",
                  f"doctor warns of stolen time only if that can be changed, with steal clock {clock}")
            equal("unknown" in row["text"], clock != "bare_metal",
                  f"doctor says that stolen time is unknown with steal clock {clock}, unless it is bare metal")
    with machine("invented") as b:
        ok("does not know" in doctor(b)["text"],
           "doctor says that it does not know a steal clock state of a newer module", doctor(b))


def test_interval():
    with machine("ok") as b:
        saved = b.directory + "/before.json"
        write(saved, b.run("stat", "--json").stdout)
        r = b.run("diff", saved, saved)
        ok(r.returncode == 0, "diff reads a document with stolen time", r)


def test_broken():
    with machine("ok") as b:
        write(b.machine.device("l1") + "/totals/stolen_time_ns", "much", 0o440)
        r = b.run("status")
        ok(r.returncode == 1 and "totals" in r.stderr,
           "status exits with 1 for stolen time that is neither a number nor unknown", r)


def test_top():
    with machine("ok") as b:
        ok("STOLEN" in on_terminal(b.command("top", "--once", "-d", "0.1"), 160),
           "top has a STOLEN column if stolen time is known")
    with machine("not_offered") as b:
        ok("STOLEN" not in on_terminal(b.command("top", "--once", "-d", "0.1"), 160),
           "top has no STOLEN column if stolen time is unknown")


print("KTAP version 1")
for test in test_known, test_unknown, test_interval, test_broken, test_top:
    test()
finish()
