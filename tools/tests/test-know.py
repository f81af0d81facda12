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
        equal(status, 0, "doctor exits with 0 on a machine that is ready")
        equal({r["state"] for r in rows.values()}, {"ok", "info"}, "doctor has no warning on a machine that is ready")
        ok(not [r for r in rows if "EC2" in r or "Azure" in r or "Google" in r],
           "doctor shows no rows of clouds that the machine is not in", rows)
        rows, status = b.rows("--all")
        ok(status == 0 and "EC2 nesting" in rows and "Azure" in rows and "Google Cloud" in rows,
           "doctor --all shows the rows of all clouds", rows)
        r = b.run("doctor")
        ok(r.returncode == 0 and r.stdout.endswith("This machine is ready.\n"), "doctor of a ready machine says so as text", r)
        for args in ["doctor", "x"], ["doctor", "--nonsense"]:
            r = b.run(*args)
            ok(r.returncode == 2 and "Try 'l1tune doctor --help'" in r.stderr and not r.stdout,
               f"l1tune {' '.join(args)} prints its usage error and exits with 2", r)


def state_of(b, row):
    rows, status = b.rows()
    return rows[row]["state"], status


def reserve(b, size, total, free, promised):
    for name, value in ("nr", total), ("free", free), ("resv", promised):
        b.sysfs(f"kernel/mm/hugepages/hugepages-{size}/{name}_hugepages", value)


