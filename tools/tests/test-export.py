#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune export: OpenMetrics, and the files of node_exporter. Usage: test-export.py L1TUNE"""
import os
import re
import resource
import shutil
import signal
import subprocess
import time

from bench import TOOL, Bench, equal, finish, ok, skip
from charged import starts, tenant
import fake
import tenants
from fake import CANARY_SLOT as SLOT, UNKNOWN, canary_slot, cell, fixed, hist, parts_ns, stats_file, write
from promtext import labels_of, parse, value

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../man/l1tune.8")
GUIDE = os.path.join(os.path.dirname(MANUAL), "../../docs/operating.md")
ABI = os.path.join(os.path.dirname(MANUAL), "../../module/ABI/sysfs-class-l1tune")
MS = 1_000_000
PARTS = parts_ns(MS, kernel=35, vmm=30, vmm_sleep=2, halted=1, blocked=17, runq=10, throttled=5)
CPUID = cell(2, 10, "CPUID", 1001, 100 * MS, 9 * MS, hist(b10=700, b11=250, b23=49, b33=1), **PARTS)
HLT = cell(2, 12, "HLT", 11, 900_000_000_001, 99_000 * MS, hist(b33=10),
           **parts_ns(kernel=1, halted=900_000_000_000))
NESTED = cell(3, 10, "CPUID", 500, 40 * MS, 90_000, hist(b17=500), **parts_ns(kernel=40 * MS))
FIXED = fixed(exits=1512, exit_time_ns=900_140_000_001, guest_time_ns=8_000_000_002)
REASONS = ("CPUID IO_INSTRUCTION HLT EXTERNAL_INTERRUPT EPT_VIOLATION EPT_MISCONFIG MSR_READ "
           "MSR_WRITE INTERRUPT_WINDOW PREEMPTION_TIMER CR_ACCESS WBINVD").split()


def machine(bench):
    m = bench.machine
    m.limits()
    m.guest(1, [CPUID, HLT, NESTED, FIXED], vcpus=2, nested="on", uid=107)
    m.guest(2, comm="probe", nested="off")
    m.guest(3, vcpus=0)
    m.process(1001, ["qemu-system-x86_64", "-name", "guest=web"])


def exported(bench, *args):
    r = bench.run("export", *args)
    samples, types = parse(r.stdout)
    return r, samples, types


def textfile(bench, *args, tool=None):
    directory = bench.directory + "/textfile"
    os.makedirs(directory, exist_ok=True)
    return bench.run("export", "--textfile", directory, *args, tool=tool), directory + "/l1tune.prom"


