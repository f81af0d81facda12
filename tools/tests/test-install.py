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


def deb(directory, name, **more):
    """A package without files."""
    root = f"{directory}/{name}"
    lines = {"Package": name, "Version": VERSION, "Architecture": "all", "Maintainer": "x <x@example.org>"} | more | {"Description": "x"}
    write(root + "/DEBIAN/control", "\n".join(f"{key}: {text}" for key, text in lines.items()))
    os.chmod(root, 0o755)
    subprocess.run(["dpkg-deb", "--build", root, root + ".deb"], capture_output=True, check=True)
    return root + ".deb"


def relations(name):
    """Those that debian/control gives to a package, of those that keep packages apart."""
    with open(TOP + "/debian/control", encoding="utf-8") as f:
        [text] = [p for p in f.read().split("\n\n") if p.startswith(f"Package: {name}\n")]
    return {key: text for key, text in (line.split(": ", 1) for line in text.splitlines() if line[0] != " ")
            if key in ("Provides", "Conflicts", "Breaks", "Replaces")}


def module_deb(directory, kernel):
    """As packaging/modules-deb makes it, of a module that was built and signed elsewhere."""
    write(directory + "/bin/modinfo", f"#!/bin/sh\necho 'vermagic:       {kernel} SMP'", 0o755)
    write(directory + "/l1tune.ko", "a module")
    r = subprocess.run([TOP + "/packaging/modules-deb", VERSION, kernel, "/nonexistent"], cwd=directory, capture_output=True, text=True,
                       check=False, env=os.environ | {"PATH": f"{directory}/bin:{os.environ['PATH']}", "KO": "l1tune.ko"})
    ok(r.returncode == 0, f"packaging/modules-deb packages a module for {kernel}", r)
    return f"{directory}/build/deb/l1tune-module-{kernel}_{VERSION}_amd64.deb"


class Root:
    """A system of packages, none of whose scripts run."""

    def __init__(self, directory):
        self.path = directory + "/root"
        for name in "updates", "info", "triggers":
            os.makedirs(f"{self.path}/var/lib/dpkg/{name}")
        for name in "status", "available":
            write(f"{self.path}/var/lib/dpkg/{name}", b"")

    def install(self, *debs):
        """Which packages are installed then."""
        # Scripts need a shell in that root: unpacked is enough.
        subprocess.run(["dpkg", "--root=" + self.path, "--log=/dev/null", "--unpack", *debs], capture_output=True, check=False)
        r = subprocess.run(["dpkg-query", f"--admindir={self.path}/var/lib/dpkg", "-W", "-f", "${Package} ${db:Status-Want}\n"],
                           capture_output=True, text=True, check=False)
        return sorted(line.split()[0] for line in r.stdout.splitlines() if line.endswith(" install"))


def test_conflicts():
    if not shutil.which("dpkg-deb") or os.geteuid():
        skip("packages with a prebuilt module replace l1tune-dkms", "needs dpkg and root")
        return
    with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
        os.symlink(TOP + "/debian", directory + "/debian")
        root = Root(directory)
        one, other = (module_deb(directory, kernel) for kernel in ("6.1.0-56-amd64", "6.1.0-57-amd64"))
        dkms = deb(directory, "l1tune-dkms", **relations("l1tune-dkms"))
        equal(root.install(dkms), ["l1tune-dkms"], "l1tune-dkms can be installed")
        equal(root.install(one), ["l1tune-module-6.1.0-56-amd64"], "a package with a prebuilt module replaces l1tune-dkms")
        both = ["l1tune-module-6.1.0-56-amd64", "l1tune-module-6.1.0-57-amd64"]
        equal(root.install(other), both, "a host may have prebuilt modules for two kernels")
        equal(root.install(dkms), both, "dpkg does not install l1tune-dkms beside prebuilt modules")


