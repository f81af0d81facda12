#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune gone: what it says of records that the module would have made. Usage: test-gone.py L1TUNE"""
import json
import os

from bench import Bench, equal, finish, ok
from fake import write

SECOND = 1_000_000_000
ENDED = 50 * SECOND


def exits(*names, level=2):
    """One a microsecond, the last of which is open."""
    lines = []
    for i, name in enumerate(names):
        kind = "open" if i == len(names) - 1 else "exit"
        since = ENDED - 1000 * (len(names) - i)
        lines.append(f"{kind} {level} 0 {name} {since} 500")
    return lines


def record(end, *vcpu, vmm="exited 0 0", denied="-", first=ENDED - 5 * SECOND, comm="qemu"):
    lines = ["id 7", "pid 700", "uid 1000", f"comm {comm}", f"created_ns {first - SECOND}",
             f"ended_ns {ENDED}", f"first_exit_ns {first}", f"end {end}", f"vmm {vmm}",
             f"denied {denied}", "memory_bytes 1048576", "vcpus 1 1", "exits 1000", "vcpu 0", *vcpu]
    return "".join(f"{line:<127}\n" for line in lines)


def gone(text, *args, number=7):
    with Bench() as b:
        write(f"{b.machine.sys}/class/l1tune/l1/gone/{number}", text, 0o440)
        return b.run("gone", *args)


def cause_of(text):
    return next((line[11:] for line in gone(text, "7").stdout.splitlines() if line.startswith("cause")), None)


def says(text, words, name):
    cause = cause_of(text)
    ok(cause and words in cause, name, f"expected {words!r} in {cause!r}")


FAULT = f"refused 2 31 MSR_READ 13 0 c0010015 0 0 {ENDED - 2000}"


def test_causes():
    says(record("shutdown", "run 8 0 1", FAULT, *exits("CPUID", "MSR_READ", "TRIPLE_FAULT")),
         "RDMSR of MSR 0xc0010015 with #GP", "a triple fault after an MSR that KVM refused names the MSR")
    says(record("shutdown", "run 8 0 1", "refused -", "exception_queued 0", *exits("CPUID", "TRIPLE_FAULT")),
         "did not exit to KVM", "a triple fault of the guest's own is not laid on KVM")
    says(record("shutdown", "run 8 0 1", *exits("VMRESUME", "npf", level=3)), "a guest inside it",
         "a triple fault in level 3 is of the guest inside")
    says(record("reset", "port 64 1 out fe", *exits("CPUID", "IO_INSTRUCTION")), "keyboard controller",
         "a reset by port 0x64 is named")
    says(record("reset", "port cf9 1 out 6", *exits("CPUID", "IO_INSTRUCTION")), "port 0xcf9",
         "a reset by port 0xcf9 is named")
    says(record("fail_entry", "run 9 0 1", "words 80000021 0 0", *exits("CPUID")), "invalid guest state",
         "an entry that the CPU refuses is named")
    says(record("internal_error", "run 17 0 1", "words 600000001 0 0", "rip e0000000", *exits("EPT_VIOLATION")),
         "emulate an instruction at RIP 0xe0000000", "a failed emulation has its RIP")
    says(record("run_error", "run 2 -14 1", "info1 6", "info2 200123", *exits("io", "npf")),
         "guest physical address 0x200000", "memory that was not there has its address, whatever a stale reason says")
    says(record("killed", *exits("HLT"), vmm="exited 9 1"), "OOM killer", "a victim of the OOM killer is named")
    says(record("killed", *exits("HLT"), vmm="exited 9 0"), "SIGKILL", "a signal is named")
    says(record("killed", *exits("HLT"), vmm="exited 139 0"), "the VMM crashed (SIGSEGV)",
         "a VMM that crashed and dumped core is named")
    says(record("exited", *exits("HLT"), vmm="exited 768 0"), "status 3", "a VMM's exit status is named")
    says(record("exited", *exits("HLT"), vmm="exited 256 0", denied="max_vcpus"), "status 1 after l1tune had denied it something for limit max_vcpus",
         "a VMM that fails after a denial is said to have been denied what")
    says(record("closed", *exits("HLT"), vmm="other 0 0"), "the last process", "an end by another process is said to be that")
    says(record("new_kind", *exits("HLT")), "does not know", "an end of a later module is not guessed at")


