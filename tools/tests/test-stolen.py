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


# Each another: of the host, of its guest, of the guest's only vCPU that still exists, of the exits of that.
HOST, GUEST, VCPU, EXITS = 64 * MS, 21 * MS, 13 * MS, 7 * MS


def cells_of(is_known, whole):
    cells = [cell(*which, **PARTS, **({"stolen_ns": ns} if is_known else {})) for which, ns in ((CPUID, EXITS), (HLT, 0))]
    return [*cells, fixed(exits=1000, exit_time_ns=100 * MS, guest_time_ns=40 * MS, **({"stolen_ns": whole} if is_known else {}))]


def machine(clock):
    """One whose module says that of the steal clock; None: it is older."""
    is_known = clock == "ok"
    totals = TOTALS if clock is None else TOTALS | {"stolen_time_ns": HOST if is_known else "unknown"}
    bench = Bench(totals=totals, **({} if clock is None else {"steal_clock": clock}))
    bench.machine.limits()
    bench.machine.guest(1, cells_of(is_known, GUEST), vcpu_cells={0: cells_of(is_known, VCPU)})
    return bench


def column(bench, *args):
    return bench.run(*args, "--noheadings", "--bytes", "-o", "STOLEN").stdout.split("\n")[:-1]


def doctor(bench):
    rows = json.loads(bench.run("doctor", "--no-try", "--json").stdout)["rows"]
    return {row["row"]: row for row in rows}.get("stolen time")


def test_known():
    with machine("ok") as b:
        equal([line.strip() for line in column(b, "list")], ["21000000"], "list prints all stolen time of a guest")
        equal([line.strip() for line in column(b, "list", "--vcpus")], ["13000000"],
              "list --vcpus prints all stolen time of a vCPU")
        equal(sorted(line.strip() for line in column(b, "stat")), ["0", "7000000"],
              "stat prints the stolen time of each reason, and 0 for none")
        document = b.json("stat", "--json", "--vcpus")
        guest = document["l2"][0]
        equal([guest["stolen_ns"], guest["vcpu"][0]["stolen_ns"]], [GUEST, VCPU],
              "stat --json --vcpus has the stolen time of guest and vCPU")
        equal({r["reason"]: r["stolen_ns"] for r in guest["reasons"]}, {"CPUID": EXITS, "HLT": 0},
              "stat --json has the stolen time of each reason")
        equal([document["l1"]["steal_clock"], document["l1"]["totals"]["stolen_time_ns"]], ["ok", HOST],
              "stat --json has the host's steal clock and stolen time")
        samples, _ = parse(b.run("export").stdout)
        equal([value(samples, "l1tune_guest_stolen_seconds_total", guest="vmm#1"),
               value(samples, "l1tune_host_stolen_seconds_total")], ["0.021000000", "0.064000000"],
              "export has the stolen time of guest and host")
        ok("64.0ms stolen by L0" in b.run("status").stdout, "status prints the host's stolen time", b.run("status").stdout)
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
            samples, _ = parse(b.run("export").stdout)
            equal([value(samples, "l1tune_guest_seconds_total", guest="vmm#1"), sorted(name for name, _ in samples if "stolen" in name)],
                  ["0.040000000", []], f"export has the guest, but no metric of stolen time, with steal clock {clock}")
            r = b.run("status")
            ok("20.0ms halted, 0ns with the VMM asleep, 0ns blocked, 0ns throttled\n" in r.stdout and "stolen" not in r.stdout,
               f"status prints the breakdown without stolen time with steal clock {clock}", r)
            row = doctor(b)
            equal(row["state"], "warning" if clock in ("not_enabled", "no_hooks") else "info",
                  f"doctor warns of stolen time only if that can be changed, with steal clock {clock}")
            equal("unknown" in row["text"], clock != "bare_metal",
                  f"doctor says that stolen time is unknown with steal clock {clock}, unless it is bare metal")
    with machine("invented") as b:
        ok("does not know" in doctor(b)["text"],
           "doctor says that it does not know a steal clock state of a newer module", doctor(b))


def test_diff():
    with machine("ok") as b:
        document = b.json("stat", "--json")
        paths = [b.directory + name for name in ("/before.json", "/after.json")]
        write(paths[0], json.dumps(document))
        guest = document["l2"][0]
        guest["interval_ns"] += 10**10
        guest["reasons"][0]["count"] += 10
        guest["reasons"][0]["stolen_ns"] += 5 * MS
        write(paths[1], json.dumps(document))
        found = b.json("diff", "-J", *paths)["diff"]["between"]["l2"][0]["reasons"]
        equal([(r["reason"], r["count"], r["stolen_ns"]) for r in found], [("CPUID", 10, 5 * MS), ("HLT", 0, 0)],
              "diff subtracts the stolen time of each reason in two documents")


def test_broken():
    with machine("ok") as b:
        write(b.machine.device("l1") + "/totals/stolen_time_ns", "much", 0o440)
        r = b.run("status")
        ok(r.returncode == 1 and "/l1/totals: unexpected value" in r.stderr,
           "status exits with 1 for stolen time that is neither a number nor unknown", r)


def test_top():
    with machine("ok") as b:
        ok("STOLEN" in on_terminal(b.command("top", "--once", "-d", "0.1"), 160),
           "top has a STOLEN column if stolen time is known")
    with machine("not_offered") as b:
        shown = on_terminal(b.command("top", "--once", "-d", "0.1"), 160)
        ok("THROT" in shown and "STOLEN" not in shown,
           "top on a terminal of 160 columns has THROT and no STOLEN column if stolen time is unknown", shown)


print("KTAP version 1")
for test in test_known, test_unknown, test_diff, test_broken, test_top:
    test()
finish()
