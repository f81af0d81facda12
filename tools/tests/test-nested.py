#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune nested: what it says of vCPUs that run guests of their own. Usage: test-nested.py L1TUNE"""
import json
import os
import subprocess

from bench import Bench, equal, finish, ok, wait_for_look
from fake import cell, hist, now, stats_file, write

MS = 1_000_000
SECOND = 1_000_000_000
LINE = 159


def lines(texts):
    return "".join(f"{text:<{LINE}}\n" for text in texts).encode()


def nested(*exits, offered="yes", state="on", in_l3="none", entries=0, paging="nested", failed=0, unkept=0):
    """The file; exits are (REASON, COUNT, REFLECTED, TRIPS, TRIP_NS, TRIP_EXITS)."""
    head = {"offered": offered, "state": state, "in_l3_ns": in_l3, "entries": entries, "paging": paging,
            "failed": failed, "unkept": unkept}
    return lines([f"{name} {value}" for name, value in head.items()] +
                 ["exits " + " ".join(map(str, one)) for one in exits])


# Of 620 exits 500 are left to L2, which takes 23 exits for each.
LAB = nested(("CPUID", 320, 320, 320, 640 * MS, 7360), ("EPT_VIOLATION", 120, 0, 0, 0, 0),
             ("MSR_READ", 160, 160, 159, 159 * MS, 3657), ("HLT", 20, 20, 20, 9 * SECOND, 460),
             state="running", in_l3=1_200_000, entries=501)


def padded(texts, width):
    return "".join(f"{text:<{width}}\n" for text in texts).encode()


def controls(kind, *values, address=0x38000):
    """The file of that name; values are "NAME VALUE..."."""
    return padded([f"kind {kind}", f"address {address:#x}", *values] if kind in ("vmcs", "vmcb", "enlightened") else [f"kind {kind}"], 79)


# All that costs something is on, and what saves something is off.
DEAR = ["pin_based_vm_exec_control 0x29", "cpu_based_vm_exec_control 0x89088a84", "secondary_vm_exec_control 0x6",
        "vm_exit_controls 0x200", "vm_entry_controls 0x8200", "exception_bitmap 0x4042", "msr_bitmap 0x50000",
        "ept_pointer 0x6001e", "virtual_processor_id 0x7", "vm_exit_msr_store_count 0x2", "vm_exit_msr_load_count 0x1",
        "vm_entry_msr_load_count 0x3", "vm_instruction_error 0x7"]
CHEAP = ["pin_based_vm_exec_control 0x29", "cpu_based_vm_exec_control 0x92200080", "secondary_vm_exec_control 0x22",
         "io_bitmap_a 0x7000", "io_bitmap_b 0x8000", "msr_bitmap 0x50000", "ept_pointer 0x6001e", "virtual_processor_id 0x7"]
VMCB = ["intercepts 0x80000 0x0 0x4000 0x10044001 0x3 0x0", "iopm_base_pa 0x5000", "msrpm_base_pa 0x6000", "asid 0x7",
        "int_ctl 0x1000000", "nested_ctl 0x1", "nested_cr3 0x9000", "virt_ext 0x2"]


def add_vcpu(b, guest, vcpu, text, failed="", state=1, cells=(), vmfail=None, has=None):
    """The files of a vCPU; None: a module that has no such file."""
    path = f"{b.machine.device(f'l2-{guest}')}/vcpu{vcpu}"
    stats = [s for c in cells for s in c] + now(state, 9_000_000_000)
    write(path + "/stats", stats_file(f"l1tune-{guest}/vcpu-{vcpu}", stats), 0o440)
    if text is not None:
        write(path + "/nested", text, 0o440)
    if text is not None and failed is not None:
        write(path + "/nested_failed", lines(failed.splitlines()), 0o440)
    if vmfail is not None:
        write(path + "/nested_vmfail", padded(vmfail.splitlines(), 31), 0o440)
    if has is not None:
        write(path + "/nested_controls", has, 0o440)