def test_states():
    with Known(flags="fpu hypervisor") as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        rows, status = b.rows()
        ok(rows["cpu"]["state"] == "problem" and status == 2 and
           rows["kvm"]["state"] == "problem",
           "doctor reports a problem with CPU and KVM on a machine without VMX, and exits with 2", rows)
        b.offer(["offered"], ["allowed"])
        rows, _ = b.rows()
        ok("firmware" in rows["cpu"]["text"], "doctor says that the firmware has locked VMX", rows["cpu"])
    with Known() as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        rows, status = b.rows()
        ok(rows["kvm"]["state"] == "problem" and status == 2 and "modprobe.d forbids it" in rows["kvm"]["text"] and
           rows["kvm"]["commands"] == ["modprobe kvm_intel", "modprobe -c | grep -E '^(blacklist|install) kvm'", "dmesg | grep -i kvm"] and
           "L0 offers less than KVM needs" in rows["kvm"]["text"],
           "doctor suggests modprobe kvm_intel if kvm_intel is not loaded, and says what may forbid it", rows["kvm"])
    with Known() as b:
        os.unlink(b.dev + "/kvm")
        equal(state_of(b, "kvm"), ("problem", 2), "doctor reports a missing /dev/kvm as a problem")
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        equal(b.rows()[0]["kvm"]["commands"], ["dmesg | grep -i kvm"],
              "doctor suggests dmesg if /dev/kvm is missing and KVM is built in")
    with Known(flags="fpu hypervisor") as b:
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        row = b.rows()[0]["kvm"]
        ok(row["state"] == "problem" and "built into this kernel" in row["text"] and not row["commands"],
           "doctor suggests no command if KVM is built in and there is no VMX", row)
    with Known(load=False) as b:
        rows, status = b.rows()
        ok(rows["module"]["state"] == "warning" and rows["module"]["commands"] ==
           ["l1tune apply --load"] and status == 1 and "hooks" not in rows,
           "doctor warns that the l1tune module is not loaded, suggests l1tune apply --load and shows no hooks", rows)
        b.sysfs("kernel/security/lockdown", "none [integrity] confidentiality")
        rows, _ = b.rows()
        ok("integrity" in rows["module"]["text"] and "mokutil" in rows["module"]["commands"][1] and
           rows["lockdown"]["state"] == "info",
           "doctor suggests mokutil if lockdown is on and the l1tune module is not loaded", rows)
    with Known(load=False) as b:
        b.sysfs("module/module/parameters/sig_enforce", "Y")
        row = b.rows()[0]["module"]
        ok("module.sig_enforce is on" in row["text"] and "mokutil" in row["commands"][1],
           "doctor suggests mokutil if the kernel enforces signatures without lockdown", row)
        write(b.machine.proc + "/sys/kernel/modules_disabled", "1")
        row = b.rows()[0]["module"]
        ok("modules_disabled" in row["text"] and row["commands"] == ["printf 'l1tune\\nkvm_intel\\n' > /etc/modules-load.d/l1tune.conf"],
           "doctor says that the kernel loads no module until the next boot, and what comes before", row)
    with Known(version="0.0.1") as b:
        equal(state_of(b, "module"), ("warning", 1), "doctor warns if tool and module have different versions")
    with Known(hooks={"vm_create": "unavailable"}) as b:
        rows, status = b.rows()
        ok(rows["hooks"]["state"] == "warning" and "vm_create unavailable" in rows["hooks"]["text"]
           and status == 1, "doctor warns about an unavailable hook and names it", rows["hooks"])
    with Known(hooks={"memory": "unavailable"}) as b:
        os.unlink(b.dev + "/kvm")
        shown = on_terminal(b.command("doctor"), 100)
        ok(re.search(r"\x1b\[31mproblem +\x1b\[0m kvm", shown) and re.search(r"\x1b\[33mwarning +\x1b\[0m hooks", shown),
           "doctor shows a problem in red and a warning in yellow on a terminal", shown)
    with Known(hooks={"vm_create": "detached", "memory": "unavailable"}) as b:
        text = b.rows()[0]["hooks"]["text"]
        ok("so their counts are missing: memory unavailable; KVM is not loaded: vm_create detached" in text,
           "doctor names a hook detached with KVM apart from one that is unavailable", text)
    with Known(hooks={"vm_create": "waiting"}) as b:
        rows, _ = b.rows()
        equal(rows["hooks"]["commands"], ["modprobe kvm_intel"],
              "doctor suggests modprobe kvm_intel for hooks that wait for KVM")
    with Known() as b:
        b.sysfs("kernel/security/lockdown", "none [integrity] confidentiality")
        equal(state_of(b, "lockdown"), ("info", 0), "doctor reports lockdown as info if the module is loaded")
    clock = "devices/system/clocksource/clocksource0/"
    with Known() as b:
        b.sysfs(clock + "current_clocksource", "hpet")
        equal(state_of(b, "clocksource"), ("warning", 1),
              "doctor warns about a slow clocksource if a faster one is available")
        b.sysfs(clock + "current_clocksource", "tsc-early")
        equal(state_of(b, "clocksource"), ("ok", 0), "doctor accepts the clocksource tsc-early")
        b.sysfs(clock + "current_clocksource", "hyperv_clocksource_tsc_page")
        equal(state_of(b, "clocksource"), ("ok", 0), "doctor accepts Hyper-V's TSC page, which takes no exit")
        b.sysfs(clock + "current_clocksource", "hyperv_clocksource_msr")
        b.sysfs(clock + "available_clocksource", "hyperv_clocksource_tsc_page hyperv_clocksource_msr acpi_pm")
        row = b.rows()[0]["clocksource"]
        ok(row["state"] == "warning" and "an exit to L0 each time" in row["text"] and
           row["commands"][0].startswith("echo hyperv_clocksource_tsc_page > "),
           "doctor warns about Hyper-V's clock by an MSR, each reading of which takes an exit", row)
        for name in "kvm-clock", "xen":
            b.sysfs(clock + "current_clocksource", name)
            b.sysfs(clock + "available_clocksource", name + " tsc acpi_pm")
            row = b.rows()[0]["clocksource"]
            ok(row["state"] == "info" and "takes no exit" in row["text"] and "Windows' TSC page is invalid" in row["text"] and
               row["commands"][0].startswith("echo tsc > "),
               f"doctor says what {name} as clocksource means for guests, and gives tsc", row)
            b.sysfs(clock + "available_clocksource", name + " acpi_pm")
            row = b.rows()[0]["clocksource"]
            ok("+invtsc" in row["text"] and not row["commands"],
               f"doctor says that L0 has to offer an invariant TSC if {name} is the only fast clocksource", row)
        b.sysfs(clock + "current_clocksource", "acpi_pm")
        b.sysfs(clock + "available_clocksource", "kvm-clock tsc acpi_pm")
        ok(b.rows()[0]["clocksource"]["commands"][0].startswith("echo tsc > "),
           "doctor prefers tsc to kvm-clock where both are available", b.rows())
        b.sysfs(clock + "current_clocksource", "hpet")
        b.sysfs(clock + "available_clocksource", "hpet acpi_pm")
        equal(state_of(b, "clocksource"), ("info", 0),
              "doctor reports a slow clocksource as info if no faster one is available")
    with Known() as b:
        b.sysfs("module/kvm_intel/parameters/nested", "N")
        equal(state_of(b, "nesting"), ("info", 0), "doctor reports as info that nesting is off")
    with Known() as b:
        b.sysfs("power/resume", "259:2")
        equal(state_of(b, "hibernation"), ("warning", 1), "doctor warns about hibernation if a resume device is set")
        b.cpu("fpu vmx")
        row = b.rows()[0]["hibernation"]
        ok(row["state"] == "info" and "clouds" not in row["text"] and not row["commands"],
           "doctor reports a resume device on bare metal as info", row)
        b.sysfs("power/state", "freeze mem")
        equal(state_of(b, "hibernation"), ("ok", 0),
              "doctor does not warn about hibernation if the kernel cannot hibernate")
    with Known() as b:
        b.sysfs("kernel/mm/transparent_hugepage/enabled", "always madvise [never]")
        equal(state_of(b, "huge pages"), ("warning", 1), "doctor warns if transparent huge pages are off")
        reserve(b, "2048kB", 512, 300, 100)
        rows, status = b.rows()
        ok("512 of 2M (200 available)" in rows["hugetlbfs"]["text"] and rows["hugetlbfs"]["state"] == "ok",
           "doctor counts free huge pages that are promised to others as not available", rows)
        ok(rows["huge pages"]["state"] == "info" and "a guest without hugetlbfs" in rows["huge pages"]["text"] and status == 0,
           "doctor says that transparent huge pages are off though others are reserved, and does not warn", rows)
        reserve(b, "2048kB", 512, 100, 100)
        equal((state_of(b, "hugetlbfs")[0], state_of(b, "huge pages")), ("info", ("warning", 1)),
              "doctor warns if transparent huge pages are off and no reserved one is available")
        b.sysfs("kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        equal((state_of(b, "hugetlbfs"), state_of(b, "huge pages")), (("info", 0), ("ok", 0)),
              "doctor reports reserved huge pages as info if none is available to guests")
        reserve(b, "2048kB", 0, 0, 0)
        ok("hugetlbfs" not in b.rows()[0], "doctor has no row of hugetlbfs if no page is reserved")
        b.sysfs("kernel/mm/transparent_hugepage/enabled", "always madvise [never]")
        reserve(b, "1048576kB", 16, 16, 0)
        rows, status = b.rows()
        ok(rows["hugetlbfs"]["text"].endswith("16 of 1G (16 available)") and rows["huge pages"]["state"] == "info" and status == 0,
           "doctor finds reserved huge pages of 1 GB, which /proc/meminfo does not count", rows)
        reserve(b, "2048kB", 512, 0, 0)
        rows, _ = b.rows()
        ok("16 of 1G (16 available), 512 of 2M (0 available)" in rows["hugetlbfs"]["text"],
           "doctor shows reserved huge pages of each size", rows)
    with Known() as b:
        b.sysfs("devices/system/cpu/vulnerabilities/mds", "Vulnerable: no microcode")
        rows, status = b.rows()
        ok(rows["mitigations"]["state"] == "warning" and "mds" in rows["mitigations"]["text"] and
           status == 1, "doctor warns about an open CPU vulnerability and names it", rows["mitigations"])
        b.sysfs("devices/system/cpu/vulnerabilities/mds", "Mitigation: Clear CPU buffers")
        b.sysfs("devices/system/cpu/vulnerabilities/srbds", "Unknown: Dependent on hypervisor status")
        row = b.rows()[0]["mitigations"]
        ok(row["state"] == "info" and "cannot tell for: srbds" in row["text"],
           "doctor reports a vulnerability whose state a virtual machine cannot know as info", row)
        for name, value, state, text in (
                ("l1tf", "Mitigation: PTE Inversion; VMX: vulnerable", "warning", "for guests: l1tf"),
                ("itlb_multihit", "KVM: Vulnerable", "warning", "for guests: itlb_multihit"),
                ("spectre_v2", "Mitigation: Retpolines; PBRSB-eIBRS: SW sequence; BHI: Vulnerable", "warning", "for guests: spectre_v2"),
                ("l1tf", "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable", "info", "except between the two threads of a core (SMT): l1tf, but"),
                ("mds", "Mitigation: Clear CPU buffers; SMT vulnerable", "info", "(SMT): mds"),
                ("mds", "Mitigation: Clear CPU buffers; SMT Host state unknown", "info", "cannot tell for: mds"),
                ("mds", "Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown", "warning", "for guests: mds"),
                ("mmio_stale_data", "Unknown: No mitigations", "info", "cannot tell for: mmio_stale_data"),
                ("tsa", "Mitigation: Clear CPU buffers", "info", "cannot tell for: srbds. Of"),
                ("tsa", "Mitigation: Clear CPU buffers: user/kernel boundary", "warning", "for guests: tsa"),
                ("tsa", "Mitigation: Clear CPU buffers: VM", "info", "for its own processes, not for guests: tsa"),
                ("spectre_v2", "Mitigation: Retpolines; BHI: Vulnerable, KVM: SW loop", "info", "except for its own processes, not for guests: spectre_v2"),
                ("indirect_target_selection", "Mitigation: Vulnerable, KVM: Not affected", "info", "not for guests: indirect_target_selection")):
            file = "devices/system/cpu/vulnerabilities/" + name
            b.sysfs(file, value)
            row = b.rows()[0]["mitigations"]
            ok(row["state"] == state and text in row["text"],
               f"doctor reports the vulnerable part of {name}, {value}, as {state}", row)
            b.sysfs(file, "Not affected")
        os.chmod(b.dev + "/kvm", 0o666)
        ok(b.rows()[0]["access"]["state"] == "info", "doctor reports a world-writable /dev/kvm as info")
    with Known() as b:
        b.offer(["offered", "allowed", "cpus_differ"])
        equal(state_of(b, "cpus"), ("warning", 1), "doctor warns if the VMX capabilities of the CPUs differ")
    with Known(flags="fpu vmx", virtualized=0, hypervisor="none") as b:
        ok("is L0" in b.rows()[0]["layer"]["text"], "doctor says that bare metal is L0")
    with Known(flags="fpu svm hypervisor", vendor="AuthenticAMD") as b:
        rows, status = b.rows()
        ok("SVM" in rows["cpu"]["text"] and rows["kvm"]["commands"][0] == "modprobe kvm_amd" and
           status == 2, "doctor names SVM and suggests modprobe kvm_amd on an AMD machine", rows)


