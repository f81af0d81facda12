#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How the module is built and packaged, without building it. Usage: test-install.py L1TUNE"""
import os
import shutil
import subprocess
import tempfile

from bench import equal, finish, ok, skip
from fake import VERSION, write

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
KERNEL = "6.1.0-56-amd64"


def fields(text):
    """The fields of one paragraph of a control file, without continued lines."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] != " ")


def package_module(directory):
    """The control file of a package with a module that was built and signed elsewhere."""
    write(directory + "/bin/modinfo", f"#!/bin/sh\necho 'vermagic:       {KERNEL} SMP'", 0o755)
    write(directory + "/l1tune.ko", "a module")
    os.symlink(TOP + "/debian", directory + "/debian")
    r = subprocess.run([TOP + "/packaging/modules-deb", VERSION, KERNEL, "/nonexistent"], cwd=directory, capture_output=True, text=True, check=False,
                       env=os.environ | {"PATH": f"{directory}/bin:{os.environ['PATH']}", "KO": "l1tune.ko"})
    ok(r.returncode == 0, "packaging/modules-deb packages a module that was built elsewhere", r)
    deb = f"{directory}/build/deb/l1tune-module-{KERNEL}_{VERSION}_amd64.deb"
    return subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=False).stdout


def test_conflicts():
    with open(TOP + "/debian/control", encoding="utf-8") as f:
        [dkms] = [fields(p) for p in f.read().split("\n\n") if p.startswith("Package: l1tune-dkms\n")]
    equal([dkms.get(name) for name in ("Provides", "Conflicts", "Replaces")], ["l1tune-module"] * 3,
          "l1tune-dkms replaces the packages with prebuilt modules")
    if not shutil.which("dpkg-deb"):
        skip("the package with a prebuilt module replaces l1tune-dkms", "no dpkg-deb")
        return
    with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
        built = fields(package_module(directory))
    # Not with l1tune-module: a host has one of these for each of its kernels.
    equal([built.get(name) for name in ("Provides", "Conflicts", "Replaces")], ["l1tune-module", "l1tune-dkms", "l1tune-dkms"],
          "the package with a prebuilt module replaces l1tune-dkms, and none with a module for another kernel")


print("KTAP version 1")
test_conflicts()
finish()
