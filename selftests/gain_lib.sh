# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Shared by tests of gains: what l1tune advise predicted that a change would save, and
# what it saved. All in thousandths of a CPU.

# advice NAME: puts the advice on a guest into $TMP/json
advice()
{
	l1tune advise -i 1 --json "pid:$(pid "$1")" > "$TMP/json"
}

# rules: prints the rules in that advice
rules()
{
	tr '{},' '\n\n\n' < "$TMP/json" | sed -n 's/^ *"rule": *"\(.*\)"/\1/p' | xargs
}

# nothing_said: nothing predicted and nothing saved so far
nothing_said()
{
	low=0 high=0 kind='' bounds=nothing saved=0 share=0
}

# gain_of RULE: sets kind, low and high, and bounds, which is all three in words
gain_of()
{
	# shellcheck disable=SC2046 # three words
	set -- $(tr '{},' '\n\n\n' < "$TMP/json" | tr -d '" ' | awk -v wanted="$1" '
		sub(/^rule:/, "") { rule = $0; num = 0 }
		rule == wanted && /^(kind|low_cpus|high_cpus):/ && num < 3 { sub(/.*:/, ""); print; num++ }')
	[ $# -eq 3 ] || return
	kind=$1
	low=$(echo "$2" | awk '{ printf "%d", $1 * 1000 + 0.5 }')
	high=$(echo "$3" | awk '{ printf "%d", $1 * 1000 + 0.5 }')
	case $kind in
	at_most) bounds="at most $high" ;;
	at_least) bounds="at least $low" ;;
	range) bounds="$low to $high" ;;
	*) bounds="nothing known" ;;
	esac
}

# is_advised NAME RULE: whether the advice has this rule, with bounds
is_advised()
{
	advice "$1" && gain_of "$2" && [ "$bounds" != "nothing known" ] && return
	ktap_print_msg "$1 is not advised $2, but: $(rules)"
	tr '{}' '\n\n' < "$TMP/json" | grep -E '"(evidence|cause)"' | sed 's/^/# /'
	return 1
}

# is_within SAVED: whether it is within the bounds. Slack of 3 % and 5 thousandths,
# because guest periods cross the ends of both measurements. The prediction has to be
# useful: no more than twice the actual saving.
is_within()
{
	slack=$((high * 3 / 100 + 5))
	case $kind in
	at_most) [ "$1" -le $((high + slack)) ] ;;
	at_least) [ "$1" -ge $((low - slack)) ] ;;
	*) [ "$1" -ge $((low - slack)) ] && [ "$1" -le $((high + slack)) ] ;;
	esac && [ $(($1 * 2)) -ge "$high" ]
}

# gained RULE GUEST STATUS: the result of following one rule's advice, which saved $saved
gained()
{
	[ "$3" -eq 0 ] && is_within "$saved"
	result "$1: said $bounds, saved $saved thousandths of a CPU ($2)"
}

# rounds_of NAME: how many rounds it has made
rounds_of()
{
	sed -n '$s/^round \([0-9]*\) .*/\1/p' "$TMP/$1"
}

has_made()
{
	made=$(rounds_of "$1")
	[ "${made:-0}" -ge "$2" ]
}

# share NAME PERIOD_MS ROUNDS: sets share, the CPU share of the vCPU's thread, by the scheduler
share()
{
	within 60 has_made "$1" 1 || return
	from=$(tail -n 1 "$TMP/$1")
	within 60 has_made "$1" $(($(rounds_of "$1") + $3)) || return
	share=$(echo "$from $(tail -n 1 "$TMP/$1")" | awk -v ms="$2" '
		{ for (i = 1; i < NF; i++) if ($i == "round") r[++n] = $(i + 1); else if ($i == "cpu_ns") c[n] = $(i + 1) }
		END { printf "%d", (c[2] - c[1]) / (r[2] - r[1]) / ms / 1000 + 0.5 }')
}