def contents(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def of_guest(samples, name, /, **labels):
    return value(samples, name, guest="web", **labels)


def buckets(samples, name="l1tune_exit_duration_seconds_bucket", **labels):
    return [(float(of["le"]), int(samples[name, frozenset(of.items())])) for of in labels_of(samples, name)
            if of.items() >= labels.items()]


def test_values():
    with Bench(totals={"vms": 9, "exits": 123456789, "exit_time_ns": 5 * 10**18 + 1, "kernel_time_ns": 11,
                       "vmm_time_ns": 7, "throttled_time_ns": 2_000_000_000}, usage={"vms": 3, "memory_bytes": 64 << 30}) as b:
        machine(b)
        r, s, types = exported(b)
        ok(r.returncode == 0 and not r.stderr and r.stdout.endswith("\n# EOF\n"),
           "export prints OpenMetrics up to # EOF without a message", r)
        equal([value(s, "l1tune_up"), value(s, "l1tune_build_info", module=fake.VERSION, abi=2, tool=fake.VERSION),
               value(s, "l1tune_load_boottime_seconds"), value(s, "l1tune_hook_info", hook="kvm_exit", state="ok")],
              ["1", "1", "5.000000000", "1"], "export writes the versions, the load time and the state of hooks")
        equal([value(s, "l1tune_host_" + name) for name in (
            "vms_total", "exits_total", "exit_seconds_total", "kernel_seconds_total", "vmm_seconds_total",
            "throttled_seconds_total")],
              ["9", "123456789", "5000000000.000000001", "0.000000011", "0.000000007", "2.000000000"],
              "export writes host totals from the module, to the nanosecond")
        equal([value(s, "l1tune_vms"), value(s, "l1tune_memory_bytes")], ["3", str(64 << 30)],
              "export writes the number of VMs and the memory in use")
        equal([of_guest(s, "l1tune_exits_total", reason=reason, level=level)
               for reason, level in (("CPUID", 2), ("HLT", 2), ("CPUID", 3))], ["1001", "11", "500"],
              "export writes a guest's exits by reason and level")
        equal([of_guest(s, "l1tune_exit_seconds_total", part=part)
               for part in fake.PARTS],
              ["0.075000001", "0.030000000", "0.002000000", "900.001000000", "0.017000000", "0.010000000",
               "0.005000000"], "export writes a guest's exit time by part")
        equal(of_guest(s, "l1tune_guest_seconds_total"), "8.000000002", "export writes a guest's time in the guest")
        equal([b for b in buckets(s, guest="web") if b[0] in (2**10 / 1e9, 2**11 / 1e9, 2**17 / 1e9, 2**32 / 1e9, float("inf"))],
              [(2**10 / 1e9, 700), (2**11 / 1e9, 950), (2**17 / 1e9, 1450), (2**32 / 1e9, 1499), (float("inf"), 1500)],
              "export writes cumulative buckets without open exits and without HLT")
        bounds = [bound for bound, _ in buckets(s, guest="web")]
        equal([len(bounds), bounds], [24, sorted(bounds)], "export writes histograms with 24 buckets in order")
        equal([of_guest(s, "l1tune_exit_duration_seconds_count"), of_guest(s, "l1tune_exit_duration_seconds_sum")],
              ["1500", "0.140000000"], "export writes count and sum of a histogram")
        equal([of_guest(s, "l1tune_guest_" + name) for name in ("vcpus", "memory_bytes", "nested")],
              ["2", str(512 << 20), "1"], "export writes a guest's vCPUs, memory and nested state")
        equal(value(s, "l1tune_guest_info", guest="web", id=1, name="web", pid=1001, uid=107, comm="vmm"), "1",
              "export writes l1tune_guest_info with id, name, pid, uid and comm")
        equal(sorted(of["guest"] for of in labels_of(s, "l1tune_guest_vcpus")), ["probe#2", "web"],
              "export leaves out VMs without vCPUs and adds the id to the label of a guest without a name")
        equal([types["l1tune_exits"], types["l1tune_guest"], types["l1tune_exit_duration_seconds"]],
              ["counter", "info", "histogram"], "export writes OpenMetrics types of counter, info and histogram")
        ok("# UNIT l1tune_memory_bytes bytes\n" in r.stdout and "# UNIT l1tune_exit_seconds seconds\n" in r.stdout,
           "export writes # UNIT lines of bytes and seconds")
        _, by_reason, _ = exported(b, "--by-reason")
        equal([of_guest(by_reason, "l1tune_exit_seconds_total", reason="HLT", level=2, part=part)
               for part in ("kernel", "halted")], ["0.000000001", "900.000000000"],
              "export --by-reason writes the exit time of a reason by part")
        equal([buckets(by_reason, guest="web", reason=reason, level="2")[-1] for reason in ("CPUID", "HLT")],
              [(float("inf"), 1000), (float("inf"), 10)],
              "export --by-reason writes histograms of each reason, HLT included")
        equal(sum(float(v) for (n, l), v in by_reason.items() if n == "l1tune_exit_seconds_total"),
              sum(float(v) for (n, l), v in s.items() if n == "l1tune_exit_seconds_total"),
              "export --by-reason writes exit times whose sum is that of the guest")


def test_starts():
    with Bench() as b:
        starts(b.machine, "l1", {3: 2, 17: 1}, sum_ns=70000000123, ended=4)
        for number, path in (1, "/a"), (2, "/b"), (3, "/old"):
            tenant(b.machine, number, path)
        starts(b.machine, "tenant-1", {0: 1, 3: 1}, sum_ns=5000000, ended=2)
        starts(b.machine, "tenant-2", {}, ended=1)
        _, s, types = exported(b)
        name = "l1tune_guest_start_seconds"
        equal([value(s, name + "_bucket", le=le) for le in ("0.004194304", "0.008388608", "68.719476736", "+Inf")],
              ["0", "2", "2", "3"], "export writes cumulative buckets of guest starts")
        equal([value(s, name + "_count"), value(s, name + "_sum"), types[name]], ["3", "70.000000123", "histogram"],
              "export writes count and sum of guest starts")
        equal(value(s, "l1tune_guest_start_phase_seconds_total", phase="setup"), "70.000000123",
              "export writes the time of guest starts by phase")
        equal(value(s, "l1tune_guests_ended_starting_total"), "4",
              "export writes how many guests ended before they had started")
        name = "l1tune_tenant_start_seconds"
        equal([value(s, name + "_bucket", tenant="/a", le=le) for le in ("0.001048576", "0.008388608", "+Inf")] +
              [value(s, name + "_count", tenant="/a"), value(s, name + "_sum", tenant="/a"), types[name]],
              ["1", "2", "2", "2", "0.005000000", "histogram"],
              "export writes the histogram of a tenant's guest starts")
        equal([value(s, name + "_count", tenant=path) for path in ("/b", "/old")], [None, None],
              "export writes no start histogram of a tenant without starts or with unknown starts")
        equal([value(s, "l1tune_tenant_ended_starting_total", tenant=path) for path in ("/a", "/b", "/old")],
              ["2", "1", None], "export writes how many guests of a tenant ended before they had started")


def test_limits():
    with Bench(usage={"vms": 3, "vcpus": 3}) as b:
        machine(b)
        b.machine.limits(limits={"max_vms": 20, "max_memory_bytes": 64 << 30, "max_nested_vms": 0},
                         audit={"max_vcpus": 4}, denied={"max_vms": 7}, would_deny={"max_vcpus": 3},
                         hooks={"refuse_vm": "unavailable", "refuse_memory": "waiting"},
                         effective={"max_vms": 0, "max_memory_bytes": 0})
        r, s, _ = exported(b)

        def of(name, *limits):
            return [value(s, name, limit=limit) for limit in limits]
        equal(of("l1tune_limit", "max_vms", "max_vcpus", "max_memory_bytes", "max_nested_vms"),
              ["20", "+Inf", str(64 << 30), "0"], "export writes limits, and +Inf where none is set")
        equal(of("l1tune_limit_audit", "max_vms", "max_vcpus"), ["+Inf", "4"],
              "export writes audit thresholds, and +Inf where none is set")
        equal(of("l1tune_limit_use", "max_vms", "max_vcpus_per_vm", "max_vms_per_user", "max_exits_per_sec"),
              ["3", "2", "2", None],
              "export writes the use of limits, by the largest guest or user, and none if it is unknown")
        equal(of("l1tune_denials_total", "max_vms") + of("l1tune_would_denials_total", "max_vcpus"), ["7", "3"],
              "export writes how often limits denied and would have denied")
        equal(of("l1tune_limit_effective", "max_vms", "max_vcpus") +
              of("l1tune_limit_broken", "max_vms", "max_vcpus", "max_memory_bytes"), ["0", "1", "1", "0", "0"],
              "export writes a limit with an unavailable hook as broken, and not one that waits for KVM")
        ok(r.returncode == 0 and not r.stderr, "export exits with 0 if a limit is broken", r)


HOSTILE = ['quote"d', "back\\slash", "line\nfeed", "esc\x1b[2J", 'x",reason="CPUID"} 1\nl1tune_up{a="', "bad\udcff\udcfeutf",
           "\u202egnp.exe", "# HELP", "ünïcödé", "web#7", "a" * 300, "a" * 300, "ä" * 100, "=,{}", "line\\x0afeed", "x" + "ä" * 100]


def python_with_client():
    for python in "python3", "/usr/bin/python3":
        r = subprocess.run([python, "-c", "import prometheus_client.openmetrics"], capture_output=True, check=False)
        if not r.returncode:
            return python
    return None


def test_names():
    with Bench() as b:
        b.machine.limits()
        for number, name in enumerate(HOSTILE, 1):
            b.machine.guest(number, [CPUID])
            b.machine.process(1000 + number, ["qemu-system-x86_64", "-name", "guest=" + name.replace(",", ",,")])
        b.machine.guest(99, [CPUID], comm='a"b\\\nc')
        r, s, _ = exported(b)
        labels = {of["guest"] for of in labels_of(s, "l1tune_guest_vcpus")}
        equal([r.returncode, len(labels)], [0, len(HOSTILE) + 1],
              "export gives each guest a label of its own, whatever its name contains")
        missing = {'quote"d', "back\\slash", "line\\x0afeed", "esc\\x1b[2J", "bad\\xff\\xfeutf", "ünïcödé", "# HELP",
                   "=,{}", "web_7", 'a"b\\\\x0ac#99'} - labels
        equal(missing, set(), "export escapes control characters and invalid UTF-8 in guest labels, and nothing else")
        ok({"a" * 128, "a" * 128 + "#12", "ä" * 64, "x" + "ä" * 63, "line\\x0afeed#15"} <= labels,
           "export cuts long guest labels between characters and adds the id to equal ones", labels)
        ok(not any(c < " " or c == "\x7f" for label in labels for c in label),
           "export writes no control character in a guest label")
        python = python_with_client()
        if not python:
            skip("prometheus_client reads the same guest labels from export",
                 "no prometheus_client (package python3-prometheus-client)")
            return
        p = subprocess.run([python, "-c", "import sys; from prometheus_client.openmetrics.parser import "
                            "text_string_to_metric_families as parse\n"
                            "for f in parse(sys.stdin.read()):\n"
                            " for s in f.samples:\n"
                            "  if s.name == 'l1tune_guest_vcpus': print(repr(s.labels['guest']))"],
                           input=r.stdout, capture_output=True, text=True, check=False)
        equal([p.returncode, {eval(line) for line in p.stdout.splitlines()}], [0, labels],
              "prometheus_client reads the same guest labels from export")


def test_restart():
    with Bench() as b:
        machine(b)
        b.machine.guest(4, [CPUID])
        b.machine.process(1004, ["qemu-system-x86_64", "-name", "guest=web"])
        _, s, _ = exported(b)
        equal([value(s, "l1tune_exits_total", guest=guest, reason="CPUID", level=2) for guest in ("web", "web#4")],
              ["1001", "1001"], "export adds the id to the label of the second guest of one name")
        b.remove(1)
        _, s, _ = exported(b)
        equal([of["id"] for of in labels_of(s, "l1tune_guest_info") if of["guest"] == "web"], ["4"],
              "export drops the id from a guest's label when the other guest of that name has ended")


def test_textfile():
    with Bench() as b:
        machine(b)
        os.umask(0o027)
        r, path = textfile(b)
        os.umask(0o022)
        text = contents(path)
        s, types = parse(text)
        ok(r.returncode == 0 and not r.stdout and not r.stderr, "export --textfile writes a file without a message", r)
        equal([os.listdir(os.path.dirname(path)), oct(os.stat(path).st_mode & 0o777)], [["l1tune.prom"], "0o640"],
              "export --textfile leaves only l1tune.prom, with the mode by umask")
        equal([types["l1tune_exits_total"], types["l1tune_guest_info"], "# UNIT" in text, "# EOF" in text],
              ["counter", "gauge", False, False],
              "export --textfile writes Prometheus' text format, without # UNIT and # EOF")
        equal(s, exported(b)[1], "export --textfile writes the same samples as OpenMetrics")
        os.chmod(path, 0o604)
        inode = os.stat(path).st_ino
        textfile(b)
        ok(os.stat(path).st_ino != inode and os.stat(path).st_mode & 0o777 == 0o604,
           "export --textfile replaces the file and keeps its mode")

        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        before = contents(path)
        r = b.run("export", "--textfile", os.path.dirname(path), preexec_fn=no_room)
        ok(r.returncode == 1 and "l1tune.prom: File too large" in r.stderr and contents(path) == before and
           os.listdir(os.path.dirname(path)) == ["l1tune.prom"],
           "export --textfile keeps the old file if a write fails, and leaves no other", r)
        os.mkdir(b.directory + "/elsewhere")
        os.rename(path, b.directory + "/elsewhere/file")
        os.symlink("../elsewhere/file", path)
        os.utime(b.directory + "/elsewhere/file", (1, 1))
        r, _ = textfile(b)
        equal([r.returncode, os.readlink(path), os.stat(path).st_mtime > 1, os.listdir(b.directory + "/elsewhere")],
              [0, "../elsewhere/file", True, ["file"]],
              "export --textfile writes to the target of a symbolic link and keeps the link")
        if not os.geteuid():
            os.lchown(path, 65534, 65534)
            r, _ = textfile(b)
            ok(r.returncode == 1 and "owned by root" in r.stderr,
               "export --textfile refuses a symbolic link of another user and says why", r)
        r = b.run("export", "--textfile", b.directory + "/nowhere")
        ok(r.returncode == 1 and "collector.textfile.directory" in r.stderr,
           "export --textfile exits with 1 for a directory that does not exist", r)
        os.unlink(path)
        shutil.rmtree(b.machine.sys + "/class")
        r, path = textfile(b)
        equal([r.returncode, parse(contents(path))[0], "l1tune apply --load" in r.stderr],
              [3, {("l1tune_up", frozenset()): "0"}, True],
              "export --textfile without the module writes l1tune_up 0 and exits with 3")
        r = b.run("export")
        ok(r.returncode == 3 and not r.stdout and "rmmod l1tune && l1tune apply --load" in r.stderr,
           "export without the module prints nothing to stdout, says how to load it and exits with 3", r)


def test_wrong():
    with Bench() as b:
        machine(b)
        for args, said in ((["web"], "export takes no arguments"), (["--json"], "unknown option '--json'"), (["-i", "1"], "unknown option '-i'"),
                           (["--textfile"], "--textfile needs a value")):
            r = b.run("export", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"export {' '.join(args)} exits with 2 and says: {said}", r)
        r = subprocess.run([TOOL, "--json", "export"], capture_output=True, text=True, check=False)
        ok(r.returncode == 2 and "export does not print JSON" in r.stderr,
           "l1tune --json export prints its usage error and exits with 2", r)
        b.machine.guest(0, stats=stats_file("l1tune-0", CPUID)[:-1])
        b.machine.guest(4, stats=stats_file("l1tune-4", CPUID)[:-1])
        r, s, _ = exported(b)
        ok(r.returncode == 1 and "l2-4/stats" in r.stderr and of_guest(s, "l1tune_guest_vcpus") == "2",
           "export exits with 1 and names a guest that cannot be read, and writes the others", r)
        r, path = textfile(b)
        ok(r.returncode == 1 and "l2-4/stats" in r.stderr and 'l1tune_guest_vcpus{guest="web"} 2\n' in contents(path),
           "export --textfile exits with 1 for a guest that cannot be read, and writes the others", r)
        if os.geteuid():
            return
        for directory in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, directory), 0o755)
        os.chown(os.path.dirname(path), 65534, 65534)
        os.chown(path, 65534, 65534)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)
        for args in [], ["--textfile", os.path.dirname(path)]:
            r = subprocess.run([tool, *b.command("export", *args)[1:]], capture_output=True, text=True,
                               user=65534, group=65534, extra_groups=[], check=False)
            text = contents(path) if args else r.stdout
            ok(r.returncode == 0 and "gid" in r.stderr and "guests are not exported" in r.stderr and
               "\nl1tune_up 1\n" in text and "\nl1tune_guests_readable 0\n" in text and "l1tune_guest_" not in text and
               "l1tune_exits" not in text,
               f"export {' '.join(args[:1])} without permission to see guests writes the host only and says so", r)
    with Bench(totals={"exits": 7}, usage={"vcpus": 5}) as b:
        b.machine.limits(denied={"max_vms": 3})
        for directory in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, directory), 0o755)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)
        r = subprocess.run([tool, *b.command("export")[1:]], capture_output=True, text=True,
                           user=65534, group=65534, extra_groups=[], check=False)
        ok(r.returncode == 0 and "\nl1tune_vcpus 5\n" in r.stdout and "l1tune_host_" not in r.stdout,
           "export without permission to see host totals writes usage without totals", r)
        ok('l1tune_denials_total{limit="max_vms"} 3' in r.stdout and
           '_denials_total{limit="max_exits_per_sec"}' not in r.stdout,
           "export without permission to see throttled exits writes the other denials", r)