EC2 = {"sys_vendor": "Amazon EC2", "product_name": "m8i.4xlarge"}


def test_clouds():
    with Known(dmi=EC2) as b:
        rows, status = b.rows()
        ok(status == 0 and rows["EC2 nesting"]["state"] == "ok" and "m8i.4xlarge" in
           rows["EC2 instance"]["text"] and "Azure" not in rows,
           "doctor shows type and nesting of an EC2 instance, and no rows of Azure", rows)
        considerations = {"EC2 types": "C8i, M8i and R8i", "EC2 hypervisors": "Hyper-V",
                          "EC2 Windows": "192 CPUs; this one has 2", "EC2 security": "provider",
                          "EC2 latency": "bare-metal"}
        for row, text in considerations.items():
            ok(text in rows[row]["text"] and rows[row]["state"] == "info",
               f"doctor shows the row {row} with '{text}' as info on an EC2 instance", rows[row])
        keep(b, measurement(instance_type="m8i.4xlarge"))
        ok("measured as 10.0" in b.rows()[0]["EC2 latency"]["text"],
           "doctor shows the exit cost that bench measured in the row EC2 latency",
           b.rows()[0]["EC2 latency"])
    with Known(dmi=EC2, flags="fpu hypervisor") as b:
        rows, status = b.rows()
        commands = "\n".join(rows["EC2 nesting"]["commands"])
        ok(status == 2 and rows["EC2 nesting"]["state"] == "problem" and
           "aws ec2 stop-instances" in commands and
           re.search("modify-instance-cpu-options .*--nested-virtualization enabled", commands) and
           '--cpu-options "NestedVirtualization=enabled"' in commands and
           "Values=nested-virtualization" in commands,
           "doctor shows the aws commands that enable nesting on an EC2 instance without VMX", rows)
    for name in "m8i.metal-48xl", "c5.metal":
        with Known(dmi=EC2 | {"product_name": name}, flags="fpu vmx", virtualized=0) as b:
            rows, _ = b.rows()
            ok("this is L0" in rows["EC2 instance"]["text"] and "EC2 nesting" not in rows,
               f"doctor says that the EC2 instance {name} is L0 and shows no row on nesting", rows)
    for name, dmi in {"Google Cloud": {"sys_vendor": "Google"},
                      "Azure": {"sys_vendor": "Microsoft Corporation",
                                "product_name": "Virtual Machine"}}.items():
        with Known(dmi=dmi) as b:
            equal(state_of(b, name), ("ok", 0), f"doctor accepts a {name} machine with VMX")
            b.cpu("fpu hypervisor")
            equal(state_of(b, name), ("problem", 2), f"doctor reports a {name} machine without VMX as a problem")
    with Known(dmi={"sys_vendor": "Amazon EC2", "product_name": "\x1b[2Jm8i"}) as b:
        r = b.run("doctor")
        ok("\x1b" not in r.stdout and "\\x1b[2Jm8i" in r.stdout,
           "doctor escapes control characters in DMI strings", r.stdout)


