# SPDX-License-Identifier: GPL-2.0
"""Guests that are the worst for a history, as each of their counters moves in each interval."""
import ctypes
import math
import mmap
import os
import struct
import subprocess

from fake import PARTS, cell, fixed, stats_file, write

DAY = 86400


class Busy:
    """A guest with 30 reasons, all of which it has again and again: the worst for a history."""

    REASONS = 30

    def __init__(self, rng, number):
        self.rng, self.number = rng, number
        rate = rng.lognormvariate(math.log(300), 1.3)
        weights = [1 / (k + 1) ** 2 for k in range(self.REASONS)]
        self.kinds = [(rate * w / sum(weights), rng.lognormvariate(8, 1), rng.randrange(4)) for w in weights]
        self.counts = [0] * self.REASONS
        self.parts = [[0] * len(PARTS) for _ in self.kinds]
        self.hists = [[0] * 24 for _ in self.kinds]
        self.run_for(3 * DAY)

    def about(self, mean):
        return max(0, round(self.rng.gauss(mean, mean ** 0.5)))

    def run_for(self, seconds):
        for k, (rate, ns, kind) in enumerate(self.kinds):
            left = count = self.about(rate * seconds)
            self.counts[k] += count
            bucket = min(20, max(11, int(math.log2(ns)) + 1))
            for at, share in ((-1, 0.16), (1, 0.3), (2, 0.11), (3, 0.03)):
                some = min(left, self.about(count * share))
                self.hists[k][bucket + at] += some
                left -= some
            self.hists[k][bucket] += left
            took = max(0, int(count * ns * self.rng.gauss(1, 0.5 / max(1, count) ** 0.5)))
            for part, value in (("kernel", took), ("vmm", 3 * took * (kind == 0)), ("halted", 1000 * took * (kind == 1)),
                                ("runq", int(self.rng.expovariate(1 / 50000)) * (kind < 2))):
                self.parts[k][PARTS.index(part)] += value

    def stats(self):
        time_ns = sum(map(sum, self.parts))
        head = fixed(exits=sum(self.counts), exit_time_ns=time_ns, guest_time_ns=3 * time_ns, stolen_ns=time_ns // 100)
        return stats_file(f"l1tune-{self.number}", head + [
            stat for k, count in enumerate(self.counts)
            for stat in cell(2, k, f"REASON_{k}", count, sum(self.parts[k]), 1 << 22, self.hists[k],
                             **{part + "_ns": value for part, value in zip(PARTS, self.parts[k])})])


def build_adder(directory):
    """The function add() of add.c: in Python a week of 100 guests takes an hour."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "add.c")
    library = directory + "/add.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    return ctypes.CDLL(library).add


class Moving:
    """
    A busy guest on a machine, which can be moved fast: by one of a few recorded
    intervals of 10 s, which is added to the values in its file.
    """

    INTERVALS = 6

    def __init__(self, machine, rng, number, add):
        busy = Busy(rng, number)
        machine.guest(number, stats=busy.stats(), nested="off")
        self.rng, self.add = rng, add
        images = [busy.stats()]
        for _ in range(self.INTERVALS):
            busy.run_for(10)
            images.append(busy.stats())
        _, _, _, _, end, start = struct.unpack("=6I", images[0][:24])
        self.num = (end - start) // 8
        data = [struct.unpack(f"={self.num}Q", image[start:end]) for image in images]
        array = ctypes.c_uint64 * self.num
        self.intervals = [array(*(y - x for x, y in zip(before, after))) for before, after in zip(data, data[1:])]
        with open(machine.device(f"l2-{number}") + "/stats", "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)
        self.values = array.from_buffer(self.map, start)
        self.values[:] = data[-1]
        self.move()

    def move(self):
        self.add(self.values, self.rng.choice(self.intervals), ctypes.c_size_t(self.num))


def threads(machine, number):
    """The process of a guest's VMM, with the threads that one of QEMU's has."""
    pid = 1000 + number
    machine.process(pid, ["qemu", "-name", f"web{number}"], cgroup="0::/machine.slice/vm.scope\n")
    write(f"{machine.proc}/{pid}/comm", "qemu")
    write(f"{machine.proc}/{pid}/status", f"Name:\tqemu\nTgid:\t{pid}\nNSpid:\t{pid}")
    for thread, comm in enumerate(["qemu", "call_rcu", "CPU 0/KVM", "vnc_worker", "worker", "worker"]):
        tid = 100000 + 10 * number + thread
        directory = f"{machine.proc}/{pid}/task/{tid}"
        fields = ["S", "1", "1", "1", "0", "-1", "0", "0", "0", "0", "0", "10", "20", "0", "0", "20", "0", "1", "0", "100"]
        fields += ["0"] * 20 + ["10" if "KVM" in comm else "0", "0", "0"]
        write(directory + "/stat", f"{tid} ({comm}) {' '.join(fields)}")
        write(directory + "/comm", comm)
        write(directory + "/schedstat", "1000000000 0 0")
        write(directory + "/cgroup", "0::/machine.slice/vm.scope")


def others(machine, guests, processes=300):
    """What else /proc has: other processes, and the kernel's threads for guests."""
    kthread = 0x00200000

    def task(pid, comm, flags=0):
        fields = ["S", "1", "1", "1", "0", "-1", str(flags), "0", "0", "0", "0", "10", "20", "0", "0", "20", "0", "1", "0", "100"]
        write(f"{machine.proc}/{pid}/stat", f"{pid} ({comm}) {' '.join(fields + ['0'] * 23)}")
        write(f"{machine.proc}/{pid}/comm", comm)
        write(f"{machine.proc}/{pid}/schedstat", "1000000000 0 0")

    task(2, "kthreadd", kthread)
    for number in range(1, guests + 1):
        task(200000 + number, f"kvm-pit/{1000 + number}", kthread)
    for number in range(processes):
        task(300000 + number, "sh")
