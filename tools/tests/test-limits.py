#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune limits, and what status says of them. Usage: test-limits.py L1TUNE"""
import json
import os
import resource
import shutil
import signal
import subprocess

from bench import TOOL, Bench, equal, finish, ok, on_terminal
from fake import LIMITS, write

PACE = "max_exits_per_sec"


def machine(bench, **files):
    m = bench.machine
    m.limits(**files)
    m.guest(1, vcpus=2)
    m.guest(2, uid=107, vcpus=4, memory_bytes=2 << 30, comm="max_vms")
    m.guest(3, uid=107, vcpus=0, memory_bytes=0, memory_peak_bytes=3 << 30)
    for number, value in (1, "default"), (2, "5000"), (3, "max"):
        write(f"{m.device(f'l2-{number}')}/limits/{PACE}", value, 0o640)
    m.process(1001, ["qemu-system-x86_64", "-name", "guest=web"])


def used(**values):
    return {"usage": {"vms": 3, "vcpus": 6, "memory_bytes": 5 << 29, "nested_vms": 1} | values}


def rows(result):
    return [line.split() for line in result.stdout.splitlines()]


def test_show():
    with Bench(**used()) as b:
        machine(b, limits={"max_vms": 20, "max_vms_per_user": 1, "max_memory_bytes": 64 << 30,
                           "max_nested_vms": 0}, audit={"max_vcpus": 4},
                denied={"max_vms": 7}, would_deny={"max_vcpus": 3},
                hooks={"refuse_vm": "ok", "refuse_vcpu": "ok", "refuse_memory": "waiting"},
                effective={"max_memory_bytes": 0})
        r = b.run("limits")
        equal(rows(r), [
            "LIMIT VALUE AUDIT USE HEADROOM DENIED WOULD_DENY EFFECTIVE".split(),
            "max_vms 20 max 3 17 7 0 yes".split(),
            "max_vms_per_user 1 max 2 0 0 0 yes".split(),
            "max_vcpus max 4 6 max 0 3 yes".split(),
            "max_vcpus_per_vm max max 4 max 0 0 -".split(),
            "max_memory_bytes 64G max 2.5G 61.5G 0 0 waiting".split(),
            "max_memory_per_vm_bytes max max 3G max 0 0 -".split(),
            "max_nested_vms 0 max 1 0 0 0 yes".split(),
            "max_exits_per_sec max max - max 0 0 -".split()],
              "limits shows all limits with value, use, headroom, denials and state")
        ok(r.returncode == 0 and not r.stderr, "limits exits with 0 if a limit waits for KVM", r)
        r = b.run("limits", "--noheadings", "-o", "OF", "max_vms", "max_vms_per_user",
                  "max_vcpus_per_vm", "audit.max_memory_per_vm_bytes")
        equal(r.stdout.split("\n")[:-1], ["-", "uid 107", "l2-2", "l2-3"],
              "limits -o OF shows the guest or user with the largest use, by peak for memory")
        r = b.run("limits", "--noheadings", "--bytes", "-o", "limit,value,use,headroom", "--sort",
                  "-headroom", "max_vms", "max_memory_bytes", "max_vcpus", "max_exits_per_sec")
        equal(rows(r), [["max_vms", "20", "3", "17"],
                        ["max_memory_bytes", "68719476736", "2684354560", "66035122176"],
                        ["max_vcpus", "max", "6", "max"], ["max_exits_per_sec", "max", "-", "max"]],
              "limits --bytes --sort -headroom shows bytes, and a limit that is not set as the largest headroom")
        d = b.json("limits", "-J")
        equal(list(d), ["schema", "tool", "module", "boot_id", "loaded_ns", "time", "interval_ns",
                        "limits", "tenants"], "limits --json has the documented keys in order")
        equal(d["limits"][0], {
            "id": None, "name": None, "limit": "max_vms", "value": 20, "scope": "l1", "audit": None,
            "use": 3, "of": None, "headroom": 17, "denied": 7, "would_deny": 0, "set": True,
            "effective": True, "hook": "refuse_vm", "hook_state": "ok"}, "limits --json has all fields of a limit")
        equal([[r["limit"], r["value"], r["audit"], r["use"], r["headroom"]]
               for r in d["limits"][2:8:5]],
              [["max_vcpus", None, 4, 6, None], [PACE, None, None, None, None]],
              "limits --json has null for a value that is not set or not known")
    with Bench() as b:
        b.machine.limits()
        equal([r["use"] for r in b.json("limits", "-J")["limits"]], [0] * 7 + [None],
              "limits --json has 0 as the largest use without guests")
    with Bench() as b:
        for args in ["limits"], ["limits", "max_vms=1"]:
            r = b.run(*args)
            ok(r.returncode == 1 and "came with this l1tune" in r.stderr and not r.stdout,
               f"l1tune {' '.join(args)} fails and asks for the right module if the loaded one has no limits", r)
    with Bench(load=False) as b:
        for args in ["limits"], ["limits", "max_vms=1"]:
            r = b.run(*args)
            ok(r.returncode == 3 and "modprobe l1tune" in r.stderr,
               f"l1tune {' '.join(args)} exits with 3 and says how to load it, without the module", r)