def test_caps():
    with Known() as b:
        r = b.run("caps")
        ok(r.returncode == 1 and "has no" in r.stderr and "l1/vmx: load the module that came with this l1tune" in r.stderr,
           "caps fails and says to load the right module if the loaded one has no l1/vmx", r)
        b.offer(OFFERED, ["ept_1g", "tsc_scaling", "cpus_differ"])
        r = b.run("caps")
        ok(r.returncode == 0 and re.search("^ept +yes +yes +the guest changes", r.stdout, re.M) and
           re.search("^pml +yes +no ", r.stdout, re.M) and
           re.search("^ept_1g +no +- ", r.stdout, re.M), "caps shows which features are offered and which are used", r)
        ok("nothing was measured yet" in r.stdout,
           "caps says that nothing was measured if there is no saved measurement", r.stdout)
        keep(b, measurement())
        r = b.run("caps")
        ok("L0 does not, each VMREAD" in r.stdout and "takes 10000 ns here (20000 cycles)" in r.stdout,
           "caps shows the saved cost of a VMREAD on L0 without VMCS shadowing", r.stdout)
        b.machine.guest(1, nested="on", name="win")
        b.machine.guest(2, nested="off")
        b.machine.process(1001, ["qemu", "-name", "win", "-cpu", "host,hv-evmcs"])
        r = b.run("caps")
        ok("1 win: has Hyper-V's interface" in r.stdout and not re.search("^  2 ", r.stdout, re.M),
           "caps lists the guests that use nesting and no others", r.stdout)
        document = b.json("caps", "--json")
        features = {f["feature"]: f for f in document["caps"]["features"]}
        ok(features["ept"]["offered"] is True and features["pml"]["used"] is False and
           features["ept_1g"]["offered"] is False and features["posted_interrupts"]["offered"] is None
           and document["caps"]["l0_shadows_vmcs"] == "no",
           "caps --json has the offered and used features, and whether L0 shadows the VMCS", document)
        other = b.directory + "/other.json"
        write(other, json.dumps(document).encode())
        b.offer([], ["ept"])
        r = b.run("caps", "--compare", other)
        ok(re.search("^ept +no +yes +yes ", r.stdout, re.M), "caps --compare shows what another machine offers", r.stdout)
        write(other, b"{}")
        r = b.run("caps", "--compare", other)
        ok(r.returncode == 1 and "other.json: not a document of l1tune caps --json" in r.stderr and not r.stdout,
           "caps --compare fails with a file that is not a document of caps, and names it", r)
        b.offer([], OFFERED)
        ok("offers no VMX" in b.run("caps").stdout, "caps says that a machine without VMX offers none")
    with Known(load=False) as b:
        r = b.run("caps")
        ok(r.returncode == 3 and "run l1tune apply --load" in r.stderr and not r.stdout,
           "caps without the module exits with 3 and says how to load it", r)


