#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
l1tune events, told of events by the kernel: in a network namespace of its own the
kernel passes on what root sends, as its own. Usage: test-events.py L1TUNE
"""
import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

from bench import TOOL, Bench, end_of, equal, finish, ok, on_terminal, wait_for_look, within

CLONE_NEWNET = 0x40000000
F_SETPIPE_SZ = 1031
KOBJECT_UEVENT = 15
KERNEL = (0, 0)
KEYS = ["schema", "tool", "module", "boot_id", "loaded_ns", "time", "interval_ns", "event"]
DENIED = {"EVENT": "limit", "LIMIT": "max_vms", "VALUE": 20, "USE": 20, "PID": 77, "UID": 5,
          "COMM": "vmm", "ACTION_TAKEN": "denied", "ERRNO": "EDQUOT", "COUNT": 1}
# All that a uevent says; the rest is in l1/events only.
IN_UEVENTS = "EVENT LIMIT PID ACTION_TAKEN ERRNO L2 TENANT EFFECTIVE HOOK STATE".split()
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


def message(action, device, subsystem="l1tune", **keys):
    path = f"/devices/virtual/l1tune/{device}"
    lines = [f"{action}@{path}", f"ACTION={action}", f"DEVPATH={path}", f"SUBSYSTEM={subsystem}"]
    lines += [f"{key}={value}" for key, value in keys.items()]
    payload = b"".join(line.encode() + b"\0" for line in lines)
    return struct.pack("=IHHII", 16 + len(payload), 0x10, 1, 1, 0) + payload


def send(action, device, **keys):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT) as s:
        s.sendto(message(action, device, **keys), KERNEL)


def send_uevent(action, device, **keys):
    """As the module does: without amounts and names."""
    if device != "l1":
        keys = {"DEVTYPE": "l2"} | keys
    send(action, device, **{key: value for key, value in keys.items() if key in (*IN_UEVENTS, "DEVTYPE")})


def record(bench, action, device, **keys):
    if device != "l1":
        keys = {"EVENT": "guest", "ACTION": action, "L2": device} | keys
    bench.machine.event(**keys)


def happen(bench, action, device, **keys):
    record(bench, action, device, **keys)
    send_uevent(action, device, **keys)


def listeners():
    """The ports of who listens to the kernel's events here."""
    with open("/proc/self/net/netlink", encoding="ascii") as f:
        sockets = [line.split() for line in f]
    return [int(s[2]) for s in sockets[1:] if s[1] == str(KOBJECT_UEVENT) and
            int(s[3], 16) & 1 and s[2] != "0"]


class Follower:
    """l1tune events, which listens already."""

    def __init__(self, bench, *args, tool=TOOL, **options):
        self.process = subprocess.Popen([tool, *bench.command("events", *args)[1:]], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env=os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}, **options)
        # A line that does not come ends the test, and not all tests.
        self.timer = threading.Timer(60, self.process.kill)
        self.timer.start()
        within(20, lambda: listeners() or self.process.poll() is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.process.kill()
        self.process.communicate()

    def line(self):
        return self.process.stdout.readline()

    def event(self):
        return json.loads(self.line() or '{"event": {"kind": "none"}}')["event"]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return end_of(self.process)


def without_time(line):
    found = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (.*)\n", line)
    return found[1] if found else line


def wait_until_full(pipe):
    """Until its writer has filled what can be filled by whole lines."""
    size, before, deadline = struct.pack("i", 0), -1, time.monotonic() + 20
    while time.monotonic() < deadline:
        [now] = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, size))
        if now == before and now > 0:
            return
        before = now
        time.sleep(0.3)


def web(bench):
    bench.machine.guest(4, pid=1004)
    bench.machine.process(1004, ["qemu-system-x86_64", "-name", "guest=web"])


