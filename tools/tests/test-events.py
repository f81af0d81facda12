#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
l1tune events, told of events by the kernel: in a network namespace of its own the
kernel passes on what root sends, as its own. Usage: test-events.py L1TUNE
"""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from bench import TOOL, Bench, end_of, equal, finish, ok, on_terminal

CLONE_NEWNET = 0x40000000
KOBJECT_UEVENT = 15
KERNEL = (0, 0)
KEYS = ["schema", "tool", "module", "boot_id", "loaded_ns", "time", "interval_ns", "event"]
DENIED = {"EVENT": "limit", "LIMIT": "max_vms", "VALUE": 20, "USE": 20, "PID": 77, "UID": 5,
          "COMM": "vmm", "ACTION_TAKEN": "denied", "ERRNO": "EDQUOT", "COUNT": 1}


def message(action, device, subsystem="l1tune", **keys):
    path = f"/devices/virtual/l1tune/{device}"
    lines = [f"{action}@{path}", f"ACTION={action}", f"DEVPATH={path}", f"SUBSYSTEM={subsystem}"]
    lines += [f"{key}={value}" for key, value in keys.items()]
    payload = b"".join(line.encode() + b"\0" for line in lines)
    return struct.pack("=IHHII", 16 + len(payload), 0x10, 1, 1, 0) + payload


def send(action, device, **keys):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT) as s:
        s.sendto(message(action, device, **keys), KERNEL)


def listeners():
    """The ports of who listens to the kernel's events here."""
    with open("/proc/self/net/netlink", encoding="ascii") as f:
        sockets = [line.split() for line in f]
    return [int(s[2]) for s in sockets[1:] if s[1] == str(KOBJECT_UEVENT) and
            int(s[3], 16) & 1 and s[2] != "0"]


class Follower:
    """l1tune events, which listens already."""

    def __init__(self, bench, *args, **options):
        self.process = subprocess.Popen(bench.command("events", *args), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env=os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}, **options)
        # A line that does not come ends the test, and not all tests.
        self.timer = threading.Timer(60, self.process.kill)
        self.timer.start()
        deadline = time.monotonic() + 20
        while not listeners() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)

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


def web(bench):
    bench.machine.guest(4, pid=1004)
    bench.machine.process(1004, ["qemu-system-x86_64", "-name", "guest=web"])


def test_lines():
    with Bench() as b:
        web(b)
        with Follower(b, "-c", "6") as f:
            send("add", "l2-4", PID=1004, UID=0, COMM="qemu\\nx")
            equal(without_time(f.line()),
                  'added       l2-4 web: pid 1004, uid 0, comm "qemu\\x0ax"', "a guest comes")
            send("change", "l1", subsystem="net", EVENT="limit")
            send("change", "l1", **DENIED)
            equal(without_time(f.line()),
                  'denied      max_vms=20, use 20: pid 77, uid 5, comm "vmm": EDQUOT', "a denial")
            send("change", "l1", EVENT="limit", LIMIT="max_exits_per_sec", VALUE=1000, L2="l2-4",
                 ACTION_TAKEN="denied", COUNT=250)
            equal(without_time(f.line()), "denied      l2-4 web: max_exits_per_sec=1000 (250 times)",
                  "a guest is slowed")
            send("change", "l1", EVENT="effective", LIMIT="max_vms", EFFECTIVE=0, HOOK="refuse_vm",
                 STATE="unavailable")
            ok("ineffective max_vms: hook refuse_vm is unavailable" in f.line(), "no effect")
            b.remove(4)
            shutil.rmtree(b.machine.proc + "/1004")
            send("remove", "l2-4", PID=1004, UID=0, COMM="qemu", EXITS=9, EXIT_TIME_NS=1_500_000,
                 GUEST_TIME_NS=2_000_000_000)
            equal(without_time(f.line()), 'removed     l2-4 web: pid 1004, uid 0, comm "qemu": '
                  "9 exits, 1.50ms from exit to entry, 2.00s in the guest",
                  "a guest goes, and its name is known still")
            send("change", "l1", L2="l2-4", **DENIED | {"COUNT": 2})
            equal(without_time(f.line()), 'denied      l2-4 web: max_vms=20, use 20: pid 77, uid 5, '
                  'comm "vmm": EDQUOT (2 times)', "a denial is told after its guest has gone")
            equal(end_of(f.process), 0, "-c 6 ends after six")


