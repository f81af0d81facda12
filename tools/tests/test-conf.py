#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune apply and save: /etc/l1tune.conf to a machine and back. Usage: test-conf.py L1TUNE"""
import grp
import os
import re
import resource
import shutil
import signal
import stat
import subprocess

from bench import TOOL, equal, finish, ok
from configured import Configured
from fake import LIMITS, write

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../l1tune.conf")
CONF = """\
# Of this machine
max_vms = 20	# as many as fit
  max_memory_bytes=64G

audit.max_vcpus =  4
"""


class Config(Configured):
    """A machine with limits, and a configuration for it."""

    def __init__(self, text=None, **values):
        super().__init__(**values)
        if values.get("load", True):
            self.limits()
        if text is not None:
            self.write(text)

    def limits(self, gid=0, **files):
        self.machine.limits(**files)
        write(self.machine.sys + "/module/l1tune/parameters/gid", gid)

    def values(self):
        """What is set: not max."""
        found = {}
        for directory, prefix in (("limits", ""), ("audit", "audit.")):
            for name in LIMITS:
                value = self.machine.limit(f"{directory}/{name}")
                if value != "max":
                    found[prefix + name] = value
        return found


def test_apply():
    with Config(CONF) as b:
        r = b.apply()
        ok(r.returncode == 0 and not r.stdout and not r.stderr, "a configuration is applied", r)
        equal(b.values(), {"max_vms": "20", "max_memory_bytes": str(64 << 30), "audit.max_vcpus": "4"},
              "what lines set is set, with blanks and comments as one likes")
        b.limits(limits={"max_vms": 7, "max_vcpus": 9}, audit={"max_vms": 3})
        r = b.apply("--check")
        equal([r.returncode, r.stdout.splitlines()],
              [0, ["max_vms: 7 -> 20", "max_vcpus: 9 -> max", f"max_memory_bytes: max -> {64 << 30}",
                   "audit.max_vms: 3 -> max", "audit.max_vcpus: max -> 4"]], "--check shows what would change")
        equal(b.values(), {"max_vms": "7", "max_vcpus": "9", "audit.max_vms": "3"}, "apply --check changes nothing")
        r = b.apply()
        ok(r.returncode == 0 and "max_vcpus is 9 and no line of" in r.stderr and "audit.max_vms is 3" in r.stderr and
           "max_vms is 7" not in r.stderr.replace("audit.", ""), "what no line sets is told", r)
        equal(b.values(), {"max_vms": "20", "max_memory_bytes": str(64 << 30), "audit.max_vcpus": "4"},
              "a setting without a line gets the value that it has after load")
        equal(b.apply("--check").stdout, "", "apply --check has nothing left to change after apply")
    with Config("max_vms = 2\nmax_vcpus = 4\n", usage={"vms": 3, "vcpus": 4}) as b:
        r = b.apply()
        ok(r.returncode == 0 and "max_vms=2 is below the 3 in use" in r.stderr and "max_vcpus" not in r.stderr,
           "a limit below what is in use is applied, and said", r)
    with Config("# nothing\n") as b:
        b.limits(limits={"max_vms": 7})
        b.apply()
        equal(b.values(), {}, "a configuration of comments alone sets no limits")
    with Config(load=False) as b:
        b.write(CONF)
        r = b.apply("--check")
        ok(r.returncode == 0 and not r.stderr, "a configuration can be checked without the module", r)
        r = b.apply()
        ok(r.returncode == 3 and "modprobe l1tune" in r.stderr, "a configuration cannot be applied without the module", r)


# line → what is said of it
WRONG = (("max_vm = 20", "unknown setting 'max_vm': did you mean max_vms?"),
         ("audit.max_vcpu = 20", "unknown setting 'audit.max_vcpu': did you mean audit.max_vcpus?"),
         ("frobnicate = 1", "unknown setting 'frobnicate': l1tune.conf(5)"),
         ("max_vcpus", "a line is NAME = VALUE"), ("max_vcpus 20", "a line is NAME = VALUE"),
         ("= 20", "unknown setting ''"), ("[limits]", "a line is NAME = VALUE"),
         ("max_vcpus =", "max_vcpus = : a value is missing"), ("max_vcpus = # 4", "a value is missing"),
         ("max_memory_of_all_things = 1", "'max_memory_of_all_things': l1tune.conf(5)"),
         ("max_vcpus = 4#5", "takes no unit"), ("max_vcpus = 4G", "takes no unit"), ("max_vcpus = -1", "cannot be negative"), ("max_vcpus = 4 5", "takes no unit"),
         ("max_memory_per_vm_bytes = 1.5G", "not a size"), ("max_memory_per_vm_bytes = 64X", "unknown unit"),
         ("max_vms = 21", "max_vms is already set in line 2"), ("gid = no-such-group", "no such group"),
         ("gid = 4294967295", "too large"), ("max_vcpus = \x1b[2J", "\\x1b[2J"), ("a\x00b = 3", "NUL byte"))