def test_lines():
    with Bench() as b:
        web(b)
        record(b, "change", "l1", **DENIED)
        with Follower(b, "-c", "6") as f:
            happen(b, "add", "l2-4", PID=1004, UID=0, COMM="qemu\\nx")
            equal(without_time(f.line()),
                  'added       l2-4 web: pid 1004, uid 0, comm "qemu\\x0ax"',
                  "events shows what comes after its start, first a guest that is added")
            send("change", "l1", subsystem="net", EVENT="limit")
            happen(b, "change", "l1", **DENIED | {"COMM": "a b USE=1"})
            equal(without_time(f.line()),
                  'denied      max_vms=20, use 20: pid 77, uid 5, comm "a b USE=1": EDQUOT',
                  "events shows all details of a denial, also with a comm that looks like a key")
            happen(b, "change", "l1", EVENT="limit", LIMIT="max_exits_per_sec", VALUE=1000,
                   ACTION_TAKEN="denied", COUNT=250, L2="l2-4")
            equal(without_time(f.line()), "denied      l2-4 web: max_exits_per_sec=1000 (250 times)",
                  "events names the guest whose exit rate was limited")
            happen(b, "change", "l1", EVENT="effective", LIMIT="max_vms", EFFECTIVE=0, HOOK="refuse_vm",
                   STATE="unavailable")
            ok("ineffective max_vms: hook refuse_vm is unavailable" in f.line(),
               "events shows a limit that loses its hook as ineffective")
            b.remove(4)
            shutil.rmtree(b.machine.proc + "/1004")
            happen(b, "remove", "l2-4", PID=1004, UID=0, COMM="qemu EXITS=1", EXITS=9, EXIT_TIME_NS=1_500_000,
                   USER_TIME_NS=0, WAIT_TIME_NS=0, RUNQ_TIME_NS=0, THROTTLED_NS=0, GUEST_TIME_NS=2_000_000_000)
            equal(without_time(f.line()), 'removed     l2-4 web: pid 1004, uid 0, comm "qemu EXITS=1": '
                  "9 exits, 1.50ms from exit to entry, 2.00s in the guest",
                  "events shows a removed guest with its counts and its name")
            happen(b, "change", "l1", **DENIED | {"COUNT": 2, "L2": "l2-4"})
            equal(without_time(f.line()), 'denied      l2-4 web: max_vms=20, use 20: pid 77, uid 5, '
                  'comm "vmm": EDQUOT (2 times)',
                  "events shows a denial of a guest that has ended with the guest's name")
            equal([end_of(f.process), f.process.stderr.read()], [0, ""], "events -c 6 ends after six events")


def test_tenant():
    tenant = {"TENANT": "tenant-3", "CGROUP": "/a\\040b/\\033[2J\\\\x2d"}
    with Bench() as b:
        web(b)
        with Follower(b, "-c", "3") as f:
            happen(b, "change", "l1", **DENIED | {"COMM": "x ACTION_TAKEN=y"} | tenant)
            equal(without_time(f.line()), 'denied      tenant /a b/\\x1b[2J\\x2d: max_vms=20, use 20: pid 77, uid 5, comm "x ACTION_TAKEN=y": EDQUOT',
                  "events shows a tenant's denial with the tenant's path")
            happen(b, "change", "l1", EVENT="limit", LIMIT="max_exits_per_sec", VALUE=1000, ACTION_TAKEN="denied", COUNT=250, L2="l2-4", **tenant)
            equal(without_time(f.line()),
                  "denied      l2-4 web: tenant /a b/\\x1b[2J\\x2d: max_exits_per_sec=1000 (250 times)",
                  "events shows a tenant's denial of a guest with guest and tenant")
            # A device that is no guest and comes and goes is no event.
            send_uevent("add", "tenant-3", DEVTYPE="tenant")
            happen(b, "change", "l1", EVENT="limit", LIMIT="max_vms_per_sec", VALUE=1, USE=1, ACTION_TAKEN="audited", COUNT=1, TENANT="tenant-3", CGROUP="/a")
            equal(without_time(f.line()), "audited     tenant /a: audit.max_vms_per_sec=1, use 1",
                  "events shows a tenant's audit threshold that was exceeded")
            equal(end_of(f.process), 0, "events does not count added tenants for -c")
        with Follower(b, "-J", "-c", "2") as f:
            happen(b, "change", "l1", **DENIED | tenant)
            event = f.event()
            equal([event["tenant"], event["cgroup"]], [3, "/a b/\x1b[2J\\x2d"],
                  "events --json has the id and path of a tenant")
            happen(b, "change", "l1", **DENIED)
            event = f.event()
            equal([event["tenant"], event["cgroup"]], [None, None],
                  "events --json has null as tenant and cgroup for a limit of the host")
        os.unlink(b.machine.device("l1") + "/events")
        with Follower(b, "-c", "1") as f:
            send_uevent("change", "l1", **DENIED | tenant)
            equal(without_time(f.line()), "denied      tenant-3: max_vms: pid 77: EDQUOT",
                  "events without l1/events shows the tenant's device instead of its path")


