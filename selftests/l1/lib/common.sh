# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read by those who source this
# Where things are, how one speaks, how the cache is filled. Every script here sources this file first.
#
# Errors travel by errexit alone, through $(…) too: a call that can die is never part of a condition, or bash would switch errexit off inside it.
set -euo pipefail
shopt -s inherit_errexit

L1_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOP=$(cd "$L1_DIR/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?is not set: cannot tell where the cache is}/.cache}/l1tune
ME=${0##*/}
export L1_DIR TOP

EXIT_USAGE=2
EXIT_SKIP=4
EXIT_HARNESS=125

say()
{
	printf '%s: %s\n' "$ME" "$*" >&2
}

# For what takes a moment only: of interest to a person who waits.
progress()
{
	if [[ -t 2 ]]; then
		say "$@"
	fi
}

die()
{
	say "error: $*"
	exit "$EXIT_HARNESS"
}

usage_error()
{
	say "error: $*"
	say "try: $ME --help"
	exit "$EXIT_USAGE"
}

skip()
{
	printf 'SKIP: %s\n' "$*" >&2
	exit "$EXIT_SKIP"
}

# need COMMAND PACKAGE
need()
{
	[[ -n $(PATH=$PATH:/usr/sbin:/sbin type -P "$1") ]] ||
		die "$1 is not installed (package $2): run selftests/l1/setup first"
}

# hash_of FILE…: one key for the contents of all of them
hash_of()
{
	cat -- "$@" | sha256sum | cut -c1-16
}

# cached NAME BUILDER [ARG]…: prints the path of the cache entry NAME, a directory, having BUILDER DIR ARG… make it when it is not there.
# An entry is renamed into place when it is whole; of two that want the same one builds and the other waits. BUILDER finds the final path in ENTRY.
cached()
{
	local entry=$CACHE/$1 builder=$2 lock
	shift 2
	if [[ ! -d $entry ]]; then
		lock=$CACHE/lock/${entry//\//_}
		mkdir -p "$CACHE/lock" "$CACHE/tmp" "${entry%/*}"
		(
			flock 9
			if [[ ! -d $entry ]]; then
				tmp=$(mktemp -d "$CACHE/tmp/XXXXXX")
				trap 'rm -rf "$tmp"' EXIT
				chmod 755 "$tmp"
				ENTRY=$entry
				"$builder" "$tmp" "$@" >&2 9>&-
				mv -T "$tmp" "$entry"
			fi
		) 9>"$lock"
	fi
	touch -c "$entry"
	printf '%s\n' "$entry"
}

# What is made here goes when nothing has used it for a fortnight; what was fetched stays.
prune_cache()
{
	local kind
	for kind in base channel fast module root tmp; do
		if [[ -d $CACHE/$kind ]]; then
			find "$CACHE/$kind" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
		fi
	done
}