def test_wrong():
    for line, reason in WRONG:
        with Config(CONF + line + "\nmax_nested_vms = 1\n") as b:
            for args in [], ["--check"]:
                r = b.apply(*args)
                where = f"{b.path}:6: "
                if not (r.returncode == 1 and where in r.stderr and reason in r.stderr and not r.stdout and
                        "\x1b" not in r.stderr and "no limit was changed" in r.stderr and not b.values()):
                    break
            else:
                args = None
            ok(args is None, f"line and reason, and nothing is set: {line!r}", r)
    with Config("max_vm = 1\nmax_vms = 2\nmax_vcpus = x\n") as b:
        r = b.apply()
        ok(r.returncode == 1 and "conf:1: " in r.stderr and "conf:3: " in r.stderr and "conf:2" not in r.stderr,
           "every line that is wrong is named at once", r)
    for text in "", "\n", " \t\n\n":
        with Config(text) as b:
            b.limits(limits={"max_vms": 7})
            for args in [], ["--check"]:
                r = b.apply(*args)
                ok(r.returncode == 1 and f"{b.path} is empty" in r.stderr and "l1tune save" in r.stderr and not r.stdout and
                   b.values() == {"max_vms": "7"}, f"an empty file is an error and removes no limit: {text!r} {args}", r)
            equal([b.run("save", b.path).returncode, b.apply().returncode, b.values()], [0, 0, {"max_vms": "7"}],
                  f"save fills an empty file: {text!r}")
            b.write(text)
            b.limits()
            equal([b.run("save", b.path).returncode, b.apply().returncode], [0, 0],
                  f"save fills an empty file even when nothing is set: {text!r}")
    with Config("\0" * 4096) as b:
        b.limits(limits={"max_vms": 7})
        r = b.apply()
        ok(r.returncode == 1 and "NUL byte" in r.stderr and b.values() == {"max_vms": "7"},
           "a file of zeros is an error and removes no limit", r)
    with Config() as b:
        r = b.apply()
        ok(r.returncode == 1 and "No such file" in r.stderr and "l1tune save" in r.stderr, "no file", r)
        for args in ["a", "b"], ["--check", "--load", b.path], ["--json", b.path]:
            r = b.run("apply", *args)
            ok(r.returncode == 2 and r.stderr and not r.stdout, f"usage: {args}", r)
        equal(b.run("save", "a", "b").returncode, 2, "usage: save a b")


