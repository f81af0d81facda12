#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune tune, and what apply and save keep of it. Usage: test-tune.py L1TUNE"""
import os

from bench import Bench, equal, finish, ok
from fake import write


def machine(bench, **values):
    m = bench.machine
    m.tune(**({"params": {"kvm/halt_poll_ns": 200000}, "fixed": {"kvm_intel/ple_gap": 128}} | values))
    m.guest(1)
    m.guest(2, comm="other")
    for number, value in (1, "default"), (2, "5000"):
        write(f"{m.device(f'l2-{number}')}/tune/halt_poll_ns", value, 0o640)
    m.process(1001, ["qemu-system-x86_64", "-name", "guest=web"])
    return m


def param(bench, name):
    with open(f"{bench.machine.sys}/module/{name}", encoding="ascii") as f:
        return f.read().rstrip("\n")


def rows(result):
    return [line.split()[:4] for line in result.stdout.splitlines()]


def test_show():
    with Bench() as b:
        machine(b, uid=107, halt_poll_ns=0)
        r = b.run("tune")
        equal(rows(r), [["NAME", "VALUE", "FOR", "CHANGE"], ["uid", "107", "new", "now"],
                        ["halt_poll_ns", "0", "new", "now"], ["pause_in_guest", "default", "new", "now"],
                        ["hlt_in_guest", "default", "new", "now"],
                        ["kvm.halt_poll_ns", "200000", "all", "now"],
                        ["kvm_intel.ple_gap", "128", "all", "reload"]],
              "tune lists the host's settings with value, scope and when a change applies")
        ok("before it sleeps" in r.stdout, "tune says what each setting does", r)
        equal(rows(b.run("tune", "--noheadings", "2", "web")),
              [["halt_poll_ns", "default", "l2-1", "now"], ["halt_poll_ns", "5000", "l2-2", "now"]],
              "tune GUEST lists the settings that a guest can have of its own")
        d = b.json("tune", "-J")
        what = d["tune"][0].pop("what")
        equal(d["tune"][0], {"name": "uid", "value": "107", "for": "new", "id": None, "change": "now", "reload": None},
              "tune --json has all keys of a setting")
        ok(what.startswith("uid whose new guests") and what in " ".join(r.stdout.split()), "tune --json says of a setting what the table says", what)
        equal(d["tune"][-1]["reload"],
              "a line 'options kvm_intel ple_gap=VALUE' in a file of /etc/modprobe.d, and then, with "
              "no guest running: modprobe -r kvm_intel kvm; modprobe kvm_intel",
              "tune --json says how to reload KVM for a parameter")
        r = b.run("tune", "nobody")
        ok(r.returncode == 4 and "no guest matches 'nobody'" in r.stderr and not r.stdout,
           "tune GUEST exits with 4 and names the guest if no guest matches", r)


def test_for_new():
    """A VM has a copy of the parameter, unless its struct says whether it has a value of its own."""
    flag = b"\x9f\xeb\x01\0override_halt_poll_ns\0max_halt_poll_ns\0"
    for release, types, owner in (("5.15.0-107-generic", None, "new"), ("6.0.12", None, "new"), ("6.1.0", None, "all"), ("6.12.3", None, "all"),
                                  ("5.14.0-570.el9", flag, "all"), ("6.12.3", b"\x9f\xeb\x01\0max_halt_poll_ns\0", "new"), ("unknown", None, "all")):
        with Bench() as b:
            machine(b)
            write(b.machine.proc + "/sys/kernel/osrelease", release)
            if types:
                write(b.machine.sys + "/kernel/btf/kvm", types)
            case = f"Linux {release}, {'with' if types == flag else 'without' if types else 'unknown'} a flag in its types"
            equal([row[2] for row in rows(b.run("tune")) if row[0].startswith("kvm")], [owner, "all"],
                  f"tune: kvm.halt_poll_ns is for {owner} guests: {case}")
            r = b.run("tune", "kvm.halt_poll_ns=1000")
            equal([r.returncode, param(b, "kvm/parameters/halt_poll_ns"), "l1tune tune GUEST halt_poll_ns=1000" in r.stderr, bool(r.stderr)],
                  [0, "1000", owner == "new", owner == "new"], f"tune sets the parameter and says if running guests do not get it: {case}")
            r = b.run("try", "kvm.halt_poll_ns=2000", "--for", "0.01")
            equal(["l1tune try halt_poll_ns=2000 --l2 GUEST" in r.stderr, r.returncode == 1], [owner == "new"] * 2,
                  f"try refuses a parameter that running guests do not get: {case}")