def test_gap():
    with Bench() as b:
        with Follower(b, "-J") as f:
            happen(b, "change", "l1", **DENIED)
            equal(f.event()["count"], 1, "events shows the first denial")
            # It may not have ended reading yet, and would come across the next ones one by one.
            wait_for_look(f.process)
            for number in range(2, 9):
                b.machine.event(keep=3, **DENIED | {"COUNT": number})
            send_uevent("change", "l1", **DENIED)
            equal(f.event(), {"kind": "lost", "id": None, "name": None, "count": 4},
                  "events shows how many events l1/events dropped before they were read")
            equal([f.event()["count"] for _ in range(3)], [6, 7, 8], "events shows the events after a gap in order")
            send_uevent("change", "l1", **DENIED)
            happen(b, "change", "l1", **DENIED | {"COUNT": 9})
            equal(f.event()["count"], 9, "events shows no event twice after a gap")
            equal(f.end(), 0, "SIGINT ends events after a gap")
        with Follower(b, "-c", "1") as f:
            for _ in range(2):
                b.machine.event(keep=1, **DENIED)
            send_uevent("change", "l1", **DENIED)
            equal(without_time(f.line()), "lost        1 event was not recorded: more came than l1/events holds; "
                  "l1tune limits has the counts", "events prints a line for one event that was not recorded")
            ok("denied" in f.line() and end_of(f.process) == 0, "events -c does not count the line for a gap")


def test_time():
    with Bench() as b:
        with Follower(b, "-J") as f:
            happen(b, "change", "l1", **DENIED)
            when = json.loads(f.line())["time"]
            seconds = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME) + 1
            ok(abs(time.mktime(time.strptime(when[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - seconds) <= 2,
               "events shows when an event happened, not when it was read", when)


def test_no_details():
    with Bench() as b:
        web(b)
        for path in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, path), 0o755)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)
        with Follower(b, "-c", "4", tool=tool, **NOBODY) as f:
            happen(b, "add", "l2-4", PID=1004, UID=0, COMM="qemu")
            equal(without_time(f.line()), "added       l2-4: pid 1004",
                  "events shows an added guest and its pid without permission to read l1/events")
            happen(b, "change", "l1", **DENIED)
            equal(without_time(f.line()), "denied      max_vms: pid 77: EDQUOT",
                  "events shows the limit of a denial without permission to read l1/events")
            happen(b, "change", "l1", EVENT="effective", LIMIT="max_vms", EFFECTIVE=1, HOOK="refuse_vm", STATE="ok")
            equal(without_time(f.line()), "effective   max_vms: hook refuse_vm is ok",
                  "events shows a limit that takes effect without permission to read l1/events")
            happen(b, "remove", "l2-4", PID=1004, UID=0, COMM="qemu", EXITS=9)
            equal(without_time(f.line()), "removed     l2-4: pid 1004",
                  "events shows a removed guest without permission to read l1/events")
            end = end_of(f.process)
            said = f.process.stderr.read()
            ok(end == 0 and said.count("\n") == 1 and "l1/events: Permission denied" in said and "gid" in said,
               "events says once that l1/events cannot be read and that gid permits it", said)
        with Follower(b, "-J", tool=tool, **NOBODY) as f:
            happen(b, "change", "l1", **DENIED)
            equal(f.event(), {"kind": "denied", "id": None, "name": None, "limit": "max_vms", "value": None,
                              "use": None, "count": None, "pid": 77, "uid": None, "comm": None, "errno": "EDQUOT", "tenant": None, "cgroup": None},
                  "events --json has null for details of l1/events that cannot be read")


