# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What tests of guests that look alike share: what l1tune advise says of one.

# advised NAME: what is, in $TMP/advice; sets causes, and pace: exits in a second, by KVM.
# interval, if it is set, says of when.
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

# fails: what was advised instead
fails()
{
	sed 's/^/# /' "$TMP/advice"
	return 1
}

# advises NAME CAUSE WORDS: among others, with these in what is to be changed
advises()
{
	advised "$1" || return
	sed -n "/($2)\$/,/^\$/p" "$TMP/advice" > "$TMP/item"
	grep -q "^  change .*$3" "$TMP/item" || fails
}

# advises_only NAME CAUSE WORDS: and nothing for these exits but that
advises_only()
{
	advises "$@" || return
	equal "causes" "$2" "$causes" || fails
}