def test_broken():
    broken = {"limits": {"max_vms": 20}, "audit": {"max_memory_bytes": 1 << 30},
              "hooks": {"refuse_vm": "unavailable", "refuse_memory": "unavailable",
                        "refuse_vcpu": "ok"},
              "effective": {"max_vms": 0, "max_vms_per_user": 0, "max_memory_bytes": 0}}
    with Bench(**used()) as b:
        machine(b, **broken)
        r = b.run("limits", "--noheadings", "-o", "LIMIT,EFFECTIVE,HOOK_STATE")
        equal(rows(r)[:2] + rows(r)[4:5], [["max_vms", "no", "unavailable"],
                                           ["max_vms_per_user", "-", "unavailable"],
                                           ["max_memory_bytes", "no", "unavailable"]],
              "limits shows that a limit whose hook is unavailable is not effective")
        ok(r.returncode == 1 and "max_vms is set and not effective: its hook refuse_vm is "
           "unavailable" in r.stderr and "audit.max_memory_bytes is set" in r.stderr and
           "max_vms_per_user" not in r.stderr,
           "limits exits with 1 and names the unavailable hook if a limit is not effective", r)
        r = b.run("limits", "max_vcpus")
        equal([r.returncode, r.stderr, [row[0] for row in rows(r)]], [0, "", ["LIMIT", "max_vcpus"]],
              "limits NAME shows that limit and exits with 0 if only other limits are not effective")
        shown = on_terminal(b.command("limits"), 120)
        red = [line for line in shown.splitlines() if "\x1b[31m" in line]
        equal([line.split()[0].split("m", 1)[-1] for line in red], ["max_vms", "max_memory_bytes"],
              "limits shows limits that are not effective in red on a terminal")
        shown = on_terminal(b.command("limits"), 120, NO_COLOR="1")
        ok("max_vms " in shown and "\x1b" not in shown, "limits has no colours with NO_COLOR", shown)
        r = b.run("limits", "max_vms=19")
        ok(r.returncode == 1 and "not effective" in r.stderr and
           b.machine.limit("limits/max_vms") == "19",
           "limits NAME=VALUE sets a limit and exits with 1 if it is not effective", r)
        r = b.run("limits", "max_vms=max")
        ok(r.returncode == 0 and not r.stderr, "limits NAME=max exits with 0 if the limit cannot be enforced", r)
        r = b.run("limits", "max_vms=2", "audit.max_memory_bytes=1G", "max_vcpus=9")
        ok("max_vms=2 is below the 3 in use: guests keep what they have" in r.stderr and
           "audit.max_memory_bytes=1G is below the 2.5G in use: each request for more is counted" in r.stderr and
           "max_vcpus" not in r.stderr, "limits NAME=VALUE warns about a limit below what is in use", r.stderr)
        b.machine.limits(**broken)
        r = b.run("status")
        ok(r.returncode == 0 and "\nlimits    max_vms=20 (use 3) not effective\n" in r.stdout and
           "\n          audit.max_memory_bytes=1G (use 2.5G) not effective\n" in r.stdout and
           "l1tune limits says why" in r.stdout,
           "status shows limits that are not effective and points to l1tune limits", r.stdout)
        ok("refuse_memory unavailable, refuse_vm unavailable\n" in r.stdout and
           "not counted" not in r.stdout, "status does not say that exits are not counted if only hooks of limits are missing", r.stdout)
        shown = on_terminal(b.command("status"), 100)
        ok("\x1b[31mmax_vms=20" in shown, "status shows a limit that is not effective in red on a terminal", shown)
        b.machine.limits(limits={"max_memory_bytes": 64 << 30}, denied={"max_memory_bytes": 2},
                         audit={"max_memory_bytes": 32 << 30}, hooks={"refuse_memory": "waiting"},
                         effective={"max_memory_bytes": 0})
        r = b.run("status")
        ok("\nlimits    max_memory_bytes=64G, audit.max_memory_bytes=32G (use 2.5G) waiting, "
           "denied 2\n" in r.stdout and "not effective" not in r.stdout,
           "status shows use, denials and audit of a limit that waits for KVM",
           r.stdout)
        for state in "waiting", "detached":
            b.machine.limits(limits={"max_vms": 20}, hooks={"refuse_vm": state}, effective={"max_vms": 0})
            status, limits, export = b.run("status"), b.run("limits"), b.run("export")
            ok(" waiting\n" in status.stdout and f"refuse_vm {state}" in status.stdout and "modprobe kvm_intel" in status.stdout,
               f"status says that a limit waits for KVM: its hook is {state}", status.stdout)
            ok(limits.returncode == 0 and "waiting" in limits.stdout and not limits.stderr,
               f"limits says that a limit waits for KVM and exits with 0: its hook is {state}", limits)
            ok('l1tune_limit_broken{limit="max_vms"} 0' in export.stdout,
               f"export does not report a limit that waits for KVM as broken: its hook is {state}", export.stdout)
            r = b.run("limits", "max_vms=21")
            ok(r.returncode == 0 and "waits for KVM" in r.stderr, f"a limit can be set while its hook is {state}", r)
        b.machine.limits()
        r = b.run("status")
        ok("limits" not in r.stdout and "hooks     10 ok\n" in r.stdout,
           "status has no limits line and no hooks that are off if no limit is set", r.stdout)


