#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune paravirt: what it says of what guests are offered and use. Usage: test-paravirt.py L1TUNE"""
import shutil

from bench import Bench, equal, finish, ok
from fake import cell, hist, now, stats_file, write

USES = "kvmclock async_pf steal_time pv_eoi host_poll".split()
# Bits of KVM_FEATURE_*.
BITS = {"kvmclock": 1 << 3, "async_pf": 1 << 4, "steal_time": 1 << 5, "pv_eoi": 1 << 6, "pv_unhalt": 1 << 7,
        "pv_tlb_flush": 1 << 9, "pv_ipi": 1 << 11, "poll_control": 1 << 12, "pv_sched_yield": 1 << 13}
ALL = sum(BITS.values())


def lines(texts):
    return "".join(f"{text:<39}\n" for text in texts).encode()


def paravirt(offered, **used):
    """The file of a vCPU; host_poll is on unless told otherwise."""
    offered = offered if isinstance(offered, str) else f"{offered:#x}"
    return lines([f"offered {offered}", *(f"{name} {(dict.fromkeys(USES, 0) | {'host_poll': 1} | used)[name]}" for name in USES)])


def add(bench, number, *vcpus, hypercalls=0, name="VMCALL"):
    """A guest with these files; None: a module that has no such file."""
    bench.machine.guest(number, [cell(2, 18, name, hypercalls, 1000, 1000, hist(b9=hypercalls))] if hypercalls else
                        [cell(2, 10, "CPUID", 5, 1000, 1000, hist(b9=5))], vcpus=len(vcpus))
    for vcpu, text in enumerate(vcpus):
        path = f"{bench.machine.device(f'l2-{number}')}/vcpu{vcpu}"
        write(path + "/stats", stats_file(f"l1tune-{number}/vcpu-{vcpu}", now(1, 1000)), 0o440)
        if text is not None:
            write(path + "/paravirt", text, 0o440)


def table(bench, *args):
    """{FEATURE: (OFFERED, USED)}"""
    r = bench.run("paravirt", "--noheadings", "-o", "FEATURE,OFFERED,USED", *args)
    return {words[0]: (words[1], " ".join(words[2:])) for words in map(str.split, r.stdout.splitlines())}


def test_one():
    with Bench() as b:
        add(b, 1, paravirt(ALL, kvmclock=1, steal_time=1, host_poll=0))
        seen = table(b)
        equal({name: seen[name] for name in ("kvmclock", "async_pf", "steal_time", "pv_eoi", "poll_control")},
              {"kvmclock": ("yes", "yes"), "async_pf": ("yes", "no"), "steal_time": ("yes", "yes"), "pv_eoi": ("yes", "no"),
               "poll_control": ("yes", "yes")},
              "paravirt shows the features used by MSRs, and poll_control as used if host polling is off")
        equal({name: seen[name] for name in ("pv_unhalt", "pv_tlb_flush", "pv_ipi", "pv_sched_yield")},
              {"pv_tlb_flush": ("yes", "?")} | dict.fromkeys(("pv_unhalt", "pv_ipi", "pv_sched_yield"), ("yes", "no")),
              "paravirt shows features that need hypercalls as unused without any, and TLB flushes as unknown")
        equal(set(seen), set(BITS), "paravirt shows all features")
    with Bench() as b:
        add(b, 1, paravirt(ALL, steal_time=1), hypercalls=7)
        seen = table(b)
        equal([seen[name][1] for name in ("pv_unhalt", "pv_tlb_flush", "pv_ipi", "pv_sched_yield")], ["?"] * 4,
              "paravirt shows the use of features as unknown for a guest that makes hypercalls")
    with Bench() as b:
        add(b, 1, paravirt(ALL), hypercalls=7, name="hypercall")
        equal(table(b)["pv_ipi"], ("yes", "?"), "paravirt counts the SVM exit reason hypercall as hypercalls")
    with Bench() as b:
        add(b, 1, paravirt(ALL), hypercalls=7)
        equal(table(b)["pv_tlb_flush"], ("yes", "no"), "paravirt shows TLB flushes as unused without steal time")


def test_each_use():
    """Each sign of use alone: were two of them mixed up, another feature would be shown as used."""
    uses = dict(zip(USES[:4], USES[:4])) | {"host_poll": "poll_control"}
    for use, feature in uses.items():
        with Bench() as b:
            add(b, 1, paravirt(ALL, **{use: int(use != "host_poll")}))
            seen = table(b)
            equal([name for name in uses.values() if seen[name] == ("yes", "yes")], [feature],
                  f"paravirt shows {feature} alone as used if {use} is the only sign of use")


def test_columns():
    with Bench() as b:
        add(b, 1, paravirt(ALL, async_pf=1), paravirt(0))
        b.machine.process(1001, ["qemu", "-name", "web"])
        r = b.run("paravirt")
        rows = [line.split(maxsplit=5) for line in r.stdout.splitlines()]
        equal([r.returncode, rows[0], len(rows)], [0, "ID NAME FEATURE OFFERED USED SAVES".split(), 10],
              "paravirt prints its columns and a row for each feature")
        equal(r.stdout.splitlines()[2].split(),
              "1 web async_pf yes 1 of 2 waiting for a page that this machine has swapped out".split(),
              "paravirt prints guest, name, offer, use and what is saved in the row of a feature that one of two vCPUs is offered")
        r = b.run("paravirt", "--noheadings", "-o", "VCPUS,PID,FEATURE")
        equal([line.split() for line in r.stdout.splitlines()[:2]], [["2", "1001", "kvmclock"], ["2", "1001", "async_pf"]],
              "paravirt -o VCPUS,PID,FEATURE prints the number of vCPUs, the PID and the feature")


