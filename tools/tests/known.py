# SPDX-License-Identifier: GPL-2.0
"""A recorded machine for caps and doctor."""
import json
import os

from bench import Bench, ok
from fake import write

VMX = "fpu vme vmx ept hypervisor"
CPUINFO = """processor\t: 0
vendor_id\t: {vendor}
model name\t: A CPU
microcode\t: 0x2b000603
flags\t\t: {flags}

processor\t: 1
vendor_id\t: {vendor}
flags\t\t: {flags}
"""

class Known(Bench):
    """A machine that is ready; what a test wants otherwise is written over it."""

    def __init__(self, flags=VMX, vendor="GenuineIntel", load=True, dmi=None, **values):
        super().__init__(load=load, **values)
        self.dev = self.directory + "/dev"
        self.state = self.directory + "/state/l1tune"
        write(self.dev + "/kvm", "", 0o666)
        os.chmod(self.dev + "/kvm", 0o660)
        self.cpu(flags, vendor)
        self.sysfs("module/kvm_intel/initstate", "live")
        self.sysfs("module/kvm_intel/parameters/nested", "Y")
        self.sysfs("module/kvm_intel/parameters/ept", "Y")
        self.sysfs("module/kvm_intel/parameters/pml", "N")
        self.sysfs("kernel/security/lockdown", "[none] integrity confidentiality")
        clock = "devices/system/clocksource/clocksource0/"
        self.sysfs(clock + "current_clocksource", "tsc")
        self.sysfs(clock + "available_clocksource", "tsc hpet acpi_pm")
        self.sysfs("kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        self.sysfs("power/state", "freeze mem disk")
        self.sysfs("power/resume", "0:0")
        self.sysfs("devices/system/cpu/vulnerabilities/l1tf", "Not affected")
        write(self.machine.proc + "/cmdline", "quiet")
        for name, value in (dmi or {}).items():
            self.sysfs(f"class/dmi/id/{name}", value)

    def cpu(self, flags, vendor="GenuineIntel"):
        write(self.machine.proc + "/cpuinfo", CPUINFO.format(flags=flags, vendor=vendor))

    def sysfs(self, name, content):
        write(f"{self.machine.sys}/{name}", content, 0o644)

    def offer(self, names, all_names=(), isa="vmx"):
        l1 = self.machine.device("l1")
        for name in set(all_names) | set(names):
            write(f"{l1}/{isa}/{name}", int(name in names))

    def command(self, *args):
        extra = ["--dev", self.dev, "--state", self.state]
        return super().command(args[0], *extra, *args[1:]) if args[0] in ("doctor", "caps") \
            else super().command(*args)

    def rows(self, *args):
        r = self.run("doctor", "--json", *args)
        document = json.loads(r.stdout)
        ok(r.returncode == document["status"], "doctor's status is that of its document", r)
        return {row["row"]: row for row in document["rows"]}, r.returncode