def one_byte_only():
    """Of a process that may write one byte to a file: a value of two fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))


def test_all_or_nothing():
    with Config("max_vms = 8\nmax_vcpus = 9\n\nmax_nested_vms = 10\n") as b:
        b.limits(limits={"max_vms": 7, "max_vcpus": 6})
        r = b.run("apply", b.path, preexec_fn=one_byte_only)
        ok(r.returncode == 1 and f"{b.path}:4: " in r.stderr and "max_nested_vms: " in r.stderr and
           "were restored" in r.stderr, "a write that fails is named, with its line", r)
        write(b.machine.device("l1") + "/limits/max_nested_vms", "max", 0o644)
        equal(b.values(), {"max_vms": "7", "max_vcpus": "6"}, "limits written before a write that fails are restored")
        path = b.machine.device("l1") + "/limits/max_nested_vms"
        os.unlink(path)
        r = b.apply()
        ok(r.returncode == 1 and f"{b.path}:4: the loaded module has no" in r.stderr,
           "a module without that limit", r)
        write(path, "max", 0o644)
        equal(b.values(), {"max_vms": "7", "max_vcpus": "6"}, "nothing is set then")


def test_effect():
    broken = {"hooks": {"refuse_vm": "unavailable", "refuse_vcpu": "ok"}, "effective": {"max_vms": 0}}
    with Config("max_vms = 20\nmax_vcpus = 4\n") as b:
        b.limits(**broken)
        r = b.apply()
        ok(r.returncode == 1 and "max_vms is set and not effective: its hook refuse_vm is unavailable" in r.stderr and
           "max_vcpus" not in r.stderr, "a limit that is not effective fails it, and says why", r)
        equal(b.values(), {"max_vms": "20", "max_vcpus": "4"}, "those that are hold")
        b.limits(hooks={"refuse_vm": "waiting"}, effective={"max_vms": 0})
        r = b.apply()
        ok(r.returncode == 0 and "waits for KVM" in r.stderr, "one that waits for KVM is told and no failure", r)
    with Config("max_vms = 20\ngid = 107\n") as b:
        r = b.apply()
        ok(r.returncode == 1 and ":2: gid = 107: the module was loaded with gid=0" in r.stderr and not b.values(),
           "a group that cannot be changed any more: nothing is set", r)
        b.limits(gid=107)
        equal([b.apply().returncode, b.values()], [0, {"max_vms": "20"}], "the group that it was loaded with")
        name = grp.getgrgid(1).gr_name
        b.limits(gid=1)
        b.write(f"gid = {name}\n")
        equal(b.apply().returncode, 0, "a group by its name")


MODPROBE = """#!/bin/sh
echo "$*" >> {directory}/modprobed
case $1 in
l1tune) [ ! -e {directory}/fails ] || exit 1; mv {sys}/class/unloaded {sys}/class/l1tune ;;
esac
"""


class Unloaded(Config):
    """A machine on which a modprobe of ours brings the class."""

    def __init__(self, text, cpu="vmx"):
        super().__init__(text)
        os.rename(self.machine.sys + "/class/l1tune", self.machine.sys + "/class/unloaded")
        os.mkdir(self.directory + "/bin")
        write(self.directory + "/bin/modprobe", MODPROBE.format(
            directory=self.directory, sys=self.machine.sys).encode(), 0o755)
        write(self.machine.proc + "/cpuinfo", f"vendor_id\t: x\nflags\t\t: fpu {cpu}\n")
        self.path_before = os.environ["PATH"]
        os.environ["PATH"] = f"{self.directory}/bin:{self.path_before}"

    def __exit__(self, *args):
        os.environ["PATH"] = self.path_before
        super().__exit__(*args)

    def loaded(self):
        path = self.directory + "/modprobed"
        if not os.path.exists(path):
            return []
        with open(path, encoding="ascii") as f:
            return f.read().splitlines()


def test_load():
    with Unloaded("gid = 107\nmax_vms = 20\n") as b:
        os.unlink(b.machine.sys + "/module/l1tune/parameters/gid")
        write(b.machine.sys + "/module/l1tune/parameters/gid", 107)
        r = b.apply("--load", "--no-try")
        equal([r.returncode, r.stderr, b.loaded(), b.values()],
              [0, "", ["l1tune gid=107", "kvm_intel"], {"max_vms": "20"}], "--load: the module with its group, and KVM")
        equal([b.apply("--load", "--no-try").returncode, b.loaded()[2:]], [0, ["kvm_intel"]], "what is there is not loaded again")
    with Unloaded("max_vms = 20\nmax_vm = 1\n", "svm") as b:
        r = b.apply("--load", "--no-try")
        equal([r.returncode, b.loaded(), b.values(), ":2: unknown setting 'max_vm'" in r.stderr],
              [1, ["l1tune", "kvm_amd"], {}, True], "a configuration that is wrong loses limits, and not the module")
    with Unloaded("max_vms = 20\n") as b:
        write(b.directory + "/fails", "")
        r = b.apply("--load", "--no-try")
        ok(r.returncode == 3 and "cannot be loaded" in r.stderr and "dkms status" in r.stderr, "a module that does not load", r)
    with Unloaded("max_vms = 20\n", "none") as b:
        write(b.machine.sys + "/devices/virtual/l1tune/l1/hooks/refuse_vm", "waiting")
        write(b.machine.sys + "/devices/virtual/l1tune/l1/effective/max_vms", 0)
        r = b.apply("--load", "--no-try")
        ok(r.returncode == 1 and "waits for KVM" in r.stderr and b.loaded() == ["l1tune"],
           "a limit that still waits when all is loaded is a failure", r)
    with Unloaded("# nothing\n", "none") as b:
        equal(b.apply("--load", "--no-try").returncode, 0, "without limits there is nothing to wait for")


def test_save():
    with Config(CONF) as b:
        b.apply()
        b.limits(limits={"max_vms": 21, "max_memory_bytes": 64 << 30, "max_memory_per_vm_bytes": (3 << 20) + 1,
                         "max_exits_per_sec": 0}, gid=107)
        os.chmod(b.path, 0o640)
        r = b.run("save", b.path)
        ok(r.returncode == 0 and not r.stdout and not r.stderr, "what is set is saved", r)
        equal(b.text(), CONF.replace("20	#", "21	#").replace("  4", "  max") +
              f"max_memory_per_vm_bytes = {(3 << 20) + 1}\nmax_exits_per_sec = 0\ngid = 107\n",
              "comments, blanks and what says the same stay; what no line sets is added")
        equal([stat.S_IMODE(os.stat(b.path).st_mode), sorted(os.listdir(b.directory))],
              [0o640, ["l1tune.conf", "proc", "sys"]], "save keeps the mode of the file, and leaves no other file")
        before = b.values()
        equal([b.apply("--check").stdout, b.apply().returncode, b.values()], ["", 0, before],
              "what is saved is what is set")
        b.run("save", b.path)
        text = b.text()
        b.run("save", b.path)
        equal(b.text(), text, "saving twice changes nothing")
        os.symlink("l1tune.conf", b.directory + "/link")
        b.limits()
        equal([b.run("save", b.directory + "/link").returncode, os.path.islink(b.directory + "/link"), "21" in b.text()],
              [0, True, False], "a link stays a link")
        b.write("max_vms = 3\nmax_vm = 4\n")
        r = b.run("save", b.path)
        ok(r.returncode == 1 and b.text() == "max_vms = 3\nmax_vm = 4\n" and "was not changed" in r.stderr,
           "a file that is wrong is not written over", r)
    with Config() as b:
        b.limits(limits={"max_vms": 20, "max_memory_bytes": 5 << 40}, audit={"max_vms": 15})
        r = b.run("save", "-")
        equal(r.stdout.splitlines()[1:], ["max_vms = 20", "max_memory_bytes = 5T", "audit.max_vms = 15"], "on stdout")
        equal([b.run("save", b.path).returncode, b.text()], [0, r.stdout], "a new file")
        r = b.run("save", b.directory + "/no/such")
        ok(r.returncode == 1 and "No such file" in r.stderr, "a directory that is not there", r)
    with Config(load=False) as b:
        r = b.run("save", b.path)
        ok(r.returncode == 3 and not os.path.exists(b.path), "without the module nothing is written", r)


def test_example():
    with open(EXAMPLE, encoding="utf-8") as f:
        example = f.read()
    with Config(example) as b:
        r = b.apply()
        equal([r.returncode, r.stderr, b.values()], [0, "", {}], "the example limits nothing as it is")
        b.limits(gid=0)
        b.machine.tune()
        settings = re.findall(r"^#(\w\S* = \S+)", example, re.M)
        b.write("\n".join(settings).replace("= kvm", "= 0") + "\n")
        r = b.apply()
        equal([r.returncode, r.stderr, len(b.values())], [0, "", len(settings) - 4],
              "each of its lines can be taken")
        equal([b.machine.limit("tune/" + n) for n in ("uid", "halt_poll_ns", "pause_in_guest")],
              ["107", "50000", "1"], "those of tuning too")
        names = {line.split()[0] for line in settings}
        equal(names, set(LIMITS) | {"gid"} | {n for n in names if n.startswith(("audit.", "tune."))}, "a new file of save has each limit, and gid")


def test_permissions():
    if os.geteuid():
        print("# not root: the tests of permissions are left out")
        return
    with Config(CONF) as b:
        for path in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, path), 0o755)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)
        r = subprocess.run([tool, *b.command("apply", b.path)[1:]], capture_output=True, text=True,
                           user=65534, group=65534, extra_groups=[], check=False)
        ok(r.returncode == 5 and f"{b.path}:2: " in r.stderr and "CAP_SYS_ADMIN" in r.stderr and not b.values(),
           "apply without permission exits with 5, says who may, and sets nothing", r)
        r = subprocess.run([tool, *b.command("save", b.path)[1:]], capture_output=True, text=True,
                           user=65534, group=65534, extra_groups=[], check=False)
        ok(r.returncode == 5 and b.text() == CONF, "save without permission exits with 5 and writes nothing", r)


print("KTAP version 1")
for test in (test_apply, test_wrong, test_all_or_nothing, test_effect, test_load, test_save, test_example,
             test_permissions):
    test()
finish()
