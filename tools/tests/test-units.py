#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The systemd units: what systemd-analyze says of them, that their commands exist, and that these
work with the capabilities that the units leave them. Usage: test-units.py L1TUNE
"""
import os
import re
import shutil
import subprocess
import tempfile

from bench import TOOL, Bench, equal, finish, ok, skip

UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../systemd")
# In tenths, as --threshold takes it: below 4.0.
MAX_EXPOSURE = 39
NOBODY = 65534


def unit(name):
    with open(os.path.join(UNITS, name), encoding="utf-8") as f:
        return f.read().replace("@sbindir@", os.path.dirname(TOOL))


def verify(directory, *names):
    """All that systemd-analyze has to say of them."""
    for name in names:
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(unit(name))
    r = subprocess.run(["systemd-analyze", "verify", "--man=no", *(os.path.join(directory, n) for n in names)],
                       capture_output=True, text=True, check=False)
    return [r.returncode, r.stdout + r.stderr]


def security(directory, name):
    """Fails with the table if the unit is exposed more than it may be."""
    if "--offline" not in subprocess.run(["systemd-analyze", "--help"], capture_output=True, text=True, check=False).stdout:
        skip(f"{name}: systemd-analyze security reports an exposure below {(MAX_EXPOSURE + 1) / 10}",
             "systemd-analyze has no --offline (before version 250)")
        return
    r = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}",
                        os.path.join(directory, name)], capture_output=True, text=True, check=False)
    ok(r.returncode == 0,
       f"{name}: systemd-analyze security reports an exposure below {(MAX_EXPOSURE + 1) / 10}", r.stdout + r.stderr)


def confined(bench, name, *args):
    """The tool with the capabilities that the unit leaves to root, and no others."""
    [capabilities] = re.findall(r"^CapabilityBoundingSet=(.*)", unit(name), re.M)
    kept = ",".join("+" + word.removeprefix("CAP_").lower() for word in capabilities.split())
    return subprocess.run(["setpriv", "--no-new-privs", f"--bounding-set=-all,{kept}", "--inh-caps=-all", *bench.command(*args)],
                          capture_output=True, text=True, check=False)


def check_record(bench):
    state = bench.directory + "/state"
    r = confined(bench, "l1tune-record.service", "record", "-c", "1", "--state", state)
    equal([r.returncode, r.stderr, sorted(name.rpartition("-")[0] for name in os.listdir(state + "/record"))],
          [0, "", ["", "fine", "minute", "ten-minutes"]],
          "l1tune-record.service has the capabilities that l1tune record needs")


def test_capabilities():
    with Bench() as b:
        b.machine.limits()
        conf = b.directory + "/l1tune.conf"
        with open(conf, "w", encoding="utf-8") as f:
            f.write("max_vms = 3\n")
        os.chmod(conf, 0o600)
        os.chown(conf, NOBODY, NOBODY)
        r = confined(b, "l1tune.service", "apply", conf)
        equal([r.returncode, r.stderr, b.machine.limit("limits/max_vms")], [0, "", "3"],
              "l1tune.service has the capabilities to apply another user's configuration file")

        directory = b.directory + "/textfiles"
        os.mkdir(directory, 0o755)
        path = directory + "/l1tune.prom"
        with open(path, "w", encoding="utf-8") as f:
            f.write("old\n")
        for path_of_nobody in directory, path:
            os.chown(path_of_nobody, NOBODY, NOBODY)
        r = confined(b, "l1tune-export.service", "export", "--textfile", directory)
        check_record(b)
        with open(path, encoding="utf-8") as f:
            equal([r.returncode, r.stderr, "l1tune_up 1\n" in f.read(), os.stat(path).st_uid], [0, "", True, NOBODY],
                  "l1tune-export.service has the capabilities to write to another user's directory")


# Of units that start guests at boot: a few of each kind.
STARTERS = {"libvirtd.service", "virtqemud.service", "pve-guests.service", "docker.service", "containerd.service", "crio.service",
            "podman-restart.service", "kubelet.service", "k3s.service", "k3s-agent.service", "rke2-server.service",
            "rke2-agent.service", "k0sworker.service", "nomad.service", "incus.service", "snap.lxd.daemon.service",
            "snap.microk8s.daemon-containerd.service", "snap.multipass.multipassd.service"}


def check_order():
    text = unit("l1tune.service")
    before = {name for line in re.findall(r"^Before=(.*)", text, re.M) for name in line.split()}
    after = {name for line in re.findall(r"^After=(.*)", text, re.M) for name in line.split()}
    equal(STARTERS - before, set(), "l1tune.service is ordered before the units that start guests at boot")
    ok(not before & after and not [name for name in before if not name.endswith(".service")],
       "l1tune.service is ordered before services, and before none that it waits for", [before, after])


def main():
    check_order()
    units = sorted(name for name in os.listdir(UNITS) if name.startswith("l1tune"))
    services = [name for name in units if name.endswith(".service")]
    equal(services, ["l1tune-export.service", "l1tune-record.service", "l1tune.service"], "this test finds the services")
    if shutil.which("systemd-analyze"):
        with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
            equal(verify(directory, *units), [0, ""], f"systemd-analyze verify reports nothing for {' '.join(units)}")
            with open(os.path.join(directory, "libvirtd.service"), "w", encoding="utf-8") as f:
                f.write("[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n")
            os.mkdir(os.path.join(directory, "libvirtd.service.d"))
            shutil.copy(os.path.join(UNITS, "fail-closed.conf"), os.path.join(directory, "libvirtd.service.d/l1tune.conf"))
            r = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(directory, "libvirtd.service")],
                               capture_output=True, text=True, check=False)
            equal([r.returncode, r.stdout + r.stderr], [0, ""],
                  "systemd-analyze verify reports nothing for the drop-in fail-closed.conf")
            os.mkdir(os.path.join(directory, "l1tune-record.service.d"))
            with open(os.path.join(directory, "l1tune-record.service.d/canary.conf"), "w", encoding="utf-8") as f:
                f.write(unit("canary.conf"))
            equal(verify(directory, "l1tune-record.service"), [0, ""],
                  "systemd-analyze verify reports nothing for the drop-in canary.conf")
            for name in services:
                security(directory, name)
    else:
        skip("systemd-analyze verify reports nothing for the units", "no systemd-analyze (package systemd)")
        skip("systemd-analyze security reports an exposure below 4.0 for each service",
             "no systemd-analyze (package systemd)")
    if shutil.which("setpriv") and os.geteuid() == 0:
        test_capabilities()
    else:
        skip("the services have the capabilities that their commands need",
             "not root, or no setpriv (package util-linux)")
    for name in services:
        # Without one a oneshot service may take forever, and whatever is ordered after it with it.
        ok(re.search(r"^TimeoutStartSec=\d+s$", unit(name), re.M),
           f"{name} sets TimeoutStartSec, which ends a start that hangs")
    for name in units:
        text = unit(name)
        ok("ConditionKernelCommandLine=!nol1tune" in text,
           f"{name} does not start with nol1tune on the kernel command line")
        lines = re.findall(r"^Exec\w+=(.*)", text, re.M)
        equal(bool(lines), name in services, f"{name} runs commands if it is a service")
        for line in lines:
            words = line.split()
            options = [word for word in words[2:] if word.startswith("--")]
            known = subprocess.run([words[0], words[1], "--help"], capture_output=True, text=True, check=True).stdout
            ok(words[0] == TOOL and all(re.search(rf"^ +(-\w, )?{option}\b(?!-)", known, re.M) for option in options),
               f"{name} runs l1tune with options that the command has", line)


print("KTAP version 1")
main()
finish()
