# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Shared by tests of guests that look alike: the advice of l1tune advise.

# advised NAME: puts the advice into $TMP/advice; sets causes, and pace: KVM's count of
# exits in a second. interval, if set, is the option for the time it covers.
advised()
{
	pace=$(kvm_exits "$1")
	since=$(uptime_cs)
	# shellcheck disable=SC2086 # several words
	l1tune advise ${interval:--i 1} "$1" > "$TMP/advice" || return
	pace=$((($(kvm_exits "$1") - pace) * 100 / ($(uptime_cs) - since)))
	causes=$(sed -n 's/^[0-9]* [^ ]*: .*(\([a-z0-9-]*\))$/\1/p' "$TMP/advice" | xargs)
	ktap_print_msg "$1: $pace exits in a second; $causes"
}

# fails: prints the advice that was given instead
fails()
{
	sed 's/^/# /' "$TMP/advice"
	return 1
}

# advises NAME CAUSE WORDS: whether CAUSE is among the advice, with WORDS in its change
advises()
{
	advised "$1" || return
	sed -n "/($2)\$/,/^\$/p" "$TMP/advice" > "$TMP/item"
	grep -q "^  change .*$3" "$TMP/item" || fails
}

# advises_only NAME CAUSE WORDS [KNOWN]: same, and nothing else but KNOWN is advised, and that
# the VMM sleeps: these guests rest in their VMM, see alike.c
advises_only()
{
	advises "$@" || return
	equal "causes" "$2" "$(echo " $causes " | sed "s/ vmm-sleep / /; s/ ${4:-none} / /" | xargs)" || fails
}