def test_renamed():
    """KVM has one of the two, by its version."""
    for name, value in ("lapic_timer_advance_ns", -1), ("lapic_timer_advance", "Y"):
        with Bench() as b:
            machine(b, fixed={"kvm/" + name: value})
            r = b.run("tune", "--noheadings")
            equal([row for row in rows(r) if "lapic" in row[0]], [["kvm." + name, str(value), "all", "reload"]],
                  f"tune lists kvm.{name} if KVM has it, and not the other name")
            r = b.run("tune", f"kvm.{name}={'N' if value == 'Y' else 0}")
            ok(r.returncode == 1 and f"options kvm {name}=" in r.stderr, f"tune says how {name} is changed", r)


def test_set():
    with Bench() as b:
        m = machine(b)
        r = b.run("tune", "hlt_in_guest=1", "kvm.halt_poll_ns=0", "uid=0")
        ok(r.returncode == 0 and not r.stdout and not r.stderr,
           "tune sets several settings, prints nothing and exits with 0", r)
        equal([m.limit("tune/uid"), m.limit("tune/hlt_in_guest"), param(b, "kvm/parameters/halt_poll_ns")],
              ["0", "1", "0"], "tune writes settings to the module and to KVM")
        r = b.run("tune", "web", "halt_poll_ns=7000")
        equal([r.returncode, m.limit("../l2-1/tune/halt_poll_ns"), m.limit("../l2-2/tune/halt_poll_ns"),
               m.limit("tune/halt_poll_ns")], [0, "7000", "5000", "default"],
              "tune GUEST halt_poll_ns=VALUE changes that guest only")
        equal([b.run("tune", "1", "halt_poll_ns=default").returncode,
               m.limit("../l2-1/tune/halt_poll_ns")], [0, "default"],
              "tune GUEST halt_poll_ns=default sets that guest back to default")


def test_ignore_msrs():
    with Bench() as b:
        machine(b, params={"kvm/ignore_msrs": "N"})
        r = b.run("tune", "--noheadings")
        ok(["kvm.ignore_msrs", "N", "all", "now"] in rows(r), "tune lists kvm.ignore_msrs", r)
        r = b.run("tune", "kvm.ignore_msrs=1")
        equal([r.returncode, param(b, "kvm/parameters/ignore_msrs")], [0, "1"], "tune sets kvm.ignore_msrs at run time")