def test_kept():
    with Known() as b:
        cost = lambda: b.rows()[0]["exit cost"]["text"]
        ok("nothing was measured" in cost(), "doctor says that nothing was measured if there is no saved measurement")
        keep(b, measurement())
        ok("10.0" in cost() and "does not shadow" in cost(),
           "doctor shows the exit cost of the saved measurement", cost())
        for what, changed in {"boot_id": "x", "kernel": "5.10", "microcode": "0x1",
                              "instance_type": "c8i"}.items():
            keep(b, measurement(**{what: changed}))
            ok("since: run l1tune bench --save" in cost(),
               f"doctor asks for a new measurement if the saved one has another {what}", cost())
        keep(b, measurement(), 0o666)
        ok("changed by others than root" in cost(),
           "doctor rejects a saved measurement that others than root can write", cost())
        keep(b, measurement())
        if not os.geteuid():
            os.chown(b.state + "/bench.json", 65534, 0)
            ok("changed by others than root" in cost(), "doctor rejects a saved measurement of another user", cost())
            os.unlink(b.state + "/bench.json")
            keep(b, measurement())
            os.rename(b.state + "/bench.json", b.state + "/kept.json")
            os.symlink("kept.json", b.state + "/bench.json")
            ok("changed by others than root" in cost(),
               "doctor rejects a saved measurement that is a symbolic link", cost())
            os.unlink(b.state + "/bench.json")
        write(b.state + "/bench.json", b"{")
        ok("damaged" in cost(), "doctor says that a saved measurement with invalid JSON is damaged", cost())


