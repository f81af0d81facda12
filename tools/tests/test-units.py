#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The systemd units: systemd's own opinion, and commands that the tool has. Usage: test-units.py L1TUNE"""
import os
import re
import shutil
import subprocess
import tempfile

from bench import TOOL, equal, finish, ok, skip

UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../systemd")


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


def main():
    units = sorted(name for name in os.listdir(UNITS) if name.startswith("l1tune"))
    if shutil.which("systemd-analyze"):
        with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
            equal(verify(directory, *units), [0, ""], f"systemd-analyze has nothing to say of {' '.join(units)}")
            with open(os.path.join(directory, "libvirtd.service"), "w", encoding="utf-8") as f:
                f.write("[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n")
            os.mkdir(os.path.join(directory, "libvirtd.service.d"))
            shutil.copy(os.path.join(UNITS, "fail-closed.conf"), os.path.join(directory, "libvirtd.service.d/l1tune.conf"))
            r = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(directory, "libvirtd.service")],
                               capture_output=True, text=True, check=False)
            equal([r.returncode, r.stdout + r.stderr], [0, ""], "nor of the drop-in")
    else:
        skip("systemd-analyze has nothing to say of the units", "no systemd-analyze (package systemd)")
    for name in units:
        text = unit(name)
        ok("ConditionKernelCommandLine=!nol1tune" in text, f"{name}: nol1tune keeps it off")
        for line in re.findall(r"^Exec\w+=(.*)", text, re.M):
            words = line.split()
            options = [word for word in words[2:] if word.startswith("--")]
            known = subprocess.run([words[0], words[1], "--help"], capture_output=True, text=True, check=True).stdout
            ok(words[0] == TOOL and all(option in known for option in options), f"{name}: the tool has what it runs", line)


print("KTAP version 1")
main()
finish()