def test_set():
    with Bench() as b:
        machine(b)
        for value, written in (("0", "0"), ("20", "20"), ("max", "max"), ("007", "7"),
                               ("18446744073709551614", "18446744073709551614")):
            r = b.run("limits", f"max_vms={value}")
            ok(r.returncode == 0 and not r.stdout and not r.stderr and
               b.machine.limit("limits/max_vms") == written,
               f"limits max_vms={value} writes the value and prints nothing", r)
        for value, factor in (("64G", 64 << 30), ("1K", 1 << 10), ("512m", 512 << 20),
                              ("2TiB", 2 << 40), ("3P", 3 << 50), ("12345", 12345)):
            b.run("limits", f"audit.max_memory_bytes={value}")
            equal(b.machine.limit("audit/max_memory_bytes"), str(factor),
                  f"limits audit.max_memory_bytes={value} writes the size in bytes")
        r = b.run("limits", "max_vcpus=8", "audit.max_vcpus=6", "max_nested_vms=0", "-J")
        equal([b.machine.limit(f) for f in ("limits/max_vcpus", "audit/max_vcpus",
                                            "limits/max_nested_vms")], ["8", "6", "0"],
              "limits sets several limits in one command")
        equal([[r["limit"], r["value"], r["audit"]] for r in json.loads(r.stdout)["limits"]],
              [["max_vcpus", 8, 6], ["max_nested_vms", 0, None]],
              "limits NAME=VALUE --json shows the limits that were set")