def test_json():
    with Bench() as b:
        web(b)
        with Follower(b, "--json") as f:
            send("change", "l1", **DENIED | {"COMM": "a\\033[2J"})
            line = f.line()
            document = json.loads(line)
            ok(list(document) == KEYS and line.isascii(), "keys of the document", line)
            equal(document["event"],
                  {"kind": "denied", "id": None, "name": None, "limit": "max_vms", "value": 20,
                   "use": 20, "count": 1, "pid": 77, "uid": 5, "comm": "a\x1b[2J",
                   "errno": "EDQUOT"}, "an event")
            send("remove", "l1")
            b.remove(4)
            shutil.rmtree(b.machine.sys + "/class/l1tune")
            equal(f.event()["kind"], "unloaded", "the module goes, and it goes on")
            b.machine.load(loaded_ns=9_000_000_000)
            b.machine.guest(4, pid=99, comm="another")
            send("add", "l1")
            document = json.loads(f.line())
            equal([document["loaded_ns"], document["event"]["kind"]], [9_000_000_000, "loaded"],
                  "it comes back")
            send("change", "l1", L2="l2-4", **DENIED)
            event = f.event()
            equal([event["id"], event["name"]], [4, "another"], "with other guests")
            equal(f.end(), 0, "SIGINT ends it")


def test_forged():
    with Bench() as b:
        with Follower(b, "-J") as f:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT) as s:
                s.bind((0, 0))
                payload = message("change", "l1", **DENIED | {"LIMIT": "forged"})[16:]
                for port in listeners():
                    s.sendto(payload, (port, 0))
                    s.sendto(payload, (port, 1))
            send("change", "l1", **DENIED)
            equal(f.event()["limit"], "max_vms", "what is not from the kernel is passed over")
            equal(f.end(), 0, "and does no harm")


def test_loss():
    with Bench() as b:
        with Follower(b) as f:
            f.process.send_signal(signal.SIGSTOP)
            data = message("change", "l1", **DENIED | {"COMM": "x" * 1500})
            with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, KOBJECT_UEVENT) as s:
                for _ in range(30000):
                    s.sendto(data, KERNEL)
            f.process.send_signal(signal.SIGCONT)
            line = f.line()
            denied = 0
            while line and " lost " not in line:
                denied += 1
                line = f.line()
            ok(" lost " in line and "l1tune limits" in line, "lost events are told", line)
            f.process.send_signal(signal.SIGINT)
            rest = f.process.stdout.read()
            ok(end_of(f.process) == 0 and (not rest or rest.endswith("\n")), "whole lines to the end")


def test_end():
    with Bench() as b:
        with Follower(b) as f:
            f.process.stdout.close()
            equal([end_of(f.process), f.process.stderr.read()], [0, ""],
                  "it ends when its reader goes, without an event")
            f.process.stdout = None
        with Follower(b) as f:
            f.process.send_signal(signal.SIGTERM)
            equal(end_of(f.process), 0, "SIGTERM ends it")
        child = os.fork()
        if not child:
            while not listeners():
                time.sleep(0.01)
            send("change", "l1", **DENIED)
            os._exit(0)
        shown = on_terminal(b.command("events", "-c", "1"))
        os.waitpid(child, 0)
        ok("\x1b[31mdenied" in shown, "a denial is red on a terminal", shown)


def test_errors():
    with Bench() as b:
        for args in ["web"], ["-c", "0"], ["-i", "1"], ["-c", "x"]:
            r = b.run("events", *args)
            ok(r.returncode == 2 and r.stderr and not r.stdout, f"usage: {args}", r)
        r = subprocess.run([TOOL, "events", "--help"], capture_output=True, text=True, check=False)
        ok(r.returncode == 0 and "--count" in r.stdout, "help", r)
    with Bench(load=False) as b:
        r = b.run("events")
        ok(r.returncode == 3 and "modprobe l1tune" in r.stderr, "no module", r)


def test_container():
    with Bench() as b:
        command = [TOOL, "events", "--sysfs", b.machine.sys, "--proc", "/proc"]
        r = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "timeout", "20", *command],
                           capture_output=True, text=True, check=False)
        ok(r.returncode == 1 and "user namespace" in r.stderr and not r.stdout,
           "where the kernel tells nothing it says so", r)


print("KTAP version 1")
test_errors()
if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
    ok(True, "events of the kernel # SKIP a network namespace takes root to make")
else:
    for test in (test_lines, test_json, test_forged, test_loss, test_end, test_container):
        test()
finish()
