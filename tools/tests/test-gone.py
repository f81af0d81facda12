#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune gone: what it says of records that the module would have made. Usage: test-gone.py L1TUNE"""
import json
import os
import re

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


def gone(text, *args, number=7, files=()):
    """files are pairs of a path below /sys and its text."""
    with Bench() as b:
        write(f"{b.machine.sys}/class/l1tune/l1/gone/{number}", text, 0o440)
        for path, content in files:
            write(f"{b.machine.sys}/{path}", content)
        return b.run("gone", *args)


def parts_of(text, **options):
    """What gone says of a guest, by the word at the start of the line."""
    parts, word = {}, ""
    for line in gone(text, "7", **options).stdout.split("\n\n")[0].splitlines()[1:]:
        word = line[:11].strip() or word
        parts[word] = (parts.get(word, "") + " " + line[11:].strip()).strip()
    return parts


def cause_of(text):
    return next((line[11:] for line in gone(text, "7").stdout.splitlines() if line.startswith("cause")), None)


def says(text, words, name):
    cause = cause_of(text)
    ok(cause and words in cause, name, f"expected {words!r} in {cause!r}")


def advises(text, words, name, **options):
    parts = parts_of(text, **options)
    ok(all(word in parts.get("next", "") for word in words), name, f"expected {words!r} in {parts!r}")


FAULT = f"refused 2 31 MSR_READ 13 0 c0010015 0 0 {ENDED - 2000}"
XSETBV = f"refused 2 55 XSETBV 13 0 0 e7 1 {ENDED - SECOND}"


def test_hostile():
    """A record may come from somebody else's history."""
    r = gone(record("x\x1b]0;y\x07", "run 8 0 1", comm="a\x1b[7m"), "7")
    ok(r.returncode == 0 and "\\x1b]0;y" in r.stdout and not re.search("[\x00-\x09\x0b-\x1f]", r.stdout),
       "gone prints no control character of a record", r.stdout)


def test_causes():
    says(record("shutdown", "run 8 0 1", FAULT, *exits("CPUID", "MSR_READ", "TRIPLE_FAULT")),
         "RDMSR of MSR 0xc0010015 with #GP", "gone after a triple fault names the MSR whose read KVM refused")
    says(record("shutdown", "run 8 0 1", "refused -", "exception_queued 0", *exits("CPUID", "TRIPLE_FAULT")),
         "did not exit to KVM", "gone does not blame KVM for a triple fault without a refused access")
    says(record("shutdown", "run 8 0 1", XSETBV, *exits("CPUID", "TRIPLE_FAULT")),
         "likely a restart after a panic: KVM answered XSETBV of XCR0 (value 0x1000000e7) with #GP",
         "gone takes a refused XSETBV for the likely cause of a later triple fault")
    says(record("shutdown", "run 8 0 1", XSETBV.replace("XSETBV", "write_cr4"), *exits("CPUID", "shutdown")),
         "KVM answered a write to a control register with #GP",
         "gone takes a refused control register for the likely cause of a later triple fault")
    says(record("shutdown", "run 8 0 1", XSETBV.replace(str(ENDED - SECOND), str(ENDED - 31 * SECOND)),
                *exits("CPUID", "TRIPLE_FAULT")), "did not exit to KVM",
         "gone does not blame an XSETBV that KVM refused long before a triple fault")
    says(record("shutdown", "run 8 0 1", FAULT.replace(str(ENDED - 2000), str(ENDED - 4000)),
                *exits("MSR_READ", "CPUID", "CPUID", "TRIPLE_FAULT")), "did not exit to KVM",
         "gone does not blame a refused MSR for a later triple fault, as kernels try MSRs")
    says(record("shutdown", "run 8 0 1", *exits("VMRESUME", "npf", level=3)), "a guest inside it",
         "gone attributes a triple fault at level 3 to the inner guest")
    says(record("reset", "port 64 1 out fe", *exits("CPUID", "IO_INSTRUCTION")), "keyboard controller",
         "gone names a reset by port 0x64")
    says(record("reset", "port cf9 1 out 6", *exits("CPUID", "IO_INSTRUCTION")), "port 0xcf9",
         "gone names a reset by port 0xcf9")
    says(record("fail_entry", "run 9 0 1", "words 80000021 0 0", *exits("CPUID")), "invalid guest state",
         "gone names an entry that the CPU refused because of invalid guest state")
    for port, smm in ("port b2 1 out 2", True), ("port b2 1 in 2", False), ("port 3f8 1 out 2", False):
        parts = parts_of(record("fail_entry", "run 9 0 1", "words ffffffff 0 0", port, *exits("io")))
        equal(["smm=off" in parts["next"], "System Management Mode" in parts["evidence"], "invalid VMCB" in parts["cause"]], [smm, smm, True],
              f"gone says what a refused entry after {port} has to do with System Management Mode: {smm}")
    says(record("internal_error", "run 17 0 1", "words 600000001 0 0", "rip e0000000", *exits("EPT_VIOLATION")),
         "emulate an instruction at RIP 0xe0000000", "gone names the RIP of a failed emulation")
    says(record("run_error", "run 2 -14 1", "info1 6", "info2 200123", *exits("io", "npf")),
         "guest physical address 0x200000",
         "gone names the address of missing memory, not a stale exit reason of kvm_run")
    says(record("killed", *exits("HLT"), vmm="exited 9 1"), "OOM killer",
         "gone names the OOM killer if it killed the VMM")
    says(record("killed", *exits("HLT"), vmm="exited 9 0"), "SIGKILL", "gone names the signal that killed the VMM")
    says(record("killed", *exits("HLT"), vmm="exited 139 0"), "the VMM crashed (SIGSEGV)",
         "gone names the signal of a VMM that crashed and dumped core")
    says(record("exited", *exits("HLT"), vmm="exited 768 0"), "status 3", "gone names the exit status of the VMM")
    says(record("exited", *exits("HLT"), vmm="exited 256 0", denied="max_vcpus"), "status 1 after l1tune had denied it a request for limit max_vcpus",
         "gone names the denied limit of a VMM that failed after a denial")
    says(record("closed", *exits("HLT"), vmm="other 0 0"), "the last process",
         "gone says that another process closed the VM last")
    says(record("new_kind", *exits("HLT")), "does not know",
         "gone does not guess an end that only a later module knows")


