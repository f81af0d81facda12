# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# Paths, messages and the cache. Every script here sources this file first.
#
# Errors propagate by errexit alone, also through $(…): never use a call that can die in a condition, where bash disables errexit.
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

# Messages about short operations, only for a user at a terminal.
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

# cached NAME BUILDER [ARG]…: prints the path of the cache entry NAME, a directory; BUILDER DIR ARG… makes it if it does not exist.
# A complete entry is renamed into place; if two processes need the same entry, one builds it and the other waits. ENTRY is its final path.
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

# Removes built entries that were not used for two weeks; fetched ones are kept.
prune_cache()
{
	local kind
	for kind in base channel fast module root tmp; do
		if [[ -d $CACHE/$kind ]]; then
			find "$CACHE/$kind" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
		fi
	done
}
