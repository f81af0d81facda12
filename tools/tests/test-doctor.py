#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What doctor says about KVM's device, L0 and running guests. Usage: test-doctor.py L1TUNE"""
import json
import os
import pwd
import shutil
import subprocess

from bench import equal, finish, ok, skip
from fake import write
from host import Host
from known import VMX, Known

NOBODY = 65534
THP = "kernel/mm/transparent_hugepage/"
SIZE = 512 << 20


def in_first_namespace():
    """The first PID namespace has an inode that is a constant of the kernel."""
    return os.stat("/proc/self/ns/pid").st_ino == 0xeffffffc


def row_of(b, name, *args):
    rows, status = b.rows(*args)
    return rows.get(name), status


def test_trial():
    with Known() as b:
        row, status = row_of(b, "trial")
        ok(row["state"] == "info" and "not KVM's device" in row["text"] and status == 0,
           "doctor does not try /dev/kvm if it is not KVM's device", row)
        row, _ = row_of(b, "trial", "--no-try")
        ok("--no-try" in row["text"], "doctor --no-try says that it did not try KVM", row)
        ok("was not tried" in row_of(b, "nesting")[0]["text"],
           "doctor --no-try says that nesting was not tried", b.rows())


def as_user_all(b, user=NOBODY, command=()):
    r = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command,
                        *b.command("doctor", "--json")], capture_output=True, text=True, check=False)
    return {row["row"]: row for row in json.loads(r.stdout)["rows"]}


def as_user(b, *options):
    return as_user_all(b, *options)["kvm"]


def with_udevd(b):
    write(b.machine.proc + "/self/root/run/udev/control", "")


def test_permissions():
    if os.geteuid() or not shutil.which("setpriv"):
        skip("who may open KVM's device", "needs root and setpriv")
        return
    with Known() as b:
        with_udevd(b)
        kvm = b.dev + "/kvm"
        user = pwd.getpwuid(NOBODY).pw_name
        os.chown(kvm, 0, 0)
        os.chmod(kvm, 0o600)
        row = as_user(b)
        ok(row["state"] == "warning" and "its group is root" in row["text"] and "next login" in row["text"] and
           'KERNEL=="kvm", GROUP="kvm", MODE="0660"' in row["commands"][1] and
           row["commands"][-1] == f"usermod -aG kvm {user}",
           "doctor gives a udev rule for a /dev/kvm that only root can open", row)
        os.chown(kvm, 0, 50)
        os.chmod(kvm, 0o660)
        row = as_user(b)
        ok(row["commands"] == [f"usermod -aG staff {user}", f"setfacl -m u:{user}:rw /dev/kvm"] and "next login" in row["text"] and
           "a CI job" in row["text"], "doctor gives usermod -aG with the group of /dev/kvm, and setfacl for what cannot log in again", row)
        os.chmod(kvm, 0o640)
        row = as_user(b)
        ok("mode does not let its group in" in row["text"] and "udevadm" in "\n".join(row["commands"]),
           "doctor gives a udev rule for a /dev/kvm that its group can only read", row)
        os.chown(kvm, 0, 54321)
        os.chmod(kvm, 0o660)
        row = as_user(b)
        ok("no name here" in row["text"] and "usermod -aG 54321" not in "\n".join(row["commands"]),
           "doctor gives no usermod for a /dev/kvm whose group has no name", row)
        os.chmod(kvm, 0o666)
        equal(as_user(b)["state"], "ok", "doctor reports /dev/kvm with mode 0666 as ok")


def test_no_udevd():
    if os.geteuid() or not shutil.which("setpriv"):
        skip("who may open KVM's device without udevd", "needs root and setpriv")
        return
    with Known() as b:
        os.chown(b.dev + "/kvm", 0, 0)
        os.chmod(b.dev + "/kvm", 0o600)
        row = as_user(b)
        ok("No udevd runs here" in row["text"] and "the rule belongs there" in row["text"] and
           row["commands"][3].startswith("docker run --device /dev/kvm --group-add"),
           "doctor says that a container's udev rule belongs on its host", row)
        write(b.machine.proc + "/sys/kernel/osrelease", "6.6.87.2-microsoft-standard-WSL2")
        row = as_user(b)
        commands = "\n".join(row["commands"])
        ok("systemd=true" in row["text"] and "/etc/wsl.conf" in commands and "wsl.exe --shutdown" in commands and
           "udev" not in commands, "doctor gives wsl.conf, and no udev rule, for WSL2 without udevd", row)
        with_udevd(b)
        ok("udevadm" in "\n".join(as_user(b)["commands"]), "doctor gives a udev rule for WSL2 with systemd", row)


def test_user_namespace():
    if os.geteuid() or not shutil.which("setpriv"):
        skip("who may open KVM's device in a user namespace", "needs root and setpriv")
        return
    with Known() as b:
        kvm = b.dev + "/kvm"
        user, as_root = 65533, ["unshare", "--user", "--map-root-user"]
        write(b.machine.proc + "/self/uid_map", "         0       1000          1\n")
        for group, name in (54321, "without a name"), (50, "of another name"), (NOBODY, "without an id"):
            os.chown(kvm, 0, group)
            row = as_user(b, user)
            commands = "\n".join(row["commands"])
            ok(row["state"] == "warning" and "keep-groups" in row["commands"][0] and "gid=GID" in row["commands"][1] and
               "none of its groups" in row["text"] and "udevadm" not in commands and "usermod" not in commands,
               f"doctor says for a group {name} in a user namespace that the host's groups are lost", row)
        if subprocess.run(["setpriv", f"--reuid={user}", *as_root, "true"], capture_output=True, check=False).returncode:
            skip("root of a user namespace", "may not make one")
            return
        row = as_user(b, user, as_root)
        ok("keep-groups" in row["commands"][0] and f"mode 0660 of {NOBODY}:{NOBODY}" in row["text"],
           "doctor does not take root of a user namespace for root of the host", row)
        os.unlink(b.machine.proc + "/self/uid_map")
        row = as_user(b, user, as_root)
        ok("security module" in row["text"] and any("ausearch" in c for c in row["commands"]) and "DeviceAllow=/dev/kvm rw" in row["commands"][1] and row["commands"][2] == "snap connect SNAP:kvm",
           "doctor names the list of devices of a unit and of a snap, and auditd's log, where a security module may refuse /dev/kvm", row)


