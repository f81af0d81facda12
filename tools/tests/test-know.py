#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""caps, doctor and what bench keeps, on recorded machines. Usage: test-know.py L1TUNE"""
import json
import os
import re
import shutil
import subprocess

from bench import TOOL, equal, finish, ok, on_terminal
from fake import BOOT_ID, VERSION, cell, fixed, hist, parts_ns, write
from known import VMX, Known

OFFERED = "ept vpid ept_2m pml vmcs_shadowing preemption_timer offered allowed".split()


def measurement(**machine):
    kinds = [{"kind": "cpuid", "skipped": None, "count": 2000, "median_cycles": 20000,
              "median_low95_cycles": 20000, "median_high95_cycles": 20010, "mean_cycles": 21000,
              "min_cycles": 19000, "p99_cycles": 30000,
              "split": {"kvm_ns": 1000.0, "vmm_ns": 0.0, "rest_ns": 9000.0}},
             {"kind": "wrmsr", "skipped": None, "count": 2000, "median_cycles": 22000,
              "median_low95_cycles": 22000, "median_high95_cycles": 22010, "mean_cycles": 24000,
              "min_cycles": 19000, "p99_cycles": 30000,
              "split": {"kvm_ns": 1000.0, "vmm_ns": 0.0, "rest_ns": 10000.0}},
             {"kind": "hlt_ipi", "skipped": "needs two CPUs"}]
    about = {"kernel": "6.1.0-56-amd64", "microcode": "0x2b000603", "vendor": "", "cpu": "A CPU",
             "instance_type": "", "virtualized": True}
    boot_id = machine.pop("boot_id", BOOT_ID)
    return {"schema": 2, "tool": VERSION, "module": VERSION, "boot_id": boot_id,
            "bench": {"machine": about | machine, "taken": 1_790_000_000, "tsc_khz": 2_000_000,
                      "clock_cycles": 30, "halt_delay_ns": 500000, "kinds": kinds,
                      "vmcs_shadowing": {"shadowed": "no", "why_unknown": None,
                                         "plain_cycles": 20000, "kvm_cpuid_event_cycles": 20600,
                                         "kvm_exit_event_cycles": 23000}}}


def keep(b, document, mode=0o644):
    write(b.state + "/bench.json", json.dumps(document).encode(), mode)


def test_ready():
    with Known() as b:
        rows, status = b.rows()
        equal(status, 0, "a machine that is ready")
        equal({r["state"] for r in rows.values()}, {"ok", "info"}, "has no warnings")
        ok(not [r for r in rows if "EC2" in r or "Azure" in r or "Google" in r],
           "other clouds are not spoken of", rows)
        rows, status = b.rows("--all")
        ok(status == 0 and "EC2 nesting" in rows and "Azure" in rows and "Google Cloud" in rows,
           "unless asked for", rows)
        r = b.run("doctor")
        ok(r.returncode == 0 and r.stdout.endswith("This machine is ready.\n"), "doctor of a ready machine says so as text", r)
        for args in ["doctor", "x"], ["doctor", "--nonsense"]:
            r = b.run(*args)
            ok(r.returncode == 2 and "Try 'l1tune doctor --help'" in r.stderr and not r.stdout,
               f"usage: {' '.join(args)}", r)


def state_of(b, row):
    rows, status = b.rows()
    return rows[row]["state"], status