def make_module(directory, config, *words, programs=()):
    """What make module gives to a kernel's build, or says, where these compilers are installed and no others."""
    for program in programs:
        write(f"{directory}/bin/{program}", "#!/bin/sh", 0o755)
    os.makedirs(directory + "/bin", exist_ok=True)
    for program in "make", "sh", "sed", "echo":
        os.symlink(shutil.which(program), f"{directory}/bin/{program}")
    write(directory + "/kernel/Makefile", "modules:\n\t@echo CC=$(CC) LD=$(LD) LLVM=$(LLVM)")
    write(directory + "/kernel/include/config/auto.conf", config)
    env = {name: value for name, value in os.environ.items() if name not in ("CC", "LLVM", "MAKEFLAGS")}
    r = subprocess.run(["make", "-s", "-C", TOP, "module", f"KDIR={directory}/kernel", "KVER=1.2.3", *words], capture_output=True, text=True,
                       check=False, env=env | {"PATH": directory + "/bin"})
    return r.stderr if r.returncode else r.stdout.strip()


GCC = "CONFIG_CC_IS_GCC=y\nCONFIG_CC_VERSION_TEXT={}x86_64-linux-gnu-gcc-99 (Ubuntu 99.1.0-1) 99.1.0"
CLANG = "CONFIG_CC_IS_CLANG=y\nCONFIG_CC_VERSION_TEXT=clang version 99.0.1\n"


def test_compiler():
    both = "clang", "ld.lld"
    for name, config, words, programs, said in (
            ("of a gcc that is installed", GCC.format(""), [], ["x86_64-linux-gnu-gcc-99"], "CC=x86_64-linux-gnu-gcc-99 LD=ld LLVM="),
            ("of a gcc that is installed, in quotes", GCC.format('"') + '"', [], ["x86_64-linux-gnu-gcc-99"],
             "CC=x86_64-linux-gnu-gcc-99 LD=ld LLVM="),
            ("of a gcc that is not installed", GCC.format(""), [], [], "CC=cc LD=ld LLVM="),
            ("of a gcc without a number", "CONFIG_CC_VERSION_TEXT=gcc (GCC) 14.2.1 20240912 (Red Hat 14.2.1-3)", [], [], "CC=cc LD=ld LLVM="),
            ("of clang and lld", CLANG + "CONFIG_LD_IS_LLD=y", [], both, "CC=clang LD=ld.lld LLVM="),
            ("of clang and ld", CLANG, [], both, "CC=clang LD=ld LLVM="),
            ("of clang, with LLVM=1", CLANG + "CONFIG_LD_IS_LLD=y", ["LLVM=1"], [], "CC=cc LD=ld LLVM=1"),
            ("of clang, with CC=", CLANG + "CONFIG_LD_IS_LLD=y", ["CC=clang-98"], [], "CC=clang-98 LD=ld LLVM=")):
        with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
            equal(make_module(directory, config, *words, programs=programs), said, f"make module takes the compiler of a kernel {name}")
    with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
        said = make_module(directory, CLANG)
        ok("kernel 1.2.3 was built with clang, which is not installed" in said, "make module says that a kernel of clang needs clang", said)
    with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
        said = make_module(directory, CLANG, f"KDIR={directory}/nothing")
        ok("no headers of kernel 1.2.3" in said and "kernel-devel-1.2.3" in said and "make tool" in said,
           "make module says how to install headers, and that the tool needs none", said)


def test_dkms():
    with open(TOP + "/dkms.conf", encoding="utf-8") as f:
        ok("KVER=$kernelver KDIR=$kernel_source_dir" in f.read(), "DKMS names the kernel that it builds for, not the running one")


def test_libraries():
    with tempfile.TemporaryDirectory(prefix="l1tune-test-") as directory:
        r = subprocess.run(["make", "-s", "-C", TOP + "/tools", "O=" + directory, "PKG_CONFIG=false"], capture_output=True, text=True, check=False)
        ok(r.returncode and "libsmartcols-dev" in r.stderr and "jansson-devel" in r.stderr and "error:" not in r.stderr,
           "make tool names the packages of libraries that are missing, and compiles nothing", r)


print("KTAP version 1")
test_conflicts()
test_compiler()
test_dkms()
test_libraries()
finish()