def bench_with(*vcpus, cells=(), **values):
    """A guest 3, called lab, with these vCPUs: the text of "nested", or with keywords of add_vcpu()."""
    b = Bench()
    b.machine.guest(3, cells, vcpus=len(vcpus), comm="lab", **values)
    for number, vcpu in enumerate(vcpus):
        add_vcpu(b, 3, number, **(vcpu if isinstance(vcpu, dict) else {"text": vcpu}))
    return b


def rows(b, *args):
    return [row.split() for row in b.run("nested", "--noheadings", *args).stdout.splitlines()]


def findings(*vcpus, cells=(), **values):
    with bench_with(*vcpus, cells=cells, **values) as b:
        said = b.json("nested", "--json", "3")["nested"][0]["findings"]
        out = b.run("nested", "3").stdout
        ok(all(one in out for one in said), "nested shows the same findings as text and in JSON", [out, said])
        return said


def says(said, words, name):
    ok(any(words in one for one in said), name, f"expected {words!r} in {said!r}")


def test_vcpus():
    with bench_with(LAB, nested(offered="no", state="off", paging="unknown"),
                    nested(offered="unknown", state="off", paging="unknown")) as b:
        b.machine.guest(4, vcpus=1, comm="plain")
        add_vcpu(b, 4, 0, nested(offered="no", state="off", paging="unknown"))
        equal(rows(b), [["3", "lab", "0", "running", "1.20ms", "501", "0", "620", "120", "500", "23.0", "nested"]],
              "nested shows a row with sums over exit reasons for each vCPU that is offered VMX or SVM")
        equal(rows(b, "-o", "VCPU,OFFERED,EXITS,UNKEPT"), [["0", "yes", "620", "0"]], "nested -o selects the columns")
        equal(rows(b, "--bytes", "-o", "IN_L3"), [["1200000"]], "nested --bytes shows times in ns")
    with bench_with(nested(offered="no", state="off", entries=7, paging="shadow")) as b:
        equal(rows(b, "-o", "STATE,OFFERED,IN_L3,ENTRIES,FACTOR,PAGING"), [["off", "no", "-", "7", "-", "shadow"]],
              "nested shows a vCPU that ran L3 before, though nesting is off and not offered now")
    with bench_with(nested(state="running", in_l3="unknown", entries=5, paging="unknown", failed="unknown")) as b:
        equal(rows(b, "-o", "IN_L3,FAILED,PAGING"), [["?", "?", "?"]],
              "nested shows ? for what the module does not know")
        one = b.json("nested", "--json")["nested"][0]["vcpus"][0]
        equal([one[key] for key in ("in_l3", "in_l3_ns", "failed_entries", "ept")], [True, None, None, None],
              "nested --json has null for what the module does not know of L3")
    with bench_with(nested(offered="no", state="off", paging="unknown")) as b:
        p = b.run("nested")
        ok(p.returncode == 0 and not p.stdout and "no vCPU is known" in p.stderr,
           "nested shows no table on a machine without nested guests", p)
    with Bench() as b:
        r = b.run("nested")
        equal([r.returncode, r.stdout, r.stderr.count("\n")], [0, "", 1], "nested without guests prints one message, no table, and exits with 0")
        equal(b.json("nested", "--json")["nested"], [], "nested --json has an empty list without guests")
    with bench_with(nested(unkept=30, *[("CPUID", 100, 70, 70, 70 * MS, 140)])) as b:
        equal(rows(b, "-o", "EXITS,HANDLED,REFLECTED,UNKEPT"), [["100", "0", "100", "30"]],
              "nested counts exits whose reason was not kept as reflected")


