#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Whether L0 moved this machine, as doctor and record tell it. Usage: test-moved.py L1TUNE"""
import json
import os
import re
import shutil
import subprocess

from bench import equal, finish, ok, skip
from fake import write
from known import Known
from world import SECOND, Steps, World, time_of

NOBODY = 65534
OTHER_BOOT = "99999999-2222-4333-8444-555555555555"
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ALL = ["--from", time_of(900 * SECOND), "--to", time_of(5000 * SECOND)]
CLOCK = "devices/system/clocksource/clocksource0/current_clocksource"


def path_of(b):
    return b.state + "/identity.json"


def baseline(b):
    with open(path_of(b), encoding="utf-8") as f:
        return json.load(f)


def edit(b, **body):
    """The saved machine becomes another; facts are replaced one by one."""
    document = baseline(b)
    document["boot_id"] = body.pop("boot_id", document["boot_id"])
    document["identity"]["facts"].update(body.pop("facts", {}))
    document["identity"].update(body)
    write(path_of(b), json.dumps(document), 0o644)


def row(b, name="moved"):
    rows, status = b.rows("--no-try")
    return rows.get(name), status


def stat(b, stolen):
    write(b.machine.proc + "/stat", f"cpu  1 2 3 4 5 6 7 {stolen} 0 0\ncpu0 1 2 3 4 5 6 7 {stolen} 0 0")


def test_equal():
    with Known() as b:
        stat(b, 100)
        first, status = row(b)
        ok(first["state"] == "info" and first["text"].startswith("unknown: nothing was saved") and
           "It is saved now" in first["text"] and status == 0,
           "doctor reports moved as unknown without a baseline, and root saves one", first)
        mode = os.stat(path_of(b)).st_mode & 0o777
        equal(mode, 0o644, "the saved baseline has mode 0644")
        same, status = row(b)
        ok(same["state"] == "ok" and same["text"].startswith("no: ") and status == 0,
           "doctor says that a machine that is the same was not moved", same)
        ok("VMX capabilities (load the module" in same["text"],
           "doctor names the capabilities that it cannot compare without the module", same)
        before = os.stat(path_of(b)).st_ino
        row(b)
        equal(os.stat(path_of(b)).st_ino, before, "doctor saves the baseline once in a boot")
    with Known(virtualized=0, flags="fpu vmx") as b:
        ok(row(b)[0] is None and not os.path.exists(path_of(b)),
           "doctor has no row moved and saves no baseline on bare metal")


FACTS = {
    "CPU": ({"cpu": "GenuineIntel family 6 model 1 stepping 1, Other"}, ", was GenuineIntel family 6 model 1 stepping 1, Other"),
    "microcode": ({"microcode": "0x1"}, "microcode: 0x2, was 0x1"),
    "number of CPUs": ({"cpus": "0-7"}, "cpus: 0-3, was 0-7"),
    "capability of VMX lost": ({"load:msr_0x48b": "0x0000002200000000"}, "VMX lost: ept. "),
    "capability of VMX gained": ({"load:msr_0x48c": "0x0000000000000000"}, "VMX gained: ept_ad"),
    "register without names": ({"load:msr_0x485": "0x0000000000000001"}, "msr_0x485 lost: bits 0x1"),
}


def test_facts():
    with Known() as b:
        b.sysfs("devices/system/cpu/cpu0/microcode/version", "0x2")
        b.sysfs("devices/system/cpu/online", "0-3")
        for register, value in ("0x480", 4), ("0x48b", 1 << 37), ("0x48c", 1 << 21), ("0x485", 0):
            b.sysfs(f"class/l1tune/l1/vmx/msr_{register}", f"0x{value:016x}")
        stat(b, 100)
        row(b)
        good = baseline(b)
        ok("since the module was loaded" in row(b)[0]["text"],
           "doctor says that the module's capabilities are as of its load", row(b))
        for name, (facts, text) in FACTS.items():
            write(path_of(b), json.dumps(good), 0o644)
            edit(b, facts=facts)
            r, status = row(b)
            ok(r["state"] == "warning" and status == 1 and text in r["text"] and
               "L0 may have moved" in r["text"] and "l1tune bench --save" in r["commands"],
               f"doctor warns that L0 may have moved the machine and names the change: {name}", r)
        write(path_of(b), json.dumps(good), 0o644)
        value = int(good["identity"]["facts"]["cpuid_0x1_edx"], 16) ^ 1 << 4
        edit(b, facts={"cpuid_0x1_edx": f"0x{value:08x}"})
        r = row(b)[0]
        ok(r["state"] == "warning" and "cpuid_0x1_edx" in r["text"] and "0x10" in r["text"],
           "doctor warns about a changed CPUID bit and names it", r)
        edit(b, facts={"cpuid_0x1_edx": good["identity"]["facts"]["cpuid_0x1_edx"]}, stolen_ticks=101)
        r = row(b)[0]
        ok(r["state"] == "warning" and "the steal clock went back: 100 ticks, were 101" in r["text"],
           "doctor warns that the steal clock went back", r)
        edit(b, stolen_ticks=100)
        equal(row(b)[0]["state"], "ok", "doctor reports no move if the steal clock stood still")


