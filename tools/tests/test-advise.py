#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune advise: causes and their gains, each with a guest that has it and one that looks like it and has not.
Usage: test-advise.py L1TUNE"""
import json
import os
import subprocess

from advised import SECOND, WITH_GAINS, Advised, advise_meanwhile, exits, listed
from bench import equal, finish, ok
from fake import fixed, now, stats_file, write
from world import Steps, World

IDLE = [exits("HLT", 20, kernel=0.0001, halted=0.98), exits("CPUID", 50, kernel=0.0001)]

# Of each cause: a guest and machine that have it, what is to be changed, gain in
# CPUs at least and at most; and a nearly equal one that has not.
APICV = ["virtual_interrupt_delivery", "apic_register_virtualization", "posted_interrupts"]
NO_APICV = {"kvm_intel.enable_apicv": "N"}
NOT_OFFERED = {"devices/virtual/l1tune/l1/vmx/" + APICV[2]: 0}
THROTTLED = exits("CPUID", 500, throttled=0.5)
STOLEN = [fixed(stolen_ns=2 * SECOND)]
DMI = "class/dmi/id/"
EC2 = {DMI + "sys_vendor": "Amazon EC2"}
HLT_FAST = exits("HLT", 1000, kernel=0.02, halted=0.9)
L1 = "devices/virtual/l1tune/l1/"
HOST_UNLIMITED = {L1 + "limits/max_exits_per_sec": "max"}
TENANTS = {L1 + "tenants/add": "", "class/l1tune/tenant-1/limits/max_exits_per_sec": "max",
           "class/l1tune/tenant-2/limits/max_exits_per_sec": 900}
CASES = {
    "guest-limit": (([THROTTLED], {"guest": {"limits/max_exits_per_sec": 500}}),
                    "l1tune limits 1 max_exits_per_sec=N with", 0, 0.5,
                    ([THROTTLED], {"guest": {"limits/max_exits_per_sec": "default"}})),
    "host-limit": (([THROTTLED], {"guest": {"limits/max_exits_per_sec": "default"}}),
                   "a limit of its own, above the host's", 0, 0.5,
                   ([exits("CPUID", 500, throttled=0.005)], {"guest": {"limits/max_exits_per_sec": "default"}})),
    "tenant-limit": (([THROTTLED], {"guest": {"limits/max_exits_per_sec": "default", "tenants": "tenant-1 tenant-2"},
                                    "sys": TENANTS | HOST_UNLIMITED}),
                     "limits tenant:CGROUP max_exits_per_sec=N", 0, 0.5,
                     ([THROTTLED], {"guest": {"limits/max_exits_per_sec": "default", "tenants": "tenant-1"},
                                    "sys": TENANTS | HOST_UNLIMITED})),
    "cpu-baseline": ((STOLEN, {"sys": EC2 | {DMI + "product_name": "c8i-flex.large"}}), "without a baseline", 0, 0.2,
                     (STOLEN, {"sys": EC2 | {DMI + "product_name": "c8i.large"}})),
    "stolen": ((STOLEN, {"sys": EC2 | {DMI + "product_name": "c8i.large"}}), "not shared or limited", 0, 0.2,
               ([fixed(stolen_ns=SECOND // 10)], {"sys": EC2 | {DMI + "product_name": "c8i.large"}})),
    "poll-down": (([exits("HLT", 100, kernel=0.2)],
                   {"kvm": {"halt_poll_fail_ns": 2 * SECOND, "halt_poll_success_ns": 0}}),
                  "l1tune tune 1 halt_poll_ns=0", 0, 0.2,
                  ([exits("HLT", 100, kernel=0.2)],
                   {"kvm": {"halt_poll_fail_ns": SECOND, "halt_poll_success_ns": 2 * SECOND}})),
    "poll-up": (([exits("HLT", 400, halted=0.039)], {"params": {"kvm.lapic_timer_advance": "N"}, "allowed": "0-1"}),
                "l1tune tune 1 halt_poll_ns=200000", 0, 0.02,
                ([exits("HLT", 400, halted=0.9)], {})),
    "hlt-in-guest": (([HLT_FAST], {"kvm": {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, "allowed": "0-1"}),
                     "l1tune tune uid=107 hlt_in_guest=1", 0.03, 0.03,
                     ([HLT_FAST], {"cpus": 1, "vcpus": 2, "allowed": "0",
                                   "kvm": {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}})),
    "pause-in-guest": (([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01)], {"allowed": "0-1"}),
                       "l1tune tune uid=107 pause_in_guest=1", 0.03, 0.03,
                       ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01, runq=0.04)], {})),
    "pause-preempted": (([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01, runq=0.04)], {}),
                        "Not pause_in_guest", 0, 0.03, ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01)], {})),
    "devices": (([exits("IO_INSTRUCTION", 500, vmm=0.2)], {}), "find out first", 0, 0.205,
                ([exits("IO_INSTRUCTION", 500, vmm=0.01, vmm_sleep=0.5)], {})),
    "apicv": (([exits("APIC_WRITE", 2000, kernel=0.01)],
               {"params": NO_APICV, "offered": APICV}), "enable_apicv=1", 0, 0.03,
              ([exits("APIC_WRITE", 2000, kernel=0.01)], {"params": NO_APICV, "offered": APICV[:2], "sys": NOT_OFFERED})),
    "x2apic": (([exits("APIC_ACCESS", 1000, kernel=0.01)], {}), "x2APIC", 0, 0.02,
               ([exits("EOI_INDUCED", 1000, kernel=0.01)], {})),
    "level-interrupts": (([exits("EOI_INDUCED", 1000, kernel=0.01)], {}), "MSIs", 0, 0.02,
                         ([exits("APIC_ACCESS", 1000, kernel=0.01)], {})),
    "ept": (([exits("CR_ACCESS", 3000, kernel=0.01)],
             {"params": {"kvm_intel.ept": "N"}, "offered": ["ept"]}), "options kvm_intel ept=1", 0.04, 0.04,
            ([exits("CR_ACCESS", 3000, kernel=0.01)],
             {"params": {"kvm_intel.ept": "Y", "kvm_intel.unrestricted_guest": "Y"}, "offered": ["ept"]})),
    "npt": (([exits("PF_excp", 1500, kernel=0.01), exits("write_cr3", 1500)],
             {"isa": "svm", "params": {"kvm_amd.npt": "N"}, "sys": {L1 + "svm/npt": 1}}), "options kvm_amd npt=1", 0.04, 0.04,
            ([exits("UD_excp", 2900, kernel=0.01), exits("write_cr4", 100)],
             {"isa": "svm", "params": {"kvm_amd.npt": "N"}, "sys": {L1 + "svm/npt": 1}})),
    "no-nested-paging": (([exits("EXCEPTION_NMI", 2000, kernel=0.01), exits("CR_ACCESS", 1000)],
                          {"params": {"kvm_intel.ept": "N"}, "sys": {L1 + "vmx/ept": 0}}), "ask whoever runs L0", 0.04, 0.04,
                         ([exits("EXCEPTION_NMI", 2000, kernel=0.01), exits("CR_ACCESS", 1000)],
                          {"params": {"kvm_intel.ept": "N"}, "offered": ["ept"]})),
    "unrestricted-guest": (([exits("CR_ACCESS", 3000, kernel=0.01)],
                            {"params": {"kvm_intel.ept": "Y", "kvm_intel.unrestricted_guest": "N"},
                             "offered": ["ept", "unrestricted_guest"]}), "options kvm_intel unrestricted_guest=1", 0, 0.04,
                           ([exits("CR_ACCESS", 3000, kernel=0.01)],
                            {"params": {"kvm_intel.ept": "N", "kvm_intel.unrestricted_guest": "N"}, "offered": ["ept"]})),
    "evmcs": (([exits("CPUID", 2000)], {"hypervisor": "Microsoft Hv", "offered": ["enlightened_vmcs"],
                                        "params": {"kvm_intel.enlightened_vmcs": "N"}}),
              "enlightened_vmcs=1", None, None,
              # KVM clears the parameter where L0 does not offer it
              ([exits("CPUID", 2000)], {"hypervisor": "Microsoft Hv", "sys": {L1 + "vmx/enlightened_vmcs": 0},
                                        "params": {"kvm_intel.enlightened_vmcs": "N"}})),
    "vmcs-shadowing": (([exits("CPUID", 2000)], {"shadowed": "no"}), "enable_shadow_vmcs=1", None, None,
                       ([exits("CPUID", 2000)], {"shadowed": "yes"})),
    "vmm-halts": (([exits("HLT", 300, vmm=0.1, vmm_sleep=0.5), exits("INTERRUPT_WINDOW", 60)], {}), "kernel-irqchip=on", 0, 0.1,
                  ([exits("EXTERNAL_INTERRUPT", 300, vmm=0.1)], {})),
    "vmm-kicks": (([exits("EXTERNAL_INTERRUPT", 300, vmm=0.1)], {}), "fewer signals", 0, 0.1,
                  ([exits("VMCALL", 300, vmm=0.1)], {})),
    "vmm-windows": (([exits("INTERRUPT_WINDOW", 300, vmm=0.1)], {}), "kernel-irqchip=on", 0, 0.1,
                    ([exits("EXTERNAL_INTERRUPT", 300, vmm=0.1)], {})),
    "vmm-debugger": (([exits("DB_excp", 300, vmm=0.1)], {"isa": "svm"}), "no breakpoints", 0, 0.1,
                     ([exits("interrupt", 300, vmm=0.1)], {"isa": "svm"})),
    "vmm-msrs": (([exits("MSR_READ", 300, vmm=0.1)], {}), "MSR filter", 0, 0.1,
                 ([exits("HLT", 300, vmm=0.1)], {})),
    "vmm-hypercalls": (([exits("VMCALL", 300, vmm=0.1)], {}), "virtio", 0, 0.1,
                       ([exits("MSR_READ", 300, vmm=0.1)], {})),
    "l1d-flush": (([exits("CPUID", 2000)], {"kvm": {"l1d_flush": 50000}}), "vmentry_l1d_flush=never", None, None,
                  ([exits("CPUID", 2000)], {"kvm": {"l1d_flush": 500}})),
}


def near(got, wanted):
    """The interval is as long as the clock says, a little more than SECONDS."""
    return got is None if wanted is None else got is not None and wanted * 0.9 - 1e-6 <= got <= wanted + 1e-6


def test_rules():
    for rule, case in CASES.items():
        deserves, change, low, high, other = case
        cells, values = deserves
        with Advised(*cells, **values) as b:
            advice = b.advice()
            mine = [a for a in advice if a["rule"] == rule]
            ok(len(mine) == 1 and change in mine[0]["change"],
               f"advise finds {rule} for a guest with this cause and says what to change", advice)
            gain = mine[0]["gain"] if mine else {"low_cpus": -1, "high_cpus": -1}
            ok(near(gain["low_cpus"], low) and near(gain["high_cpus"], high),
               f"{rule}: the gain is within the expected bounds", gain)
            ok(mine and all(mine[0][k] for k in ("evidence", "owner", "risk", "confidence", "title")),
               f"{rule}: the advice has evidence, owner, risk, confidence and title", mine)
        cells, values = other
        with Advised(*cells, **values) as b:
            ok(rule not in b.rules(),
               f"advise does not report {rule} for a similar guest without this cause", b.rules())


def test_timers_started_early():
    """Of waking bench does not see by how much KVM has started its timer early."""
    for name, value, us in (("lapic_timer_advance", "N", 50), ("lapic_timer_advance", "Y", 55),
                            ("lapic_timer_advance_ns", -1, 55), ("lapic_timer_advance_ns", 3000, 53)):
        with Advised(exits("HLT", 400, halted=0.039), params={"kvm." + name: value}, allowed="0-1") as b:
            seen = {c["cause"]: c["seen"] for a in b.advice() for c in a["causes"]}["short sleeps"]
            ok(f"waking takes at most {us} us more" in seen,
               f"short sleeps: waking takes at most {us} us more with kvm.{name}={value}", seen)


def test_built_in():
    cells, values = CASES["ept"][0]
    with Advised(*cells, **values) as b:
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        change = [a["change"] for a in b.advice() if a["rule"] == "ept"]
        ok(len(change) == 1 and change[0].startswith("kvm_intel.ept=1 on the kernel's command line"),
           "advise names the kernel command line for a parameter of a built-in KVM", change)


def test_help():
    with Advised() as b:
        equal(set(CASES), set(WITH_GAINS), "this test has a case for each cause with a gain of its own")
        ok(set(WITH_GAINS) <= listed(b), "advise --help lists each cause with a gain of its own", listed(b))


def test_order():
    with Advised(exits("CPUID", 10, throttled=0.1), exits("IO_INSTRUCTION", 500, vmm=0.4)) as b:
        equal(b.rules(), ["devices", "throttled"], "advise sorts by gain, largest first")
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("1 web: devices emulated by the VMM (devices)\n" in text and "  owner       not known\n" in text,
           "advise prints guest, title, rule and owner as text", text)


def test_nothing():
    with Advised(*IDLE) as b:
        equal(b.rules(), [], "advise has no advice for an idle guest")
        r = b.run("advise", "--since-start", "--state", b.state)
        ok(r.stdout.startswith("nothing worth changing: ") and r.returncode == 0,
           "advise says that nothing is worth changing for an idle guest, and exits with 0", r)
        r = b.run("advise", "-i", "0.05")
        ok(r.stdout.startswith("nothing worth changing: "),
           "advise -i says that nothing is worth changing after an interval without exits", r)
        for args, status, said in ((["-i", "1", "--since-start"], 2, "mutually exclusive"), (["nobody"], 4, "no guest matches 'nobody'")):
            r = b.run("advise", *args)
            ok(r.returncode == status and said in r.stderr and not r.stdout, f"advise {' '.join(args)} exits with {status} and says: {said}", r)


class Still(Advised, World):
    """The same in a world whose clock the test moves."""


def advise_in_steps(reason):
    """What advise says of a second in which a guest exits for one reason."""
    with Still(exits(reason, 0), seconds=1000, guest={"created_ns": 990 * SECOND}) as w:
        steps = Steps(w, "-i", "1", "-J", command="advise", stdout=subprocess.PIPE)
        w.machine.exits(1, [exits(reason, 100, vmm=0.5), fixed(exits=1, guest_time_ns=0)])
        while steps.step():
            pass
        equal(steps.end(), "", f"advise prints no message in an interval with {reason} exits")
        return json.loads(steps.printed)


def test_sample():
    why = "needs the live machine; "
    with Advised(exits("IO_INSTRUCTION", 0)) as b:
        text = advise_meanwhile(b, "IO_INSTRUCTION")
        ok("(devices)" in text and "was not seen (not ruled out; to find out: perf record" in text,
           "advise without a sample says how to find out what was not seen", text)
        lines = [line for line in text.splitlines() if why in line]
        ok(len(lines) == 1 and lines[0].startswith("which ports, addresses and MSRs those are was not seen: "),
           "advise without a sample says why in one line", text)
    with Advised(exits("IO_INSTRUCTION", 0)) as b:
        document = json.loads(advise_meanwhile(b, "IO_INSTRUCTION", "-J"))
        ok(document["sample"]["why_not"].startswith(why) and document["sample"]["interval_ns"] is None
           and document["sample"]["complete"] is False, "advise --json says why there is no sample", document)
        equal([a["accesses"] for a in document["advice"]], [[]],
              "advise --json without a sample has an empty list of accesses")
    with Advised(exits("MSR_WRITE", 0)) as b:
        write(f"{b.machine.device('l2-1')}/vcpu0/stats", stats_file("l1tune-1/vcpu-0", now(1, SECOND) + fixed(tid=1001)), 0o440)
        ok("(msrs)" in advise_meanwhile(b, "MSR_WRITE", rate=100),
           "advise without a sample does not attribute MSR exits to the VMM")
    document = advise_in_steps("IO_INSTRUCTION")
    equal((document["interval_ns"], document["sample"]["complete"]), (SECOND * 3 // 4, False),
          "advise -i counts exits in the first three quarters of the interval, before the sample")
    document = advise_in_steps("CPUID")
    equal((document["interval_ns"], document["sample"]), (SECOND, None),
          "advise -i without a reason to sample counts exits in the whole interval")


def test_unmeasured():
    with Advised(exits("PAUSE_INSTRUCTION", 2000, kernel=0.05), exits("HLT", 400, halted=0.04), saved=False, allowed="0-1") as b:
        advice = b.advice()
        equal([a["rule"] for a in advice], ["pause-in-guest"],
              "advise without a saved bench gives no advice that depends on its costs")
        gain = advice[0]["gain"]
        ok(gain["kind"] == "at_least" and near(gain["low_cpus"], 0.05),
           "advise without a saved bench gives gains as a lower bound, without the cost of an exit to L0", gain)
        ok("bench --save" in b.run("advise", "--since-start", "--state", b.state).stdout,
           "advise without a saved bench names bench --save")


print("KTAP version 1")
test_rules()
test_timers_started_early()
test_built_in()
test_help()
test_order()
test_nothing()
test_sample()
test_unmeasured()
finish()