def test_reasons():
    with bench_with(LAB, nested(("CPUID", 80, 80, 80, 160 * MS, 2000), state="on", entries=80)) as b:
        got = rows(b, "-o", "ID,REASON,COUNT,HANDLED,REFLECTED,TRIPS,TRIP,FACTOR,TRIP_TIME,SHARE")
        equal(got, [["3", "CPUID", "400", "0", "400", "400", "2.00ms", "23.4", "800ms", "83.4%"],
                    ["3", "MSR_READ", "160", "0", "160", "159", "1.00ms", "23.0", "159ms", "16.6%"],
                    ["3", "EPT_VIOLATION", "120", "120", "0", "0", "-", "-", "0ns", "0.0%"],
                    ["3", "HLT", "20", "0", "20", "20", "450ms", "23.0", "9.00s", "-"]],
              "nested -o REASON sums reasons over vCPUs and sorts them by round-trip time, without a share for HLT")
        p = b.run("nested", "3")
        ok(p.returncode == 0 and "l2-3 lab" in p.stdout and p.stdout.count("REFLECTED") == 2,
           "nested GUEST shows two tables", p)
        r = b.run("nested", "9")
        ok(r.returncode == 4 and "no guest matches '9'" in r.stderr and not r.stdout,
           "nested GUEST exits with 4 and names the guest if there is no such guest", r)
        equal(rows(b, "--sort", "-ENTRIES", "-o", "VCPU"), [["1"], ["0"]],
              "nested --sort -ENTRIES shows the vCPU with the fewest entries first")
        equal(rows(b, "--sort", "ENTRIES", "-o", "VCPU"), [["0"], ["1"]],
              "nested --sort ENTRIES shows the vCPU with the most entries first")
    with bench_with(nested(state="on")) as b:
        ok("none" in b.run("nested", "lab").stdout, "nested GUEST shows no exits for a guest that ran no L3")


def test_json():
    with bench_with({"text": nested(("CPUID", 320, 300, 299, 640 * MS, 7360), state="running", in_l3=1_200_000, entries=501, failed=4,
                                    paging="shadow", unkept=2),
                     "failed": "3 0 !nested_host_cr0_valid(vcpu, vmcs12->host_cr0)\n1 - other\n"}) as b:
        document = b.json("nested", "--json")
        equal([document["schema"], document["interval_ns"]], [2, None],
              "nested --json has schema 2 and no interval without -i")
        guest = document["nested"][0]
        equal([guest["id"], guest["name"], guest["pid"]], [3, "lab", 1003],
              "nested --json has id, name and pid of the guest")
        equal(guest["vcpus"], [{
            "id": 0, "offered": True, "state": "running", "on": True, "in_l3": True, "in_l3_ns": 1_200_000, "entries": 501,
            "failed_entries": 4, "failed": [{"message": "!nested_host_cr0_valid(vcpu, vmcs12->host_cr0)", "error": 0, "count": 3},
                                            {"message": None, "error": None, "count": 1}],
            "unkept": 2, "l3": [{"reason": "CPUID", "count": 320, "reflected": 300, "trips": 299, "trip_ns": 640 * MS, "trip_exits": 7360}],
            "ept": False, "vmx_errors": None, "evmcs": None, "controls": None}],
              "nested --json has all values of the vCPU files")
    with bench_with(nested(offered="unknown", state="off", paging="unknown"), nested(offered="no", state="off", paging="unknown")) as b:
        got = [[v["offered"], v["on"], v["in_l3"], v["ept"]] for v in b.json("nested", "--json")["nested"][0]["vcpus"]]
        equal(got, [[None, False, False, None], [False, False, False, None]],
              "nested --json has all vCPUs, and null for what is not known")


