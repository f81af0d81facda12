#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# l1tune record and report with the module: a page about guests with known programs, a
# guest that ended, and a guest that a limit denied.
. "${0%/*}/lib.sh"

STATE=$TMP/state

report()
{
	l1tune report --state "$STATE" "$@" 2> "$TMP/errors"
}

records()
{
	l1tune replay --state "$STATE" --at "-0s" list --noheadings -o NAME,EXITS > "$TMP/list" 2>&1
}

# recorded NAME: whether the last record has that guest, with all its exits so far
recorded()
{
	records && grep -Eqx " *$1 +$(cat "$(guest_of "$1")/exits")" "$TMP/list"
}

not_recorded()
{
	records && ! grep -q "^ *$1 " "$TMP/list"
}

# documents PAGE: prints the JSON in it
documents()
{
	sed -n 's,.*id="l1tune-report">\(.*\)</script>.*,\1,p' "$1"
}

# of_guest PAGE NAME: prints its object in the document of stat
of_guest()
{
	documents "$1" | sed 's/.*"stat":{//; s/"advise":{.*//' |
		awk -v RS='"name":"' -v name="$2" 'index($0, name "\"") == 1 { print tolower($0) }'
}

# count PAGE NAME REASON: exits of that guest in the page's JSON
count()
{
	of_guest "$1" "$2" | sed -n "s/.*\"reason\":\"$3\"[^}]*\"count\":\([0-9]*\).*/\1/p"
}

names()
{
	documents "$1" | sed 's/.*"stat":{//; s/"advise":{.*//' | grep -o '"name":"[^"]*"' | sort -u | cut -d '"' -f 4 | xargs
}

# lacks FILE WORD…: whether none of these words is in the file
lacks()
{
	file=$1
	shift
	for word; do
		! grep -qwF -- "$word" "$file" || { ktap_print_msg "$file has $word"; return 1; }
	done
}

ktap_print_header
ktap_set_plan 9
load
io=io
[ "$(isa)" = svm ] || io=io_instruction
background record l1tune record -i 1 --state "$STATE"
wait_for records
from=$(date +'%Y-%m-%d %H:%M:%S')
# A window begins with a record, which must not have the guests yet.
sleep 3
start alpha --hold cpuid=500 out=20
start beta --hold cpuid=300
start gamma --hold cpuid=100
for guest in alpha beta gamma; do
	wait_for said "$guest" holding && wait_for recorded "$guest"
done
limit max_vms 3
! vmm -name guest=delta cpuid=1 > "$TMP/denied" 2>&1
result "a guest beyond max_vms is denied"
pids="$(pid alpha) $(pid beta) $(pid gamma)"
kill -KILL "$(pid gamma)"
wait_for not_recorded gamma
sleep 2
# doctor's own VM may be in a record after this.
to=$(date +'%Y-%m-%d %H:%M:%S')

# doctor, which is in it, runs a VM that is there for about as long as this.
report -i 0.4 -o "$TMP/now.html"
equal "exit status" 0 $? && equal "guests" "alpha beta" "$(names "$TMP/now.html")" &&
	equal "exits of guests that hold" "" "$(count "$TMP/now.html" alpha cpuid | grep -v '^0$')"
result "a page of the present has the running guests"

report --from "$from" --to "$to" -o "$TMP/then.html"
equal "exit status" 0 $? && equal "guests" "alpha beta gamma" "$(names "$TMP/then.html")" &&
	equal "CPUID of each" "500 300 100" "$(for guest in alpha beta gamma; do count "$TMP/then.html" $guest cpuid; done | xargs)"
result "a page of the past has each guest's exits, as many as its program caused"

of_guest "$TMP/then.html" gamma | grep -q '"ended":true' &&
	! of_guest "$TMP/then.html" alpha | grep -q '"ended":true'
result "a page of the past marks the guest that ended, and no other"

documents "$TMP/then.html" > "$TMP/documents"
equal "port accesses, at least" yes "$([ "$(count "$TMP/then.html" alpha $io)" -ge 20 ] && echo yes)" &&
	grep -q '"limit":"max_vms"[^}]*"denied":1[,}]' "$TMP/documents" ||
	! ktap_print_msg "$(grep -o '"max_vms".\{80\}' "$TMP/documents" | head -n 3)"
result "a page of the past has port accesses and the limit's denial"

report --from -1h -o "$TMP/early.html"
equal "exit status" 0 $? && grep -q 'which lacks the rest of' "$TMP/early.html" &&
	equal "CPUID" 500 "$(count "$TMP/early.html" alpha cpuid)"
result "a page that starts before the first record says what it lacks"

report --from "$from" --to "$to" --anonymous -o "$TMP/anonymous.html"
# shellcheck disable=SC2086
equal "exit status" 0 $? && lacks "$TMP/anonymous.html" alpha beta gamma delta "$TMP" &&
	equal "CPUID" "100 300 500" "$(for n in 1 2 3; do count "$TMP/anonymous.html" guest-$n cpuid; done | sort -n | xargs)" &&
	! documents "$TMP/anonymous.html" | grep -E '"(pid|uid)":[0-9]' &&
	documents "$TMP/anonymous.html" | grep -o '"pid":"[^"]*"' > "$TMP/pids" && lacks "$TMP/pids" $pids
result "an anonymous page has the counts, but no name, path, PID or uid"

# Only gamma: the report's doctor tries a guest of its own, which ends a moment before this.
l1tune gone --json vmm | sed 's/.*"gone"://' > "$TMP/gone"
l1tune replay --state "$STATE" --at -0s gone --json vmm | sed 's/.*"gone"://' > "$TMP/gone_then"
equal "guests that ended" 1 "$(grep -o '"end":"killed"' "$TMP/gone" | wc -l)" && cmp "$TMP/gone" "$TMP/gone_then"
result "replay gone shows the same records from the history as gone"

report --from "$from" --text > "$TMP/text"
equal "exit status" 0 $? && grep -q '| alpha ' "$TMP/text" && grep -q 'gamma' "$TMP/text" && lacks "$TMP/text" '<script'
result "report --text has the guests and no HTML"
kill -TERM "$(pid record)"
kill_guests
no_limits
unload
ktap_finished
