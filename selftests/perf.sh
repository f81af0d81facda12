#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# perf kvm stat over the same interval has the same counts, and the same time within
# 1 %. Exits are so long that perf's own work in each exit, after the module has read
# the clock, does not matter.
. "${0%/*}/lib.sh"

# records PID: whether perf waits for events, in poll(), with its buffers set up
records()
{
	grep -q 'perf_event' "/proc/$1/maps" && grep -q '^7 ' "/proc/$1/syscall"
}

ktap_print_header
if ! command -v perf > /dev/null; then
	skip_all "perf is not installed"
fi
ktap_set_plan 2

load
# perf has to record the guest's whole life, so it starts paused.
start guest --paused --hold --rounds 3 --spin-user-us 5000 --period-us 4000 cpuid=200 out=50 rdmsr=50 halt=250
wait_for said guest paused
cd "$TMP" || exit 1
perf kvm stat record -a -o "$TMP/perf.data" > "$TMP/record" 2>&1 &
perf=$!
within 120 records $perf || ktap_exit_fail_msg "perf does not record: $(head -n 3 "$TMP/record")"
kill -USR1 "$(pid guest)"
within 120 has_held guest
l1tune stat guest --noheadings --bytes -o REASON,COUNT,TOTAL > "$TMP/counted"
open=$(l1tune list guest --vcpus --noheadings --bytes -o REASON)
kill -INT $perf
wait $perf
perf kvm -i "$TMP/perf.data" stat report > "$TMP/report" 2>&1

# CPUID 6000 88.00% 90.00% 1.00us 100.00us 2.00us ( +- 1.00% ): time is samples * average
awk '$2 ~ /^[0-9]+$/ && $3 ~ /%/ { avg = $7; sub(/us/, "", avg); print $1, $2, $2 * avg * 1000 }' "$TMP/report" > "$TMP/perf"
[ -s "$TMP/perf" ] || cat "$TMP/record" "$TMP/report" | head -n 40 | sed 's/^/# /'
sed 's/^/# perf: /' "$TMP/perf"
awk '{ print "# l1tune: " $1, $2, $3 }' "$TMP/counted"

# An open exit has no entry yet, so perf does not count it.
awk -v open="$open" '
NR == FNR { count[$1] = $2; next }
$1 in count || $2 > ($1 == open) {
	if (count[$1] != $2 - ($1 == open)) {
		print "# " $1 ": perf " count[$1] + 0 ", counted " $2
		bad = 1
	}
	n++
}
END { exit bad || !n }' "$TMP/perf" "$TMP/counted"
result "the module counts as many exits as perf kvm stat"

awk -v open="$open" '
NR == FNR { time[$1] = $3; next }
$1 in time && $1 != open { want += time[$1]; got += $3 }
END {
	print "# time by perf " want ", counted " got
	off = (got - want) / want
	exit !(want && off < 0.01 && off > -0.01)
}' "$TMP/perf" "$TMP/counted"
result "the module's exit times are those of perf kvm stat within 1 %"

unload
ktap_finished