def test_refusals():
    with Bench() as b:
        m = machine(b)
        for words, text in (
                (["max_vms=1"], "unknown setting"), (["halt_poll_ns=1k"], "neither default nor a number"),
                (["halt_poll_ns=-1"], "neither default nor a number"),
                (["halt_poll_ns=4294967296"], "too large"), (["uid=default"], "neither any nor"),
                (["pause_in_guest=0"], "cannot be forced"), (["pause_in_guest=2"], "too large"),
                (["halt_poll_ns="], "a value is missing"), (["uid=1", "uid=2"], "set twice"),
                (["web", "hlt_in_guest=1"], "only halt_poll_ns"),
                (["1", "2", "halt_poll_ns=1"], "exactly one")):
            r = b.run("tune", *words)
            ok(r.returncode == 2 and text in r.stderr and not r.stdout,
               f"tune {' '.join(words)} exits with 2 and says: {text}", r)
        r = b.run("tune", "uid=5", "kvm_intel.ple_gap=0")
        ok(r.returncode == 1 and "'options kvm_intel ple_gap=0'" in r.stderr and
           "modprobe -r kvm_intel kvm; modprobe kvm_intel" in r.stderr,
           "tune exits with 1 for a parameter that needs a reload, and says how to reload", r)
        equal([m.limit("tune/uid"), param(b, "kvm_intel/parameters/ple_gap")], ["any", "128"],
              "tune writes no setting if one of them needs a reload")
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        r = b.run("tune", "kvm_intel.ple_gap=0")
        ok(r.returncode == 1 and "kvm_intel.ple_gap=0 on the kernel's command line" in r.stderr and
           "modprobe" not in r.stderr, "tune refers to the kernel command line for a parameter of built-in KVM", r)
        r = b.run("tune", "uid=5", "kvm_amd.avic=1")
        ok(r.returncode == 1 and "its module is not loaded" in r.stderr and m.limit("tune/uid") == "any",
           "tune writes no setting if the module of one of them is not loaded", r)


def test_harmful():
    """An L0 that enters no guest whose HLT does not exit."""
    with Bench(hypervisor="Microsoft Hv") as b:
        m = machine(b)
        m.limits()
        write(b.machine.sys + "/module/l1tune/parameters/gid", 0)
        r = b.run("tune", "hlt_in_guest=1", "uid=107")
        ok(r.returncode == 1 and "Hyper-V on Intel CPUs refuses" in r.stderr and m.limit("tune/uid") == "any" and m.limit("tune/hlt_in_guest") == "default",
           "tune exits with 1 for hlt_in_guest=1 if guests would not start with it, and sets nothing", r)
        r = b.run("tune", "hlt_in_guest=default", "pause_in_guest=1", "uid=107")
        equal([r.returncode, m.limit("tune/pause_in_guest")], [0, "1"], "tune sets pause_in_guest where guests need exits for HLT")
        path = b.directory + "/conf"
        with open(path, "w", encoding="ascii") as f:
            f.write("tune.uid = 108\ntune.hlt_in_guest = 1\n")
        r = b.run("apply", path)
        ok(r.returncode == 0 and f"{path}:2: tune.hlt_in_guest = 1: " in r.stderr and "guests do not start" in r.stderr and m.limit("tune/uid") == "108",
           "apply names the line of a setting with which guests do not start, and sets all lines", r)


def test_configuration():
    with Bench() as b:
        m = machine(b)
        m.limits()
        write(b.machine.sys + "/module/l1tune/parameters/gid", 0)
        path = b.directory + "/conf"
        with open(path, "w", encoding="ascii") as f:
            f.write("tune.hlt_in_guest = 1\ntune.uid = 107\n")
        r = b.run("apply", path)
        equal([r.returncode, m.limit("tune/uid"), m.limit("tune/hlt_in_guest")], [0, "107", "1"],
              "apply sets the tune settings of a configuration file")
        write(m.device("l1") + "/tune/halt_poll_ns", 9, 0o644)
        r = b.run("save", "-")
        ok("tune.uid = 107\n" in r.stdout and "tune.halt_poll_ns = 9\n" in r.stdout and
           "pause" not in r.stdout, "save - prints the tune settings that differ from their default", r)
        with open(path, "w", encoding="ascii") as f:
            f.write("tune.hlt_in_guest = yes\n")
        r = b.run("apply", path)
        ok(r.returncode == 1 and f"{path}:1: " in r.stderr and "neither default nor a number" in r.stderr and m.limit("tune/hlt_in_guest") == "1",
           "apply names the line of an invalid value of a tune setting, and sets nothing", r)


print("KTAP version 1")
test_show()
test_for_new()
test_renamed()
test_set()
test_ignore_msrs()
test_refusals()
test_harmful()
test_configuration()
finish()