def test_states():
    with Known(flags="fpu hypervisor") as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        rows, status = b.rows()
        ok(rows["cpu"]["state"] == "problem" and status == 2 and
           rows["kvm"]["state"] == "problem", "no VMX", rows)
        b.offer(["offered"], ["allowed"])
        rows, _ = b.rows()
        ok("firmware" in rows["cpu"]["text"], "VMX that firmware has locked", rows["cpu"])
    with Known() as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        rows, status = b.rows()
        ok(rows["kvm"] | {"text": ""} == {"row": "kvm", "state": "problem", "text": "",
                                          "commands": ["modprobe kvm_intel"]} and status == 2,
           "kvm_intel is not loaded", rows["kvm"])
    with Known() as b:
        os.unlink(b.dev + "/kvm")
        equal(state_of(b, "kvm"), ("problem", 2), "no /dev/kvm")
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        equal(b.rows()[0]["kvm"]["commands"], ["dmesg | grep -i kvm"], "what cannot be loaded again")
    with Known(flags="fpu hypervisor") as b:
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        row = b.rows()[0]["kvm"]
        ok(row["state"] == "problem" and "built into this kernel" in row["text"] and not row["commands"],
           "KVM built in, and no VMX", row)
    with Known(load=False) as b:
        rows, status = b.rows()
        ok(rows["module"]["state"] == "warning" and rows["module"]["commands"] ==
           ["modprobe l1tune"] and status == 1 and "hooks" not in rows, "no module", rows)
        b.sysfs("kernel/security/lockdown", "none [integrity] confidentiality")
        rows, _ = b.rows()
        ok("integrity" in rows["module"]["text"] and "mokutil" in rows["module"]["commands"][1] and
           rows["lockdown"]["state"] == "info", "no module, and lockdown", rows)
    with Known(version="0.0.1") as b:
        equal(state_of(b, "module"), ("warning", 1), "tool and module of two versions")
    with Known(hooks={"vm_create": "unavailable"}) as b:
        rows, status = b.rows()
        ok(rows["hooks"]["state"] == "warning" and "vm_create unavailable" in rows["hooks"]["text"]
           and status == 1, "a hook that another has", rows["hooks"])
    with Known(hooks={"memory": "unavailable"}) as b:
        os.unlink(b.dev + "/kvm")
        shown = on_terminal(b.command("doctor"), 100)
        ok(re.search(r"\x1b\[31mproblem +\x1b\[0m kvm", shown) and re.search(r"\x1b\[33mwarning +\x1b\[0m hooks", shown),
           "a problem is red on a terminal, a warning yellow", shown)
    with Known(hooks={"vm_create": "detached", "memory": "unavailable"}) as b:
        text = b.rows()[0]["hooks"]["text"]
        ok("so their counts are missing: memory unavailable; KVM is not loaded: vm_create detached" in text,
           "a hook that went with KVM is not taken for one that another user holds", text)
    with Known(hooks={"vm_create": "waiting"}) as b:
        rows, _ = b.rows()
        equal(rows["hooks"]["commands"], ["modprobe kvm_intel"], "hooks that wait for KVM")
    with Known() as b:
        b.sysfs("kernel/security/lockdown", "none [integrity] confidentiality")
        equal(state_of(b, "lockdown"), ("info", 0), "lockdown with the module in")
    clock = "devices/system/clocksource/clocksource0/"
    with Known() as b:
        b.sysfs(clock + "current_clocksource", "hpet")
        equal(state_of(b, "clocksource"), ("warning", 1), "a slow clock, and a better one")
        b.sysfs(clock + "current_clocksource", "tsc-early")
        equal(state_of(b, "clocksource"), ("ok", 0), "the TSC, not measured yet")
        b.sysfs(clock + "current_clocksource", "hpet")
        b.sysfs(clock + "available_clocksource", "hpet acpi_pm")
        equal(state_of(b, "clocksource"), ("info", 0), "a slow clock, and none better")
    with Known() as b:
        b.sysfs("module/kvm_intel/parameters/nested", "N")
        equal(state_of(b, "nesting"), ("info", 0), "nesting is off")
    with Known() as b:
        b.sysfs("power/resume", "259:2")
        equal(state_of(b, "hibernation"), ("warning", 1), "a device to resume from")
        b.sysfs("power/state", "freeze mem")
        equal(state_of(b, "hibernation"), ("ok", 0), "a kernel that cannot hibernate")
    with Known() as b:
        b.sysfs("kernel/mm/transparent_hugepage/enabled", "always madvise [never]")
        equal(state_of(b, "huge pages"), ("warning", 1), "no huge pages")
        write(b.machine.proc + "/meminfo", "HugePages_Total:     512\nHugePages_Free:      300\nHugePages_Rsvd:      100\n")
        ok("200 of them available" in b.rows()[0]["huge pages"]["text"], "reserved ones, of which some are promised", b.rows())
        equal(state_of(b, "huge pages"), ("ok", 0), "which guests can have")
        write(b.machine.proc + "/meminfo", "HugePages_Total:     512\nHugePages_Free:      100\nHugePages_Rsvd:      100\n")
        equal(state_of(b, "huge pages"), ("info", 0), "reserved ones, all of which others have")
    with Known() as b:
        b.sysfs("devices/system/cpu/vulnerabilities/mds", "Vulnerable: no microcode")
        rows, status = b.rows()
        ok(rows["mitigations"]["state"] == "warning" and "mds" in rows["mitigations"]["text"] and
           status == 1, "an open vulnerability", rows["mitigations"])
        b.sysfs("devices/system/cpu/vulnerabilities/mds", "Mitigation: Clear CPU buffers")
        b.sysfs("devices/system/cpu/vulnerabilities/srbds", "Unknown: Dependent on hypervisor status")
        row = b.rows()[0]["mitigations"]
        ok(row["state"] == "info" and "cannot tell for: srbds" in row["text"],
           "a vulnerability of which a virtual machine cannot know is not said to be closed", row)
        os.chmod(b.dev + "/kvm", 0o666)
        ok(b.rows()[0]["access"]["state"] == "info", "KVM for everybody")
    with Known() as b:
        b.offer(["offered", "allowed", "cpus_differ"])
        equal(state_of(b, "cpus"), ("warning", 1), "CPUs that differ")
    with Known(flags="fpu vmx", virtualized=0, hypervisor="none") as b:
        ok("is L0" in b.rows()[0]["layer"]["text"], "bare metal")
    with Known(flags="fpu svm hypervisor", vendor="AuthenticAMD") as b:
        rows, status = b.rows()
        ok("SVM" in rows["cpu"]["text"] and rows["kvm"]["commands"] == ["modprobe kvm_amd"] and
           status == 2, "an AMD machine", rows)