def canary_state(bench, end, costs, **other):
    """A history with samples, a minute apart, the last at a time."""
    state = bench.directory + "/state"
    write(state + "/record/canary", bytes(SLOT.size) + b"".join(
        canary_slot(n, end - 60 * (len(costs) - n), cost, **other) for n, cost in enumerate(costs, 1)))
    return state


def canary_values(bench, state):
    _, s, _ = exported(bench, "--state", state)
    return {(name.removeprefix("l1tune_canary_"), *dict(labels).values()): float(number) for (name, labels), number in s.items()
            if name.startswith("l1tune_canary_")}


def test_canary():
    with Bench() as b:
        machine(b)
        equal(canary_values(b, b.directory + "/none"), {}, "export without a canary writes no canary metric")
        now = int(time.time())
        never = {("change_timestamp_seconds", cause): 0 for cause in ("l0", "stolen", "cpu", "kvm")}
        equal(canary_values(b, canary_state(b, now, [2000] * 5)),
              never | {("timestamp_seconds",): now, ("exit_seconds",): 2e-6, ("outside_kvm_seconds",): 1e-6},
              "export of a canary without a baseline writes the last sample and no baseline")
        equal(canary_values(b, canary_state(b, now, [2000] * 20 + [2760] * 20, rest_ns=UNKNOWN)),
              never | {("timestamp_seconds",): now, ("exit_seconds",): 2.76e-6, ("baseline_seconds",): 2.76e-6,
                       ("change_timestamp_seconds", "l0"): now - 17 * 60},
              "export of a canary writes the baseline and the time of a change")
        equal(canary_values(b, canary_state(b, now - 3600, [2000] * 20)), never | {("timestamp_seconds",): now - 3600},
              "export of an old canary sample writes its time and no cost")