def test_json():
    with Bench() as b:
        web(b)
        with Follower(b, "--json") as f:
            happen(b, "change", "l1", **DENIED | {"COMM": "a\\033[2J"})
            line = f.line()
            document = json.loads(line)
            ok(list(document) == KEYS and line.isascii(),
               "events --json has all keys of a document, in order and in ASCII", line)
            equal(document["event"],
                  {"kind": "denied", "id": None, "name": None, "limit": "max_vms", "value": 20,
                   "use": 20, "count": 1, "pid": 77, "uid": 5, "comm": "a\x1b[2J",
                   "errno": "EDQUOT", "tenant": None, "cgroup": None}, "events --json has all details of a denial")
            happen(b, "add", f"l2-{2**63 - 1}", PID=1, UID=0, COMM="vmm")
            equal(f.event()["id"], 2**63 - 1, "events --json has ids of 64 bits")
            send("remove", "l1")
            b.remove(4)
            shutil.rmtree(b.machine.sys + "/class/l1tune")
            equal(f.event()["kind"], "unloaded", "events shows that the module was unloaded, and continues")
            send_uevent("remove", f"l2-{2**63 - 1}", PID=1)
            equal(f.event()["kind"], "removed",
                  "events shows a removed guest by its uevent after the module was unloaded")
            b.machine.load(loaded_ns=9_000_000_000)
            b.machine.guest(4, pid=99, comm="another")
            record(b, "add", "l2-4", PID=99, UID=0, COMM="another")
            send("add", "l1")
            document = json.loads(f.line())
            equal([document["loaded_ns"], document["event"]["kind"]], [9_000_000_000, "loaded"],
                  "events shows that the module was loaded again, with its load time")
            equal(f.event()["kind"], "added", "events shows what was recorded since the module was loaded again")
            send("add", "l1")
            equal(f.event()["kind"], "loaded", "events shows a second uevent for the same load of the module")
            happen(b, "change", "l1", **DENIED | {"L2": "l2-4"})
            event = f.event()
            equal([event["kind"], event["id"], event["name"]], ["denied", 4, "another"],
                  "events shows no event twice and names guests of a module that was loaded again")
            equal([f.end(), f.process.stderr.read()], [0, ""], "SIGINT ends events without a message")


def test_unload():
    with Bench() as b:
        web(b)
        with Follower(b) as f:
            record(b, "remove", "l2-4", PID=1004, UID=0, COMM="qemu", EXITS=9)
            send("change", "l1", EVENT="guest")
            ok("9 exits" in f.line(),
               "events shows a guest that was recorded as removed just before the module was unloaded")
            os.unlink(b.machine.device("l1") + "/events")
            send("remove", "l1")
            ok("unloaded" in f.line(), "events shows the unloaded module after the last guest")
            equal(f.end(), 0, "SIGINT ends events while the module is not loaded")


def test_forged():
    with Bench() as b:
        os.unlink(b.machine.device("l1") + "/events")
        with Follower(b, "-J") as f:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT) as s:
                s.bind((0, 0))
                payload = message("change", "l1", **DENIED | {"LIMIT": "forged"})[16:]
                for port in listeners():
                    s.sendto(payload, (port, 0))
                    s.sendto(payload, (port, 1))
            send("change", "l1", **DENIED)
            equal(f.event()["limit"], "max_vms", "events ignores a message that is not from the kernel")
            equal(f.end(), 0, "SIGINT ends events after forged messages")


def send_storm():
    data = message("change", "l1", **DENIED | {"COMM": "x" * 1500})
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT) as s:
        for _ in range(30000):
            s.sendto(data, KERNEL)