def test_wrong():
    with Bench() as b:
        machine(b, limits={"max_vcpus": 5})
        for word, said in (("max_vms=", "missing"), ("max_vms=x", "not a number"),
                           ("max_vms=-1", "negative"), ("max_vms=+1", "not a number"),
                           ("max_vms=1.5", "not a number"), ("max_vms=0x10", "not a number"),
                           ("max_vms=1e3", "not a number"), ("max_vms=4K", "takes no unit"),
                           ("max_vms=4 ", "takes no unit"), ("max_vms=MAX", "not a number"),
                           ("max_vms=default", "use max for no limit"),
                           ("max_vms=18446744073709551615", "too large"),
                           ("max_vms=99999999999999999999", "too large"),
                           ("max_memory_bytes=16384P", "too large"),
                           ("max_memory_bytes=64GB", "unknown unit"),
                           ("max_memory_bytes=64 G", "unknown unit"),
                           ("max_memory_bytes=64X", "unknown unit"),
                           ("max_memory_bytes=G", "not a size"),
                           ("max_memory_bytes=1.5G", "not a size"),
                           ("max_vm=1", "did you mean max_vms?"),
                           ("audit.max_vcpu=1", "did you mean audit.max_vcpus?"),
                           ("memory=1G", "--help lists the settings"), ("nonsense=1", "name:"),
                           ("=5", "a name is missing"), ("audit.=5", "a name is missing"),
                           ("max_vms=1\x1b[2J=", "\\x1b[2J"), ("max_vcpus=7", "twice"),
                           ("max_vms", "name:max_vms")):
            r = b.run("limits", "max_vcpus=6", word)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout and "\x1b" not in r.stderr and
               b.machine.limit("limits/max_vcpus") == "5", f"limits rejects {word!r} with '{said}' and sets nothing", r)
        r = b.run("limits", "max_vms", "20")
        ok(r.returncode == 4 and r.stderr.endswith("l1tune: did you mean max_vms=20?\n") and b.machine.limit("limits/max_vms") != "20",
           "limits suggests max_vms=20 for max_vms 20, exits with 4 and sets nothing", r)
        r = b.run("limits", "max_vms", "twenty")
        ok(r.returncode == 4 and "did you mean" not in r.stderr, "limits takes a word beside a limit for a guest, not for a value", r)
        r = b.run("limits", "max_vmss")
        ok(r.returncode == 4 and "did you mean the limit max_vms?" in r.stderr,
           "limits suggests max_vms for the unknown guest max_vmss and exits with 4", r)
        r = b.run("limits", "-i", "1")
        ok(r.returncode == 2 and "unknown option '-i'" in r.stderr and not r.stdout, "limits does not accept -i and exits with 2", r)