def test_older():
    with bench_with({"text": None}) as b:
        p = b.run("nested")
        ok(p.returncode == 1 and not p.stdout and "load the module that came with" in p.stderr,
           "nested fails and asks for the right module if the loaded one has no nested files", p)
        p = b.run("nested", "--json")
        one = json.loads(p.stdout)["nested"][0]["vcpus"][0]
        equal([p.returncode, one.pop("id"), set(map(str, one.values()))], [1, 0, {"None"}],
              "nested --json has null for all values if the module has no nested files")
    with bench_with({"text": nested(failed=4, entries=1), "failed": None}) as b:
        out = b.run("nested", "3").stdout
        ok("refused    4; the module does not say why" in out and "KVM refused 4 of 5 entries; reason unknown" in out,
           "nested shows the reasons of refused entries as unknown without the file nested_failed", out)
        equal(b.json("nested", "--json")["nested"][0]["vcpus"][0]["failed"], None,
              "nested --json has null for the reasons of refused entries without the file nested_failed")
    for text, name in ((b"", "an empty file"), (nested(entries="many"), "a word for a number"),
                       (nested(("CPUID", 1, 2)), "a reason with too few numbers"), (nested(offered="maybe"), "another offer")):
        with bench_with(text) as b:
            p = b.run("nested")
            ok(p.returncode == 1 and "vcpu0/nested: unexpected value" in p.stderr,
               f"nested fails on {name} in the file nested", p)
    with bench_with({"text": nested(failed=1), "failed": "one 0 what"}) as b:
        ok("vcpu0/nested_failed: unexpected value" in b.run("nested").stderr,
           "nested reports an invalid line of the file nested_failed")
    with bench_with(nested(entries=4) + lines(["later 7", "alone"])) as b:
        equal(rows(b, "-o", "ENTRIES"), [["4"]], "nested ignores unknown lines of a newer module")
    if os.geteuid():
        with bench_with(nested()) as b:
            os.chmod(f"{b.machine.device('l2-3')}/vcpu0/nested", 0)
            r = b.run("nested")
            ok(r.returncode == 5 and "vcpu0/nested" in r.stderr, "nested exits with 5 and names the file for users who may not read it", r)


def test_failed():
    some = {"text": nested(failed=4, entries=1),
            "failed": "1 5 CC(nested_vmx_check_guest_state)\n3 0 !nested_host_cr0_valid(vcpu, vmcs12->host_cr0)\n"}
    said = findings(some)
    says(said, "KVM refused 4 of 5 entries, mostly for !nested_host_cr0_valid(vcpu, vmcs12->host_cr0) (error 0)",
         "nested reports refused entries with their most frequent message")
    with bench_with(some, {"text": nested(failed=2), "failed": "1 5 CC(nested_vmx_check_guest_state)\n1 - other\n"},
                    {"text": nested(failed=1), "failed": "1 0 CC(vmcs12->vpid)\n"}) as b:
        out = b.run("nested", "3").stdout.partition("\nrefused")[2].partition("\nfindings")[0]
        equal(out.split("\n"), ["    3 with error 0: !nested_host_cr0_valid(vcpu, vmcs12->host_cr0)",
                                "           2 with error 5: CC(nested_vmx_check_guest_state)",
                                "           1 with error 0: CC(vmcs12->vpid)",
                                "           1 for other reasons"],
              "nested sums refused entries by message over vCPUs, the most frequent first")
    says(findings({"text": nested(failed=2), "failed": "2 7 one\n"}), "KVM refused 2 of 2 entries, all for one",
         "nested says that all refused entries have one message")
    says(findings({"text": nested(failed=1000), "failed": "3 7 one\n2 7 two\n995 - other\n"}),
         "KVM refused 1000 of 1000 entries, 3 of them for one (error 7); the reason of 995 is unknown",
         "nested does not call a reason most frequent if most reasons are unknown")
    says(findings({"text": nested(entries=1, failed=9), "failed": "4 7 one\n2 8 two\n3 - other\n"}),
         "KVM refused 9 of 10 entries, most often for one (error 7)",
         "nested calls a message most frequent if it has more entries than are unknown")
    says(findings({"text": nested(entries=1, failed=9), "failed": "2 7 one\n"}),
         "the reason of 7 is unknown", "nested reports refused entries without a line as entries of unknown reason")
    with bench_with({"text": nested(failed=2), "failed": "2 7 \x1b[31mred\n"}) as b:
        out = b.run("nested", "3").stdout
        ok(r"\x1b[31mred (error 7)" in out and "\x1b" not in out,
           "nested escapes control characters in messages of refused entries", out)
    equal(findings({"text": nested(entries=500, state="running"), "failed": ""}), [],
          "nested has no finding if no entry was refused")


