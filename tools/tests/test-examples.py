#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The sessions of the manuals, run again on the machine that they are about: what
the program prints is what stands there. Usage: test-examples.py L1TUNE [--print]
"""
import os
import re
import subprocess
import sys

from bench import TOOL, Bench, equal, finish, ok
import fake
from fake import fixed, hist, write

MAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../man")
MS = 1_000_000
# What needs a kernel, or takes its time from the clock.
NOT_RUN = "bench", "drift", "events", "probe", "top", "try", "watch"
WRAPPER = """#!/bin/sh
sub=${{1-status}}
[ $# -eq 0 ] || shift
case $sub in
doctor|caps) set -- "$@" --dev {directory}/dev --state {directory}/state ;;
record|replay|report) set -- --state {directory}/state "$@" ;;
apply|save) set -- "$@" {directory}/l1tune.conf ;;
esac
exec {tool} "$sub" --sysfs {directory}/sys --proc {directory}/proc "$@"
"""


START = """state started
until idle
memory_ns 20000000
vcpu_ns 50000000
halt_ns -
idle_ns 3000000000
phase setup {setup}
phase entry 2000000
phase firmware 420000000 30000000
reason 2 30 IO_INSTRUCTION 3100 kernel_ns=50000000 vmm_ns=340000000
phase boot 1700000000 600000000
reason 2 48 EPT_VIOLATION 9000 kernel_ns=300000000 blocked_ns=500000000
reason 2 30 IO_INSTRUCTION 900 kernel_ns=60000000 vmm_ns=240000000
end started 4"""


NESTED = """offered yes
state on
in_l3_ns none
entries 501
paging nested
failed 2
unkept 0
exits CPUID 500 500 500 57500000 11500"""


def split(level, code, reason, buckets, longest_ns, **parts):
    """Times in ms."""
    return fake.split(level, code, reason, sum(buckets.values()), longest_ns, hist(**buckets), **parts)


def machine(bench):
    """web is slow for its disk, build-17 for nothing; lab has a guest inside."""
    m = bench.machine
    m.load(hooks=dict.fromkeys(("run", "put", "sched_in"), "ok"), loaded_ns=10**9,
           totals={"vms": 7, "exits": 1834567, "exit_time_ns": 960 * 10**9, "guest_time_ns": 45 * 10**9,
                   "kernel_time_ns": 16 * 10**9, "vmm_time_ns": 3 * 10**9, "vmm_sleep_time_ns": 8 * 10**9,
                   "halted_time_ns": 930 * 10**9, "blocked_time_ns": 2 * 10**9, "runq_time_ns": 10**9,
                   "throttled_time_ns": 0, "unattributed": 12}, usage={"vms": 3, "vcpus": 6, "memory_bytes": 1536 << 20})
    m.limits()
    m.tune(params={"kvm/halt_poll_ns": 200000}, fixed={"kvm_intel/ple_gap": 128})
    created = 2 * 10**9
    m.guest(1, [split(2, 10, "CPUID", {"b11": 59000, "b12": 1000}, 3900, kernel=90),
                split(2, 12, "HLT", {"b30": 1001}, 1_050_000_000, kernel=4, halted=900_000),
                split(2, 30, "IO_INSTRUCTION", {"b13": 9000, "b15": 10500, "b20": 500}, 900_000, kernel=100,
                      vmm=240, vmm_sleep=60, runq=20),
                split(3, 10, "CPUID", {"b14": 500}, 16000, kernel=5), fixed(exits=81501, guest_time_ns=20 * 10**9)],
            vcpus=2, nested="on", created_ns=created, memory_peak_bytes=512 << 20)
    m.guest(2, [split(2, 48, "EPT_VIOLATION", {"b15": 300}, 30000, kernel=5), split(2, 10, "CPUID", {"b11": 200}, 2000, kernel=1),
                fixed(exits=500, guest_time_ns=9 * 10**9)],
            vcpus=4, nested="off", created_ns=created, memory_bytes=1 << 30, memory_peak_bytes=1 << 30, comm="build-17")
    m.guest(3, vcpus=0, memory_bytes=0, memory_peak_bytes=0, created_ns=created)
    write(f"{m.device('l1')}/gone/4", "id 4\npid 1004\nuid 0\ncomm ci\ncreated_ns 4000000000\nended_ns 8000000000\n"
          "first_exit_ns 5000000000\nend killed\nvmm exited 9 1\nvcpus 1 1\nexits 800\nvcpu 0\n"
          "open 2 12 HLT 7000000000 1000000000\n", 0o440)
    for number, setup in (1, 1_400_000_000), (2, 80_000_000), (3, 1_000_000):
        write(f"{m.device(f'l2-{number}')}/start", START.format(setup=setup), 0o440)
    write(f"{m.device('l2-1')}/vcpu0/stats", fake.stats_file("l1tune-1/vcpu-0", fake.now(5, 10**9)), 0o440)
    write(f"{m.device('l2-1')}/vcpu0/nested", NESTED, 0o440)
    write(f"{m.device('l2-1')}/vcpu0/paravirt", "offered 0x1007ebb\nkvmclock 1\nasync_pf 0\nsteal_time 1\npv_eoi 0\nhost_poll 1\n", 0o440)
    write(f"{m.device('l2-1')}/vcpu0/nested_failed", "2 0 !nested_host_cr0_valid(vcpu, vmcs12->host_cr0)", 0o440)
    for number in 1, 2, 3:
        write(f"{m.device(f'l2-{number}')}/tune/halt_poll_ns", "default", 0o640)
    m.process(1001, ["qemu-system-x86_64", "-name", "guest=web"], "0::/machine.slice/web.scope\n")
    for feature in "ept vpid ept_2m pml preemption_timer offered allowed".split():
        write(f"{m.device('l1')}/vmx/{feature}", 1)
    for feature in "vmcs_shadowing posted_interrupts".split():
        write(f"{m.device('l1')}/vmx/{feature}", 0)
    for name, value in (("module/kvm_intel/parameters/nested", "Y"), ("module/kvm_intel/parameters/ept", "Y"),
                        ("module/kvm_intel/parameters/pml", "N"),
                        ("kernel/security/lockdown", "[none] integrity confidentiality"),
                        ("devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
                        ("devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm"),
                        ("kernel/mm/transparent_hugepage/enabled", "always madvise [never]"),
                        ("devices/system/cpu/vulnerabilities/l1tf", "Not affected")):
        write(f"{m.sys}/{name}", value)
    write(m.proc + "/cpuinfo", "vendor_id\t: GenuineIntel\nmodel name\t: A CPU\nflags\t\t: vmx ept hypervisor\n")
    write(m.proc + "/cmdline", "quiet")
    write(bench.directory + "/dev/kvm", "", 0o660)
    write(bench.directory + "/l1tune", WRAPPER.format(directory=bench.directory, tool=TOOL).encode(), 0o755)


def plain(text):
    """Of mdoc: what a reader sees."""
    return text.replace("\\[mc]", "\u00b5").replace("\\(dq", '"').replace("\\-", "-").replace("\\e", "\\")


def sessions(name):
    """[(command, output)…] of each block that has commands."""
    with open(os.path.join(MAN, name), encoding="utf-8") as f:
        text = f.read()
    for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", text, re.M | re.S):
        parts = re.split(r"^\$ ", plain(block), flags=re.M)
        if len(parts) > 1:
            yield [part.split("\n", 1) for part in parts[1:]]


def run(bench, command):
    r = subprocess.run(["bash", "-c", command.replace("/etc/l1tune.conf", bench.directory + "/l1tune.conf")],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=bench.directory, check=False,
                       env=os.environ | {"LC_ALL": "C.UTF-8", "PATH": f"{bench.directory}:{os.environ['PATH']}"})
    return r.stdout.replace(bench.directory + "/l1tune.conf", "/etc/l1tune.conf").replace(bench.directory + "/dev", "/dev")


def timeless(text):
    """But for what depends on how long the machine of the tests has been up."""
    return re.sub(r"loaded \S+ ago", "loaded a while ago", re.sub(r"[0-9.]+/s$", "some/s", text, flags=re.M))


def prepare(bench, name):
    """The files that sessions begin with."""
    limit = "max_vm" if name == "l1tune.conf.5" else "max_vms"
    write(bench.directory + "/l1tune.conf", f"# guests of this machine\n{limit} = 20\nmax_memory_bytes = 200G", 0o644)


def main():
    compared = set()
    for name in "l1tune.8", "l1tune.conf.5":
        with Bench() as b:
            machine(b)
            prepare(b, name)
            for session in sessions(name):
                for command, output in session:
                    words = re.sub(r"^LC_ALL=C ", "", command).split()
                    if words[0] == "l1tune" and len(words) > 1 and words[1] in NOT_RUN:
                        continue
                    got = run(b, command)
                    if "--print" in sys.argv:
                        print(f"$ {command}\n{got}", end="")
                    equal(timeless(got), timeless(output), f"{name} shows the present output of: {command}")
                    if words[0] == "l1tune":
                        compared.add(words[1] if len(words) > 1 else "status")
    commands = re.findall(r"^  ([a-z]+) ", subprocess.run([TOOL, "help"], capture_output=True, text=True,
                                                         check=True).stdout.split("Options:")[0], re.M)
    shown = {words[0] if words else "status" for session in sessions("l1tune.8") for command, _ in session
             for words in re.findall(r"\bl1tune ?(\w*)", command)[:1] for words in [words.split()]}
    equal(set(commands) - {"help", "version"} - shown, set(), "l1tune.8 has a session for each command")
    ok(compared >= shown - set(NOT_RUN),
       "sessions of all commands in l1tune.8 were run, but for " + ", ".join(NOT_RUN), compared)


print("KTAP version 1")
main()
finish()
