#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune export with the module: exits of a guest, guests that existed only between
# two exports, counters that never decrease, and module reloads.
. "${0%/*}/lib.sh"

CPUID=CPUID
[ "$(isa)" = vmx ] || CPUID=cpuid

# sample NAME [LABEL=VALUE]…: prints its value in the last export
sample()
{
	name=$1
	shift
	for label; do
		labels="$labels${labels:+,}${label%%=*}=\"${label#*=}\""
	done
	awk -v series="$name${labels:+{$labels\}}" '$1 == series { print $2 }' "$TMP/export"
	labels=
}

export_now()
{
	l1tune export > "$TMP/export" 2> "$TMP/stderr"
}

# exports_vms N: whether export has counted N VMs; totals may be 100 ms old
exports_vms()
{
	export_now
	[ "$(sample l1tune_host_vms_total)" = "$1" ]
}

# went_back BEFORE AFTER: prints counters and histogram values that decreased
went_back()
{
	awk 'NR == FNR { if ($1 ~ /(_total|_bucket|_count|_sum)([{]|$)/) before[$1] = $2; next }
		$1 in before && $2 + 0 < before[$1] + 0 { print $1, before[$1], $2 }' "$1" "$2"
}

ktap_print_header
ktap_set_plan 7

load
start web --vcpus 2 --hold --rounds 3 cpuid=500
wait_for has_held web
export_now && ! [ -s "$TMP/stderr" ] && equal "last line" "# EOF" "$(tail -n 1 "$TMP/export")" &&
	equal "exits" 3000 "$(sample l1tune_exits_total guest=web reason=$CPUID level=2)"
result "export has the exits that the guest's program executed"

# Each of the two vCPUs has one open exit, in which the VMM holds it.
exits=$(($(cat "$(guest_of web)/exits") - 2))
equal "buckets and count" "$exits $exits" "$(sample l1tune_exit_duration_seconds_bucket guest=web le=+Inf) $(
	sample l1tune_exit_duration_seconds_count guest=web)" &&
	equal "guests" 1 "$(grep -c '^l1tune_guest_info{guest="web",id="'"$(guest_of web | sed 's/.*-//')"'"' "$TMP/export")"
result "export's duration histogram has all finished exits, and l1tune_guest_info the guest's id"

before=$(sample l1tune_host_exits_total) vms=$(sample l1tune_host_vms_total)
vmm -name guest=brief cpuid=700 > "$TMP/brief" 2>&1
wait_for exports_vms $((vms + 1)) && wait_for has_guests 1 && export_now &&
	equal "brief's series" 0 "$(grep -c '"brief"' "$TMP/export")" &&
	[ $(($(sample l1tune_host_exits_total) - before)) -ge 700 ]
result "export's host totals include a guest that existed only between two exports"

start busy --forever cpuid=200 out=50 halt=5
wait_for has_guest busy
tries=0
: > "$TMP/back"
cp "$TMP/export" "$TMP/last"
while [ $tries -lt 30 ]; do
	l1tune export > "$TMP/next" && grep -q '_total' "$TMP/next" || echo "export $tries failed" >> "$TMP/back"
	went_back "$TMP/last" "$TMP/next" >> "$TMP/back"
	mv "$TMP/next" "$TMP/last"
	[ $tries -ne 15 ] || let_go busy
	tries=$((tries + 1))
done
check "no counter of export decreases, even when a guest ends" equal "counters that went back" "" "$(head -n 3 "$TMP/back")"

limit max_vms 1
asks EDQUOT vm
export_now
equal "denials, limit, use, effective" "1 1 1 1" "$(sample l1tune_denials_total limit=max_vms) $(sample l1tune_limit limit=max_vms) $(
	sample l1tune_limit_use limit=max_vms) $(sample l1tune_limit_effective limit=max_vms)"
result "export shows denials, value, use and effectiveness of a limit"
no_limits

mkdir "$TMP/textfile"
l1tune export --textfile "$TMP/textfile" && equal "files" l1tune.prom "$(ls -A "$TMP/textfile")" &&
	grep -q "^l1tune_exits_total{guest=\"web\",reason=\"$CPUID\",level=\"2\"} 3000$" "$TMP/textfile/l1tune.prom"
result "export --textfile writes one file for node_exporter"

export_now
loaded=$(sample l1tune_load_boottime_seconds)
unload
l1tune export --textfile "$TMP/textfile" 2> "$TMP/stderr"
equal "status" 3 $? && equal "file" "l1tune_up 0" "$(grep -v '^#' "$TMP/textfile/l1tune.prom")" && load && export_now &&
	[ "$(sample l1tune_load_boottime_seconds)" != "$loaded" ] && equal "exits" 0 "$(sample l1tune_host_exits_total)"
result "export says that the module is missing, and counts from 0 after a reload"

kill_guests
unload
ktap_finished