def test_evidence():
    out = gone(record("exited", *exits("HLT"), first=ENDED - SECOND // 2), "7").stdout
    ok("500ms after its first exit" in out, "gone says how long after its first exit a guest died", out)
    for end, port, first, early in (("shutdown", "port 3f8 1 out 2", ENDED - SECOND // 100, True), ("reset", "port 64 1 out fe", ENDED - SECOND // 100, True),
                                    ("reset", "port 64 1 out fe", ENDED - 5 * SECOND, False), ("killed", "port 64 1 out fe", ENDED - SECOND // 100, False)):
        parts = parts_of(record(end, "run 8 0 1", port, *exits("CPUID", "TRIPLE_FAULT"), first=first, vmm="exited 15 0"))
        equal(["earlyprintk" in parts["next"], "l1tune probe" in parts["next"]], [early] * 2,
              f"gone says what shows why a guest ended before it had a console: {early} for {end}, {(ENDED - first) / SECOND} s after its first exit")
    out = gone(record("exited", *exits("HLT"), denied="max_memory_bytes"), "7").stdout
    ok("max_memory_bytes" in out, "gone names the limit of a denial beside the end of a guest", out)
    out = gone(record("reset", "port 64 1 out fe", FAULT, *exits("CPUID", "IO_INSTRUCTION")), "7").stdout
    ok("also fits" in out and "0xc0010015" in out,
       "gone shows an access that KVM refused before a reset as another possible cause", out)


def test_accesses():
    for name, info1, words in (("EPT_VIOLATION", 0x184, "executed there"), ("EPT_VIOLATION", 0x192, "wrote there"),
                               ("EPT_VIOLATION", 0x191, "read there"), ("npf", 0x14, "executed there"),
                               ("npf", 6, "wrote there"), ("npf", 4, "read there"), ("EPT_MISCONFIG", 7, None)):
        out = gone(record("run_error", "run 2 -14 1", f"info1 {info1:x}", *exits("CPUID", name)), "7").stdout
        said = [text for text in ("memory is missing", "executed there", "wrote there", "read there") if text in out]
        equal(said, ["memory is missing", words] if words else ["memory is missing"],
              f"gone, missing memory, {name} with {info1:#x}: {words or 'no access is named'}")
    out = gone(record("run_error", "run 2 -14 1", "info1 14", "info2 200123", *exits("VMRESUME", "npf", level=3)), "7").stdout
    ok("a guest inside it" in out and "inner guest's physical address is 0x200123" in out and "0x200000" not in out
       and "confidence medium" in " ".join(out.split()), "gone shows an address at level 3 as the inner guest's", out)
    out = gone(record("internal_error", "run 17 0 1", "words 1 0 0", "info2 fee00000", *exits("VMRESUME", "npf", level=3)), "7").stdout
    ok("the inner guest's physical address 0xfee00000" in out,
       "gone shows the inner guest's address of a failed emulation", out)


def test_missing_pages():
    """KVM_RUN has the same errno for all of them."""
    out = gone(record("run_error", "run 2 -14 1", "info1 14", "info2 200123", *exits("CPUID", "npf")), "7").stdout
    for words in "has nothing mapped there", "a full tmpfs", "no page in hugetlbfs that is free", "hugetlb.*.events", "truncated", "mprotect":
        ok(words in out, f"gone lists all reasons why KVM gets no page: {words}", out)
    ok("confidence medium" in " ".join(out.split()), "gone gives medium confidence if KVM gets no page", out)


def test_killed_in_a_fault():
    """A thread that is killed in a page fault gets no page, and KVM_RUN fails as if there were none."""
    for error, vmm, cause, fits in ((14, "exited 9 1", "the OOM killer killed the VMM", False), (12, "exited 9 1", "the OOM killer killed the VMM", False),
                                    (14, "exited 9 0", "memory is missing", True), (14, "exited 0 0", "memory is missing", False), (14, "exited 6 0", "memory is missing", False),
                                    (14, "runs 0 0", "memory is missing", False), (5, "exited 9 1", "after an error of its own", False)):
        parts = parts_of(record("run_error", f"run 0 -{error} 1", "info1 6", "info2 200123", *exits("CPUID", "npf"), vmm=vmm))
        equal([cause in parts["cause"], "SIGKILL, which ended" in parts.get("also fits", ""), f"errno {error}" in parts["evidence"], "raise memory.max" in parts["next"]],
              [True, fits, True, "OOM" in cause], f"gone, KVM_RUN returned errno {error} in a page fault, VMM {vmm}: {cause}; SIGKILL fits too: {fits}")


def test_who_ended_it():
    out = " ".join(gone(record("killed", *exits("HLT"), vmm="exited 9 0"), "7").stdout.split())
    ok("systemd-oomd" in out.split("also fits")[1] and "the kernel's OOM killer: it did not kill" in out,
       "gone after SIGKILL shows systemd-oomd as possible and the kernel's OOM killer as ruled out", out)
    says(record("killed", *exits("HLT"), vmm="exited 159 0"), "seccomp",
         "gone names seccomp for a VMM that SIGSYS ended")
    says(record("killed", *exits("HLT"), vmm="exited 136 0"), "crashed (SIGFPE)",
         "gone names SIGFPE for a VMM that crashed with it")
    out = gone(record("killed", *exits("npf"), vmm="exited 135 0"), "7").stdout
    ok("crashed (SIGBUS)" in out and "a full tmpfs" in out and "hugetlb.2MB.max" in out and "systemd-oomd" not in out,
       "gone after SIGBUS shows a full tmpfs and a cgroup's limit of huge pages as possible, and not systemd-oomd", out)
    for port, value, size, vmm, cause in (("604", "2000", 2, "exited 0 0", "the guest switched itself off through ACPI"),
                                          ("600", "34", 1, "exited 0 0", "the guest switched itself off through ACPI"),
                                          ("604", "2000", 2, "exited 256 0", "the VMM exited by itself with status 1"),
                                          ("3f8", "2000", 2, "exited 0 0", "the VMM exited with status 0")):
        text = record("exited", f"port {port} {size} out {value}", *exits("IO_INSTRUCTION"), vmm=vmm)
        says(text, cause, f"gone after OUT of 0x{value} to port 0x{port}, VMM {vmm}: {cause}")
        out = " ".join(gone(text, "7").stdout.split())
        ok(cause in out and ("through a device of the VMM" in out) == (port == "3f8") and "a shutdown by the guest" not in out,
           "gone never rules out a shutdown by the guest by what KVM_RUN returned", out)
    out = gone(record("exited", "port 604 2 in 2000", *exits("HLT")), "7").stdout
    ok("through a device of the VMM" in out, "gone does not take a read of the ACPI register for a shutdown", out)


def test_requests():
    """What a guest writes to a port before its VMM ends."""
    exited, ended = "the VMM exited by itself with status", "the VMM exited with status 0"
    for port, value, size, vmm, cause, said in (
            ("604", "2400", 2, 0, ended, "suspended itself through ACPI (S3)"),
            ("604", "2800", 2, 0, "the guest hibernated through ACPI (S4), and the VMM exited", "hibernated"),
            ("b004", "2001", 2, 0, "the guest switched itself off through ACPI, and the VMM exited", "switched itself off"),
            ("b004", "2400", 2, 0, ended, "suspended itself"),
            ("600", "21", 2, 0, ended, None), ("600", "34", 2, 0, ended, None),
            ("600", "2c", 1, 0, ended, None),
            ("505", "1", 1, 0, "the guest reported a panic through pvpanic, and the VMM exited", "reported a panic"),
            ("505", "1", 1, 1, "reported a panic through pvpanic, and the VMM exited with status 1", "reported a panic"),
            ("505", "2", 1, 0, "started its crash kernel", "through pvpanic"),
            ("505", "4", 1, 0, "the guest switched itself off through pvpanic, and", "switched itself off"),
            ("f4", "10", 4, 33, "the guest asked its VMM to exit through isa-debug-exit, and the VMM exited with status 33", "isa-debug-exit"),
            ("501", "0", 2, 1, "asked its VMM to exit through isa-debug-exit", "isa-debug-exit"),
            ("f4", "10", 4, 1, f"{exited} 1", None), ("f4", "0", 1, 0, ended, None)):
        parts = parts_of(record("exited", f"port {port} {size} out {value}", *exits("IO_INSTRUCTION"), vmm=f"exited {vmm << 8} 0"))
        ok(cause in parts["cause"] and (said is None or said in parts["evidence"]) and
           ("through a device of the VMM" in parts.get("also fits", "")) == (said is None),
           f"gone after OUT of 0x{value}, {size} bytes, to port 0x{port} and exit status {vmm}: {cause}", parts)
    parts = parts_of(record("killed", "port 505 1 out 1", *exits("IO_INSTRUCTION"), vmm="exited 15 0"))
    ok("killed by SIGTERM" in parts["cause"] and "reported a panic through pvpanic" in parts["evidence"],
       "gone shows that a guest reported a panic before a signal ended its VMM", parts)


def test_resets():
    """Of VMMs that do not end in the access that asks for one, and what it means to some."""
    for comm, end, port, vmm, cause, meaning in (
            ("firecracker", "exited", "64 1 out fe", "exited 0 0", "through the keyboard controller (port 0x64), and the VMM exited", "no other way to end"),
            ("qemu", "exited", "cf9 1 out f", "exited 0 0", "through port 0xcf9, and the VMM exited", None),
            ("qemu", "exited", "cf9 1 out 2", "exited 0 0", "the VMM exited with status 0", None),
            ("qemu", "exited", "64 1 out fe", "exited 256 0", "the VMM exited by itself with status 1", None),
            ("cloud-hyperviso", "closed", "600 1 out 1", "runs 0 0", "through ACPI, and the VMM closed it and keeps running", "starts the guest again in the same process"),
            ("libkrun VM", "exited", "64 1 out fe", "exited 0 0", "and the VMM exited", None),
            ("cloud-hyperviso", "closed", "600 1 out 34", "runs 0 0", "switched itself off through ACPI, and the VMM closed it", None),
            ("vmm", "closed", "604 2 out 2400", "runs 0 0", "the VMM closed the guest and keeps running", None),
            ("firecracker", "reset", "64 1 out fe", "exited 0 0", "reset itself through the keyboard controller", "no other way to end"),
            ("krun", "reset", "64 1 out fe", "exited 0 0", "reset itself through the keyboard controller", "the guest's first program"),
            ("qemu", "reset", "64 1 out fe", "exited 0 0", "reset itself through the keyboard controller", None)):
        parts = parts_of(record(end, f"port {port}", *exits("CPUID", "IO_INSTRUCTION"), vmm=vmm, comm=comm))
        known = ("no other way to end", "starts the guest again in the same process", "the guest's first program")
        equal([cause in parts["cause"], [text for text in known if text in parts.get("also fits", "")], "reboot or a panic" in parts["next"]],
              [True, [meaning] if meaning else [], "reset" in parts["cause"]],
              f"gone, {comm} {end} ({vmm}) after OUT {port}: {cause}; {meaning or 'a reset means nothing else to it'}")
    for comm, status, port, early in ("krun", 0, "64 1 out fe", True), ("krun", 3, "64 1 out fe", False), ("krun", 0, "3f8 1 out fe", False):
        parts = parts_of(record("exited", f"port {port}", *exits("HLT", "IO_INSTRUCTION"), vmm=f"exited {status << 8} 0", comm=comm, first=ENDED - SECOND // 10))
        equal(["first program ended" in parts["cause"], "before it had started that program" in parts.get("also fits", ""), "earlyprintk" in parts["next"]],
              [True, early, port.startswith("64")], f"gone, {comm} with status {status} 100 ms after its first exit and OUT {port}: a reset of its kernel fits too: {early}")
    parts = parts_of(record("exited", "port 64 1 out fe", *exits("HLT", "IO_INSTRUCTION"), comm="firecracker", first=ENDED - SECOND // 10))
    ok("earlyprintk" in parts["next"], "gone says what shows why a guest reset itself before it had a console, if its VMM exited a little later", parts)
    parts = parts_of(record("killed", "port 64 1 out fe", *exits("IO_INSTRUCTION"), vmm="exited 15 0"))
    ok("killed by SIGTERM" in parts["cause"] and "asked for a reset" in parts["evidence"],
       "gone shows that a guest asked for a reset before a signal ended its VMM", parts)


def test_error_data():
    """The words that KVM adds to an internal error."""
    memory = "at an address without memory"
    for words, exit_name, evidence, following in (
            ("400000003 80000b0e 31", "EPT_MISCONFIG", "interrupted the delivery of #PF", "a stack overflow"),
            ("400000003 800000ec 1", "EXTERNAL_INTERRUPT", "interrupted the delivery of vector 236", "expects no such exit"),
            ("3 80000b0e 31", "EPT_MISCONFIG", "the last exit is EPT_MISCONFIG", "a stack overflow"),
            ("400000003 b0e 31", "EPT_MISCONFIG", "the last exit is EPT_MISCONFIG", "a stack overflow"),
            ("300000002 80000b0e 80000b0d", "EXCEPTION_NMI", "interrupted the delivery of #PF", "expects no such exit"),
            ("200000004 4a 1", "EPT_VIOLATION", "names exit reason 0x4a", "did not ask for"), ("4 4a 1", "EPT_VIOLATION", "the last exit is EPT_VIOLATION", "did not ask for"),
            ("1 0 0", "EPT_VIOLATION", memory, "AVX")):
        parts = parts_of(record("internal_error", "run 17 0 1", f"words {words}", *exits("CPUID", exit_name)))
        equal([evidence in parts["evidence"], following in parts["next"], memory in parts["evidence"], "interrupted the delivery" in parts["evidence"], "exit reason" in parts["evidence"]],
              [True, True, evidence == memory, "interrupted" in evidence, "exit reason" in evidence], f"gone after {exit_name} and an internal error with the words {words}: {evidence}, {following}")


def test_system_events():
    for number, cause, following in (1, "asked to be powered off", None), (3, "reported that it crashed", "panic hyper-v"), (6, "(SEV)", "requested termination"), (7, "(TDX)", "VMM's own log"), (9, "does not know", "VMM's own log"):
        parts = parts_of(record("system_event", "run 24 0 1", f"words 10000000{number} 0 0", *exits("CPUID")))
        equal([cause in parts["cause"], following is None or following in parts["next"], parts["confidence"]], [True, True, "low" if number == 9 else "high"],
              f"gone names a system event of type {number}: {cause}")


def test_statuses():
    """Firecracker catches signals, and exits with statuses of its own."""
    def exited(status, comm):
        return record("exited", *exits("HLT"), vmm=f"exited {status << 8} 0", comm=comm)

    for status, words in ((148, "seccomp filter forbids (SIGSYS)"), (149, "crashed (SIGBUS)"), (150, "crashed (SIGSEGV)"),
                          (151, "RLIMIT_FSIZE"), (152, "configuration file"), (154, "RLIMIT_CPU"), (155, "SIGPIPE"),
                          (156, "killed by SIGHUP"), (157, "crashed (SIGILL)")):
        for comm in "firecracker", "firecracker-v1.":
            says(exited(status, comm), words, f"gone knows what {comm} means by status {status}: {words}")
    says(exited(148, "qemu"), "exited by itself with status 148", "gone does not take another VMM's status for Firecracker's")
    says(exited(1, "firecracker"), "exited by itself with status 1", "gone does not guess what Firecracker's general error is")
    ok("switched itself off" not in str(parts_of(exited(150, "firecracker"))),
       "gone does not show a guest that switched itself off as possible if Firecracker caught a signal")
    advises(exited(148, "firecracker"), ["number of the system call"], "gone says where the forbidden system call is found")
    ok("a full tmpfs" in parts_of(exited(149, "firecracker"))["also fits"],
       "gone shows a full tmpfs as possible if Firecracker caught SIGBUS")
    for status, words in (32, "asked for a reset"), (33, "crashed"), (34, "reported a panic"), (35, "arguments"), (36, "watchdog"):
        says(exited(status, "crosvm"), words, f"gone knows what crosvm means by status {status}: {words}")


def test_programs_statuses():
    """VMMs that exit as the first program of their guest did."""
    for comm, status, words in (("krunvm", 139, "with its status 139"), ("krun", 1, "with its status 1"), ("runsc-sandbox", 0, "with its status 0"),
                                ("exe", 3, "with its status 3"), ("krunvm", 127, "is not there"), ("krunvm", 125, "could not set up"),
                                ("executor", 3, "exited by itself with status 3")):
        parts = parts_of(record("exited", *exits("HLT"), vmm=f"exited {status << 8} 0", comm=comm))
        ok(words in parts["cause"] and ("SIGSEGV ended" in parts["evidence"]) == (status == 139), f"gone says whose status {status} of {comm} is: {words}", parts)


def test_asked_to_end():
    """VMMs that catch a signal, or get a request, exit with status 0."""
    parts = parts_of(record("exited", *exits("HLT"), vmm="exited 0 0"))
    ok("asked to end" in parts["cause"] and "by itself" not in parts["cause"] and "SIGTERM" in parts["also fits"] and "a migration" in parts["also fits"] and
       "through a device of the VMM" in parts["also fits"] and "terminating on signal" in parts["next"] and "reason=" in parts["next"],
       "gone says of a VMM that exited with status 0 that it may have been asked to, and where that is written", parts)
    parts = parts_of(record("exited", *exits("HLT"), vmm="exited 256 0"))
    ok("SIGTERM" not in str(parts), "gone does not show a signal as possible if the VMM exited with status 1", parts)
    parts = parts_of(record("closed", *exits("HLT"), vmm="alive 0 0"))
    ok("closes each" in parts["next"], "gone says that programs with many guests close them", parts)


def test_sent_signals():
    for signal, cause, open_for, words in ((15, "SIGTERM", "earlyoom", "kubectl get events"), (9, "SIGKILL", "systemd-oomd", "kubectl get events"),
                                           (9, "SIGKILL", "PR_SET_PDEATHSIG", "dmesg (memory failure, BUG:)"), (9, "SIGKILL", "RLIMIT_CPU", "dmesg"), (15, "SIGTERM", "PR_SET_PDEATHSIG", "journalctl"), (2, "SIGINT", "Ctrl-C", "systemd-run"),
                                           (1, "SIGHUP", "SSH", "systemd-run"), (3, "SIGQUIT", "Ctrl-\\", "systemd-run"), (10, "SIGUSR1", "kick", "newer version"),
                                           (34, "SIGRTMIN", "kick", "newer version"), (36, "SIGRTMIN+2", "kick", "newer version"), (14, "SIGALRM", "administrator", "journalctl")):
        parts = parts_of(record("killed", *exits("HLT"), vmm=f"exited {signal} 0"))
        ok(parts["cause"].endswith(f"killed by {cause}") and open_for in parts["also fits"] and words in parts["next"],
           f"gone says who may have sent {cause}, and what to do: {words}", parts)


def test_exceptions():
    for words, reason, cause in (("11 0 0", 1, "used a split lock"), ("1 0 0", 1, "reason 1, which no VMM"), ("11 0 0", 0, "KVM_EXIT_UNKNOWN, hardware reason 0x11")):
        parts = parts_of(record("run_error", f"run {reason} 0 1", f"words {words}", *exits("EXCEPTION_NMI")))
        ok(cause in parts["cause"] and ("split_lock_detect=warn" in parts["next"]) == ("split" in cause), f"gone names what KVM_RUN returned: {cause}", parts)
    for suberror, exit_name, avx in (1, "EPT_MISCONFIG", True), (1, "npf", True), (3, "EPT_VIOLATION", False), (1, "CPUID", False):
        parts = parts_of(record("internal_error", "run 17 0 1", f"words {suberror} 0 0", "info2 fd000000", *exits(exit_name)))
        ok(("AVX" in parts["next"]) == avx and "Code=" in parts["next"],
           f"gone names AVX instructions if KVM could not emulate an access to a device: {avx} for suberror {suberror} after {exit_name}", parts)


def test_next():
    def killed(signal, oom=0):
        return record("killed", *exits("HLT"), vmm=f"exited {signal} {oom}")

    parts = parts_of(killed(9, 1))
    ok("memory.max" in parts["also fits"] and "this machine" in parts["also fits"] and "had 1M of memory" in parts["evidence"] and
       "oom killer in user space" not in str(parts).lower(), "gone after an OOM kill shows both kinds of limits as possible", parts)
    ok("NUMA nodes" in parts["also fits"] and "hugetlbfs" in parts["also fits"], "gone after an OOM kill shows a node and hugetlbfs's reserve as possible", parts)
    advises(killed(9, 1), ["CONSTRAINT_NONE", "CONSTRAINT_MEMORY_POLICY or CONSTRAINT_CPUSET it is a node"], "gone says how to tell a node's OOM kill from the machine's")
    advises(killed(9, 1), ["Memory cgroup out of memory", "memory.events", "raise memory.max"],
            "gone says how to tell a cgroup's OOM kill from the machine's, and what to raise")
    for signal, cause, words in ((6, "aborted itself (SIGABRT)", "VMM's own log"), (6, "aborted itself (SIGABRT)", "\"failed to set MSR\""), (11, "crashed (SIGSEGV)", "coredumpctl"),
                                 (13, "nobody reads any more (SIGPIPE)", "reader of its output"),
                                 (25, "RLIMIT_FSIZE", "LimitFSIZE="), (24, "RLIMIT_CPU", "LimitCPU=")):
        parts = parts_of(killed(signal))
        ok(cause in parts["cause"] and words in parts["next"] and "administrator" not in parts.get("also fits", ""),
           f"gone says why signal {signal} ends a VMM without anybody who sends it, and what to do: {words}", parts)
    for error, words in (12, "memory.max"), (133, "memory failure"), (5, "KVM's warning"), (22, "VMM's own log"):
        advises(record("run_error", f"run 0 -{error} 1", *exits("CPUID")), [words],
                f"gone says what to do if KVM_RUN returned errno {error}: {words}")
    says(record("run_error", "run 0 -12 1", *exits("CPUID")), "KVM got no memory", "gone says what ENOMEM of KVM_RUN means")
    says(record("run_error", "run 0 -133 1", *exits("CPUID")), "broken", "gone says what EHWPOISON of KVM_RUN means")
    advises(record("internal_error", "run 17 0 1", "words 1 0 0", "cr0 60000011", *exits("EXCEPTION_NMI")), ["VMM's own log"],
            "gone says where to find the instruction that KVM could not emulate")


IGNORE = "module/kvm/parameters/ignore_msrs"


def test_unknown_msrs():
    died = record("shutdown", "run 8 0 1", FAULT, *exits("CPUID", "MSR_READ", "TRIPLE_FAULT"))
    words = ["kvm.ignore_msrs=1", "CPU model"]
    advises(died, words, "gone after a triple fault because of an MSR names kvm.ignore_msrs and the CPU model")
    parts = parts_of(died, files=[(IGNORE, "N")])
    ok("ignore_msrs is off now" in parts["evidence"], "gone says that kvm.ignore_msrs is off", parts)
    parts = parts_of(died, files=[(IGNORE, "Y")])
    ok("kvm.ignore_msrs is on now" in parts["ruled out"] and "off now" not in parts["evidence"],
       "gone rules out an MSR that KVM does not know if kvm.ignore_msrs is on", parts)
    ok("ignore_msrs" not in parts_of(died)["evidence"], "gone says nothing of kvm.ignore_msrs if it cannot be read")
    reset = record("reset", "port 64 1 out fe", FAULT, *exits("CPUID", "IO_INSTRUCTION"))
    advises(reset, ["reboot or a panic", *words], "gone after a reset with a refused MSR before it names kvm.ignore_msrs")
    advises(record("shutdown", "run 8 0 1", FAULT.replace(str(ENDED - 2000), str(ENDED - 4000)),
                   *exits("MSR_READ", "CPUID", "CPUID", "TRIPLE_FAULT")), ["console", *words],
            "gone after a triple fault some time after a refused MSR names the console and kvm.ignore_msrs")
    parts = parts_of(record("reset", "port 64 1 out fe", *exits("CPUID", "IO_INSTRUCTION")), files=[(IGNORE, "N")])
    ok("ignore_msrs" not in str(parts), "gone does not name kvm.ignore_msrs if KVM refused no MSR", parts)
    parts = parts_of(record("shutdown", "run 8 0 1", XSETBV.replace(str(ENDED - SECOND), str(ENDED - 2000)),
                            *exits("CPUID", "XSETBV", "TRIPLE_FAULT")))
    ok("ignore_msrs" not in str(parts) and "CPU features" in parts["next"],
       "gone does not advise kvm.ignore_msrs against a refused XSETBV", parts)


def test_other_hypervisors():
    failed = record("fail_entry", "run 9 0 1", "words 0 0 0", *exits("CPUID"))
    for module in "vboxdrv", "vmmon", "haxm":
        parts = parts_of(failed, files=[(f"module/{module}/refcnt", "1")])
        ok(module in parts["cause"] and "modprobe -r" in parts["next"] and module in parts["next"] and
           parts["confidence"] == "medium", f"gone after a failed entry without a reason names {module}, which is loaded", parts)
    parts = parts_of(failed, files=[(f"module/{module}/refcnt", "1") for module in ("vboxdrv", "vboxnetflt", "haxm", "xen_privcmd")])
    ok(parts["next"].endswith("modprobe -r vboxnetflt vboxdrv haxm"),
       "gone unloads the modules of other hypervisors that doctor knows, in the order in which they can be, and none of Xen", parts)
    parts = parts_of(failed)
    ok("no module of VirtualBox, VMware, HAXM" in parts["ruled out"],
       "gone after a failed entry without a reason says that no other hypervisor is loaded", parts)
    parts = parts_of(failed.replace("words 0 ", "words 7 "), files=[("module/vboxdrv/refcnt", "1")])
    ok("vboxdrv" not in str(parts), "gone does not blame another hypervisor for an entry with invalid controls", parts)


def test_hlt_exits():
    """A guest whose HLT does not exit, which not every L0 enters."""
    vmx, hyperv = ("class/l1tune/l1/isa", "vmx"), ("class/l1tune/l1/hypervisor", "Microsoft Hv")
    for title, words, files, why in (
            ("under Hyper-V", 0, [vmx, hyperv], "Hyper-V on Intel CPUs"), ("under Hyper-V on AMD", 0, [("class/l1tune/l1/isa", "svm"), hyperv], None),
            ("with invalid controls, and an L0 that does not require the exits", 7, [vmx, ("class/l1tune/l1/vmx/msr_0x48e", "0x0000000004006172")], None),
            ("with invalid controls, and an L0 that requires the exits", 7, [vmx, ("class/l1tune/l1/vmx/msr_0x48e", "0x00000000040061f2")], "L0 requires exits for HLT"),
            ("with an invalid state, and an L0 that requires the exits", 0x80000021, [vmx, ("class/l1tune/l1/vmx/msr_0x48e", "0x00000000040061f2")], None),
            ("with another hypervisor loaded under Hyper-V", 0, [vmx, hyperv, ("module/vboxdrv/refcnt", "1")], None)):
        parts = parts_of(record("fail_entry", "run 9 0 1", f"words {words:x} 0 0", *exits("CPUID")), files=files)
        equal([why is not None and why in parts.get("also fits", ""), "cpu-pm=on" in parts["next"]], [why is not None] * 2,
              f"gone after a refused entry {title}: {why or 'exits for HLT are not named'}")


def test_enlightened_vmcs():
    """It has not all fields of a VMCS."""
    for title, words, files, named in (("a KVM that uses it", 0, [("module/kvm_intel/parameters/enlightened_vmcs", "Y")], True),
                                       ("a KVM that does not", 0, [("module/kvm_intel/parameters/enlightened_vmcs", "N")], False),
                                       ("a KVM without the parameter", 0, [], False),
                                       ("a KVM that uses it, and an invalid state", 0x80000021, [("module/kvm_intel/parameters/enlightened_vmcs", "Y")], False),
                                       ("a KVM that uses it under Hyper-V", 0, [("module/kvm_intel/parameters/enlightened_vmcs", "Y"), ("class/l1tune/l1/isa", "vmx"),
                                                                                ("class/l1tune/l1/hypervisor", "Microsoft Hv")], True)):
        parts = parts_of(record("fail_entry", "run 9 0 1", f"words {words:x} 0 0", *exits("CPUID")), files=files)
        equal(["enlightened VMCS" in parts.get("also fits", ""), "enlightened_vmcs=0" in parts["next"], "cpu-pm=on" in parts["next"]], [named, named, title.endswith("Hyper-V")],
              f"gone after a refused entry names the enlightened VMCS: {named} for {title}")


def test_real_mode():
    """KVM runs it as virtual-8086 mode where it has no unrestricted guests, of which the CPU checks more."""
    for offered, used, cr0, section, words in (
            ("1", "N", None, "also fits", "unrestricted_guest=1"), ("0", "N", None, "also fits", "ask whoever runs L0 for unrestricted guests"),
            ("1", "Y", None, "ruled out", None), ("0", "N", "80000011", None, None), ("0", "N", "60000010", "also fits", "ask whoever runs L0"), (None, "N", None, None, None)):
        files = [("class/l1tune/l1/vmx/unrestricted_guest", offered)] * (offered is not None) + [("module/kvm_intel/parameters/unrestricted_guest", used)]
        parts = parts_of(record("fail_entry", "run 9 0 1", "words 80000021 0 0", *([f"cr0 {cr0}"] if cr0 else []), *exits("CPUID")), files=files)
        equal([[name for name in ("also fits", "ruled out") if "virtual-8086" in parts.get(name, "")], words is None or words in parts["next"], "dump_invalid_vmcs" in parts["next"]],
              [[section] * (section is not None), True, True],
              f"gone after an entry with an invalid state, unrestricted guests offered: {offered}, used: {used}, CR0 {cr0}: real mode {section or 'is not named'}")


def test_kinds_of_errors():
    says(record("fail_entry", "run 9 0 1", "words 0 0 0", *exits("CPUID")), "gave no reason",
         "gone says that a failed entry without a number has no reason")
    out = gone(record("fail_entry", "run 9 0 1", "words 0 0 0", *exits("CPUID")), "7").stdout
    ok("not caused by the guest" in out, "gone does not blame a failed entry without a reason on the guest", out)
    says(record("internal_error", "run 17 0 1", "words 9 0 0", *exits("CPUID")), "does not know",
         "gone does not guess an internal error of a later KVM")
    says(record("internal_error", "run 17 0 1", "words 4 0 0", *exits("CPUID")), "unknown exit reason",
         "gone names an internal error that KVM defines")
    for cr0, reason, fits in ("60000010", "EXCEPTION_NMI", True), ("60000011", "EXCEPTION_NMI", False), ("60000010", "EPT_VIOLATION", False):
        out = gone(record("internal_error", "run 17 0 1", "words 1 0 0", f"cr0 {cr0}", *exits(reason)), "7").stdout
        equal(["KVM could not emulate an instruction" in out, "real mode" in out], [True, fits],
              f"gone, failed emulation with CR0 {cr0} after {reason}: real mode {'fits' if fits else 'does not fit'}")
    for offered, used, cr0, reason, section in (("0", "N", "60000011", "EXCEPTION_NMI", "also fits"), ("1", "N", "60000010", "EXCEPTION_NMI", "also fits"),
                                                ("1", "Y", "60000011", "EXCEPTION_NMI", "ruled out"), ("0", "N", "60000011", "EPT_VIOLATION", None)):
        parts = parts_of(record("internal_error", "run 17 0 1", "words 1 0 0", f"cr0 {cr0}", *exits(reason)),
                         files=[("class/l1tune/l1/vmx/unrestricted_guest", offered), ("module/kvm_intel/parameters/unrestricted_guest", used)])
        equal([[name for name in ("also fits", "ruled out") if "real mode" in parts.get(name, "")], "nrestricted" in parts["next"], "VMM's own log" in parts["next"]],
              [[section] * (section is not None), section == "also fits", True],
              f"gone, failed emulation after {reason}, unrestricted guests offered: {offered}, used: {used}: real mode {section or 'does not fit'}")
    says(record("run_error", "run 0 -5 1", *exits("CPUID")), "after an error of its own",
         "gone says that KVM stopped the VM after an error of its own")


def test_timeline():
    lines = gone(record("exited", *exits("CPUID", "MSR_READ", "HLT")), "7").stdout.splitlines()
    last = [line.split()[1].rstrip(",") for line in lines[-3:]]
    equal(last, ["CPUID", "MSR_READ", "HLT"], "gone GUEST lists the last exits in order")
    ok("not entered again" in lines[-1], "gone GUEST marks the exit that was not entered again", lines[-1])


def test_forms():
    text = record("killed", *exits("CPUID", "HLT"), vmm="exited 9 0", comm="a\\040b")
    r = gone(text)
    ok(r.returncode == 0 and "killed" in r.stdout and "CAUSE" in r.stdout, "gone prints a table", r.stdout + r.stderr)
    for numbers in ["8"], ["7", "8"]:
        r = gone(text, *numbers)
        equal([r.returncode, r.stdout, r.stderr], [4, "", "l1tune: no guest that ended matches '8': l1tune gone lists them\n"],
              f"gone {' '.join(numbers)} exits with 4, names the guest that has no record, and shows no other guest")
    r = gone("", "7")
    ok(r.returncode == 1 and "l1/gone/7: unexpected value: this guest is left out" in r.stderr and not r.stdout,
       "gone exits with 1 and names the file of an empty record", r)
    with Bench() as b:
        write(f"{b.machine.sys}/class/l1tune/l1/gone/7", text, 0o440)
        one = b.json("gone", "--json")["gone"][0]
        equal((one["id"], one["end"], one["vcpus"][0]["last"][-1]["reason"], one["vcpus"][0]["last"][0]["ago_ns"]),
              (7, "killed", "HLT", 2000), "gone --json has id, end and the last exits of a guest")
        ok(one["next"].startswith("journalctl"), "gone --json has what to do next", one)
    with Bench() as b:
        write(f"{b.machine.sys}/class/l1tune/l1/gone/7", text, 0o440)
        write(f"{b.machine.sys}/class/l1tune/l1/gone/8", "id 8\n", 0o440)
        r = b.run("gone", "--noheadings", "-o", "ID")
        equal((r.returncode, r.stdout.split()), (1, ["7"]),
              "gone exits with 1 for a damaged record and shows the other guests")
        ok("l1/gone/8: unexpected value: this guest is left out" in r.stderr,
           "gone names the file of a damaged record", r)
        r = b.run("gone", "-J")
        equal((r.returncode, [g["id"] for g in json.loads(r.stdout)["gone"]]), (1, [7]),
              "gone --json exits with 1 for a damaged record and shows the other guests")
        write(f"{b.machine.sys}/class/l1tune/l1/gone/7", text.replace("created_ns 44000000000", "created_ns -          "), 0o440)
        equal(json.loads(b.run("gone", "-J").stdout)["gone"][0]["created"], None,
              "gone --json has null for a creation time that is unknown")
    with Bench() as b:
        r = b.run("gone")
        ok(r.returncode == 1 and "load the module that came with this l1tune" in r.stderr,
           "gone with a module that keeps no records exits with 1 and says what to do", r)
    with Bench() as b:
        os.makedirs(f"{b.machine.sys}/class/l1tune/l1/gone")
        r = b.run("gone")
        equal([r.returncode, r.stdout, r.stderr], [0, "", ""], "gone prints nothing and exits with 0 if no guest ended")
        equal(b.json("gone", "--json")["gone"], [], "gone --json has an empty list if no guest ended")


print("KTAP version 1")
test_hostile()
test_causes()
test_evidence()
test_accesses()
test_missing_pages()
test_killed_in_a_fault()
test_who_ended_it()
test_requests()
test_resets()
test_error_data()
test_system_events()
test_statuses()
test_programs_statuses()
test_asked_to_end()
test_sent_signals()
test_exceptions()
test_next()
test_unknown_msrs()
test_other_hypervisors()
test_hlt_exits()
test_enlightened_vmcs()
test_real_mode()
test_kinds_of_errors()
test_timeline()
test_forms()
finish()