def test_loss():
    with Bench() as b:
        with Follower(b, "-c", "2") as f:
            f.process.send_signal(signal.SIGSTOP)
            record(b, "change", "l1", **DENIED)
            send_storm()
            record(b, "change", "l1", **DENIED)
            f.process.send_signal(signal.SIGCONT)
            equal([without_time(f.line())[:7] for _ in range(2)], ["denied ", "denied "],
                  "events shows all recorded events if uevents are lost")
            equal(end_of(f.process), 0, "events -c ends after a storm of uevents")
        os.unlink(b.machine.device("l1") + "/events")
        with Follower(b) as f:
            f.process.send_signal(signal.SIGSTOP)
            send_storm()
            f.process.send_signal(signal.SIGCONT)
            line = f.line()
            denied = 0
            while line and " lost " not in line:
                denied += 1
                line = f.line()
            ok(" lost " in line and "l1tune limits" in line,
               "events without l1/events shows that uevents were lost", line)
            f.process.send_signal(signal.SIGINT)
            rest = f.process.stdout.read()
            ok(end_of(f.process) == 0 and (not rest or rest.endswith("\n")),
               "events prints complete lines up to SIGINT")


def test_end():
    with Bench() as b:
        with Follower(b) as f:
            f.process.stdout.close()
            equal([end_of(f.process), f.process.stderr.read()], [0, ""],
                  "events ends without an event when its reader closes the pipe")
            f.process.stdout = None
        with Follower(b) as f:
            f.process.send_signal(signal.SIGTERM)
            equal(end_of(f.process), 0, "SIGTERM ends events")
        with Follower(b) as f:
            fcntl.fcntl(f.process.stdout, F_SETPIPE_SZ, 4096)
            for _ in range(200):
                happen(b, "change", "l1", **DENIED)
            wait_until_full(f.process.stdout)
            f.process.send_signal(signal.SIGTERM)
            equal(end_of(f.process), 0, "one SIGTERM ends events while its reader does not read")
            rest = f.process.stdout.read()
            ok(rest.endswith("\n") and all(re.match(r"\S+ \S+ (denied|lost) ", line) for line in rest.splitlines()),
               "events prints only complete lines before SIGTERM", rest)
        with Follower(b, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])) as f:
            f.process.send_signal(signal.SIGTERM)
            equal(end_of(f.process), 0, "SIGTERM ends events whose parent had it blocked")
        ends = []
        for delay in range(0, 100, 5):
            p = subprocess.Popen(b.command("events"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(delay / 1000)
            p.send_signal(signal.SIGTERM)
            ends.append([end_of(p) in (0, -signal.SIGTERM), *p.communicate()])
        equal(ends, [[True, "", ""]] * 20, "SIGTERM ends events at any moment of its start")
        child = os.fork()
        if not child:
            within(60, listeners)
            happen(b, "change", "l1", **DENIED)
            os._exit(0)
        shown = on_terminal(b.command("events", "-c", "1"))
        os.waitpid(child, 0)
        ok("\x1b[31mdenied" in shown, "events shows a denial in red on a terminal", shown)


def test_errors():
    with Bench() as b:
        for args, said in ((["web"], "events takes no arguments"), (["-c", "0"], "'0' is not a whole number"), (["-i", "1"], "unknown option '-i'"),
                           (["-c", "x"], "'x' is not a whole number")):
            r = b.run("events", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"events {' '.join(args)} exits with 2 and says: {said}", r)
        r = subprocess.run([TOOL, "events", "--help"], capture_output=True, text=True, check=False)
        ok(r.returncode == 0 and "--count" in r.stdout, "events --help has --count and exits with 0", r)
    with Bench(load=False) as b:
        r = b.run("events")
        ok(r.returncode == 3 and "modprobe l1tune" in r.stderr,
           "events without the module exits with 3 and names modprobe", r)


def test_container():
    with Bench() as b:
        command = [TOOL, "events", "--sysfs", b.machine.sys, "--proc", "/proc"]
        r = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "timeout", "20", *command],
                           capture_output=True, text=True, check=False)
        ok(r.returncode == 1 and "user namespace" in r.stderr and not r.stdout,
           "events in a user namespace exits with 1 and says so", r)


print("KTAP version 1")
test_errors()
if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
    ok(True, "events shows uevents of the kernel # SKIP a network namespace takes root to make")
else:
    for test in (test_lines, test_tenant, test_gap, test_time, test_no_details, test_json, test_unload, test_forged, test_loss,
                 test_end, test_container):
        test()
finish()