def test_evidence():
    out = gone(record("exited", *exits("HLT"), first=ENDED - SECOND // 2), "7").stdout
    ok("500ms after its first exit" in out, "a guest that died young is said to have", out)
    out = gone(record("exited", *exits("HLT"), denied="max_memory_bytes"), "7").stdout
    ok("max_memory_bytes" in out, "a denial is named beside the end", out)
    out = gone(record("reset", "port 64 1 out fe", FAULT, *exits("CPUID", "IO_INSTRUCTION")), "7").stdout
    ok("also fits" in out and "0xc0010015" in out, "what KVM refused before a reset is named as what also fits", out)


def test_accesses():
    for name, info1, words in (("EPT_VIOLATION", 0x184, "executed there"), ("EPT_VIOLATION", 0x192, "wrote there"),
                               ("EPT_VIOLATION", 0x191, "read there"), ("npf", 0x14, "executed there"),
                               ("npf", 6, "wrote there"), ("npf", 4, "read there"), ("EPT_MISCONFIG", 7, None)):
        out = gone(record("run_error", "run 2 -14 1", f"info1 {info1:x}", *exits("CPUID", name)), "7").stdout
        said = [text for text in ("executed there", "wrote there", "read there") if text in out]
        equal(said, [words] if words else [], f"memory that was not there, {name} with {info1:#x}: {words}")
    out = gone(record("run_error", "run 2 -14 1", "info1 14", "info2 200123", *exits("VMRESUME", "npf", level=3)), "7").stdout
    ok("a guest inside it" in out and "inner guest's physical address is 0x200123" in out and "0x200000" not in out
       and "confidence medium" in " ".join(out.split()), "an address at level 3 is the inner guest's", out)
    out = gone(record("internal_error", "run 17 0 1", "words 1 0 0", "info2 fee00000", *exits("VMRESUME", "npf", level=3)), "7").stdout
    ok("the inner guest's physical address 0xfee00000" in out, "the inner guest's address is named as the place where KVM could not emulate", out)


def test_missing_pages():
    """KVM_RUN has the same errno for all of them."""
    out = gone(record("run_error", "run 2 -14 1", "info1 14", "info2 200123", *exits("CPUID", "npf")), "7").stdout
    for words in "has nothing mapped there", "a full tmpfs", "no free page in hugetlbfs", "truncated", "mprotect":
        ok(words in out, f"why KVM gets no page is not guessed at: {words}", out)
    ok("confidence medium" in " ".join(out.split()), "and it is not sure", out)


def test_who_ended_it():
    out = " ".join(gone(record("killed", *exits("HLT"), vmm="exited 9 0"), "7").stdout.split())
    ok("systemd-oomd" in out.split("also fits")[1] and "the kernel's OOM killer: it did not kill" in out,
       "an OOM killer in user space kills as anybody does", out)
    says(record("killed", *exits("HLT"), vmm="exited 159 0"), "seccomp", "a VMM that seccomp ends was killed by nobody")
    says(record("killed", *exits("HLT"), vmm="exited 136 0"), "crashed (SIGFPE)", "a VMM that divides by zero crashes")
    out = gone(record("killed", *exits("npf"), vmm="exited 135 0"), "7").stdout
    ok("crashed (SIGBUS)" in out and "a full tmpfs" in out and "systemd-oomd" not in out, "a bus error can be memory that is full", out)
    for port, value, size, vmm, cause in (("604", "2000", 2, "exited 0 0", "the guest switched itself off through ACPI"),
                                          ("600", "34", 1, "exited 0 0", "the guest switched itself off through ACPI"),
                                          ("604", "2000", 2, "exited 256 0", "the VMM exited by itself with status 1"),
                                          ("3f8", "2000", 2, "exited 0 0", "the VMM exited by itself with status 0")):
        text = record("exited", f"port {port} {size} out {value}", *exits("IO_INSTRUCTION"), vmm=vmm)
        says(text, cause, f"OUT of 0x{value} to port 0x{port}, and then {vmm}: {cause}")
        out = " ".join(gone(text, "7").stdout.split())
        ok(("through a device of the VMM" in out) == (port == "3f8") and "a shutdown by the guest" not in out,
           "that the guest switched itself off is never ruled out by what KVM_RUN returned", out)
    out = gone(record("exited", "port 604 2 in 2000", *exits("HLT")), "7").stdout
    ok("through a device of the VMM" in out, "to read the register is not to switch off", out)


def test_kinds_of_errors():
    says(record("fail_entry", "run 9 0 1", "words 0 0 0", *exits("CPUID")), "gave no reason", "an entry that failed without a number")
    out = gone(record("fail_entry", "run 9 0 1", "words 0 0 0", *exits("CPUID")), "7").stdout
    ok("not caused by the guest" in out, "is not blamed on the guest's state", out)
    says(record("internal_error", "run 17 0 1", "words 9 0 0", *exits("CPUID")), "does not know", "an internal error of a later KVM")
    says(record("internal_error", "run 17 0 1", "words 4 0 0", *exits("CPUID")), "unknown exit reason", "one that KVM names")
    for cr0, reason, fits in ("60000010", "EXCEPTION_NMI", True), ("60000011", "EXCEPTION_NMI", False), ("60000010", "EPT_VIOLATION", False):
        out = gone(record("internal_error", "run 17 0 1", "words 1 0 0", f"cr0 {cr0}", *exits(reason)), "7").stdout
        equal("real mode" in out, fits, f"emulation with CR0 {cr0} after {reason}: real mode {'fits' if fits else 'does not'}")
    says(record("run_error", "run 0 -5 1", *exits("CPUID")), "after an error of its own", "a VM that KVM has declared dead")


def test_timeline():
    lines = gone(record("exited", *exits("CPUID", "MSR_READ", "HLT")), "7").stdout.splitlines()
    last = [line.split()[1].rstrip(",") for line in lines[-3:]]
    equal(last, ["CPUID", "MSR_READ", "HLT"], "the last exits read downwards to the end")
    ok("not entered again" in lines[-1], "the exit that was not entered again says so", lines[-1])


def test_forms():
    text = record("killed", *exits("CPUID", "HLT"), vmm="exited 9 0", comm="a\\040b")
    r = gone(text)
    ok(r.returncode == 0 and "killed" in r.stdout and "CAUSE" in r.stdout, "gone prints a table", r.stdout + r.stderr)
    equal(gone(text, "8").returncode, 4, "a guest that has no record is no such guest")
    r = gone(text, "7", "8")
    equal([r.returncode, r.stdout, r.stderr], [4, "", "l1tune: no guest that ended matches '8': l1tune gone lists them\n"],
          "gone names each guest that has no record, and shows none")
    equal(gone("", "7").returncode, 1, "a record that is not one is an error")
    with Bench() as b:
        write(f"{b.machine.sys}/class/l1tune/l1/gone/7", text, 0o440)
        one = b.json("gone", "--json")["gone"][0]
        equal((one["id"], one["end"], one["vcpus"][0]["last"][-1]["reason"], one["vcpus"][0]["last"][0]["ago_ns"]),
              (7, "killed", "HLT", 2000), "gone --json has id, end and the last exits")
    with Bench() as b:
        write(f"{b.machine.sys}/class/l1tune/l1/gone/7", text, 0o440)
        write(f"{b.machine.sys}/class/l1tune/l1/gone/8", "id 8\n", 0o440)
        r = b.run("gone", "--noheadings", "-o", "ID")
        equal((r.returncode, r.stdout.split()), (1, ["7"]), "a record that is not one hides no other")
        ok("l1/gone/8: unexpected value: this guest is left out" in r.stderr, "and is named", r)
        r = b.run("gone", "-J")
        equal((r.returncode, [g["id"] for g in json.loads(r.stdout)["gone"]]), (1, [7]), "in JSON, too")
        write(f"{b.machine.sys}/class/l1tune/l1/gone/7", text.replace("created_ns 44000000000", "created_ns -          "), 0o440)
        equal(json.loads(b.run("gone", "-J").stdout)["gone"][0]["created"], None, "a creation that is not known is not at 0")
    with Bench() as b:
        r = b.run("gone")
        ok(r.returncode == 1 and "load the module that came with this l1tune" in r.stderr, "of a module that keeps none it says what to do", r)
    with Bench() as b:
        os.makedirs(f"{b.machine.sys}/class/l1tune/l1/gone")
        ok(b.run("gone").returncode == 0, "no guest that ended is no error")
        equal(b.json("gone", "--json")["gone"], [], "no guest that ended is an empty list")


test_causes()
test_evidence()
test_accesses()
test_missing_pages()
test_who_ended_it()
test_kinds_of_errors()
test_timeline()
test_forms()
finish()
