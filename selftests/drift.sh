#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What an exit costs, measured by a canary while L0 changes. SCENE is "trace" (L0
# begins to trace each of its exits; before that as many samples as are taken in an
# hour) or "hog" (L0's CPU becomes busy, beside a guest that is busy too).
. "${0%/*}/lib.sh"

STATE=$TMP/state

# l0 WHAT: see l1/guest/count-l0
l0()
{
	[ -e /l1/env ] || skip_all "needs an emulated L0"
	# shellcheck source=/dev/null
	. /l1/env
	printf '\036%s:count l0-%s\036' "$L1_NONCE" "$1"
}

drift()
{
	l1tune drift --state "$STATE"
}

samples()
{
	drift 2> "$TMP/errors" | sed -n 's/^changes .* in \([0-9]*\) samples.*/\1/p'
}

# wait_for_samples N SECONDS: each look at them takes time of the emulated CPU
wait_for_samples()
{
	end=$(($(uptime_cs) + $2 * 100))
	until [ "$(samples)" -ge "$1" ] 2> "$TMP/errors"; do
		[ "$(uptime_cs)" -lt $end ] || return 1
		sleep 3
	done
}

changes()
{
	drift | sed -n 's/^ *[-0-9]* [:0-9]*: since/since/p'
}

show()
{
	drift | while read -r line; do
		ktap_print_msg "$line"
	done
}

ktap_print_header
case ${SCENE-} in
trace) CALM=60 ;;
hog) CALM=20 ;;
*) skip_all "what L0 does is to be known: SCENE=trace or hog" ;;
esac
ktap_set_plan 6
load
background record l1tune record --canary --every 0.1 -i 60 --state "$STATE"
wait_for_samples 1 120
equal name l1tune-canary "$(l1tune list --noheadings -o NAME)"
result "the canary is one guest, by its name"

[ "$SCENE" = trace ] || runs busy --forever cpuid=1000
wait_for_samples "$CALM" 1800
result "it takes $CALM samples"
show
equal changes "" "$(changes)"
result "none of them shows a change"

background events l1tune events --state "$STATE"
before=$(samples)
case $SCENE in
trace)
	l0 trace
	# The sample that was under way, and three.
	wait_for_samples $((before + 4)) 300
	show
	changes | grep -q '^since .* an exit costs [2-9][0-9] % more .*stolen time .*: L0 changed$' ||
		changes | grep -q '^since .* an exit costs [1-9][0-9][0-9] % more .*stolen time .*: L0 changed$'
	result "L0 traces its exits: three samples later drift says that L0 changed"
	said record 'L0 changed' && said events 'L0 changed'
	result "record and events say so"
	;;
hog)
	l0 hog
	wait_for_samples $((before + 15)) 900
	show
	! changes | grep 'L0 changed'
	result "L0's CPU is busy: no word of L0 having changed"
	l1tune drift --state "$STATE" --json | sed 's/.*"last"//' |
		grep -q '"stolen_ratio": *0\.[2-7]'
	result "and what is stolen is in the samples"
	;;
esac
kill "$(pid record)" "$(pid events)"
within 20 test ! -e "$CLASS/l2-1"
result "the canary's guest ends with record"
kill_guests
unload
ktap_finished
