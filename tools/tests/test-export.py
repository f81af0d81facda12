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
        ok(r.returncode == 0 and not r.stderr and r.stdout.endswith("\n# EOF\n"), "OpenMetrics, to its end", r)
        equal([value(s, "l1tune_up"), value(s, "l1tune_build_info", module=fake.VERSION, abi=2, tool=fake.VERSION),
               value(s, "l1tune_load_boottime_seconds"), value(s, "l1tune_hook_info", hook="kvm_exit", state="ok")],
              ["1", "1", "5.000000000", "1"], "the module, and when it was loaded")
        equal([value(s, "l1tune_host_" + name) for name in (
            "vms_total", "exits_total", "exit_seconds_total", "kernel_seconds_total", "vmm_seconds_total",
            "throttled_seconds_total")],
              ["9", "123456789", "5000000000.000000001", "0.000000011", "0.000000007", "2.000000000"],
              "totals are the module's, which have the dead, to the nanosecond")
        equal([value(s, "l1tune_vms"), value(s, "l1tune_memory_bytes")], ["3", str(64 << 30)], "use")
        equal([of_guest(s, "l1tune_exits_total", reason=reason, level=level)
               for reason, level in (("CPUID", 2), ("HLT", 2), ("CPUID", 3))], ["1001", "11", "500"],
              "exits by reason and level")
        equal([of_guest(s, "l1tune_exit_seconds_total", part=part)
               for part in fake.PARTS],
              ["0.075000001", "0.030000000", "0.002000000", "900.001000000", "0.017000000", "0.010000000",
               "0.005000000"], "who spent the time")
        equal(of_guest(s, "l1tune_guest_seconds_total"), "8.000000002", "time in the guest")
        equal([b for b in buckets(s, guest="web") if b[0] in (2**10 / 1e9, 2**11 / 1e9, 2**17 / 1e9, 2**32 / 1e9, float("inf"))],
              [(2**10 / 1e9, 700), (2**11 / 1e9, 950), (2**17 / 1e9, 1450), (2**32 / 1e9, 1499), (float("inf"), 1500)],
              "buckets are counted up; exits that go on are in none, nor is HLT")
        bounds = [bound for bound, _ in buckets(s, guest="web")]
        equal([len(bounds), bounds], [24, sorted(bounds)], "24 buckets in order")
        equal([of_guest(s, "l1tune_exit_duration_seconds_count"), of_guest(s, "l1tune_exit_duration_seconds_sum")],
              ["1500", "0.140000000"], "their count and sum")
        equal([of_guest(s, "l1tune_guest_" + name) for name in ("vcpus", "memory_bytes", "nested")],
              ["2", str(512 << 20), "1"], "what the guest has")
        equal(value(s, "l1tune_guest_info", guest="web", id=1, name="web", pid=1001, uid=107, comm="vmm"), "1",
              "who it is")
        equal(sorted(of["guest"] for of in labels_of(s, "l1tune_guest_vcpus")), ["probe#2", "web"],
              "VMs without vCPUs are left out, nameless ones have their number")
        equal([types["l1tune_exits"], types["l1tune_guest"], types["l1tune_exit_duration_seconds"]],
              ["counter", "info", "histogram"], "types of OpenMetrics")
        ok("# UNIT l1tune_memory_bytes bytes\n" in r.stdout and "# UNIT l1tune_exit_seconds seconds\n" in r.stdout,
           "units")
        _, by_reason, _ = exported(b, "--by-reason")
        equal([of_guest(by_reason, "l1tune_exit_seconds_total", reason="HLT", level=2, part=part)
               for part in ("kernel", "halted")], ["0.000000001", "900.000000000"], "--by-reason: times of a reason")
        equal([buckets(by_reason, guest="web", reason=reason, level="2")[-1] for reason in ("CPUID", "HLT")],
              [(float("inf"), 1000), (float("inf"), 10)], "--by-reason: durations of a reason, of HLT too")
        equal(sum(float(v) for (n, l), v in by_reason.items() if n == "l1tune_exit_seconds_total"),
              sum(float(v) for (n, l), v in s.items() if n == "l1tune_exit_seconds_total"),
              "the times of all reasons are those of the guest")


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
              ["0", "2", "2", "3"], "buckets of starts are counted up")
        equal([value(s, name + "_count"), value(s, name + "_sum"), types[name]], ["3", "70.000000123", "histogram"],
              "their count and sum")
        equal(value(s, "l1tune_guest_start_phase_seconds_total", phase="setup"), "70.000000123", "time by phase")
        equal(value(s, "l1tune_guests_ended_starting_total"), "4", "guests that ended before they had started")
        name = "l1tune_tenant_start_seconds"
        equal([value(s, name + "_bucket", tenant="/a", le=le) for le in ("0.001048576", "0.008388608", "+Inf")] +
              [value(s, name + "_count", tenant="/a"), value(s, name + "_sum", tenant="/a"), types[name]],
              ["1", "2", "2", "2", "0.005000000", "histogram"], "starts of a tenant's guests")
        equal([value(s, name + "_count", tenant=path) for path in ("/b", "/old")], [None, None],
              "a tenant without starts, and one whose starts are not known, have no histogram")
        equal([value(s, "l1tune_tenant_ended_starting_total", tenant=path) for path in ("/a", "/b", "/old")],
              ["2", "1", None], "a tenant's guests that ended before they had started")


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
              ["20", "+Inf", str(64 << 30), "0"], "limits, and none")
        equal(of("l1tune_limit_audit", "max_vms", "max_vcpus"), ["+Inf", "4"], "audit thresholds")
        equal(of("l1tune_limit_use", "max_vms", "max_vcpus_per_vm", "max_vms_per_user", "max_exits_per_sec"),
              ["3", "2", "2", None], "use, of one per guest by the largest; none of what is not known")
        equal(of("l1tune_denials_total", "max_vms") + of("l1tune_would_denials_total", "max_vcpus"), ["7", "3"],
              "denials, and would-denials")
        equal(of("l1tune_limit_effective", "max_vms", "max_vcpus") +
              of("l1tune_limit_broken", "max_vms", "max_vcpus", "max_memory_bytes"), ["0", "1", "1", "0", "0"],
              "what is not effective is broken, what waits for KVM is not")
        ok(r.returncode == 0 and not r.stderr, "telling that is no failure of the export", r)


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
        equal([r.returncode, len(labels)], [0, len(HOSTILE) + 1], "a label for each of them, and nothing breaks the form")
        missing = {'quote"d', "back\\slash", "line\\x0afeed", "esc\\x1b[2J", "bad\\xff\\xfeutf", "ünïcödé", "# HELP",
                   "=,{}", "web_7", 'a"b\\\\x0ac#99'} - labels
        equal(missing, set(), "labels are readable, a nameless guest's ends with its number")
        ok({"a" * 128, "a" * 128 + "#12", "ä" * 64, "x" + "ä" * 63, "line\\x0afeed#15"} <= labels,
           "long names are cut between characters; those that are the same then are told apart", labels)
        ok(not any(c < " " or c == "\x7f" for label in labels for c in label), "no control character is in them")
        python = python_with_client()
        if not python:
            skip("prometheus_client reads the same", "no prometheus_client (package python3-prometheus-client)")
            return
        p = subprocess.run([python, "-c", "import sys; from prometheus_client.openmetrics.parser import "
                            "text_string_to_metric_families as parse\n"
                            "for f in parse(sys.stdin.read()):\n"
                            " for s in f.samples:\n"
                            "  if s.name == 'l1tune_guest_vcpus': print(repr(s.labels['guest']))"],
                           input=r.stdout, capture_output=True, text=True, check=False)
        equal([p.returncode, {eval(line) for line in p.stdout.splitlines()}], [0, labels],
              "prometheus_client reads the same")