def test_no_node():
    for name in "sys", "proc":
        with Known() as b:
            os.unlink(b.dev + "/kvm")
            if name == "sys":
                b.sysfs("class/misc/kvm/dev", "10:232")
            else:
                write(b.machine.proc + "/misc", "234 btrfs-control\n232 kvm\n")
                shutil.rmtree(b.machine.sys + "/module/kvm_intel")
            row, status = row_of(b, "kvm")
            commands = "\n".join(row["commands"])
            ok(status == 2 and row["state"] == "problem" and "a container has only the devices" in row["text"] and
               "docker run --device /dev/kvm" in commands and "modprobe" not in commands and "PrivateDevices=no" in commands and
               "flatpak override --user --device=kvm" in commands,
               f"doctor says that KVM's node is missing in a container if /{name} has the device", row)
    with Known() as b:
        os.unlink(b.dev + "/kvm")
        write(b.machine.proc + "/misc", "234 kvm-other\n")
        ok("modprobe -r kvm_intel && modprobe kvm_intel" in row_of(b, "kvm")[0]["commands"],
           "doctor loads KVM again if it has registered no device", b.rows())


def test_nodev():
    with Known() as b:
        script = f"mount -t tmpfs -o nodev none {b.dev} && mknod -m 666 {b.dev}/kvm c 10 232 || exit 77; exec \"$@\""
        r = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *b.command("doctor", "--json")], capture_output=True, text=True, check=False)
        if not r.stdout:
            skip("a device on a file system without devices", "may not make one")
            return
        row = {row["row"]: row for row in json.loads(r.stdout)["rows"]}["kvm"]
        ok(row["state"] == "warning" and "mounted with nodev" in row["text"] and "DeviceAllow" not in "\n".join(row["commands"]),
           "doctor says that KVM's device is on a file system that is mounted with nodev", row)


def test_other_kinds():
    with Known() as b:
        os.unlink(b.dev + "/kvm")
        write(b.dev + "/mshv", "")
        row, status = row_of(b, "kvm")
        ok(status == 2 and "Microsoft's hypervisor" in row["text"] and "Cloud Hypervisor" in row["text"],
           "doctor names Microsoft's hypervisor for /dev/mshv without /dev/kvm", row)
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        ok("Microsoft's hypervisor" in row_of(b, "kvm")[0]["text"],
           "doctor names Microsoft's hypervisor for /dev/mshv if KVM is not loaded", b.rows())
    with Known(flags="fpu hypervisor") as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        b.sysfs("module/kvm_pvm/initstate", "live")
        rows, status = b.rows()
        ok(status == 0 and rows["cpu"]["state"] == "info" and "neither counts nor limits" in rows["pvm"]["text"] and
           rows["kvm"]["state"] == "ok",
           "doctor accepts a CPU without VMX for PVM and says that l1tune does not count there", rows)


def test_rivals():
    with Known() as b:
        b.sysfs("module/vboxdrv/initstate", "live")
        equal(row_of(b, "vboxdrv")[0], None,
              "doctor has no row vboxdrv if KVM switches VMX on with its first guest")
        b.sysfs("module/kvm/parameters/enable_virt_at_load", "Y")
        row, status = row_of(b, "vboxdrv")
        ok(row["state"] == "info" and status == 0 and "grep" in row["commands"][-1],
           "doctor names the kernel command line if VirtualBox's module is loaded and KVM is built in", row)
        b.sysfs("module/kvm/initstate", "live")
        row, status = row_of(b, "vboxdrv")
        ok(row["state"] == "info" and "VirtualBox before 7.2.10 cannot start guests" in row["text"] and
           "enable_virt_at_load=0" in row["commands"][1],
           "doctor says that VirtualBox cannot start guests while KVM keeps VMX switched on", row)
        for version, on, said, first in (("7.2.8 r173730 (0x00340001)", "Y", "as this one is", "echo 'options kvm enable_virt_at_load=0'"), ("7.2.10 r174163", "Y", None, ""), ("7.10.0", "Y", None, ""),
                                         ("unknown", "Y", "VirtualBox before 7.2.10 cannot start guests", "modinfo -F version vboxdrv"), ("7.2.10 r174163", "N", "Remove the parameter", "grep -r enable_virt_at_load"),
                                         ("7.2.8 r173730", "N", None, ""), ("unknown", "N", None, "")):
            b.sysfs("module/vboxdrv/version", version)
            b.sysfs("module/kvm/parameters/enable_virt_at_load", on)
            row, _ = row_of(b, "vboxdrv")
            equal(row and [said in row["text"], row["commands"][0].startswith(first)], said and [True, True],
                  f"doctor, vboxdrv {version} with enable_virt_at_load={on}: {said or 'no row'}")
        b.sysfs("module/kvm/parameters/enable_virt_at_load", "Y")
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        b.sysfs("module/vboxnetflt/initstate", "live")
        row, status = row_of(b, "kvm")
        ok(status == 2 and "kvm_intel is not loaded, and vboxnetflt vboxdrv is" in row["text"] and
           row["commands"] == ["modprobe -r vboxnetflt vboxdrv", "modprobe kvm_intel"],
           "doctor says that another hypervisor may have VMX if its module is loaded and KVM is not", row)
        equal(row_of(b, "vboxdrv")[0], None, "doctor has no row vboxdrv if KVM is not loaded")
    with Known() as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        b.sysfs("module/xen_privcmd/initstate", "live")
        ok(row_of(b, "kvm")[0]["commands"][0].startswith("modprobe kvm_intel"),
              "doctor does not unload a module of Xen, which is below this kernel, so that KVM can be loaded")


def test_namespace():
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if os.geteuid() or not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        skip("VMMs that a PID namespace hides", "needs root and unshare, and may make one")
        return
    with Known() as b:
        def rows(*command):
            r = subprocess.run([*command, *b.command("doctor", "--json"), "--proc", "/proc"], capture_output=True, text=True, check=False)
            return {row["row"]: row for row in json.loads(r.stdout)["rows"]}

        row = rows(*unshare).get("namespace")
        ok(row and row["state"] == "warning" and "--pid=host" in row["commands"][0],
           "doctor warns that VMMs are not seen from a PID namespace of its own", row)
        shutil.rmtree(b.machine.sys + "/class/l1tune")
        for command, on_host in (unshare, True), ((), False):
            row = rows(*command)["module"]
            equal([row["state"], "on the host" in row["text"], row["commands"][0].endswith("# on the host")], ["warning", on_host, on_host],
                  f"doctor says where the module is to be loaded: on the host, {on_host}, from {'a PID namespace of its own' if on_host else 'the first one'}")
    with Known() as b:
        ok("namespace" not in rows(*unshare[:3]), "doctor does not warn in a PID namespace with the host's /proc")
        ok("namespace" not in rows(), "doctor does not warn in the host's PID namespace")


