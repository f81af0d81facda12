#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs an emulator and splits the output of its debug port (see guest/channel.c): COMMAND's output goes to stdout as it arrives,
the kernel's log to a file, and COMMAND's exit status becomes this program's. 124: timeout. 125: the machine ended on its own.

With --shell a pseudo terminal, whose name replaces @TTY@ in the emulator's arguments, is connected to the user's terminal.
"""
import argparse
import os
import selectors
import signal
import subprocess
import sys
import termios
import time
import tty

MARK = b'\x1e'
ESCAPE = b'\x1d'
EXIT_TIMEOUT = 124
EXIT_HARNESS = 125


class Interrupted(Exception):
    pass


class Left(Exception):
    """The user ends the session."""


class Progress:
    """One line for a waiting user, removed when there is output."""

    def __init__(self, what):
        self.what = what
        self.start = time.monotonic()
        self.shown = None
        self.wanted = sys.stderr.isatty()

    def show(self):
        seconds = int(time.monotonic() - self.start)
        if self.wanted and seconds != self.shown:
            sys.stderr.write(f'\r{self.what} … {seconds} s\033[K')
            sys.stderr.flush()
            self.shown = seconds

    def done(self):
        if self.shown is not None:
            sys.stderr.write('\r\033[K')
            sys.stderr.flush()
        self.wanted = False
        self.shown = None


class Channel:
    """The stream from the machine: noise of the emulator, mark begin, output, mark exit N, kernel log, mark end."""

    def __init__(self, nonce, output, log):
        self.prefix = MARK + nonce.encode() + b':'
        self.sinks = {'boot': None, 'output': output, 'log': log}
        self.state = 'boot'
        self.status = None
        self.ended = False
        self.pending = b''

    def sink(self, data):
        target = self.sinks[self.state]
        if target is not None and data:
            target(data)

    def mark(self, text):
        if text == 'begin':
            self.state = 'output'
        elif text.startswith('exit '):
            self.status = int(text[5:])
            self.state = 'log'
        elif text == 'end':
            self.ended = True

    def feed(self, data):
        data = self.pending + data
        while not self.ended:
            at = data.find(self.prefix)
            if at < 0:
                keep = self.possible_start(data)
                self.sink(data[:len(data) - keep])
                self.pending = data[len(data) - keep:]
                return
            end = data.find(MARK, at + len(self.prefix))
            self.sink(data[:at])
            if end < 0:
                self.pending = data[at:]
                return
            self.mark(data[at + len(self.prefix):end].decode('ascii', 'replace'))
            data = data[end + 1:]

    def possible_start(self, data):
        for length in range(min(len(self.prefix) - 1, len(data)), 0, -1):
            if data.endswith(self.prefix[:length]):
                return length
        return 0


class Terminal:
    """The user's terminal, raw while the machine has it."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        # The slave stays open here, so that there is no end of file and no byte is lost.
        self.name = os.ttyname(self.slave)
        self.saved = termios.tcgetattr(0)

    def enter(self):
        tty.setraw(0)

    def leave(self):
        termios.tcsetattr(0, termios.TCSADRAIN, self.saved)

    def from_person(self):
        data = os.read(0, 4096)
        if not data or ESCAPE in data:
            raise Left
        os.write(self.master, data)

    def from_machine(self):
        write_all(1, os.read(self.master, 4096))


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def say(text):
    sys.stderr.write(f'{text}\n')
    sys.stderr.flush()


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument('--name', required=True)
    parser.add_argument('--nonce', required=True)
    parser.add_argument('--timeout', type=float, required=True)
    parser.add_argument('--log', required=True)
    parser.add_argument('--stderr', required=True)
    parser.add_argument('--shell', action='store_true')
    parser.add_argument('argv', nargs='+')
    return parser.parse_args()


def serve(machine, channel, terminal, progress, deadline):
    selector = selectors.DefaultSelector()
    selector.register(machine.stdout, selectors.EVENT_READ)
    if terminal:
        selector.register(terminal.master, selectors.EVENT_READ)
    entered = False
    while not channel.ended:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        if channel.state == 'boot':
            progress.show()
        for key, _ in selector.select(min(left, 1)):
            if key.fileobj is machine.stdout:
                data = os.read(machine.stdout.fileno(), 65536)
                if not data:
                    return
                channel.feed(data)
            elif key.fileobj == 0:
                terminal.from_person()
            else:
                terminal.from_machine()
        if channel.state != 'boot':
            progress.done()
            if terminal and not entered:
                entered = True
                terminal.enter()
                selector.register(0, selectors.EVENT_READ)


def interrupted(_signal, _frame):
    raise Interrupted


def main():
    args = parse()
    deadline = time.monotonic() + args.timeout if args.timeout > 0 else float('inf')
    progress = Progress(f'{args.name} is starting')
    terminal = Terminal() if args.shell else None
    argv = [arg.replace('@TTY@', terminal.name) if terminal else arg for arg in args.argv]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)

    with open(args.log, 'wb') as log, open(args.stderr, 'wb') as stderr:
        channel = Channel(args.nonce, lambda data: write_all(1, data), log.write)
        # A separate session: ^C is for this program, and the emulator's children end with it.
        machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True)
        try:
            serve(machine, channel, terminal, progress, deadline)
        except Left:
            return 0
        except Interrupted:
            progress.done()
            return 128 + signal.SIGINT
        except BrokenPipeError:
            return 128 + signal.SIGPIPE
        finally:
            progress.done()
            if terminal:
                terminal.leave()
            try:
                os.killpg(machine.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            machine.wait()

    if channel.status is not None:
        if not channel.ended:
            say(f'{args.name}: the machine ended before it had told its kernel log')
            return EXIT_HARNESS
        return channel.status
    where = 'before COMMAND began' if channel.state == 'boot' else 'while COMMAND ran'
    if time.monotonic() >= deadline:
        say(f'{args.name}: time is up: {args.timeout:g} s were not enough, it ended {where} (--timeout SEC gives more)')
        return EXIT_TIMEOUT
    say(f'{args.name}: the machine ended on its own {where}')
    return EXIT_HARNESS


if __name__ == '__main__':
    sys.exit(main())