def test_restart():
    with Bench() as b:
        machine(b)
        b.machine.guest(4, [CPUID])
        b.machine.process(1004, ["qemu-system-x86_64", "-name", "guest=web"])
        _, s, _ = exported(b)
        equal([value(s, "l1tune_exits_total", guest=guest, reason="CPUID", level=2) for guest in ("web", "web#4")],
              ["1001", "1001"], "two guests of one name")
        b.remove(1)
        _, s, _ = exported(b)
        equal([of["id"] for of in labels_of(s, "l1tune_guest_info") if of["guest"] == "web"], ["4"],
              "when the older one has gone the other has its label, and its own id")


def test_textfile():
    with Bench() as b:
        machine(b)
        os.umask(0o027)
        r, path = textfile(b)
        os.umask(0o022)
        text = contents(path)
        s, types = parse(text)
        ok(r.returncode == 0 and not r.stdout and not r.stderr, "a file is written", r)
        equal([os.listdir(os.path.dirname(path)), oct(os.stat(path).st_mode & 0o777)], [["l1tune.prom"], "0o640"],
              "only that, with the mode that umask says")
        equal([types["l1tune_exits_total"], types["l1tune_guest_info"], "# UNIT" in text, "# EOF" in text],
              ["counter", "gauge", False, False], "in Prometheus' text format")
        equal(s, exported(b)[1], "with the samples of OpenMetrics")
        os.chmod(path, 0o604)
        inode = os.stat(path).st_ino
        textfile(b)
        ok(os.stat(path).st_ino != inode and os.stat(path).st_mode & 0o777 == 0o604, "it is replaced and keeps its mode")

        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        before = contents(path)
        r = b.run("export", "--textfile", os.path.dirname(path), preexec_fn=no_room)
        ok(r.returncode == 1 and "l1tune.prom: File too large" in r.stderr and contents(path) == before and
           os.listdir(os.path.dirname(path)) == ["l1tune.prom"], "without room the old file stays, and nothing else", r)
        os.mkdir(b.directory + "/elsewhere")
        os.rename(path, b.directory + "/elsewhere/file")
        os.symlink("../elsewhere/file", path)
        os.utime(b.directory + "/elsewhere/file", (1, 1))
        r, _ = textfile(b)
        equal([r.returncode, os.readlink(path), os.stat(path).st_mtime > 1, os.listdir(b.directory + "/elsewhere")],
              [0, "../elsewhere/file", True, ["file"]], "l1tune.prom that is a link stays one: the file that it names is written")
        if not os.geteuid():
            os.lchown(path, 65534, 65534)
            r, _ = textfile(b)
            ok(r.returncode == 1 and "owned by root" in r.stderr, "a link of another user is refused, with the reason", r)
        r = b.run("export", "--textfile", b.directory + "/nowhere")
        ok(r.returncode == 1 and "collector.textfile.directory" in r.stderr, "a directory that is not there", r)
        os.unlink(path)
        shutil.rmtree(b.machine.sys + "/class")
        r, path = textfile(b)
        equal([r.returncode, parse(contents(path))[0], "modprobe l1tune" in r.stderr],
              [3, {("l1tune_up", frozenset()): "0"}, True], "a module that has gone is told, and no guests any more")
        r = b.run("export")
        ok(r.returncode == 3 and not r.stdout, "on stdout nothing", r)