def test_msrs():
    with Known() as b:
        b.sysfs("class/l1tune/l1/vmx/msr_0x48b", f"0x{2 << 32:016x}")
        image = bytearray(0x49c)
        image[0x48b + 4] = 2
        write(b.dev + "/cpu/0/msr", bytes(image), 0o600)
        row(b)
        same = row(b)[0]
        ok(same["state"] == "ok" and "VMX" not in same["text"],
           "doctor compares the VMX capabilities that the MSRs show", same)
        image[0x48b + 4] = 0
        write(b.dev + "/cpu/0/msr", bytes(image), 0o600)
        lost = row(b)[0]
        ok(lost["state"] == "warning" and "VMX lost: ept" in lost["text"],
           "doctor warns about a VMX capability that the MSRs lost since the module was loaded", lost)


def row_with_tsc(b):
    """On a busy machine a measurement may be too coarse, which is said, and another is not."""
    for _ in range(20):
        r = row(b)[0]
        if "the TSC's frequency" not in r["text"]:
            break
    return r


def test_tsc():
    with Known() as b:
        b.sysfs(CLOCK, "kvm-clock")
        row(b)
        body = baseline(b)["identity"]
        if body["tsc_khz"] is None:
            skip("the TSC's frequency", "the clocks here are too coarse")
            return
        khz = body["tsc_khz"]
        equal(row_with_tsc(b)["state"], "ok", "doctor reports no move if the TSC has the same frequency")
        edit(b, tsc_khz=khz * 95 // 100)
        r = row_with_tsc(b)
        found = re.search(r"TSC: ([\d.]+) GHz, was ([\d.]+) GHz", r["text"])
        ok(r["state"] == "warning" and found and abs(float(found[1]) - khz / 1e6) < 0.03 and
           abs(float(found[2]) - khz * 0.95 / 1e6) < 0.03, "doctor warns about another TSC frequency and shows both", r)
        edit(b, tsc_khz=khz, tsc=body["tsc"] + 60000 * khz)
        r = row_with_tsc(b)
        ok(r["state"] == "warning" and re.search(r"TSC: (59|60) s less than the clock", r["text"]),
           "doctor warns about a TSC that went back, with the seconds", r)
        edit(b, suspended_ns=body["suspended_ns"] + 10**11)
        equal(row_with_tsc(b)["state"], "ok",
              "doctor reports no move if the TSC went back because the machine was suspended")


def test_boot():
    with Known() as b:
        row(b)
        edit(b, boot_id=OTHER_BOOT, facts={"cpu": "Another"}, stolen_ticks=10**9)
        r, status = row(b)
        ok(r["state"] == "info" and "since this machine was started" in r["text"] and status == 0,
           "doctor has no baseline after a new boot", r)
        for when in "that time", "later in that boot":
            since = row(b, "moved at boot")[0]
            ok(since["state"] == "info" and "since the last boot" in since["text"] and "was Another" in since["text"] and
               "steal" not in since["text"],
               f"doctor reports a CPU that changed since the last boot, without the steal clock: {when}", since)
        equal(row(b)[0]["state"], "ok", "doctor saves a new baseline after a boot")


HOSTILE = {
    "no JSON": b"\xff{",
    "empty": b"",
    "another document": b'{"schema": 2, "bench": {}}',
    "an array": b"[]",
    "facts that are none": b'{"schema": 2, "boot_id": "x", "identity": {"facts": []}}',
    "no boot": b'{"schema": 2, "identity": {"facts": {}}}',
}


def test_hostile():
    for name, text in HOSTILE.items():
        with Known() as b:
            write(path_of(b), text, 0o644)
            r, status = row(b)
            ok(r["state"] == "info" and r["text"].startswith("unknown") and "damaged" in r["text"] and status == 0,
               f"doctor reports moved as unknown if the baseline is damaged: {name}", r)
            equal(row(b)[0]["state"], "ok", f"doctor replaces a damaged baseline: {name}")
    with Known() as b:
        row(b)
        facts = {f"fact{i}": "v" * 500 for i in range(300)} | {"n" * 400: "x", "cpu": "\x1b[2J", "cpus": 7}
        edit(b, facts=facts, taken=2**62, tsc=-5, tsc_khz=2**63 - 1, raw_ns=2**63 - 1, since_last_boot="y" * 5000)
        r = b.run("doctor", "--no-try")
        ok(r.returncode == 1 and re.search(r"^warning +moved ", r.stdout, re.M) and "\\x1b[2J" in r.stdout and "\x1b" not in r.stdout,
           "doctor warns about a baseline with numbers and strings that do not fit, and escapes it", r)
    with Known() as b:
        row(b)
        os.chmod(path_of(b), 0o666)
        r = row(b)[0]
        ok(r["text"].startswith("unknown") and "changed by others than root" in r["text"] and row(b)[0]["state"] == "ok",
           "doctor rejects a baseline that others may write, and replaces it", r)


def test_permissions():
    if os.geteuid() or not shutil.which("setpriv"):
        skip("doctor of a user", "needs root and setpriv")
        return
    with Known() as b:
        r = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *b.command("doctor", "--json", "--no-try")],
                           capture_output=True, text=True, check=False)
        rows = {one["row"]: one for one in json.loads(r.stdout)["rows"]}
        ok(rows["moved"]["text"].startswith("unknown") and "as root" in rows["moved"]["text"] and not os.path.exists(path_of(b)) and
           not r.stderr, "doctor of a user without a baseline saves none and asks for root", r)
        for name in "stat", "sys/kernel/random/boot_id":
            path = f"{b.machine.proc}/{name}"
            if os.path.exists(path):
                os.unlink(path)
        ok(row(b)[0]["text"].startswith("unknown"),
           "doctor reports moved as unknown without /proc/stat and the boot ID", row(b))