def test_transit():
    cpuid = cell(2, 10, "CPUID", 10000, 20_000_000, 9000, hist(b12=10000), **parts_ns(kernel=20_000_000))
    with Known() as b:
        b.machine.guest(1, [cpuid, fixed(exits=10000, exit_time_ns=20_000_000,
                                         guest_time_ns=180_000_000)], name="web",
                        exits=10000, exit_time_ns=20_000_000, guest_time_ns=180_000_000)
        b.machine.process(1001, ["qemu", "-name", "web"])
        state = ["--state", b.state]
        r = b.run("stat", "--transit", *state)
        ok(r.returncode == 0 and "not known, nothing was measured yet" in r.stdout,
           "stat --transit says that nothing was measured if there is no saved measurement", r)
        keep(b, measurement())
        r = b.run("stat", "--transit", *state)
        ok("web: 45.0% to 50.0% of its time" in r.stdout and "ago" in r.stdout,
           "stat --transit shows the share of transit as a range, and the age of the measurement", r)
        document = b.json("stat", "--transit", "--json", *state)
        equal([(g["id"], round(g["low_ratio"], 3), round(g["high_ratio"], 3))
               for g in document["transit"]["l2"]], [(1, 0.45, 0.5)],
              "stat --transit --json has the lower and upper bound of transit for each guest")
        ok("transit" not in b.json("stat", "--json"), "stat --json has no transit unless asked for")
        r = b.run("top", "--once", "-d", "0.01", "--transit", *state)
        ok(r.returncode == 0 and "TRANSIT" in r.stdout and "transit as measured" in r.stdout,
           "top --transit shows a TRANSIT column and names the measurement", r)
        b.cpu("fpu vmx")
        r = b.run("stat", "--transit", *state)
        ok("not virtualized" in r.stdout and "45.0%" not in r.stdout,
           "stat --transit shows no transit on bare metal", r)
        b.cpu(VMX)
        keep(b, measurement(kernel="5.10"))
        r = b.run("stat", "--transit", *state)
        ok("the kernel has changed" in r.stdout and "45.0%" not in r.stdout,
           "stat --transit shows no transit from a measurement of another kernel", r)


def test_bench():
    with Known() as b:
        os.unlink(b.dev + "/kvm")
        args = ["--dev", b.dev, "--state", b.state]
        r = b.run("bench", *args)
        ok(r.returncode == 1 and "/kvm: No such file" in r.stderr and "doctor" in r.stderr,
           "bench without /dev/kvm fails and points to doctor", r)
        r = b.run("bench", *args, "--compare", b.directory + "/none")
        ok(r.returncode == 1 and f"{b.directory}/none: No such file" in r.stderr and "/kvm" not in r.stderr,
           "bench --compare fails with a file that does not exist, before it measures", r)
        for wrong, said in ((["x"], "unknown kind 'x'"), (["-o", "NOSUCH"], "unknown column 'NOSUCH'"),
                            (["--sort", "NOSUCH"], "unknown column 'NOSUCH'"), (["--compare"], "--compare needs a value")):
            r = b.run("bench", *args, *wrong)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout,
               f"l1tune bench {' '.join(wrong)} exits with 2 and says: {said}", r)
        for column in "MEDIAN", "-times":
            r = b.run("bench", *args, "--sort", column)
            ok(r.returncode == 1 and "/kvm: No such file" in r.stderr,
               f"bench --sort {column} accepts the column and fails only for the missing /dev/kvm", r)
        r = subprocess.run([TOOL, "bench", "--help"], capture_output=True, text=True, check=False)
        ok(r.returncode == 0 and "--save" in r.stdout, "bench --help names --save and exits with 0", r)


print("KTAP version 1")
test_ready()
test_states()
test_clouds()
test_caps()
test_kept()
test_transit()
test_bench()
finish()