def test_wrong():
    with Bench() as b:
        machine(b)
        for args in ["web"], ["--json"], ["-i", "1"], ["--textfile"]:
            r = b.run("export", *args)
            ok(r.returncode == 2 and r.stderr and not r.stdout, f"usage: {args}", r)
        r = subprocess.run([TOOL, "--json", "export"], capture_output=True, text=True, check=False)
        ok(r.returncode == 2 and "export does not print JSON" in r.stderr, "--json before it", r)
        b.machine.guest(0, stats=stats_file("l1tune-0", CPUID)[:-1])
        b.machine.guest(4, stats=stats_file("l1tune-4", CPUID)[:-1])
        r, s, _ = exported(b)
        ok(r.returncode == 1 and "l2-4/stats" in r.stderr and of_guest(s, "l1tune_guest_vcpus") == "2",
           "a damaged guest is named, the others are exported", r)
        r, path = textfile(b)
        ok(r.returncode == 1 and "l1tune_guest_vcpus" in contents(path), "also to a file", r)
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
               "l1tune_exits" not in text, f"who may not see guests exports the host, and is told what is missing: {args[:1]}", r)
    with Bench(totals={"exits": 7}, usage={"vcpus": 5}) as b:
        b.machine.limits(denied={"max_vms": 3})
        for directory in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, directory), 0o755)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)
        r = subprocess.run([tool, *b.command("export")[1:]], capture_output=True, text=True,
                           user=65534, group=65534, extra_groups=[], check=False)
        ok(r.returncode == 0 and "\nl1tune_vcpus 5\n" in r.stdout and "l1tune_host_" not in r.stdout,
           "who may not see totals exports use without totals", r)
        ok('l1tune_denials_total{limit="max_vms"} 3' in r.stdout and
           '_denials_total{limit="max_exits_per_sec"}' not in r.stdout,
           "who may not see how often guests were slowed exports the other denials", r)


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
        equal(canary_values(b, b.directory + "/none"), {}, "without a canary no metric of it")
        now = int(time.time())
        never = {("change_timestamp_seconds", cause): 0 for cause in ("l0", "stolen", "cpu", "kvm")}
        equal(canary_values(b, canary_state(b, now, [2000] * 5)),
              never | {("timestamp_seconds",): now, ("exit_seconds",): 2e-6, ("outside_kvm_seconds",): 1e-6},
              "a canary without a baseline yet")
        equal(canary_values(b, canary_state(b, now, [2000] * 20 + [2760] * 20, rest_ns=UNKNOWN)),
              never | {("timestamp_seconds",): now, ("exit_seconds",): 2.76e-6, ("baseline_seconds",): 2.76e-6,
                       ("change_timestamp_seconds", "l0"): now - 17 * 60}, "a change, which was found 17 minutes ago")
        equal(canary_values(b, canary_state(b, now - 3600, [2000] * 20)), never | {("timestamp_seconds",): now - 3600},
              "an old sample says nothing of what an exit costs")