def test_machine_labels():
    with Bench() as b:
        machine(b)
        write(b.machine.sys + "/class/dmi/id/sys_vendor", "Amazon EC2")
        write(b.machine.sys + "/class/dmi/id/product_name", 'm8i."x"')
        write(b.machine.proc + "/cpuinfo", "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) 6975P-C\n")
        _, s, _ = exported(b)
        [of] = labels_of(s, "l1tune_machine_info")
        equal([of[label] for label in ("vendor", "type", "cpu", "isa")],
              ["Amazon EC2", 'm8i."x"', "Intel(R) Xeon(R) 6975P-C", "vmx"],
              "export writes vendor, type, CPU and ISA of the machine as labels")
        equal(of["kernel"], "6.1.0-56-amd64", "export writes the kernel of the machine as a label")


def hooks():
    """Those that the interface's description names."""
    [names] = re.findall(r"^\t\t<hook> is one of\n(.*?)\n\n", contents(ABI), re.M | re.S)
    return re.findall(r"^\t\t  (\w+)", names, re.M)


def test_numbers(manual, samples):
    """What the texts say of how many series there are, of a machine that has all of them."""
    guide = contents(GUIDE)
    of_tenant = [(name, dict(labels)) for name, labels in samples if "tenant" in dict(labels)]
    own = len(samples) - len(of_tenant) - sum("guest" in dict(labels) for _, labels in samples)
    said = re.findall(r"fewer than (\d+) series for\s+the machine", manual + guide)
    ok(len(said) == 2 and all(own < int(most) < own + 20 for most in said),
       "l1tune.8 and operating.md say how many series a machine has at most", [said, own])
    starts_of = sum("start_seconds" in name for name, _ in of_tenant)
    limits_of = sum("limit" in labels for _, labels in of_tenant)
    numbers = [str(number) for number in (len(of_tenant) - starts_of - limits_of, starts_of, limits_of)]
    equal(re.findall(r"(\d+)(?: series with the label| each)[^.]*?\b(\d+) more[^.]*?\b(\d+)\s(?:for|per)", guide + manual), [tuple(numbers)] * 2,
          "l1tune.8 and operating.md say how many series a tenant has, also with starts and limits")