def test_findings():
    said = findings(LAB)
    says(said, "320 of 320 CPUID were reflected to its hypervisor, at 2.00ms and 23.0 exits of L2 each: CPUID always exits",
         "nested names the reason that takes most of the time with its cost")
    says(said, "160 of 160 MSR_READ were reflected to its hypervisor, at 1.00ms and 23.0 exits of L2 each: it uses no MSR bitmap, or one",
         "nested names MSR accesses that all exit with their cost")
    equal([one for one in said if "HLT" in one or "EPT" in one or "shadow" in one], [],
          "nested has no finding on HLT or on exits that L1 handled")
    said = findings(nested(("MSR_READ", 400, 160, 159, 159 * MS, 3657), entries=500))
    says(said, "160 of 400 MSR_READ were reflected",
         "nested reports MSR accesses of which L1 handled some with both numbers")
    equal([one for one in said if "bitmap" in one], [],
          "nested draws no conclusion on the MSR bitmap if L1 handled some MSR accesses")
    equal(findings(nested(("CPUID", 99, 99, 99, 990 * MS, 99), entries=100)), [], "nested has no finding on rare exits")
    said = findings(nested(("EXCEPTION_NMI", 500, 500, 500, SECOND, 5000), ("INVLPG", 30, 30, 30, 60 * MS, 300),
                           ("CR_ACCESS", 70, 70, 70, 140 * MS, 700), entries=600, paging="shadow"))
    says(said, "uses no EPT or NPT (KVM: ept=0, npt=0); page faults and changes of page tables exit to it: "
         "500 EXCEPTION_NMI, 30 INVLPG, 70 CR_ACCESS, at 2.00ms and 10.0 exits of L2 each",
         "nested reports shadow paging with its cost")
    says(said, "500 of 500 EXCEPTION_NMI were reflected to its hypervisor, at 2.00ms and 10.0 exits of L2 each: shadow page tables",
         "nested gives shadow page tables as the cause of exits by exceptions")
    equal([one for one in findings(nested(("EXCEPTION_NMI", 500, 500, 500, SECOND, 5000), entries=500)) if "shadow" in one], [],
          "nested does not blame shadow page tables for exceptions with nested paging")


def test_factor():
    vmread = [cell(2, 23, "VMREAD", 6000, 6 * MS, 1000, hist(b10=6000)), cell(2, 25, "VMWRITE", 3000, 3 * MS, 1000, hist(b10=3000))]
    says(findings(LAB, cells=vmread), "23.0 exits of its own until it enters L3 again; 9000 exits of L2 are VMREAD and VMWRITE, which vmcs_shadowing saves where L0 offers it",
         "nested names vmcs_shadowing if each reflected exit takes many VMREAD and VMWRITE exits of L2")
    equal([one for one in findings(LAB) if "of its own until" in one], [],
          "nested does not name vmcs_shadowing if L2 has no VMREAD and VMWRITE exits")
    few = nested(("CPUID", 500, 500, 500, SECOND, 1500), entries=500)
    equal([one for one in findings(few, cells=vmread) if "of its own until" in one], [],
          "nested does not name vmcs_shadowing if each reflected exit takes few exits of L2")


