#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune tune GUEST huge_pages=collapse: what it would do, of trees that were written. Usage: test-collapse.py L1TUNE"""
import os
import struct
import threading
import time

from bench import Bench, equal, finish, ok
from fake import write

PAGE, HUGE, MB = 4096, 2 << 20, 1 << 20
PRESENT, SWAPPED, SHMEM, EXCLUSIVE = 1 << 63, 1 << 62, 1 << 61, 1 << 56
OWN = PRESENT | EXCLUSIVE
PID = 1001
# Where mappings are: small numbers, for the file of their pages is as long.
AT = 0x4000000


class Guest(Bench):
    """One whose memory is told by slot(), mapping() and pages()."""

    def __init__(self):
        super().__init__()
        self.slots, self.smaps = [], ""
        self.machine.guest(1)
        self.machine.process(PID, ["vmm", "-name", "guest=web"])
        os.makedirs(f"{self.machine.proc}/{PID}", exist_ok=True)
        with open(f"{self.machine.proc}/{PID}/pagemap", "wb"):
            pass
        self.write_slots()
        self.write_smaps()

    def write_slots(self, text=None):
        lines = [f"{space} {n:5} 0x{gpa:016x} {size:20} 0x{hva:016x} 0x{flags:04x} {gen:20}\n"
                 for n, (gpa, size, hva, flags, space, gen) in enumerate(self.slots)]
        write(f"{self.machine.device('l2-1')}/memslots", (text or "".join(lines)).encode(), 0o440)

    def slot(self, gpa, size, hva, flags=0, space=0, generation=2):
        self.slots.append((gpa, size, hva, flags, space, generation))
        self.write_slots()

    def write_smaps(self):
        write(f"{self.machine.proc}/{PID}/smaps", self.smaps.encode(), 0o444)

    def mapping(self, start, size, path="", perms="rw-p", offset=0, flags="rd wr mr mw me ac", huge=0):
        self.smaps += (f"{start:x}-{start + size:x} {perms} {offset:08x} 00:01 {7 if path else 0}"
                       f"                          {path}\nAnonHugePages:  {huge >> 10:8} kB\nVmFlags: {flags} \n")
        self.write_smaps()

    def pages(self, start, entries):
        with open(f"{self.machine.proc}/{PID}/pagemap", "r+b") as f:
            f.seek(start // PAGE * 8)
            f.write(struct.pack(f"={len(entries)}Q", *entries))

    def whole(self, size, gpa=0x100000000, hva=AT, slot=None, **mapping):
        """A slot in a mapping of its own, all of whose pages are there."""
        self.slot(gpa, size, hva, **(slot or {}))
        self.mapping(hva, size, **mapping)
        self.pages(hva, [OWN] * (size // PAGE))
        return self

    def ranges(self):
        d = self.json("tune", "-J", "--check", "web", "huge_pages=collapse")
        return {(r["backing"], r["result"]): r["bytes"] for r in d["collapse"]["ranges"]}


def test_backings():
    shared = {"perms": "rw-s", "path": "/memfd:ram (deleted)"}
    anon, shmem, disk = "anonymous memory", "memfd or other shared memory", "a file"
    for name, changes, result in (
            ("anonymous memory", {}, (anon, "possible")),
            ("guest and VMM addresses that differ by 1 MB", {"gpa": 0x100000000 + MB}, (anon, "misaligned")),
            ("guest and VMM addresses that differ by 4 KB", {"gpa": 0x100000000 + PAGE}, (anon, "misaligned")),
            ("guest and VMM addresses that differ by 2 MB", {"gpa": 0x100000000 + HUGE}, (anon, "possible")),
            ("dirty pages logged", {"slot": {"flags": 1}}, (anon, "dirty_log")),
            ("a read-only slot", {"slot": {"flags": 2}}, (anon, "possible")),
            ("MADV_NOHUGEPAGE", {"flags": "rd wr mr mw me ac nh"}, (anon, "nohugepage")),
            ("userfaultfd, missing pages", {"flags": "rd wr um"}, (anon, "userfaultfd")),
            ("userfaultfd, write protection", {"flags": "rd wr uw"}, (anon, "userfaultfd")),
            ("memory of a device", {"flags": "rd wr pf io"}, (anon, "device")),
            ("all of it huge", {"huge": 2 * HUGE}, (anon, "huge")),
            ("half of it huge", {"huge": HUGE}, (anon, "possible")),
            ("memfd", shared, (shmem, "possible")),
            ("memfd at an odd offset", shared | {"offset": MB}, (shmem, "offset")),
            ("memfd at an even offset", shared | {"offset": 3 * HUGE}, (shmem, "possible")),
            ("memfd, private", shared | {"perms": "rw-p"}, (shmem, "private_file")),
            ("a file in /dev/shm", {"perms": "rw-s", "path": "/dev/shm/ram"}, ("a file in tmpfs", "possible")),
            ("hugetlbfs", {"perms": "rw-s", "path": "/anon_hugepage (deleted)", "flags": "rd wr ht"}, ("hugetlbfs", "huge")),
            ("a file", {"perms": "rw-s", "path": "/var/lib/vm/mem"}, (disk, "file")),
            ("a file, private", {"path": "/var/lib/vm/mem"}, (disk, "private_file"))):
        with Guest() as b:
            equal(b.whole(2 * HUGE, **changes).ranges(), {result: 2 * HUGE},
                  f"tune --check huge_pages=collapse: {name}: {result[1]}")
    with Guest() as b:
        write(f"{b.machine.proc}/{PID}/status", "Name:\tvmm\nTHP_enabled:\t0")
        equal(b.whole(2 * HUGE).ranges(), {(anon, "disabled"): 2 * HUGE},
              "tune --check huge_pages=collapse: PR_SET_THP_DISABLE: disabled")


def test_pages():
    for name, page, backing, result in (
            ("not there", 0, {}, "absent"), ("in swap", SWAPPED, {}, "swapped"),
            ("shared with another process, merged or zero", PRESENT, {}, "shared"),
            ("of a file and mapped twice", PRESENT | SHMEM, {"perms": "rw-s", "path": "/memfd:ram (deleted)"}, "possible")):
        with Guest() as b:
            b.whole(3 * HUGE, **backing)
            b.pages(AT + HUGE + 511 * PAGE, [page])
            got = {result: size for (_, result), size in b.ranges().items()}
            expected = {"possible": 3 * HUGE} if result == "possible" else {"possible": 2 * HUGE, result: HUGE}
            equal(got, expected, f"tune --check huge_pages=collapse: 2 MB with one page {name}: {result}")
    with Guest() as b:
        b.slot(0x100000000, 2 * HUGE, AT)
        b.mapping(AT, 2 * HUGE)
        equal(b.ranges(), {("anonymous memory", "unreadable"): 2 * HUGE},
              "tune --check huge_pages=collapse: pages without a pagemap are unreadable")


def test_edges():
    anon = "anonymous memory"
    with Guest() as b:
        start = AT + HUGE - 8 * PAGE
        b.whole(2 * HUGE, gpa=0x100000000 + start % HUGE, hva=start)
        equal(b.ranges(), {(anon, "possible"): HUGE, (anon, "edge"): HUGE},
              "tune --check huge_pages=collapse: less than 2 MB at both ends of a slot is an edge")
    with Guest() as b:
        b.whole(HUGE - PAGE, hva=AT + PAGE)
        equal(b.ranges(), {(anon, "edge"): HUGE - PAGE},
              "tune --check huge_pages=collapse: all of a slot of less than 2 MB is an edge")
    with Guest() as b:
        b.slot(0x100000000, 3 * HUGE, AT)
        b.mapping(AT, HUGE)
        b.mapping(AT + 2 * HUGE, HUGE, flags="rd wr nh")
        b.pages(AT, [OWN] * 512 * 3)
        equal(b.ranges(), {(anon, "possible"): HUGE, (anon, "unmapped"): HUGE, (anon, "nohugepage"): HUGE},
              "tune --check huge_pages=collapse: a slot over two mappings and a hole has three results")
    with Guest() as b:
        b.whole(2 * HUGE)
        b.slot(0x200000000, 2 * HUGE, AT)
        b.slot(0x300000000, 2 * HUGE, AT + HUGE)
        equal(b.ranges(), {(anon, "possible"): 2 * HUGE, (anon, "unmapped"): HUGE},
              "tune --check huge_pages=collapse: memory in several slots counts once")
    with Guest() as b:
        b.whole(2 * HUGE, slot={"space": 1, "generation": 3})
        r = b.run("tune", "--check", "1", "huge_pages=collapse")
        ok(r.returncode == 1 and "no memory of web can be collapsed" in r.stderr,
           "tune --check huge_pages=collapse: memory of SMM alone cannot be collapsed", r)


def test_slots():
    with Guest() as b:
        b.whole(HUGE)
        b.write_slots("".join(f"0 {n} 0x{n << 30:x} {HUGE} 0x{AT:x} 0x0 {gen}\n" for n, gen in ((1, 2), (2, 4))))
        r = b.run("tune", "--check", "1", "huge_pages=collapse")
        ok(r.returncode == 1 and "the memory slots of web keep changing" in r.stderr,
           "tune --check huge_pages=collapse: slots of two generations are an error", r)
        b.write_slots(f"0 1 0x0 {HUGE} 0x{AT:x} 0x0 {2 | 1 << 63}\n1 1 0x0 {HUGE} 0x{AT:x} 0x0 3\nmore     \n")
        d = b.json("tune", "-J", "--check", "1", "huge_pages=collapse")["collapse"]
        equal([d["has_more_slots"], d["ranges"][0]["bytes"]], [True, HUGE],
              "tune --check huge_pages=collapse: address spaces have a generation each; has_more_slots is true")
        for text in ("0 1 0x0 1 0x0 0x0\n", "0 1 0xffffffffffffffff 4096 0x0 0x0 2\n", "9 1 0x0 1 0x0 0x0 2\n", "x\n", "0 1 0x0 1 0x0 0x0 2 3\n"):
            b.write_slots(text)
            r = b.run("tune", "--check", "1", "huge_pages=collapse")
            ok(r.returncode == 1 and "l2-1/memslots: unexpected value" in r.stderr and not r.stdout,
               f"tune --check huge_pages=collapse: memory slots that cannot be parsed are an error: {text!r}", r)
        os.unlink(f"{b.machine.device('l2-1')}/memslots")
        r = b.run("tune", "--check", "1", "huge_pages=collapse")
        ok(r.returncode == 1 and "load the module that came with this l1tune" in r.stderr,
           "tune --check huge_pages=collapse: a module without memslots is an error", r)


def has_reader(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError:
        return False


def test_one_read():
    """The module locks KVM's slots for each read of the file."""
    with Guest() as b:
        b.whole(2 * HUGE)
        path, reads = f"{b.machine.device('l2-1')}/memslots", []
        with open(path, "rb") as f:
            text = f.read()
        os.unlink(path)
        os.mkfifo(path)

        def serve():
            while b.is_read:
                with open(path, "wb") as f:
                    reads.append(f.write(text if b.is_read else b""))
                while b.is_read and has_reader(path):
                    time.sleep(0.001)
        b.is_read = True
        server = threading.Thread(target=serve)
        server.start()
        r = b.run("tune", "--check", "1", "huge_pages=collapse")
        b.is_read = False
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        server.join()
        os.close(fd)
        equal([r.returncode, [size for size in reads if size]], [0, [len(text)]],
              "tune --check huge_pages=collapse reads the guest's memory slots once")


def test_words():
    with Guest() as b:
        b.whole(2 * HUGE)
        b.machine.tune(params={"kvm/halt_poll_ns": 200000})
        write(f"{b.machine.device('l2-1')}/tune/halt_poll_ns", "default", 0o640)
        r = b.run("tune", "--check", "web", "huge_pages=collapse")
        equal([r.returncode, r.stdout, r.stderr],
              [0, "l2-1     web\n4M       anonymous memory: can be collapsed\n", ""],
              "tune --check huge_pages=collapse prints guest, size, backing and result")
        for words, text in (
                (["web", "huge_pages=always"], "the only value is collapse"),
                (["huge_pages=collapse"], "huge_pages belongs to a guest: name it"),
                (["web", "huge_pages=collapse", "halt_poll_ns=1"], "cannot be combined"),
                (["--check", "web", "halt_poll_ns=1"], "--check is for huge_pages=collapse"),
                (["--max-stall", "1s", "web"], "--max-stall is for huge_pages=collapse"),
                (["--max-stall", "0", "web", "huge_pages=collapse"], "is not a time from 100us")):
            r = b.run("tune", *words)
            ok(r.returncode == 2 and text in r.stderr and not r.stdout,
               f"tune {' '.join(words)} prints its usage error and exits with 2", r)
        r = b.run("try", "huge_pages=collapse", "--for", "0.2")
        ok(r.returncode == 2 and "belongs to a guest: name it with --l2" in r.stderr,
           "try huge_pages=collapse without --l2 prints its usage error and exits with 2", r)
        r = b.run("tune", "--check", "nobody", "huge_pages=collapse")
        ok(r.returncode == 4 and "no guest matches 'nobody'" in r.stderr and not r.stdout,
           "tune --check huge_pages=collapse exits with 4 and names a guest that does not exist", r)
        # The process with that PID here is not the guest's.
        r = b.run("tune", "web", "huge_pages=collapse")
        ok(r.returncode == 1 and ("run it on the host" in r.stderr or "that takes 6.1" in r.stderr),
           "tune huge_pages=collapse refuses a process whose /proc is not the system's", r)
        b.machine.process(PID, ["vmm", "-name", "guest=web"], start_ticks=10**9)
        r = b.run("tune", "--check", "1", "huge_pages=collapse")
        ok(r.returncode == 4 and "has ended" in r.stderr,
           "tune --check huge_pages=collapse exits with 4 if a later process has the VMM's PID", r)


print("KTAP version 1")
test_backings()
test_pages()
test_edges()
test_slots()
test_one_read()
test_words()
finish()
