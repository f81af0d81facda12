#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Advice for a guest that is not built for it: a stock Linux in Debian's QEMU, booting,
# idle, and busy. docs/explain.md shows the output of this test.
. "${0%/*}/lib.sh"
. "${0%/*}/linux_lib.sh"

# session COMMAND: runs it and prints both, as in docs/explain.md
session()
{
	printf '# %s\n' "$1"
	sh -c "$1" > "$TMP/said" 2>&1
	status=$?
	cat "$TMP/said"
	return $status
}

# console_bytes NAME
console_bytes()
{
	wc -c < "$TMP/$1"
}

ktap_print_header
no_linux
ktap_set_plan 3

load
linux booting
wait_for has_guest booting
session "l1tune advise booting" && grep -q '^  evidence .* device accesses per second' "$TMP/said"
result "advise names devices for a Linux that boots"
within 120 is_up booting
end booting

linux idle
within 240 lived idle 5
session "l1tune advise idle" && grep -q '^nothing worth changing' "$TMP/said"
result "advise has nothing for an idle Linux"
end idle

# The UART is written once for each byte printed, plus a few accesses.
linux busy l2.load
within 240 is_up busy
# Until booting is over.
sleep 5
bytes=$(console_bytes busy)
session "l1tune advise busy"
bytes=$((($(console_bytes busy) - bytes) / 10))
written=$(sed -n 's/.*serial port) written \([0-9]*\) .*/\1/p' "$TMP/said")
ktap_print_msg "it printed $bytes bytes in a second"
[ "$bytes" -gt 50 ] && [ "${written:-0}" -ge $((bytes * 8 / 10)) ] && [ "$written" -le $((bytes * 2)) ]
result "advise names the serial console of a busy Linux and how much it writes"
end busy

unload
ktap_finished