def test_states():
    says(findings(nested(offered="no", state="off", paging="unknown")), "offers neither VMX nor SVM",
         "nested reports a guest that is offered neither VMX nor SVM")
    says(findings(nested(), nested(offered="unknown", state="off", paging="unknown")), "whether 1 of its 2 vCPUs are offered",
         "nested says for how many vCPUs it is unknown whether VMX or SVM is offered")
    says(findings(nested()), "has turned on VMX or SVM, and was not seen to enter",
         "nested reports a guest that turned on VMX or SVM and entered no L3")
    equal(findings(nested(state="running", in_l3="unknown")), [],
          "nested does not say that a vCPU in L3 has entered none")
    long = nested(state="running", in_l3=12 * SECOND, entries=5)
    says(findings({"text": long, "state": 1}), "vCPU 0 has been in L3 for 12.0s (now: guest)",
         "nested reports a vCPU that has been in L3 for long")
    equal(findings({"text": long, "state": 4}), [],
          "nested has no finding on a vCPU that is in L3 for long if its VMM sleeps")
    equal(findings(nested(state="running", in_l3=SECOND, entries=5)), [],
          "nested has no finding on a vCPU that is in L3 for a short time")
    says(findings(nested(("CPUID", 50, 20, 20, MS, 20), entries=50, unkept=30)), "the reasons of 30 reflected exits were not kept",
         "nested reports reflected exits whose reason was not kept")


def of_lab(has, **values):
    """Text, findings, and vCPUs in JSON of a guest whose vCPUs have these files."""
    with bench_with(*[{"text": nested(entries=5), "has": one, **values} for one in has]) as b:
        document = b.json("nested", "--json", "3")["nested"][0]
        return b.run("nested", "3").stdout, document["findings"], document["vcpus"]


def test_controls():
    out, said, vcpus = of_lab([controls("vmcs", *DEAR)])
    ok("controls   vCPU 0: VMCS at 0x38000, EPT at 0x60000, no VPID, no MSR bitmap, no I/O bitmaps\n" in out,
       "nested GUEST shows the addresses in a VMCS", out)
    for line in ("pin        0x29 external_interrupt_exiting nmi_exiting virtual_nmi\n",
                 "processor  0x89088a84 interrupt_window_exiting hlt_exiting invlpg_exiting rdpmc_exiting cr3_load_exiting "
                 "cr8_load_exiting unconditional_io_exiting monitor_trap_flag secondary\n",
                 "secondary  0x6 ept descriptor_exiting\n", "exit       0x200 host_64bit\n", "entry      0x8200 guest_64bit load_efer\n",
                 "exceptions 0x4042 #DB #UD #PF\n"):
        ok(" " * 11 + line in out, f"nested GUEST shows the names of {line.split()[0]} controls of a VMCS", out)
    for words in ("no MSR bitmap: each MSR access", "no I/O bitmaps: each port", "no VPID: each entry", "no TPR shadow", "monitor trap flag", "descriptor table",
                  "each write of L3 to CR3", "each INVLPG of L3", "makes page faults of L3", "MSR lists, which KVM here walks: 3 at each entry into L3, 3 at each exit"):
        says(said, words, f"nested reports a costly control of a VMCS: {words}")
    equal([vcpus[0]["controls"][key] for key in ("kind", "address")], ["vmcs", 0x38000],
          "nested --json GUEST has kind and address of the VMCS")
    equal([vcpus[0]["controls"]["values"][key] for key in ("exception_bitmap", "vm_instruction_error")], [0x4042, 7],
          "nested --json GUEST has the values of VMCS controls by KVM's names")
    ok("#UD" in vcpus[0]["controls"]["set"] and "msr_bitmaps" not in vcpus[0]["controls"]["set"],
       "nested --json GUEST has the names of VMCS control bits that are set", vcpus[0]["controls"]["set"])
    equal(vcpus[0]["evmcs"], False, "nested --json GUEST has evmcs false for a plain VMCS")
    out, said, _ = of_lab([controls("vmcs", *CHEAP)] * 2)
    ok("EPT at 0x60000, VPID 7, MSR bitmap at 0x50000, I/O bitmaps at 0x7000 and 0x8000" in out and "vCPU 1: VMCS" in out,
       "nested GUEST shows the controls of each vCPU", out)
    equal(said, [], "nested has no finding on VMCS controls that cost nothing")
    equal(len(of_lab([controls("vmcs", *DEAR)] * 2)[1]), len(of_lab([controls("vmcs", *DEAR)])[1]),
          "nested reports a costly control once if several vCPUs have it")
    equal([one for one in of_lab([controls("vmcs", *DEAR, "page_fault_error_code_mask 0x1")])[1] if "page faults" in one], [],
          "nested has no finding on page faults if only some of them exit")
    out, said_of_evmcs, vcpus = of_lab([controls("enlightened", *DEAR)])
    ok("controls   vCPU 0: enlightened VMCS at 0x38000, EPT at 0x60000" in out and vcpus[0]["evmcs"] is True,
       "nested GUEST shows an enlightened VMCS as such, as text and in JSON", out)
    equal(said_of_evmcs, of_lab([controls("vmcs", *DEAR)])[1],
          "nested has the same findings on an enlightened VMCS as on a plain one with these controls")
    out, said, _ = of_lab([controls("vmcs", "cpu_based_vm_exec_control 0x10000000", "secondary_vm_exec_control 0x4")])
    ok("secondary" not in out and said == [], "nested ignores secondary controls that are not activated", [out, said])