EC2 = {"sys_vendor": "Amazon EC2", "product_name": "m8i.4xlarge"}


def test_clouds():
    with Known(dmi=EC2) as b:
        rows, status = b.rows()
        ok(status == 0 and rows["EC2 nesting"]["state"] == "ok" and "m8i.4xlarge" in
           rows["EC2 instance"]["text"] and "Azure" not in rows, "an EC2 instance", rows)
        considerations = {"EC2 types": "C8i, M8i and R8i", "EC2 hypervisors": "Hyper-V",
                          "EC2 Windows": "192 CPUs; this one has 2", "EC2 security": "provider",
                          "EC2 latency": "bare-metal"}
        for row, text in considerations.items():
            ok(text in rows[row]["text"] and rows[row]["state"] == "info", f"{row}: {text}", rows[row])
        keep(b, measurement(instance_type="m8i.4xlarge"))
        ok("measured as 10.0" in b.rows()[0]["EC2 latency"]["text"], "with what was measured",
           b.rows()[0]["EC2 latency"])
    with Known(dmi=EC2, flags="fpu hypervisor") as b:
        rows, status = b.rows()
        commands = "\n".join(rows["EC2 nesting"]["commands"])
        ok(status == 2 and rows["EC2 nesting"]["state"] == "problem" and
           "aws ec2 stop-instances" in commands and
           re.search("modify-instance-cpu-options .*--nested-virtualization enabled", commands) and
           '--cpu-options "NestedVirtualization=enabled"' in commands and
           "Values=nested-virtualization" in commands, "an EC2 instance without VMX", rows)
    for name in "m8i.metal-48xl", "c5.metal":
        with Known(dmi=EC2 | {"product_name": name}, flags="fpu vmx", virtualized=0) as b:
            rows, _ = b.rows()
            ok("this is L0" in rows["EC2 instance"]["text"] and "EC2 nesting" not in rows,
               f"{name} is bare metal", rows)
    for name, dmi in {"Google Cloud": {"sys_vendor": "Google"},
                      "Azure": {"sys_vendor": "Microsoft Corporation",
                                "product_name": "Virtual Machine"}}.items():
        with Known(dmi=dmi) as b:
            equal(state_of(b, name), ("ok", 0), f"{name}, with VMX")
            b.cpu("fpu hypervisor")
            equal(state_of(b, name), ("problem", 2), f"{name}, without")
    with Known(dmi={"sys_vendor": "Amazon EC2", "product_name": "\x1b[2Jm8i"}) as b:
        r = b.run("doctor")
        ok("\x1b" not in r.stdout and "\\x1b[2Jm8i" in r.stdout, "DMI is escaped", r.stdout)


