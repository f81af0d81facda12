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