def test_offered():
    for name, bit in BITS.items():
        with Bench() as b:
            add(b, 1, paravirt(ALL & ~bit), hypercalls=1)
            equal(table(b)[name], ("no", "no"), f"paravirt shows {name} as unused if it is not offered")
    with Bench() as b:
        add(b, 1, paravirt(1))
        equal(table(b)["kvmclock"][0], "yes", "paravirt shows kvmclock as offered if only its older MSRs are")
    with Bench() as b:
        add(b, 1, paravirt("unknown", kvmclock=1))
        seen = table(b)
        equal([seen["kvmclock"], seen["pv_eoi"]], [("?", "yes"), ("?", "no")],
              "paravirt shows what is offered as unknown if the kernel does not find the CPUID leaf")


def test_many():
    with Bench() as b:
        add(b, 1, paravirt(ALL, kvmclock=1), paravirt(ALL), paravirt(ALL, kvmclock=1))
        equal(table(b)["kvmclock"], ("yes", "2 of 3"), "paravirt shows how many vCPUs use a feature")
        add(b, 2, paravirt(0))
        add(b, 3, lines(["offered unknown"]))
        equal(table(b, "2")["kvmclock"], ("no", "no"),
              "paravirt shows kvmclock as neither offered nor used by a guest that is offered nothing")
        equal(set(table(b, "3").values()), {("?", "?"), ("?", "no")},
              "paravirt shows all as unknown for a vCPU that has ended, but no use of hypercalls")
        d = b.json("paravirt", "-J")
        equal([(g["id"], g["vcpus"], len(g["features"])) for g in d["paravirt"]], [(1, 3, 9), (2, 1, 9), (3, 1, 9)],
              "paravirt --json has all guests and features")
        equal(d["paravirt"][0]["features"][0], {"name": "kvmclock", "offered": True, "vcpus_using": 2, "uses_per_s": None, "accesses_per_s": None},
              "paravirt --json has all fields of a feature")
        equal([d["paravirt"][2]["features"][3][key] for key in ("offered", "vcpus_using")], [None, None],
              "paravirt --json has null for what is not known")
        shutil.rmtree(f"{b.machine.device('l2-2')}/vcpu0")
        equal(set(b.run("paravirt", "--noheadings", "-o", "ID").stdout.split()), {"1", "3"},
              "paravirt leaves out a guest whose vCPU has ended")


def test_errors():
    with Bench() as b:
        r = b.run("paravirt")
        equal([r.returncode, r.stdout, r.stderr], [0, "", "l1tune: no guests\n"],
              "paravirt says that there are no guests and exits with 0")
        add(b, 1, None)
        r = b.run("paravirt")
        ok(r.returncode == 1 and not r.stdout and "came with this l1tune" in r.stderr and "vcpu<n>/paravirt" in r.stderr,
           "paravirt fails and asks for the right module if the loaded one has no paravirt files", r)
        for text in "offered 12", "offered 0x", "offered 0x1ffffffff", "kvmclock 2", "kvmclock":
            write(f"{b.machine.device('l2-1')}/vcpu0/paravirt", lines([text]), 0o440)
            r = b.run("paravirt")
            ok(r.returncode == 1 and "l2-1/vcpu<n>/paravirt" in r.stderr and not r.stdout,
               f"paravirt fails on a file with invalid input: {text}", r)
        write(f"{b.machine.device('l2-1')}/vcpu0/paravirt", paravirt(ALL) + lines(["new_use 1"]), 0o440)
        equal(table(b)["kvmclock"], ("yes", "no"), "paravirt ignores unknown lines of a newer module")
        r = b.run("paravirt", "9")
        ok(r.returncode == 4 and "no guest matches '9'" in r.stderr and not r.stdout,
           "paravirt GUEST exits with 4 and names the guest if there is no such guest", r)
        r = b.run("paravirt", "-i", "0")
        ok(r.returncode == 2 and "--interval" in r.stderr and not r.stdout, "paravirt -i 0 exits with 2 and names --interval", r)
    with Bench(load=False) as b:
        r = b.run("paravirt")
        ok(r.returncode == 3 and "modprobe l1tune" in r.stderr and not r.stdout,
           "paravirt without the module exits with 3 and says how to load it", r)


def test_sample():
    """What is counted is in test-msrs; here there is nothing to count, which is said once, and the table is there without it."""
    with Bench() as b:
        add(b, 1, paravirt(ALL & ~BITS["pv_eoi"], kvmclock=1), hypercalls=1)
        r = b.run("paravirt", "-i", "0.1")
        equal([r.returncode, r.stderr], [0, "l1tune: what guests access cannot be counted: needs the live machine; "
                                            f"{b.machine.sys} is a copy of files\n"],
              "paravirt -i says once that a copied /sys has nothing to count, and exits with 0")
        rows = {words[2]: words[3:7] for words in map(str.split, r.stdout.splitlines())}
        equal([rows.get(name) for name in ("FEATURE", "kvmclock", "pv_eoi", "pv_ipi")],
              [["OFFERED", "USED", "USES_S", "ACCESSES_S"], ["yes", "yes", "-", "-"], ["no", "no", "-", "-"], ["yes", "?", "-", "-"]],
              "paravirt -i prints - for uses and accesses that could not be counted, and not 0")
        d = b.json("paravirt", "-i", "0.1", "-J")
        equal([d["interval_ns"], {(f["uses_per_s"], f["accesses_per_s"]) for f in d["paravirt"][0]["features"]}],
              [100_000_000, {(None, None)}],
              "paravirt -i --json has the interval, and null for uses and accesses that could not be counted")


print("KTAP version 1")
for test in test_one, test_each_use, test_columns, test_offered, test_many, test_errors, test_sample:
    test()
finish()
