# SPDX-License-Identifier: GPL-2.0
"""A machine and a configuration for it, for tests of apply and save."""
from bench import Bench


class Configured(Bench):
    def __init__(self, **values):
        super().__init__(**values)
        self.path = self.directory + "/l1tune.conf"

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)

    def text(self):
        with open(self.path, encoding="utf-8") as f:
            return f.read()

    def apply(self, *args):
        return self.run("apply", *args, self.path)