def test_guest():
    with Bench() as b:
        machine(b, limits={PACE: 10000, "max_memory_per_vm_bytes": 4 << 30}, audit={PACE: 900})
        r = b.run("limits", "web")
        equal(rows(r), ["GUEST NAME LIMIT VALUE SCOPE AUDIT USE HEADROOM EFFECTIVE".split(),
                        "1 web max_vcpus_per_vm max l1 max 2 max -".split(),
                        "1 web max_memory_per_vm_bytes 4G l1 max 512M 3.5G yes".split(),
                        "1 web max_exits_per_sec 10000 l1 900 - - yes".split()],
              "limits GUEST shows the limits of that guest and their scope")
        r = b.run("limits", "name:*", PACE, "--noheadings", "-o", "GUEST,VALUE,SCOPE")
        equal(rows(r), [["1", "10000", "l1"], ["2", "5000", "l2"], ["3", "max", "l2"]],
              "limits name:* LIMIT shows a limit of every guest")
        equal([[g["id"], g["value"], g["scope"], g["denied"]]
               for g in b.json("limits", "-J", "2", PACE)["limits"]], [[2, 5000, "l2", None]],
              "limits --json GUEST has value and scope of a limit of that guest")
        r = b.run("limits", "max_vms", "--noheadings")
        equal(rows(r)[0][0], "max_vms", "limits max_vms shows the limit, not the guest of that name")
        r = b.run("limits", "name:max_vms", "--noheadings", "-o", "GUEST,LIMIT")
        equal(rows(r)[0], ["2", "max_vcpus_per_vm"], "limits name:max_vms shows the guest of that name")

        def pace(number):
            return b.machine.limit(f"../l2-{number}/limits/{PACE}")
        for selector, number, value, written in (("web", 1, "700", "700"), ("l2-2", 2, "max", "max"),
                                                 ("pid:1001", 1, "default", "default"),
                                                 ("name:max_vms", 2, "0", "0")):
            r = b.run("limits", selector, f"{PACE}={value}")
            ok(r.returncode == 0 and not r.stdout and not r.stderr and pace(number) == written and
               b.machine.limit(f"limits/{PACE}") == "10000",
               f"limits {selector} {PACE}={value} sets the limit of that guest only", r)
        before = [pace(n) for n in (1, 2, 3)]
        for status, said, words in (
                (2, "2 guests", ["uid:107", f"{PACE}=1"]), (4, "no guest", ["9", f"{PACE}=1"]),
                (2, "only max_exits_per_sec", ["1", "max_vms=1"]),
                (2, "only max_exits_per_sec", ["1", f"audit.{PACE}=1"]),
                (2, "applies to the host only", ["1", "max_vms"]),
                (2, "not a number", ["1", f"{PACE}=default "])):
            r = b.run("limits", *words)
            ok(r.returncode == status and said in r.stderr and not r.stdout and
               [pace(n) for n in (1, 2, 3)] == before,
               f"limits {' '.join(words)} exits with {status}, says '{said}' and sets nothing", r)
        b.machine.process(1001, ["qemu-system-x86_64", "-name", "guest=a=b"])
        b.run("limits", "name:a=b", f"{PACE}=44")
        equal(pace(1), "44", "limits name:a=b sets the limit of a guest with = in its name")
        os.unlink(f"{b.machine.device('l2-1')}/limits/{PACE}")
        r = b.run("limits", "1", f"{PACE}=5")
        ok(r.returncode == 1 and "has no" in r.stderr, "limits GUEST fails if the module has no limits of guests", r)


