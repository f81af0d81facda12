#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests with nested guests share too few CPUs, on a kernel that preempts KVM
# anywhere, even between the two steps of switching from one level to the other.
# Each exit is counted at its level, by its reason.
. "${0%/*}/lib.sh"

GUESTS="one two three four"

# stdin: lines "want LEVEL CODE COUNT" and "got LEVEL CODE COUNT"
compare()
{
	awk '
	{ key = $2 " " $3 }
	$1 == "want" { want[key] += $4; total += $4 }
	$1 == "got" { got[key] += $4 }
	END {
		for (key in want)
			if (got[key] != want[key]) {
				print "# level, code " key ": executed " want[key] ", counted " got[key] + 0
				bad = 1
			}
		print "# " total " exits executed"
		exit bad || !total
	}'
}

ktap_print_header
grep -q 'preempt=full' /proc/cmdline || skip_all "this kernel does not preempt KVM (preempt=full)"
ktap_set_plan 4

load
for name in $GUESTS; do
	start $name --rounds 60 --expect --hold cpuid=50 l3=200 l3rdmsr=50
done
# Takes a CPU for short times, so that guests move between CPUs.
while [ ! -e "$TMP/stop" ]; do
	pause_ms 3
	cat $CLASS/l2-*/stats > /dev/null
done 2> /dev/null &
for name in $GUESTS; do
	within 240 said $name holding
done
touch "$TMP/stop"

for name in $GUESTS; do
	{
		sed -n 's/^expect .*code=\([0-9]*\) level=\([0-9]*\) .*count=\([0-9]*\)$/want \2 \1 \3/p' "$TMP/$name"
		l1tune stat "pid:$(pid $name)" --noheadings --bytes -o LEVEL,CODE,COUNT | sed 's/^ */got /'
	} | compare
	result "guest $name: the module counts the exits that its program executes"
done
kill_guests

unload
ktap_finished