def test_caps():
    with Known() as b:
        r = b.run("caps")
        ok(r.returncode == 1 and "has no" in r.stderr and "l1/vmx: load the module that came with this l1tune" in r.stderr, "a module without l1/vmx", r)
        b.offer(OFFERED, ["ept_1g", "tsc_scaling", "cpus_differ"])
        r = b.run("caps")
        ok(r.returncode == 0 and re.search("^ept +yes +yes +the guest changes", r.stdout, re.M) and
           re.search("^pml +yes +no ", r.stdout, re.M) and
           re.search("^ept_1g +no +- ", r.stdout, re.M), "what is offered and what is used", r)
        ok("nothing was measured yet" in r.stdout, "what is not known is said", r.stdout)
        keep(b, measurement())
        r = b.run("caps")
        ok("L0 does not, each VMREAD" in r.stdout and "takes 10000 ns here (20000 cycles)" in r.stdout,
           "what was measured instead", r.stdout)
        b.machine.guest(1, nested="on", name="win")
        b.machine.guest(2, nested="off")
        b.machine.process(1001, ["qemu", "-name", "win", "-cpu", "host,hv-evmcs"])
        r = b.run("caps")
        ok("1 win: has Hyper-V's interface" in r.stdout and not re.search("^  2 ", r.stdout, re.M),
           "guests that use nesting", r.stdout)
        document = b.json("caps", "--json")
        features = {f["feature"]: f for f in document["caps"]["features"]}
        ok(features["ept"]["offered"] is True and features["pml"]["used"] is False and
           features["ept_1g"]["offered"] is False and features["posted_interrupts"]["offered"] is None
           and document["caps"]["l0_shadows_vmcs"] == "no", "caps --json", document)
        other = b.directory + "/other.json"
        write(other, json.dumps(document).encode())
        b.offer([], ["ept"])
        r = b.run("caps", "--compare", other)
        ok(re.search("^ept +no +yes +yes ", r.stdout, re.M), "caps --compare shows what another machine offers", r.stdout)
        write(other, b"{}")
        ok(b.run("caps", "--compare", other).returncode == 1, "caps --compare with a file that is no document of caps fails")
        b.offer([], OFFERED)
        ok("offers no VMX" in b.run("caps").stdout, "a machine without VMX says so")
    with Known(load=False) as b:
        equal(b.run("caps").returncode, 3, "without the module")