def file_size(size):
    """What is written to a file beyond so many bytes fails, as a bad value does in sysfs."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def set_with_file_size(bench, size, *words):
    return bench.run("limits", *words, preexec_fn=lambda: file_size(size))


def test_all_or_nothing():
    with Bench() as b:
        machine(b, limits={"max_vms": 5, "max_vcpus": 6})
        r = set_with_file_size(b, 1, "max_vms=7", "max_vcpus=8", "max_nested_vms=10", "audit.max_vms=3")
        values = [b.machine.limit(f) for f in ("limits/max_vms", "limits/max_vcpus", "audit/max_vms")]
        equal([r.returncode, *values], [1, "5", "6", "max"],
              "limits restores the values it has set if one of several cannot be written")
        ok("max_nested_vms" in r.stderr and "nothing was changed" in r.stderr,
           "limits says that nothing was changed if one of several limits cannot be written", r)
        b.machine.limits(limits={"max_vcpus": 6})
        r = set_with_file_size(b, 1, "max_vms=7", "max_vcpus=8", "max_nested_vms=10")
        ok(r.returncode == 1 and "limits/max_vms remains 7 and cannot be restored to max" in r.stderr
           and "nothing was changed" not in r.stderr and b.machine.limit("limits/max_vcpus") == "6",
           "limits names a limit that it cannot restore", r)
        b.machine.limits(limits={"max_vms": 5})
        readers, stderr = os.pipe()
        os.close(readers)
        r = subprocess.run(b.command("limits", "max_vms=7", "max_nested_vms=10"), stderr=stderr, check=False,
                           preexec_fn=lambda: file_size(1))
        os.close(stderr)
        equal([r.returncode, b.machine.limit("limits/max_vms")], [1, "5"],
              "limits restores the values it has set if nobody reads stderr")
        b.machine.limits()
        os.unlink(b.machine.device("l1") + "/audit/max_vcpus")
        r = b.run("limits", "max_vms=7", "audit.max_vcpus=8")
        ok(r.returncode == 1 and "audit/max_vcpus" in r.stderr and
           b.machine.limit("limits/max_vms") == "max",
           "limits fails and sets nothing if one of the files is missing", r)
        b.machine.limits(limits={"max_vms": "many"})
        r = b.run("limits")
        ok(r.returncode == 1 and "limits/max_vms: unexpected value" in r.stderr,
           "limits fails and names a file with an invalid value", r)


def test_permissions():
    if os.geteuid():
        print("# not root: the tests of permissions are left out")
        return
    with Bench(**used()) as b:
        machine(b, limits={"max_vms_per_user": 9})
        for path in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, path), 0o755)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)

        def nobody(*args):
            return subprocess.run([tool, *b.command(*args)[1:]], capture_output=True, text=True,
                                  user=65534, group=65534, extra_groups=[], check=False)
        r = nobody("limits", "--noheadings", "-o", "LIMIT,USE,HEADROOM")
        equal([r.returncode, rows(r)[:3], r.stderr],
              [0, [["max_vms", "3", "max"], ["max_vms_per_user", "-", "-"], ["max_vcpus", "6", "max"]],
               ""], "limits shows all users the limits and the use of the host, but not the use by user or guest")
        r = nobody("limits", "--noheadings", "-o", "LIMIT,DENIED,WOULD_DENY")
        equal([rows(r)[0], rows(r)[-1]], [["max_vms", "0", "0"], ["max_exits_per_sec", "-", "-"]],
              "limits hides how often guests were throttled from users who may not see guests")
        limits = json.loads(nobody("limits", "-J").stdout)["limits"]
        equal([limits[0]["denied"], limits[-1]["denied"], limits[-1]["would_deny"]], [0, None, None],
              "limits --json has null for how often guests were throttled for users who may not see guests")
        os.chmod(b.machine.device("l1") + "/limits/max_vms", 0o666)
        r = nobody("limits", "max_vms=4", "max_vcpus=4")
        ok(r.returncode == 5 and "limits/max_vcpus" in r.stderr and "CAP_SYS_ADMIN" in r.stderr and
           b.machine.limit("limits/max_vms") == "max", "setting a limit without permission exits with 5, says who may, and sets nothing", r)
        r = nobody("limits", "web", f"{PACE}=4")
        ok(r.returncode == 5 and "l2-1/" in r.stderr and not r.stdout and b.machine.limit(f"../l2-1/limits/{PACE}") == "default",
           "limits GUEST exits with 5, names the guest and sets nothing if the user may not set the limit", r)


def test_help():
    r = subprocess.run([TOOL, "limits", "--help"], capture_output=True, text=True, check=False)
    ok(r.returncode == 0 and all(f"  {name} " in r.stdout for name in LIMITS), "limits --help lists all limits", r)


print("KTAP version 1")
for test in (test_show, test_broken, test_set, test_wrong, test_guest, test_all_or_nothing,
             test_permissions, test_help):
    test()
finish()