def test_manual():
    with open(MANUAL, encoding="utf-8") as f:
        manual = f.read().partition(".Sh METRICS\n")[2].partition(".Sh OPTIONS\n")[0]
    described = set(re.findall(r"\bl1tune_[a-z0-9_]+", manual))
    totals = dict.fromkeys((part + "_time_ns" for part in fake.PARTS), 1)
    with Bench(totals=totals | {"stolen_time_ns": 1}, steal_clock="ok", hooks=dict.fromkeys(hooks(), "ok")) as b:
        machine(b)
        b.machine.guest(4, [CPUID, fixed(exits=1000, exit_time_ns=9, guest_time_ns=9, stolen_ns=1)])
        tenant(b.machine, 1, "/a", stolen_time_ns=1)
        tenants.tenant(b.machine, 1, "/a", limits={"max_vms": 1}, audit={"max_vms": 1})
        starts(b.machine, "tenant-1", {0: 1})
        _, s, _ = exported(b, "--state", canary_state(b, time.time(), [2000] * 20))
    equal({re.sub("_(bucket|count|sum)$", "", name) for name, _ in s}, described,
          "l1tune.8 has each metric of export and no others")
    test_numbers(manual, s)


def test_promtool():
    names = ("promtool accepts the metrics of export --textfile", "promtool accepts the metrics of export --by-reason",
             "promtool accepts the metrics of export without the module")
    if not shutil.which("promtool"):
        for name in names:
            skip(name, "no promtool (package prometheus)")
        return
    with Bench() as b:
        machine(b)
        for name, args in zip(names, ([], ["--by-reason"], [])):
            if name == names[2]:
                shutil.rmtree(b.machine.sys + "/class")
            _, path = textfile(b, *args)
            r = subprocess.run(["promtool", "check", "metrics"], input=contents(path), capture_output=True,
                               text=True, check=False)
            equal([r.returncode, r.stdout, r.stderr], [0, "", ""], name)