def test_machine_labels():
    with Bench() as b:
        machine(b)
        write(b.machine.sys + "/class/dmi/id/sys_vendor", "Amazon EC2")
        write(b.machine.sys + "/class/dmi/id/product_name", 'm8i."x"')
        write(b.machine.proc + "/cpuinfo", "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) 6975P-C\n")
        _, s, _ = exported(b)
        [of] = labels_of(s, "l1tune_machine_info")
        equal([of[label] for label in ("vendor", "type", "cpu", "isa")],
              ["Amazon EC2", 'm8i."x"', "Intel(R) Xeon(R) 6975P-C", "vmx"], "the instance type and the CPU are labels")
        ok(of["kernel"], "and the kernel", of)


def test_manual():
    with open(MANUAL, encoding="utf-8") as f:
        manual = f.read().partition(".Sh METRICS\n")[2].partition(".Sh OPTIONS\n")[0]
    described = set(re.findall(r"\bl1tune_[a-z0-9_]+", manual))
    totals = dict.fromkeys((part + "_time_ns" for part in fake.PARTS), 1)
    with Bench(totals=totals | {"stolen_time_ns": 1}, steal_clock="ok") as b:
        machine(b)
        b.machine.guest(4, [CPUID, fixed(exits=1000, exit_time_ns=9, guest_time_ns=9, stolen_ns=1)])
        tenant(b.machine, 1, "/a", stolen_time_ns=1)
        tenants.tenant(b.machine, 1, "/a", limits={"max_vms": 1}, audit={"max_vms": 1})
        starts(b.machine, "tenant-1", {0: 1})
        _, s, _ = exported(b, "--state", canary_state(b, time.time(), [2000] * 20))
    equal({re.sub("_(bucket|count|sum)$", "", name) for name, _ in s}, described, "the manual has each metric, and no other")


def test_promtool():
    names = "promtool check metrics has nothing to say", "nor with --by-reason", "nor without the module"
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
        ok(r.returncode == 0 and seconds < 1, f"{guests} guests take less than a second of CPU", seconds)
        of_one = sum(("guest", "instance-00000001") in labels for _, labels in samples)
        equal(of_one, len(REASONS) + 38, "series of a guest: one for each reason that it had, and 38")
        equal(len(samples) - of_one * guests < 135, True, "of the machine: fewer than 135")


print("KTAP version 1")
for test in (test_values, test_starts, test_limits, test_names, test_restart, test_textfile, test_wrong, test_canary,
             test_machine_labels, test_manual, test_promtool, test_many):
    test()
finish()