def test_vmcb():
    out, said, vcpus = of_lab([controls("vmcb", *VMCB)])
    ok("controls   vCPU 0: VMCB at 0x38000, NPT at 0x9000, ASID 7, MSR map at 0x6000, no I/O map\n" in out,
       "nested GUEST shows the addresses in a VMCB", out)
    ok("intercepts 0x10044001 intr rdtsc cpuid msr_map\n" in out and "           0x3 vmrun vmmcall\n" in out and "0x80000 write_cr3\n" in out,
       "nested GUEST shows the names of intercepts of a VMCB", out)
    for words in ("each RDTSC of L3", "each write of L3 to CR3", "page faults of L3"):
        says(said, words, f"nested reports a costly intercept of a VMCB: {words}")
    equal(vcpus[0]["controls"]["values"]["intercepts"], [0x80000, 0, 0x4000, 0x10044001, 3, 0],
          "nested --json GUEST has all words of the intercepts of a VMCB")
    new = [line.replace("nested_ctl", "misc_ctl").replace("virt_ext", "misc_ctl2") for line in VMCB]
    equal(of_lab([controls("vmcb", *new)])[0], out,
          "nested GUEST shows the same controls for the field names of newer KVM")


def test_no_controls():
    for kind, words in (("unknown", "not known: this kernel has no BTF"), ("none", "none: it has no current VMCS"), ("busy", "not read: the vCPU was busy")):
        out, said, vcpus = of_lab([controls(kind)])
        ok(f"controls   vCPU 0: {words}" in out and said == [],
           f"nested GUEST says why there are no controls: {kind}", out)
        equal([vcpus[0]["controls"]["kind"], vcpus[0]["controls"]["values"], vcpus[0]["evmcs"]], [kind, None, None],
              "nested --json GUEST says why there are no controls")
    out = of_lab([None])[0]
    ok("l2-3 lab" in out and "controls" not in out, "nested GUEST shows no controls if the module has no file nested_controls", out)
    with bench_with({"text": nested(entries=5), "has": controls("vmcs", *DEAR)}) as b:
        equal(b.json("nested", "--json")["nested"][0]["vcpus"][0]["controls"], None,
              "nested --json without GUEST does not read the controls of vCPUs")
    for text in (b"kind what", b"address 0x1", controls("vmcs", "pin 12"), controls("vmcs", "pin"), controls("vmcs", "p 0x1 0x1 0x1 0x1 0x1 0x1 0x1 0x1 0x1")):
        with bench_with({"text": nested(entries=5), "has": text}) as b:
            p = b.run("nested", "3")
            ok("l2-3/vcpu0/nested_controls: unexpected value" in p.stderr and "l2-3 lab" in p.stdout and "controls" not in p.stdout,
               f"nested GUEST reports invalid input in the file nested_controls and shows the rest: {text.split()}", p)