def test_many():
    guests = 1000
    with Bench(usage={"vms": guests}) as b:
        b.machine.limits()
        zero = parts_ns()
        image = stats_file("l1tune", [s for code, reason in enumerate(REASONS) for s in
                                      cell(2, code, reason, 10**6, 10**10, 9 * MS, hist(b10=10**6), **zero)] + FIXED)
        for number in range(1, guests + 1):
            b.machine.guest(number, stats=image, vcpus=4, nested="off", memory_peak_bytes=1 << 30)
            b.machine.process(1000 + number, ["qemu-system-x86_64", "-name", f"guest=instance-{number:08x}"])
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        r, path = textfile(b, tool=os.environ.get("L1TUNE_INSTALLED"))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        samples = parse(contents(path))[0]
        print(f"# {guests} guests: {seconds:.2f} s of CPU, {len(samples)} series, {os.path.getsize(path)} bytes")
        ok(r.returncode == 0 and seconds < 1, f"export of {guests} guests takes less than a second of CPU", seconds)
        of_one = sum(("guest", "instance-00000001") in labels for _, labels in samples)
        equal(of_one, len(REASONS) + 38, "export writes 38 series for a guest, and one for each reason that it had")
        ok(0 < len(samples) - of_one * guests < 135, "export writes fewer than 135 series for the host", len(samples))


print("KTAP version 1")
for test in (test_values, test_starts, test_limits, test_names, test_restart, test_textfile, test_wrong, test_canary,
             test_machine_labels, test_manual, test_promtool, test_many):
    test()
finish()