def moved(w):
    lines = w.replay(*ALL, "events", "--json").stdout.splitlines()
    events = [json.loads(line)["event"] for line in lines]
    return [event for event in events if event["kind"] == "moved"], lines


def test_record():
    with World() as w:
        online = w.machine.sys + "/devices/system/cpu/online"
        write(online, "0-3")
        for second in 1001, 1002, 1003:
            w.machine.event(time_ns=second * SECOND, EVENT="guest", ACTION="add", L2="l2-9")
        steps = Steps(w, "--interval", "10")
        ok(os.path.exists(path_of(w)), "record saves the baseline of a boot")
        for _ in range(14):
            steps.step()
        found, lines = moved(w)
        equal(found, [], "record writes no event moved for a machine that is the same")
        write(online, "0-1")
        for _ in range(14):
            steps.step()
        w.machine.event(time_ns=w.now(), EVENT="guest", ACTION="remove", L2="l2-9")
        for _ in range(7):
            steps.step()
        errors = steps.end()
        found, lines = moved(w)
        ok(len(found) == 1 and found[0]["changes"] == "cpus: 0-1, was 0-3",
           "record writes one event moved for a change", lines)
        ok(errors.count("L0 may have moved this machine: cpus: 0-1, was 0-3") == 1,
           "record logs once that L0 may have moved the machine", errors)
        text = w.replay(*ALL, "events").stdout
        ok(" moved " in text and "L0 may have moved this machine: cpus: 0-1, was 0-3" in text and " lost " not in text and "removed" in text,
           "replay events shows the event moved as text, and no event is lost", text)
    with World(virtualized=0) as w:
        w.record("--count", "2")
        ok(not os.path.exists(path_of(w)), "record saves no baseline on bare metal")


def test_table():
    """The tool's table of bits is the module's."""
    def text(name):
        with open(f"{SOURCE}/{name}", encoding="ascii") as f:
            return f.read()
    vmx, svm = text("module/vmx_caps.c"), text("module/svm_caps.c")
    number = dict(re.findall(r"\[(L1T_VMX_\w+)\] = \{ (0x\w+),", vmx))
    upper = ("L1T_VMX_PIN", "L1T_VMX_PROC", "L1T_VMX_PROC2")
    wanted = {("msr_" + number[reg], int(bit) + 32 * (reg in upper), name)
              for name, reg, bit in re.findall(r'\{ "(\w+)", (L1T_VMX_\w+), (\d+) \}', vmx)}
    wanted |= {("cpuid_0x8000000a_edx", int(bit), name) for name, bit in re.findall(r'\{ "(\w+)", (\d+) \}', svm)}
    found = {(reg, int(bit), name) for reg, bit, name in re.findall(r'\{ "(\w+)", (\d+), "(\w+)" \}', text("tools/model/identity-caps.c"))}
    ok(len(wanted) > 40 and found == wanted,
       "the tool's table of capability bits equals the module's tables", found ^ wanted)


print("KTAP version 1")
test_equal()
test_facts()
test_msrs()
test_tsc()
test_boot()
test_hostile()
test_permissions()
test_record()
test_table()
finish()