def test_vmfail():
    with bench_with({"text": nested(entries=5), "vmfail": "0 1\n4 2\n7 0\n12 3"}, {"text": nested(entries=5), "vmfail": "4 5"}) as b:
        out = b.run("nested", "3").stdout
        ok("vmx errors 1 with error 0, which is not defined: KVM has no such number\n           7 with error 4, VMLAUNCH_NONCLEAR_VMCS: VMLAUNCH with" in out and "error 7" not in out,
           "nested GUEST sums failed VMX instructions of all vCPUs by error", out)
        equal([one["vmx_errors"] for one in b.json("nested", "--json")["nested"][0]["vcpus"]],
              [[{"error": 0, "name": None, "count": 1}, {"error": 4, "name": "VMLAUNCH_NONCLEAR_VMCS", "count": 2},
                {"error": 12, "name": "UNSUPPORTED_VMCS_COMPONENT", "count": 3}], [{"error": 4, "name": "VMLAUNCH_NONCLEAR_VMCS", "count": 5}]],
              "nested --json has failed VMX instructions by vCPU")
    with bench_with({"text": nested(entries=5), "vmfail": "unknown"}) as b:
        equal(b.json("nested", "--json")["nested"][0]["vcpus"][0]["vmx_errors"], None,
              "nested --json has null for failed VMX instructions if they are not counted")
    with bench_with({"text": nested(entries=5), "vmfail": "one 2"}) as b:
        ok("vcpu0/nested_vmfail: unexpected value" in b.run("nested").stderr,
           "nested reports an invalid line of the file nested_vmfail")


def test_interval():
    with bench_with({"text": nested(("CPUID", 320, 320, 320, 640 * MS, 7360), ("MSR_READ", 5, 5, 4, 4 * MS, 4), ("VMCALL", 7, 7, 7, 7, 7),
                                      entries=320, failed=1), "failed": "1 7 first\n"}) as b:
        command = b.command("nested", "--json", "-i", "0.5", "-c", "1")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            wait_for_look(process)
            path = f"{b.machine.device('l2-3')}/vcpu0"
            write(path + "/nested", nested(("CPUID", 330, 325, 330, 660 * MS, 7400), ("MSR_READ", 5, 5, 5, 5 * MS, 5),
                                           ("VMCALL", 7, 7, 7, 7, 7), ("HLT", 2, 2, 2, 5, 2),
                                           entries=332, failed=4, paging="shadow"), 0o440)
            write(path + "/nested_failed", lines(["1 7 first", "3 8 second"]), 0o440)
            document = json.loads(process.communicate()[0])
        one = document["nested"][0]["vcpus"][0]
        equal([one["entries"], one["failed_entries"], one["failed"], one["ept"]], [12, 3, [{"message": "second", "error": 8, "count": 3}], False],
              "nested --json -i has entries and refused entries of the interval")
        equal([(l3["reason"], l3["count"], l3["reflected"], l3["trips"], l3["trip_ns"], l3["trip_exits"]) for l3 in one["l3"]],
              [("CPUID", 10, 5, 10, 20 * MS, 40), ("MSR_READ", 0, 0, 1, MS, 1), ("HLT", 2, 2, 2, 5, 2)],
              "nested --json -i has exits of the interval by reason, with round trips that began before it")
        ok(document["interval_ns"] >= 400 * MS,
           "nested --json -i has the length of the interval", document["interval_ns"])
        out = b.run("nested", "-i", "0.05", "-c", "3", "3").stdout
        equal([out.count("ID NAME"), out.count("l2-3 lab"), out.count("\nnone\n"), out.count("it has not entered a guest of its own in the interval")], [3] * 4,
              "nested -i GUEST shows both tables in each interval")
        out = b.run("nested", "-i", "0.05", "-c", "2").stdout
        equal([line.split()[:1] for line in out.splitlines()], [["ID"], ["3"], [], ["ID"], ["3"]],
              "nested -i has an empty line between the tables of intervals")


print("KTAP version 1")
test_vcpus()
test_reasons()
test_json()
test_older()
test_failed()
test_findings()
test_factor()
test_states()
test_controls()
test_vmcb()
test_no_controls()
test_vmfail()
test_interval()
finish()