def test_kept():
    with Known() as b:
        cost = lambda: b.rows()[0]["exit cost"]["text"]
        ok("nothing was measured" in cost(), "nothing kept")
        keep(b, measurement())
        ok("10.0" in cost() and "does not shadow" in cost(), "a measurement is kept", cost())
        for what, changed in {"boot_id": "x", "kernel": "5.10", "microcode": "0x1",
                              "instance_type": "c8i"}.items():
            keep(b, measurement(**{what: changed}))
            ok("since: run l1tune bench --save" in cost(), f"a measurement is not good for another {what}", cost())
        keep(b, measurement(), 0o666)
        ok("changed by others than root" in cost(), "written by anybody", cost())
        keep(b, measurement())
        if not os.geteuid():
            os.chown(b.state + "/bench.json", 65534, 0)
            ok("changed by others than root" in cost(), "a measurement of another user is not accepted", cost())
            os.unlink(b.state + "/bench.json")
            keep(b, measurement())
            os.rename(b.state + "/bench.json", b.state + "/kept.json")
            os.symlink("kept.json", b.state + "/bench.json")
            ok("changed by others than root" in cost(), "a measurement behind a link is not accepted, because the link could lead to another user's", cost())
            os.unlink(b.state + "/bench.json")
        write(b.state + "/bench.json", b"{")
        ok("damaged" in cost(), "damaged", cost())


def test_transit():
    cpuid = cell(2, 10, "CPUID", 10000, 20_000_000, 9000, hist(b12=10000), **parts_ns(kernel=20_000_000))
    with Known() as b:
        b.machine.guest(1, [cpuid, fixed(exits=10000, exit_time_ns=20_000_000,
                                         guest_time_ns=180_000_000)], name="web",
                        exits=10000, exit_time_ns=20_000_000, guest_time_ns=180_000_000)
        b.machine.process(1001, ["qemu", "-name", "web"])
        state = ["--state", b.state]
        r = b.run("stat", "--transit", *state)
        ok(r.returncode == 0 and "not known, nothing was measured yet" in r.stdout, "no measurement", r)
        keep(b, measurement())
        r = b.run("stat", "--transit", *state)
        ok("web: 45.0% to 50.0% of its time" in r.stdout and "ago" in r.stdout,
           "stat --transit: a range, and how old", r)
        document = b.json("stat", "--transit", "--json", *state)
        equal([(g["id"], round(g["low_ratio"], 3), round(g["high_ratio"], 3))
               for g in document["transit"]["l2"]], [(1, 0.45, 0.5)], "stat --transit --json")
        ok("transit" not in b.json("stat", "--json"), "stat --json has no transit unless asked for")
        r = b.run("top", "--once", "-d", "0.01", "--transit", *state)
        ok(r.returncode == 0 and "TRANSIT" in r.stdout and "transit as measured" in r.stdout,
           "top --transit", r)
        b.cpu("fpu vmx")
        r = b.run("stat", "--transit", *state)
        ok("not virtualized" in r.stdout and "45.0%" not in r.stdout, "there is no transit on bare metal", r)
        b.cpu(VMX)
        keep(b, measurement(kernel="5.10"))
        r = b.run("stat", "--transit", *state)
        ok("the kernel has changed" in r.stdout and "45.0%" not in r.stdout,
           "there is no transit by a measurement of another kernel", r)


def test_bench():
    with Known() as b:
        os.unlink(b.dev + "/kvm")
        args = ["--dev", b.dev, "--state", b.state]
        r = b.run("bench", *args)
        ok(r.returncode == 1 and "/kvm: No such file" in r.stderr and "doctor" in r.stderr,
           "bench without KVM", r)
        r = b.run("bench", *args, "--compare", b.directory + "/none")
        ok(r.returncode == 1 and "none" in r.stderr, "nothing to compare with", r)
        for wrong in (["x"], ["-o", "NOSUCH"], ["--compare"]):
            r = b.run("bench", *args, *wrong)
            ok(r.returncode == 2, f"usage: bench {' '.join(wrong)}", r)
        r = subprocess.run([TOOL, "bench", "--help"], capture_output=True, text=True, check=False)
        ok(r.returncode == 0 and "--save" in r.stdout, "bench --help", r)


test_ready()
test_states()
test_clouds()
test_caps()
test_kept()
test_transit()
test_bench()
finish()