def test_unloaded():
    """What is known of why KVM is not loaded, though the CPU offers VMX."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    modules = "/self/root/lib/modules/"
    for title, release, dep, words, command in (
            ("whose modules are not there", None, None, "start the machine again", "uname -r"),
            ("of WSL2, whose modules are not there", "6.6.87.2-microsoft-standard-WSL2", None, "kernelModules=", "cmd.exe"),
            ("whose modules lack it", None, "kernel/arch/x86/kvm/kvm.ko.zst:", "not among this kernel's modules", "apt install linux-modules-extra"),
            ("whose modules have it", None, "kernel/arch/x86/kvm/kvm-intel.ko.xz: kernel/arch/x86/kvm/kvm.ko.xz", "modprobe.d forbids it", "modprobe kvm_intel"),
            ("whose modules have it by its other name", None, "kernel/arch/x86/kvm/kvm_intel.ko:", "modprobe.d forbids it", "modprobe kvm_intel"),
            ("of which nothing is known", None, "", "modprobe.d forbids it", "modprobe kvm_intel")):
        with Known() as b:
            shutil.rmtree(b.machine.sys + "/module/kvm_intel")
            if release:
                write(b.machine.proc + "/sys/kernel/osrelease", release)
            write(b.machine.proc + modules + "6.0.0/modules.dep", "")
            if dep is not None:
                write(b.machine.proc + modules + "6.1.0-56-amd64/modules." + ("dep" if dep else "order"), dep)
            if not in_first_namespace():
                skip(f"why KVM is not loaded on a machine {title}", "runs in a container")
                continue
            row, status = row_of(b, "kvm")
            equal([status, row["state"], words in row["text"], row["commands"][0].startswith(command)], [2, "problem", True, True],
                  f"doctor says why KVM is not loaded on a machine {title}: {words}")
    if os.geteuid() or not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        skip("KVM that is not loaded, in a container", "needs root and unshare, and may make a PID namespace")
        return
    with Known() as b:
        shutil.rmtree(b.machine.sys + "/module/kvm_intel")
        r = subprocess.run([*unshare, *b.command("doctor", "--json")], capture_output=True, text=True, check=False)
        row = {row["row"]: row for row in json.loads(r.stdout)["rows"]}["kvm"]
        ok("load it on the host" in row["text"] and row["commands"][0] == "modprobe kvm_intel   # on the host",
           "doctor says that a container's KVM is loaded on its host", row)


def test_xen_dom0():
    """Kernels that Xen starts itself have the DMI of the hardware, or none."""
    for title, dmi, kind, features, row, said in (
            ("the first domain", {"sys_vendor": "Dell Inc.", "product_name": "PowerEdge R640"}, "PV", "00002f7f", "Xen dom0", "without Xen"),
            ("the first domain, PVH", {"sys_vendor": "Dell Inc."}, "PVH", "00002f7f", "Xen dom0", "without Xen"),
            ("a PV domain", {}, "PV", "000027ff", "Xen PV", "has to be an HVM domain"), ("a PVH domain", {}, "PVH", "00002705", "Xen PV", "has to be an HVM domain"),
            ("an HVM domain", {"sys_vendor": "Xen", "product_name": "HVM domU"}, "HVM", "00002705", "Xen", "in the configuration of this machine, an HVM domain")):
        with Known(dmi=dmi, flags="fpu hypervisor", load=False) as b:
            shutil.rmtree(b.machine.sys + "/module/kvm_intel")
            b.sysfs("hypervisor/guest_type", kind)
            b.sysfs("hypervisor/properties/features", features)
            rows, status = b.rows()
            xen = {name for name in rows if name.startswith("Xen") or name.startswith("L0")}
            equal([status, xen, said in rows[row]["text"], rows[row]["text"].startswith("there is no nested"), "Xen, which runs below it" in rows["cpu"]["text"]],
                  [2, {row}, True, row == "Xen dom0", row == "Xen dom0"], f"doctor says in {title} of Xen what KVM needs: {said}")


def test_unknown_l0():
    for name, dmi in ("of an unknown provider", {"sys_vendor": "Parallels", "product_name": "Parallels Virtual Platform"}), ("without DMI", {}):
        with Known(dmi=dmi, flags="fpu hypervisor", load=False) as b:
            row, status = row_of(b, "L0")
            ok(row and row["state"] == "problem" and status == 2 and "ask the provider" in row["text"] and
               row["text"].startswith("enable nested virtualization") and all(value in row["text"] for value in dmi.values()), f"doctor says who can enable VMX for a machine {name}", b.rows())
            b.sysfs("devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc acpi_pm")
            rows, _ = b.rows()
            ok("L0" not in rows and rows["L0 KVM"]["commands"][-1] == "qm set VMID --cpu host",
               f"doctor knows by KVM's clock, without the module, that a machine {name} runs on KVM", rows)
    for flags in VMX, "fpu":
        with Known(flags=flags, load=False) as b:
            ok("L0" not in b.rows()[0], f"doctor has no row on an unknown L0 with the CPU's flags {flags}", b.rows())


def test_ec2_xen():
    xen = {"sys_vendor": "Xen", "product_name": "HVM domU", "product_version": "4.11.amazon"}
    with Known(dmi=xen, flags="fpu hypervisor") as b:
        rows, status = b.rows()
        ok(status == 2 and rows["EC2 instance"]["state"] == "problem" and "--instance-type TYPE" in rows["EC2 instance"]["commands"][1] and
           not {"Xen", "L0", "EC2 nesting"} & set(rows), "doctor gives another instance type for one of EC2's on Xen, not Xen's setting", rows)


def test_ec2_amd():
    for vendor, is_amd in ("AuthenticAMD", True), ("GenuineIntel", False):
        with Known(dmi={"sys_vendor": "Amazon EC2", "product_name": "m7a.large"}, flags="fpu hypervisor", vendor=vendor) as b:
            row, _ = row_of(b, "EC2 nesting")
            equal([row["state"], "change the type first" in row["text"], row["commands"][1].split()[2], row["commands"][2].split()[2]],
                  ["problem", is_amd, "stop-instances", "modify-instance-attribute"], f"doctor says that EC2 documents nesting for Intel CPUs on an instance of {vendor}, and how to change its type")


def test_google_amd():
    for vendor, flags, is_amd in ("AuthenticAMD", "fpu hypervisor", True), ("GenuineIntel", "fpu hypervisor", False):
        with Known(dmi={"sys_vendor": "Google"}, flags=flags, vendor=vendor) as b:
            row, _ = row_of(b, "Google Cloud")
            ok(("change its machine series" in row["text"]) == is_amd,
               f"doctor says that Google Cloud documents nesting for Intel CPUs on a machine of {vendor}", row)


def test_confidential():
    for file, flags in ("class/misc/tdx_guest/dev", "fpu hypervisor"), ("class/misc/sev-guest/dev", "fpu hypervisor"), (None, "fpu hypervisor tdx_guest"):
        with Known(dmi={"sys_vendor": "Google"}, flags=flags) as b:
            shutil.rmtree(b.machine.sys + "/module/kvm_intel")
            if file:
                b.sysfs(file, "10:123")
            rows, status = b.rows()
            ok(status == 2 and "confidential" in rows["cpu"]["text"] and "Google Cloud" not in rows and "L0" not in rows,
               f"doctor does not say how to enable VMX in a confidential VM, by {file or flags}", rows)


def test_paging():
    with Known() as b:
        equal(row_of(b, "paging")[0], None, "doctor has no row paging if KVM uses EPT")
        b.sysfs("module/kvm_intel/parameters/ept", "N")
        row, status = row_of(b, "paging")
        ok(row["state"] == "warning" and status == 1 and "a parameter switches it off" in row["text"] and
           row["commands"][-1] == "modprobe -r kvm_intel && modprobe kvm_intel",
           "doctor warns that a parameter switches EPT off", row)
        b.cpu("fpu vmx hypervisor")
        row, _ = row_of(b, "paging")
        ok("L0 does not offer it" in row["text"] and not row["commands"], "doctor warns that L0 does not offer EPT", row)
        b.cpu("fpu svm npt hypervisor", "AuthenticAMD")
        b.sysfs("module/kvm_amd/parameters/npt", "N")
        row, _ = row_of(b, "paging")
        ok("NPT" in row["text"] and row["commands"][0] == "grep -rw npt /etc/modprobe.d /proc/cmdline",
           "doctor warns that a parameter switches NPT off", row)


def test_real_mode():
    for offered, used, ept, said in (("1", "Y", "Y", None), ("1", "N", "Y", "a parameter switches them off"), ("0", "N", "Y", "L0 does not offer them"), ("0", "N", "N", None), (None, "N", "Y", None)):
        with Known() as b:
            if offered:
                b.offer(["unrestricted_guest"] * int(offered), ["unrestricted_guest"])
            b.sysfs("module/kvm_intel/parameters/unrestricted_guest", used)
            b.sysfs("module/kvm_intel/parameters/ept", ept)
            row, status = row_of(b, "real mode")
            equal(row and [row["state"], said in row["text"], bool(row["commands"]), status], said and ["warning", True, True, 1],
                  f"doctor's row real mode with unrestricted guests offered: {offered}, used: {used}, and EPT {ept}: {said}")


def test_unknown_cpu():
    """A /proc without /proc/cpuinfo, or without its flags."""
    for title, text, virtualized, loaded in (("that cannot be read", None, 1, True), ("without flags", "processor\t: 0\nvendor_id\t: GenuineIntel\n", 0, True), ("without flags", "processor\t: 0\n", 1, False)):
        with Known(dmi=L0S["QEMU"][0], virtualized=virtualized) as b:
            os.unlink(b.machine.proc + "/cpuinfo")
            if text:
                write(b.machine.proc + "/cpuinfo", text)
            if not loaded:
                shutil.rmtree(b.machine.sys + "/module/kvm_intel")
            rows, _ = b.rows()
            equal([rows["cpu"]["state"], "is unknown" in rows["cpu"]["text"], rows["layer"]["text"].startswith("this machine is an L1" if virtualized else "unknown"), "QEMU" in rows,
                   rows["kvm"]["state"], "CPU offers" in rows["kvm"]["text"], "row cpu" in rows["kvm"]["text"]], ["info", True, True, False, "ok" if loaded else "problem", False, False],
                  f"doctor says of a /proc/cpuinfo {title} that the CPU is unknown, and nothing that follows from it; KVM loaded: {loaded}")


def test_cpus():
    with Known() as b:
        cpus = "processor\t: 0\nflags\t\t: vmx\nvmx flags\t: ept vpid\nmicrocode\t: 0x1\n\n" \
               "processor\t: 1\nflags\t\t: vmx\nvmx flags\t: {}\nmicrocode\t: {}\n"
        write(b.machine.proc + "/cpuinfo", cpus.format("ept vpid", "0x1"))
        equal(row_of(b, "cpus")[0], None, "doctor has no row cpus if all CPUs are the same")
        write(b.machine.proc + "/cpuinfo", cpus.format("vpid", "0x1"))
        row, status = row_of(b, "cpus")
        ok(status == 1 and 'CPU 1 differs from the first one in "vmx flags"' in row["text"],
           "doctor finds CPUs whose VMX flags differ", row)
        write(b.machine.proc + "/cpuinfo", cpus.format("ept vpid", "0x2"))
        ok('in "microcode"' in row_of(b, "cpus")[0]["text"], "doctor finds CPUs whose microcode differs", b.rows())


L0S = {
    "Hyper-V": ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine",
                 "chassis_asset_tag": "1234"}, "Set-VMProcessor -VMName VM -ExposeVirtualizationExtensions"),
    "Azure": ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine",
               "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}, "az vm resize"),
    "VMware": ({"sys_vendor": "VMware, Inc.", "product_name": "VMware20,1"}, "vhv.enable"),
    "VirtualBox": ({"sys_vendor": "innotek GmbH", "product_name": "VirtualBox"}, "--nested-hw-virt on"),
    "Xen": ({"sys_vendor": "Xen", "product_name": "HVM domU"}, "nestedhvm = 1"),
    "QEMU": ({"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"}, "qm set VMID --cpu host"),
}


def test_l0():
    for name, (dmi, command) in L0S.items():
        with Known(dmi=dmi, flags="fpu hypervisor") as b:
            rows, status = b.rows()
            ok(status == 2 and rows[name]["state"] == "problem" and command in "\n".join(rows[name]["commands"]) and
               not set(L0S) - {name} & set(rows),
               f"doctor gives the command to enable VMX on {name}, and no other L0's", rows)
            b.cpu(VMX)
            ok(row_of(b, name)[0]["state"] == "ok", f"doctor reports {name} with VMX as ok", b.rows())
    with Known(dmi=L0S["Xen"][0], flags="fpu hypervisor") as b:
        row, _ = row_of(b, "Xen")
        ok("xe vm-param-set uuid=UUID platform:nested-virt=true" in row["commands"][2] and "on XCP-ng by the last line" in row["text"],
           "doctor gives XCP-ng's command to enable VMX on Xen", row)
    with Known(dmi={"sys_vendor": "Google", "product_name": "Standard PC (Q35)"}) as b:
        ok("QEMU" not in b.rows()[0], "doctor does not take a cloud with QEMU's product name for QEMU", b.rows())
    for vendor, product in ("DigitalOcean", "Droplet"), ("Hetzner", "vServer"), ("Alibaba Cloud", "Alibaba Cloud ECS"), ("Nutanix", "AHV"):
        with Known(dmi={"sys_vendor": vendor, "product_name": product}, flags="fpu hypervisor") as b:
            row, _ = row_of(b, "L0 KVM")
            ok(row and row["state"] == "problem" and "ask the provider" in row["text"] and row["commands"][-1] == "qm set VMID --cpu host",
               f"doctor says how a KVM below gives VMX to a machine of {vendor}", b.rows())
    qemu = {"sys_vendor": "QEMU", "product_name": "Standard PC (i440FX + PIIX, 1996)"}
    for name, dmi in (("Oracle's cloud", qemu | {"chassis_asset_tag": "OracleCloud.com"}),
                      ("OpenStack", {"sys_vendor": "OpenStack Foundation", "product_name": "OpenStack Nova"}),
                      ("Red Hat's OpenStack", {"sys_vendor": "Red Hat", "product_name": "OpenStack Compute"})):
        with Known(dmi=dmi, flags="fpu hypervisor", load=False) as b:
            rows, _ = b.rows()
            ok("QEMU" not in rows and "ask the provider" in rows["L0 KVM"]["text"] and rows["L0 KVM"]["state"] == "problem",
               f"doctor does not take a machine of {name} for one's own QEMU, also without the module", rows)
    with Known(dmi=qemu, flags="fpu hypervisor") as b:
        ok("If a provider runs the host" in row_of(b, "QEMU")[0]["text"],
           "doctor says of QEMU, which providers have as well, to ask the provider", b.rows())
    for dmi in ({"sys_vendor": name} for name in ("Amazon EC2", "Google", "QEMU", "VMware, Inc.")):
        with Known(dmi=dmi, flags="fpu hypervisor") as b:
            ok("L0 KVM" not in b.rows()[0], f"doctor has one row on the L0 of {dmi}", b.rows())
    with Known(flags="fpu hypervisor", hypervisor="bhyve bhyve ") as b:
        row, _ = row_of(b, "bhyve")
        ok(row and row["state"] == "problem" and "there is no nested virtualization" in row["text"] and not row["commands"],
           "doctor says that bhyve has no nested virtualization", row)
    with Known(flags="fpu hypervisor", hypervisor="ACRNACRNACRN") as b:
        ok("L0 KVM" not in b.rows()[0], "doctor takes no other hypervisor for KVM", b.rows())
    with Known(flags="fpu hypervisor") as b:
        write(b.machine.proc + "/sys/kernel/osrelease", "6.6.87.2-microsoft-standard-WSL2")
        row, status = row_of(b, "WSL2")
        ok(status == 2 and "nestedVirtualization=true" in row["text"] and "wsl.exe --shutdown" in row["commands"],
           "doctor gives nestedVirtualization=true and wsl.exe --shutdown for WSL2", row)
        os.unlink(b.machine.sys + "/module/kvm_intel/initstate")
        b.sysfs("module/kvm_intel/parameters/nested", "N")
        ok("kernelCommandLine" in row_of(b, "nesting")[0]["text"],
           "doctor gives kernelCommandLine for a KVM parameter on WSL2", b.rows())
        write(b.machine.proc + "/sys/kernel/osrelease", "6.1.0")
        ok("kvm_intel.nested=1 on the kernel command line" in row_of(b, "nesting")[0]["text"],
           "doctor gives the kernel command line for a parameter of a built-in KVM", b.rows())
    with Known() as b:
        rows, status = b.rows("--all")
        ok(status == 0 and set(L0S) <= set(rows) and "WSL2" in rows, "doctor --all shows the rows of every L0", rows)


def test_flex():
    for product, is_flex in ("m8i-flex.large", True), ("m8i.large", False):
        with Known(dmi={"sys_vendor": "Amazon EC2", "product_name": product}) as b:
            rows, _ = b.rows()
            ok(("EC2 flex" in rows) == is_flex and (not is_flex or "40 %" in rows["EC2 flex"]["text"]),
               f"doctor shows the CPU baseline of EC2 flex types only for those: {product}", rows)
            ok(f"--instance-types {product} " in rows["EC2 types"]["commands"][1],
               f"doctor gives the EC2 API command for the type {product}", rows)
    with Known(dmi={"sys_vendor": "Amazon EC2", "product_name": "m8i.$(reboot)"}) as b:
        ok("reboot" not in "\n".join(b.rows()[0]["EC2 types"]["commands"]),
           "doctor puts no invalid EC2 type of DMI into a command", b.rows())


def open_files(b, pid, *targets):
    os.makedirs(f"{b.machine.proc}/{pid}/fd")
    for number, target in enumerate(targets):
        os.symlink(target, f"{b.machine.proc}/{pid}/fd/{number}")


def test_emulated():
    """Guests that QEMU runs without KVM, which nothing else shows."""
    for program, files, state, part in (
            ("/usr/bin/qemu-system-x86_64", ("/dev/null", "anon_inode:[eventfd]"), "warning", "PID 4711 (qemu-system-x86_64). It was not told to use KVM"),
            ("/sdk/emulator/qemu/linux-x86_64/qemu-system-x86_64-headless", ("/dev/null",), "warning", "-accel on"),
            ("/usr/libexec/qemu-kvm", ("/dev/kvm",), "warning", "-accel kvm"),
            ("qemu-system-aarch64", ("/dev/null",), "info", "of another architecture"),
            ("/usr/bin/qemu-system-x86_64", ("/dev/kvm", "anon_inode:kvm-vm", "anon_inode:kvm-vcpu:0"), None, ""),
            ("/usr/bin/firecracker", ("/dev/null",), None, "")):
        with Known() as b:
            b.machine.process(4711, [program, "-accel", "tcg"])
            open_files(b, 4711, *files)
            row, status = row_of(b, "emulated")
            ok((row and row["state"]) == state and part in (row or {"text": ""})["text"] and status == (state == "warning"),
               f"doctor, {program} with {files}: {state}", row)
    with Known() as b:
        for pid in range(100, 110):
            b.machine.process(pid, ["/usr/bin/qemu-system-x86_64"])
            open_files(b, pid, "/dev/null")
        row, _ = row_of(b, "emulated")
        ok(row["text"].count("(qemu-system-x86_64)") == 8 and "(qemu-system-x86_64) and 2 more. " in row["text"],
           "doctor names eight emulated guests, and counts the others", row)
    with Known() as b:
        b.machine.process(4711, ["/usr/bin/qemu-system-x86_64"])
        row, _ = row_of(b, "emulated")
        ok(not row, "doctor does not take QEMU for an emulator that has ended meanwhile", row)
    if os.geteuid() or not shutil.which("setpriv"):
        skip("QEMU of which it is not known whether KVM runs it", "needs root and setpriv")
        return
    with Known() as b:
        b.machine.process(4711, ["/usr/bin/qemu-system-x86_64"])
        open_files(b, 4711)
        os.chmod(f"{b.machine.proc}/4711/fd", 0o500)
        rows = as_user_all(b)
        ok("cannot be read" in rows["emulated"]["text"] and rows["emulated"]["state"] == "info",
           "doctor says that it cannot see whether KVM runs others' QEMU", rows)


def smaps(path="", flags="rd wr", perms="rw-p"):
    return f"7f0000000000-{0x7f0000000000 + SIZE:x} {perms} 00000000 00:00 0 {path}\nSwap: 0 kB\nVmFlags: {flags}\n"


ALWAYS, MADVISE, NEVER = "[always] madvise never", "always [madvise] never", "always madvise [never]"
SHMEM_NEVER, SHMEM_ADVISE = "always within_size advise [never] deny force", "always within_size [advise] never deny force"

# Settings of pages of 2 MB alone: anonymous memory, shared memory
OF_2M = "hugepages-2048kB/"
INHERIT = "always [inherit] madvise never"
MEMFD = smaps("/memfd:ram (deleted)", perms="rw-s")

# What is mapped, settings of pages of 2 MB, enabled, shmem_enabled: the state of the row, its text and its commands.
SIZES = {
    "anonymous, always, 2 MB never":
        (smaps(), {"enabled": "always inherit madvise [never]"}, ALWAYS, SHMEM_NEVER, "warning", OF_2M + "enabled is never"),
    "anonymous, never, 2 MB always":
        (smaps(), {"enabled": "[always] inherit madvise never"}, NEVER, SHMEM_NEVER, "ok", "1 guest"),
    "anonymous, always, 2 MB inherits": (smaps(), {"enabled": INHERIT}, ALWAYS, SHMEM_NEVER, "ok", "1 guest"),
    "anonymous, never, 2 MB inherits": (smaps(), {"enabled": INHERIT}, NEVER, SHMEM_NEVER, "warning", ": enabled is never"),
    "memfd, never, 2 MB always":
        (MEMFD, {"shmem_enabled": "[always] inherit within_size advise never"}, NEVER, SHMEM_NEVER, "ok", "1 guest"),
    "memfd, deny, 2 MB always":
        (MEMFD, {"shmem_enabled": "[always] inherit within_size advise never"}, ALWAYS,
         "always within_size advise never [deny] force", "warning", "follows shmem_enabled, which is deny"),
}

# What is mapped, enabled, shmem_enabled: the state of the row, and a part of it.
MEMORY = {
    "anonymous, always": (smaps(), ALWAYS, SHMEM_NEVER, "ok", "1 guest can have huge pages"),
    "anonymous, without transparent ones": (smaps(), "", "", "warning", "no transparent huge pages"),
    "anonymous, madvise, advised": (smaps(flags="rd wr hg"), MADVISE, SHMEM_NEVER, "ok", "1 guest"),
    "anonymous, madvise, never advised": (smaps(), MADVISE, SHMEM_NEVER, "warning", "did not ask for huge pages"),
    "anonymous, never": (smaps(), NEVER, SHMEM_NEVER, "warning", "enabled is never"),
    "anonymous, refused": (smaps(flags="rd wr nh"), ALWAYS, SHMEM_NEVER, "warning", "MADV_NOHUGEPAGE"),
    "memfd, never": (smaps("/memfd:ram (deleted)", perms="rw-s"), ALWAYS, SHMEM_NEVER, "warning", "shmem_enabled, which is never"),
    "memfd, advise, advised": (smaps("/memfd:ram (deleted)", "rd wr hg", "rw-s"), NEVER, SHMEM_ADVISE, "ok", "1 guest"),
    "memfd, advise, never advised": (smaps("/memfd:ram (deleted)", perms="rw-s"), ALWAYS, SHMEM_ADVISE, "warning", "did not ask"),
    "hugetlbfs": (smaps("/anon_hugepage (deleted)", "rd wr ht"), NEVER, SHMEM_NEVER, "ok", "1 guest"),
    "a snapshot, private": (smaps("/srv/snapshot.mem"), ALWAYS, SHMEM_NEVER, "warning", "hugetlbfs cannot be mapped that way"),
    "a snapshot in a tmpfs, private": (smaps("/dev/shm/snapshot.mem"), ALWAYS, SHMEM_NEVER, "warning", "mapped privately: what is written is copied in 4K"),
    "a memfd, private": (smaps("/memfd:ram (deleted)"), ALWAYS, "[always] within_size advise never deny force", "warning", "let the VMM map it shared"),
    "/dev/zero, private": (smaps("/dev/zero"), ALWAYS, SHMEM_NEVER, "ok", "1 guest"),
    "a shared file": (smaps("/srv/guest.mem", perms="rw-s"), ALWAYS, SHMEM_NEVER, "warning", "a file on a disk"),
    "a file in a tmpfs": (smaps("/dev/shm/guest", perms="rw-s"), ALWAYS, SHMEM_NEVER, "warning", "mounted with huge="),
}


def test_memory():
    for name, (text, enabled, shmem, state, part) in MEMORY.items():
        with Known() as b:
            b.sysfs(THP + "enabled", enabled)
            b.sysfs(THP + "shmem_enabled", shmem)
            b.machine.guest(1, memory_bytes=SIZE)
            b.machine.process(1001, ["vmm"])
            write(b.machine.proc + "/1001/smaps", text.encode())
            row, _ = row_of(b, "guest memory")
            ok(row and row["state"] == state and part in row["text"],
               f"doctor, memory of a running guest, {name}: {state}", row)
    with Known() as b:
        b.machine.guest(1, memory_bytes=SIZE, memslots=f"0 0 0x0 {SIZE} 0x7f0000000000 0x0004 2")
        b.machine.process(1001, ["vmm"])
        write(b.machine.proc + "/1001/smaps", smaps().encode())
        row, _ = row_of(b, "guest memory")
        ok(row and row["state"] == "warning" and "guest_memfd" in row["text"],
           "doctor does not take what a guest shares for its memory if that is in a guest_memfd", row)
    for name, (text, of_2m, enabled, shmem, state, part) in SIZES.items():
        with Known() as b:
            for file, value in ({"enabled": enabled, "shmem_enabled": shmem} | {OF_2M + f: v for f, v in of_2m.items()}).items():
                b.sysfs(THP + file, value)
            b.machine.guest(1, memory_bytes=SIZE)
            b.machine.process(1001, ["vmm"])
            write(b.machine.proc + "/1001/smaps", text.encode())
            row, _ = row_of(b, "guest memory")
            ok(row and row["state"] == state and part in row["text"],
               f"doctor, memory of a running guest, {name}: {state}", row)
            if part.startswith(OF_2M):
                ok(row["commands"] == [f"echo madvise > /sys/{THP}{OF_2M}enabled"],
                   "doctor changes the setting of pages of 2 MB where that one refuses them", row)
                row, _ = row_of(b, "huge pages")
                ok(row["state"] == "warning" and "are off:" in row["text"],
                   "doctor calls huge pages off where those of 2 MB are", row)
    with Known() as b:
        b.sysfs(THP + "enabled", MADVISE)
        row, status = row_of(b, "huge pages")
        ok(row["state"] == "info" and "VMMs that ask" in row["text"] and status == 0,
           "doctor reports huge pages set to madvise as info: only VMMs that ask get them", row)
        b.machine.guest(1, memory_bytes=SIZE)
        b.machine.process(1001, ["vmm"])
        row, _ = row_of(b, "guest memory")
        ok(row["state"] == "info" and "not known for 1 guest" in row["text"],
           "doctor reports guest memory that cannot be read as unknown", row)
        for number in range(2, 20):
            b.machine.guest(number, memory_bytes=SIZE)
            b.machine.process(1000 + number, ["vmm"])
        for number in range(1, 20):
            write(f"{b.machine.proc}/{1000 + number}/smaps", smaps().encode())
        row, _ = row_of(b, "guest memory")
        ok("3 more guests were not checked" in row["text"] and row["text"].count("l2-") == 16,
           "doctor checks the memory of at most 16 guests", row)


def test_hugetlb():
    """Huge pages that are reserved, and whether another guest gets some."""
    for title, files, state, said, refused in (
            ("some are free", {"nr_hugepages": 512, "free_hugepages": 300, "resv_hugepages": 100}, "ok", "512 of 2M (200 available)", False),
            ("none is free", {"nr_hugepages": 512, "free_hugepages": 0, "resv_hugepages": 0}, "info", "512 of 2M (0 available)", True),
            ("more are made on demand", {"nr_hugepages": 512, "free_hugepages": 0, "resv_hugepages": 0, "nr_overcommit_hugepages": 100, "surplus_hugepages": 12}, "ok", "88 more on demand", False),
            ("as many as may be were made on demand", {"nr_hugepages": 512, "free_hugepages": 0, "resv_hugepages": 0, "nr_overcommit_hugepages": 12, "surplus_hugepages": 12}, "info", "(0 available)", True),
            ("it is unknown", {"nr_hugepages": 512, "free_hugepages": 0}, "info", "is unknown", False)):
        with Known() as b:
            for name, value in files.items():
                b.sysfs("kernel/mm/hugepages/hugepages-2048kB/" + name, value)
            row, _ = row_of(b, "hugetlbfs")
            equal([row["state"], said in row["text"], "does not start" in row["text"]], [state, True, refused], f"doctor's row hugetlbfs if {title}: {said}")


def test_memory_limits():
    with Known() as b:
        b.machine.guest(1, memory_bytes=SIZE)
        b.machine.process(1001, ["qemu", "-name", "web"], "0::/machine.slice/web.scope\n")
        host = Host(b)
        write(b.machine.proc + "/1001/smaps", smaps().encode())
        limits = host.cgroups + "/machine.slice/{}memory.max"
        write(limits.format("web.scope/"), SIZE)
        write(limits.format(""), "max")
        row, status = row_of(b, "memory.max")
        ok(row and row["state"] == "warning" and status == 1 and
           "web (l2-1) has 512M, and memory.max of /machine.slice/web.scope is 512M" in row["text"],
           "doctor warns if memory.max leaves a VMM nothing beside its guest's memory", row)
        write(limits.format("web.scope/"), SIZE + (150 << 20))
        equal(row_of(b, "memory.max")[0], None, "doctor does not warn if memory.max leaves room for the VMM")
        write(limits.format(""), SIZE // 2)
        row, _ = row_of(b, "memory.max")
        ok("memory.max of /machine.slice is 256M" in row["text"], "doctor finds memory.max of a cgroup above", row)
        for name, text in (("hugetlbfs", smaps("/anon_hugepage (deleted)", "rd wr ht")),
                           ("a file on a disk", smaps("/srv/guest.mem", perms="rw-s"))):
            write(b.machine.proc + "/1001/smaps", text.encode())
            equal(row_of(b, "memory.max")[0], None, f"doctor does not warn about memory.max for a guest in {name}")
        high = limits.replace("memory.max", "memory.high")
        for size, state in (SIZE - 4096, "warning"), (SIZE + (8 << 20), None):
            write(limits.format(""), "max")
            write(high.format("web.scope/"), size)
            write(b.machine.proc + "/1001/smaps", smaps().encode())
            row, _ = row_of(b, "memory.high")
            equal(row and [row["state"], "web (l2-1) has 512M, and memory.high of /machine.slice/web.scope" in row["text"], "MemoryQoS" in row["commands"][0]],
                  state and [state, True, True], f"doctor's row memory.high of a VMM with 512M of guest memory, and {size} bytes before it is slowed down: {state}")
        os.unlink(high.format("web.scope/"))
        host.mounts("cgroup", "rw,memory")
        b.machine.process(1001, ["qemu", "-name", "web"], "9:memory:/machine.slice/web.scope\n0::/init.scope\n")
        write(b.machine.proc + "/1001/smaps", smaps().encode())
        os.unlink(limits.format(""))
        os.unlink(limits.format("web.scope/"))
        write(host.cgroups + "/machine.slice/memory.limit_in_bytes", 9223372036854771712)
        write(host.cgroups + "/machine.slice/web.scope/memory.limit_in_bytes", SIZE)
        row, _ = row_of(b, "memory.max")
        ok("memory.limit_in_bytes of /machine.slice/web.scope is 512M" in row["text"],
           "doctor finds a limit of cgroup version 1 that leaves a VMM nothing beside its guest's memory", row)


def test_tasks():
    """pids.max of the cgroups of VMMs."""
    for own, slice_, said in ((("100", "95"), ("max", "400"), ["95 of 100 in /machine.slice/web.scope"]), (("100", "89"), ("1000", "990"), ["990 of 1000 in /machine.slice"]),
                              (("max", "4000"), ("max", "4000"), []), (("100", None), ("max", "4000"), []), ((None, None), (None, None), [])):
        with Known() as b:
            host = Host(b)
            for number in 1, 2:
                b.machine.guest(number, memory_bytes=SIZE)
                b.machine.process(1000 + number, ["qemu", "-name", "web"], "0::/machine.slice/web.scope\n")
            for directory, (most, used) in ("web.scope/", own), ("", slice_):
                for name, value in ("max", most), ("current", used):
                    if value:
                        write(f"{host.cgroups}/machine.slice/{directory}pids.{name}", value)
            row, status = row_of(b, "pids.max")
            equal([row["text"].count(" in /"), [text for text in said if text in row["text"]], row["state"], "TasksMax" in row["commands"][0]] if row else None,
                  [1, said, "warning", True] if said else None, f"doctor, pids.max and pids.current {own} of a VMM's cgroup, {slice_} of that above: {said or 'no row'}")


def test_devices():
    with Known() as b:
        row, status = row_of(b, "devices")
        ok(row["state"] == "info" and status == 0 and "net/tun (networks" in row["text"] and row["commands"] == ["modprobe -a tun vhost_net vhost_vsock"],
           "doctor names devices that VMMs use and that are missing", row)
        write(b.dev + "/net/tun", "")
        write(b.dev + "/vhost-net", "")
        row, _ = row_of(b, "devices")
        equal([row["commands"], "net/tun" in row["text"]], [["modprobe -a vhost_vsock"], False], "doctor names no devices that are there")
        write(b.dev + "/vhost-vsock", "")
        equal(row_of(b, "devices")[0], None, "doctor has no row devices if all are there")


def test_overcommit():
    with Known() as b:
        write(b.machine.proc + "/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\nCommitLimit: 4194304 kB\nCommitted_AS: 3145728 kB\n")
        for mode, state in ("0", None), ("1", None), ("2", "warning"):
            write(b.machine.proc + "/sys/vm/overcommit_memory", mode)
            row, _ = row_of(b, "overcommit")
            equal(row and row["state"], state, f"doctor's row overcommit with vm.overcommit_memory={mode}: {state}")
        ok("Of 4G that all programs may map 1G are left, though 6G of memory are available" in row["text"] and
           "sysctl vm.overcommit_memory=0" in row["commands"], "doctor says how large a guest may be without overcommit", row)
        write(b.machine.proc + "/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 524288 kB\nCommitLimit: 4194304 kB\nCommitted_AS: 3145728 kB\n")
        equal(row_of(b, "overcommit")[0]["state"], "info", "doctor does not warn if more may be mapped than is available")
        write(b.machine.proc + "/meminfo", "MemTotal: 8388608 kB\n")
        equal(row_of(b, "overcommit")[0], None, "doctor has no row overcommit if /proc/meminfo has no CommitLimit")


def test_room():
    with Known() as b:
        proc = b.machine.proc
        full = {"sys/fs/aio-nr": 65000, "sys/fs/aio-max-nr": 65536, "loadavg": "0.20 0.18 0.12 1/31000 11206", "sys/kernel/threads-max": 126000,
                "sys/kernel/pid_max": 32768, "sys/fs/file-nr": "9000\t0\t9223372036854775807", "sys/fs/file-max": 9223372036854775807,
                "sys/kernel/pty/nr": 4, "sys/kernel/pty/max": 4096}
        for name, value in full.items():
            write(f"{proc}/{name}", f"{value}\n")
        row, status = row_of(b, "room")
        ok(row["state"] == "warning" and status == 1 and "65000 of 65536 requests of native AIO (fs.aio-max-nr), 31000 of 32768 PIDs (kernel.pid_max)." in row["text"] and
           row["commands"] == ["sysctl fs.aio-max-nr=131072", "sysctl kernel.pid_max=65536"],
           "doctor names what is nearly used up that VMMs need, and how to raise it", row)
        write(proc + "/sys/fs/aio-nr", "58000\n")
        write(proc + "/loadavg", "0.20 0.18 0.12 1/2900 11206\n")
        equal(row_of(b, "room")[0], None, "doctor has no row room below 90 percent")
        write(proc + "/loadavg", "\n")
        write(proc + "/sys/fs/aio-nr", "\n")
        equal(row_of(b, "room")[0], None, "doctor takes a number that cannot be read neither for 0 nor for the most")


def test_many_memory_limits():
    with Known() as b:
        write(Host(b).cgroups + "/machine.slice/memory.max", SIZE // 2)
        for number in range(1, 20):
            b.machine.guest(number, memory_bytes=SIZE)
            b.machine.process(1000 + number, ["vmm"], "0::/machine.slice/web.scope\n")
            write(f"{b.machine.proc}/{1000 + number}/smaps", smaps().encode())
        row, _ = row_of(b, "memory.max")
        ok(row["text"].count("l2-") == 16 and "3 more guests were not checked" in row["text"],
           "doctor reads the maps of at most 16 VMMs for memory.max", row)


def test_security():
    with Known() as b:
        b.sysfs("devices/system/cpu/vulnerabilities/vmscape", "Not affected")
        row, _ = row_of(b, "vmscape")
        ok(row["state"] == "info" and row["text"].startswith("unknown") and "vmscape=force" in row["text"],
           "doctor reports VMSCAPE as unknown in a virtual machine that says Not affected", row)
        b.sysfs("devices/system/cpu/vulnerabilities/vmscape", "Mitigation: IBPB before exit to userspace")
        equal(row_of(b, "vmscape")[0], None, "doctor has no row vmscape if VMSCAPE is mitigated")
    with Known(flags="fpu vmx", virtualized=0) as b:
        b.sysfs("devices/system/cpu/vulnerabilities/vmscape", "Not affected")
        equal(row_of(b, "vmscape")[0], None, "doctor has no row vmscape on bare metal that says Not affected")
    with Known() as b:
        equal(row_of(b, "split locks")[0], None,
              "doctor has no row split locks if the kernel has no split_lock_mitigate")
        write(b.machine.proc + "/sys/kernel/split_lock_mitigate", "1")
        row, _ = row_of(b, "split locks")
        ok(row["state"] == "info" and "10 ms" in row["text"] and "sysctl kernel.split_lock_mitigate=0" in row["commands"],
           "doctor says that split locks are slowed with split_lock_mitigate=1, and gives the sysctl", row)
        write(b.machine.proc + "/sys/kernel/split_lock_mitigate", "0")
        equal(row_of(b, "split locks")[0]["state"], "ok", "doctor reports split_lock_mitigate=0 as ok")
        write(b.machine.proc + "/cmdline", "quiet split_lock_detect=fatal")
        row, status = row_of(b, "split locks")
        ok(row["state"] == "warning" and "SIGBUS" in row["text"] and status == 1,
           "doctor warns that split locks end a VMM with split_lock_detect=fatal", row)


print("KTAP version 1")
test_trial()
test_permissions()
test_no_udevd()
test_user_namespace()
test_no_node()
test_nodev()
test_other_kinds()
test_rivals()
test_emulated()
test_namespace()
test_unloaded()
test_xen_dom0()
test_unknown_l0()
test_ec2_xen()
test_ec2_amd()
test_google_amd()
test_confidential()
test_paging()
test_real_mode()
test_unknown_cpu()
test_cpus()
test_l0()
test_flex()
test_memory()
test_hugetlb()
test_memory_limits()
test_tasks()
test_devices()
test_overcommit()
test_room()
test_many_memory_limits()
test_security()
finish()
