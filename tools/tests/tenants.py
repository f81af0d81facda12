# SPDX-License-Identifier: GPL-2.0
"""Tenants of a machine, as the module has them, and what stands for the module where one is defined or removed."""
import os
import shutil
import threading

from fake import write

LIMITS = "max_vms max_vcpus max_memory_bytes max_nested_vms max_exits_per_sec max_vms_per_sec".split()
USAGE = "vms vcpus memory_bytes nested_vms".split()


def v2(machine, cgroup="0::/\n", mount="cgroup2"):
    """Cgroups of this machine: of version 2 unless said otherwise."""
    write(machine.proc + "/self/cgroup", cgroup.encode())
    write(machine.proc + "/self/mountinfo", f"36 22 0:30 / {machine.sys}/fs/cgroup rw - {mount} {mount} rw")


def tenant(machine, number, cgroup, pattern=None, matches=None, usage=None, without=(), **files):
    """tenant(m, 3, "/a/b", limits={"max_vms": 2}, usage={"vms": 1}); pattern: the number of that of a match."""
    device = machine.device(f"tenant-{number}")
    if pattern is not None:
        write(f"{device}/pattern", f"tenant-{pattern}", 0o440)
    if matches is not None:
        write(f"{device}/matches", matches, 0o440)
    else:
        for name, value in (dict.fromkeys(USAGE, 0) | (usage or {})).items():
            write(f"{device}/usage/{name}", value, 0o440)
    for directory, usual in ("limits", "max"), ("audit", "max"), ("denied", 0), ("would_deny", 0), ("effective", 1):
        for name, value in (dict.fromkeys(LIMITS, usual) | files.get(directory, {})).items():
            is_set_here = directory in ("limits", "audit") and pattern is None
            if f"{directory}/{name}" not in without:
                write(f"{device}/{directory}/{name}", value, 0o640 if is_set_here else 0o440)
    # Last: without it the device is none yet.
    write(f"{device}/cgroup", os.fsencode(cgroup) + b"\n", 0o440)


def remove(machine, number):
    os.unlink(f"{machine.sys}/class/l1tune/tenant-{number}")
    shutil.rmtree(f"{machine.sys}/devices/virtual/l1tune/tenant-{number}")


def defined(machine):
    """[(number, cgroup)] in the order of numbers."""
    found = []
    for name in os.listdir(machine.sys + "/class/l1tune"):
        if name.startswith("tenant-") and os.path.exists(f"{machine.sys}/class/l1tune/{name}/cgroup"):
            with open(f"{machine.device(name)}/cgroup", "rb") as f:
                found.append((int(name[7:]), os.fsdecode(f.read()[:-1])))
    return sorted(found)


def value(machine, number, path):
    with open(f"{machine.device(f'tenant-{number}')}/{path}", encoding="ascii") as f:
        return f.read().rstrip("\n")


class Module:
    """What the module does with writes to add and remove: they are pipes here."""

    def __init__(self, machine):
        self.machine = machine
        self.directory = machine.device("l1") + "/tenants"
        self.next = 1 + max([number for number, _ in defined(machine)], default=0)
        # All that was written, in order.
        self.written = []
        # Files that a new one does not have.
        self.without = ()
        # How often a cgroup is not defined that was written.
        self.refuse = {}
        # Called before one is defined.
        self.before_add = lambda cgroup: None
        os.makedirs(self.directory, exist_ok=True)
        for name in "add", "remove":
            os.mkfifo(f"{self.directory}/{name}", 0o200)
        self.start()

    def start(self):
        self.threads = [threading.Thread(target=self.serve, args=arguments, daemon=True)
                        for arguments in (("add", self.add), ("remove", self.remove))]
        for thread in self.threads:
            thread.start()

    def serve(self, name, function):
        text = ""
        while not text.endswith("\0"):
            try:
                with open(f"{self.directory}/{name}", "rb") as f:
                    text = os.fsdecode(f.read())
            except FileNotFoundError:
                # The test has ended.
                return
            if text.rstrip("\0"):
                function(text.rstrip("\0"))

    def add(self, cgroup):
        self.written.append(("add", cgroup))
        self.before_add(cgroup)
        if self.refuse.get(cgroup):
            self.refuse[cgroup] -= 1
            return
        tenant(self.machine, self.next, cgroup, matches=0 if any(c in cgroup for c in "*?[") else None, without=self.without)
        self.next += 1

    def remove(self, text):
        """Several may have been written before they are read."""
        while text:
            known = [(len(path), number, path) for number, path in defined(self.machine) + [(0, path) for path in self.refuse]
                     if text.startswith(path) and text[len(path):][:1] in ("", "/")]
            length, number, path = max(known, default=(len(text), 0, text))
            self.written.append(("remove", path))
            if number:
                remove(self.machine, number)
            text = text[length:]

    def stop(self):
        """When all is done that was written."""
        for name in "add", "remove":
            with open(f"{self.directory}/{name}", "wb") as f:
                f.write(b"\0")
        for thread in self.threads:
            thread.join()

    def settle(self):
        """What was written, when all of it is done."""
        self.stop()
        written, self.written = self.written, []
        self.start()
        return written
