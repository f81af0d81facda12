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
        ok(r.returncode == 0 and not r.stdout and not r.stderr,
           "apply sets the limits of a valid configuration without a message", r)
        equal(b.values(), {"max_vms": "20", "max_memory_bytes": str(64 << 30), "audit.max_vcpus": "4"},
              "apply accepts comments and blanks around names and values")
        b.limits(limits={"max_vms": 7, "max_vcpus": 9}, audit={"max_vms": 3})
        r = b.apply("--check")
        equal([r.returncode, r.stdout.splitlines()],
              [0, ["max_vms: 7 -> 20", "max_vcpus: 9 -> max", f"max_memory_bytes: max -> {64 << 30}",
                   "audit.max_vms: 3 -> max", "audit.max_vcpus: max -> 4"]],
              "apply --check shows each setting that would change, with old and new value")
        equal(b.values(), {"max_vms": "7", "max_vcpus": "9", "audit.max_vms": "3"}, "apply --check changes nothing")
        r = b.apply()
        ok(r.returncode == 0 and "max_vcpus is 9 and no line of" in r.stderr and "audit.max_vms is 3" in r.stderr and
           "max_vms is 7" not in r.stderr.replace("audit.", ""),
           "apply names each setting that is set and has no line in the file", r)
        equal(b.values(), {"max_vms": "20", "max_memory_bytes": str(64 << 30), "audit.max_vcpus": "4"},
              "a setting without a line gets the value that it has after load")
        equal(b.apply("--check").stdout, "", "apply --check has nothing left to change after apply")
    with Config("max_vms = 2\nmax_vcpus = 4\n", usage={"vms": 3, "vcpus": 4}) as b:
        r = b.apply()
        ok(r.returncode == 0 and "max_vms=2 is below the 3 in use" in r.stderr and "max_vcpus" not in r.stderr,
           "apply sets a limit below what is in use and says so", r)
    with Config("# nothing\n") as b:
        b.limits(limits={"max_vms": 7})
        b.apply()
        equal(b.values(), {}, "a configuration of comments alone sets no limits")
    with Config(load=False) as b:
        b.write(CONF)
        r = b.apply("--check")
        ok(r.returncode == 0 and not r.stderr, "apply --check works without the module", r)
        r = b.apply()
        ok(r.returncode == 3 and "modprobe l1tune" in r.stderr,
           "apply without the module exits with 3 and names modprobe", r)


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
            ok(args is None, f"apply names line and reason and sets nothing: {line!r}", r)
    with Config("max_vm = 1\nmax_vms = 2\nmax_vcpus = x\n") as b:
        r = b.apply()
        ok(r.returncode == 1 and "conf:1: " in r.stderr and "conf:3: " in r.stderr and "conf:2" not in r.stderr,
           "apply names every wrong line at once", r)
    for text in "", "\n", " \t\n\n":
        with Config(text) as b:
            b.limits(limits={"max_vms": 7})
            for args in [], ["--check"]:
                r = b.apply(*args)
                ok(r.returncode == 1 and f"{b.path} is empty" in r.stderr and "l1tune save" in r.stderr and not r.stdout and
                   b.values() == {"max_vms": "7"},
                   f"apply {args} with an empty file is an error and removes no limit: {text!r}", r)
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
           "apply with a file of zeros is an error and removes no limit", r)
    with Config() as b:
        r = b.apply()
        ok(r.returncode == 1 and "No such file" in r.stderr and "l1tune save" in r.stderr,
           "apply without a file exits with 1 and names l1tune save", r)
        for command, args, said in (("apply", ["a", "b"], "too many arguments"), ("apply", ["--check", "--load"], "mutually exclusive"),
                                    ("apply", ["--json"], "unknown option '--json'"), ("save", ["a", "b"], "too many arguments")):
            r = b.run(command, *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"{command} {' '.join(args)} exits with 2 and says: {said}", r)


def one_byte_only():
    """Of a process that may write one byte to a file: a value of two fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))


def test_all_or_nothing():
    with Config("max_vms = 8\nmax_vcpus = 9\n\nmax_nested_vms = 10\n") as b:
        b.limits(limits={"max_vms": 7, "max_vcpus": 6})
        r = b.run("apply", b.path, preexec_fn=one_byte_only)
        ok(r.returncode == 1 and f"{b.path}:4: " in r.stderr and "max_nested_vms: " in r.stderr and
           "were restored" in r.stderr, "apply names the line and the limit of a write that fails", r)
        write(b.machine.device("l1") + "/limits/max_nested_vms", "max", 0o644)
        equal(b.values(), {"max_vms": "7", "max_vcpus": "6"},
              "apply restores the limits that it wrote before a write that fails")
        path = b.machine.device("l1") + "/limits/max_nested_vms"
        os.unlink(path)
        r = b.apply()
        ok(r.returncode == 1 and f"{b.path}:4: the loaded module has no" in r.stderr,
           "apply names the line of a limit that the loaded module does not have", r)
        write(path, "max", 0o644)
        equal(b.values(), {"max_vms": "7", "max_vcpus": "6"},
              "apply sets nothing if the loaded module does not have one of the limits")


def test_effect():
    broken = {"hooks": {"refuse_vm": "unavailable", "refuse_vcpu": "ok"}, "effective": {"max_vms": 0}}
    with Config("max_vms = 20\nmax_vcpus = 4\n") as b:
        b.limits(**broken)
        r = b.apply()
        ok(r.returncode == 1 and "max_vms is set and not effective: its hook refuse_vm is unavailable" in r.stderr and
           "max_vcpus" not in r.stderr, "apply exits with 1 if a limit is not effective, and names its hook", r)
        equal(b.values(), {"max_vms": "20", "max_vcpus": "4"},
              "apply sets all limits even if one of them is not effective")
        b.limits(hooks={"refuse_vm": "waiting"}, effective={"max_vms": 0})
        r = b.apply()
        ok(r.returncode == 0 and "waits for KVM" in r.stderr,
           "apply exits with 0 for a limit that waits for KVM, and says that it waits", r)
    with Config("max_vms = 20\ngid = 107\n") as b:
        r = b.apply()
        ok(r.returncode == 1 and ":2: gid = 107: the module was loaded with gid=0" in r.stderr and not b.values(),
           "apply sets nothing if gid differs from that of the loaded module", r)
        b.limits(gid=107)
        equal([b.apply().returncode, b.values()], [0, {"max_vms": "20"}],
              "apply accepts gid as that of the loaded module")
        name = grp.getgrgid(1).gr_name
        b.limits(gid=1)
        b.write(f"gid = {name}\n")
        equal(b.apply().returncode, 0, "apply accepts gid as a group name")


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


def test_not_loaded():
    """Each reason has a text of its own, and no text names another reason."""
    texts = {"none for the kernel 6.1.0-56-amd64: install that kernel's headers": lambda b: None,
             "as after an upgrade of the kernel: start the machine again": lambda b: write(b.machine.proc + "/self/root/lib/modules/6.0.0/modules.dep", ""),
             "or a security module or container": lambda b: (built(b), write(b.machine.proc + "/self/root/lib/modules/6.0.0/modules.dep", "")),
             "only modules that are signed by a key that it trusts (lockdown is integrity)":
             lambda b: (built(b), write(b.machine.sys + "/kernel/security/lockdown", "none [integrity] confidentiality")),
             "only modules that are signed by a key that it trusts (module.sig_enforce is on)":
             lambda b: (built(b), write(b.machine.sys + "/module/module/parameters/sig_enforce", "Y")),
             "no module until the next boot (kernel.modules_disabled is 1)":
             lambda b: write(b.machine.proc + "/sys/kernel/modules_disabled", "1")}

    def built(b):
        write(b.directory + "/bin/modinfo", "#!/bin/sh", 0o755)

    for text, prepare in texts.items():
        with Unloaded("max_vms = 20\n") as b:
            write(b.directory + "/fails", "")
            write(b.directory + "/bin/modinfo", "#!/bin/sh\necho nothing\nexit 1", 0o755)
            prepare(b)
            r = b.apply("--load", "--no-try")
            ok(r.returncode == 3 and not r.stdout and "cannot be loaded, modprobe ended with status 1: " in r.stderr and
               [t for t in texts if t in r.stderr] == [text],
               f"apply --load exits with 3 if the module cannot be loaded, and says: {text}", r)
    with Unloaded("max_vms = 20\n") as b:
        os.environ["PATH"] = "/nonexistent"
        r = b.apply("--load", "--no-try")
        ok(r.returncode == 3 and "cannot run modprobe: " in r.stderr and "install kmod" in r.stderr,
           "apply --load says to install kmod if there is no modprobe", r)


def test_load():
    with Unloaded("gid = 107\nmax_vms = 20\n") as b:
        os.unlink(b.machine.sys + "/module/l1tune/parameters/gid")
        write(b.machine.sys + "/module/l1tune/parameters/gid", 107)
        r = b.apply("--load", "--no-try")
        equal([r.returncode, r.stderr, b.loaded(), b.values()],
              [0, "", ["l1tune gid=107", "kvm_intel"], {"max_vms": "20"}],
              "apply --load loads the module with its gid, and then KVM")
        equal([b.apply("--load", "--no-try").returncode, b.loaded()[2:]], [0, ["kvm_intel"]],
              "apply --load does not load again a module that is loaded")
    with Unloaded("max_vms = 20\nmax_vm = 1\n", "svm") as b:
        r = b.apply("--load", "--no-try")
        equal([r.returncode, b.loaded(), b.values(), ":2: unknown setting 'max_vm'" in r.stderr],
              [1, ["l1tune", "kvm_amd"], {}, True], "apply --load with a wrong line loads the module and sets no limit")
    with Unloaded("max_vms = 20\n", "none") as b:
        write(b.machine.sys + "/devices/virtual/l1tune/l1/hooks/refuse_vm", "waiting")
        write(b.machine.sys + "/devices/virtual/l1tune/l1/effective/max_vms", 0)
        r = b.apply("--load", "--no-try")
        ok(r.returncode == 1 and "waits for KVM" in r.stderr and b.loaded() == ["l1tune"],
           "apply --load exits with 1 if a limit still waits for KVM at the end", r)
    with Unloaded("# nothing\n", "none") as b:
        r = b.apply("--load", "--no-try")
        equal([r.returncode, r.stderr, b.loaded()], [0, "", ["l1tune"]],
              "apply --load loads the module alone and exits with 0 without KVM if no limit is set")


def test_save():
    with Config(CONF) as b:
        b.apply()
        b.limits(limits={"max_vms": 21, "max_memory_bytes": 64 << 30, "max_memory_per_vm_bytes": (3 << 20) + 1,
                         "max_exits_per_sec": 0}, gid=107)
        os.chmod(b.path, 0o640)
        r = b.run("save", b.path)
        ok(r.returncode == 0 and not r.stdout and not r.stderr,
           "save writes the settings to the file without a message", r)
        equal(b.text(), CONF.replace("20	#", "21	#").replace("  4", "  max") +
              f"max_memory_per_vm_bytes = {(3 << 20) + 1}\nmax_exits_per_sec = 0\ngid = 107\n",
              "save keeps comments, blanks and equal values, and appends settings without a line")
        equal([stat.S_IMODE(os.stat(b.path).st_mode), sorted(os.listdir(b.directory))],
              [0o640, ["l1tune.conf", "proc", "sys"]], "save keeps the mode of the file, and leaves no other file")
        before = b.values()
        equal([b.apply("--check").stdout, b.apply().returncode, b.values()], ["", 0, before],
              "apply --check shows no change after save")
        b.run("save", b.path)
        text = b.text()
        b.run("save", b.path)
        equal(b.text(), text, "save does not change the file the second time")
        os.symlink("l1tune.conf", b.directory + "/link")
        b.limits()
        equal([b.run("save", b.directory + "/link").returncode, os.path.islink(b.directory + "/link"), "21" in b.text()],
              [0, True, False], "save writes to the target of a symbolic link and keeps the link")
        b.write("max_vms = 3\nmax_vm = 4\n")
        r = b.run("save", b.path)
        ok(r.returncode == 1 and b.text() == "max_vms = 3\nmax_vm = 4\n" and "was not changed" in r.stderr,
           "save does not overwrite a file with a wrong line", r)
    with Config() as b:
        b.limits(limits={"max_vms": 20, "max_memory_bytes": 5 << 40}, audit={"max_vms": 15})
        r = b.run("save", "-")
        equal(r.stdout.splitlines()[1:], ["max_vms = 20", "max_memory_bytes = 5T", "audit.max_vms = 15"],
              "save - prints the settings to stdout")
        equal([b.run("save", b.path).returncode, b.text()], [0, r.stdout],
              "save to a new file writes what save - prints")
        r = b.run("save", b.directory + "/no/such")
        ok(r.returncode == 1 and "No such file" in r.stderr, "save to a directory that does not exist exits with 1", r)
    with Config(load=False) as b:
        r = b.run("save", b.path)
        ok(r.returncode == 3 and "run l1tune apply --load" in r.stderr and not os.path.exists(b.path),
           "save without the module exits with 3, says how to load it and writes no file", r)


def test_example():
    with open(EXAMPLE, encoding="utf-8") as f:
        example = f.read()
    with Config(example) as b:
        r = b.apply()
        equal([r.returncode, r.stderr, b.values()], [0, "", {}], "the example l1tune.conf sets no limit as it is")
        b.limits(gid=0)
        b.machine.tune()
        settings = re.findall(r"^#(\w\S* = \S+)", example, re.M)
        b.write("\n".join(settings).replace("= kvm", "= 0") + "\n")
        r = b.apply()
        equal([r.returncode, r.stderr, len(b.values())], [0, "", len(settings) - 4],
              "apply accepts each setting of the example l1tune.conf")
        equal([b.machine.limit("tune/" + n) for n in ("uid", "halt_poll_ns", "pause_in_guest")],
              ["107", "50000", "1"], "apply sets the tune settings of the example l1tune.conf")
        names = {line.split()[0] for line in settings}
        equal(names, set(LIMITS) | {"gid"} | {n for n in names if n.startswith(("audit.", "tune."))},
              "the example l1tune.conf has each limit and gid")


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
        ok(r.returncode == 5 and f"{b.path}: Permission denied" in r.stderr and b.text() == CONF,
           "save without permission exits with 5, names the file and writes nothing", r)


print("KTAP version 1")
for test in (test_apply, test_wrong, test_all_or_nothing, test_effect, test_not_loaded, test_load, test_save, test_example,
             test_permissions):
    test()
finish()
