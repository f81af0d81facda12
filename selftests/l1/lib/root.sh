# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Clean Debian systems for installing and building, independent of this machine's packages.

# close_others: closes what a caller has open. mmdebstrap tells sh the number of a pipe, and
# sh knows numbers up to 9.
close_others()
{
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		((fd <= 2)) || eval "exec $fd>&-"
	done
}

# try_root DIR SUITE PACKAGES VALID: in a subshell, whose other descriptors it closes
try_root()
(
	close_others
	rm -rf --one-file-system "$1/root"
	mmdebstrap --quiet --mode=root --variant=minbase --include="ca-certificates${3:+,$3}" \
		--aptopt="Acquire::Check-Valid-Until \"$4\"" --skip=cleanup/apt/lists "$2" "$1/root" "$1/sources" > "$1/log" 2>&1
)

# build_root DIR SUITE PACKAGE…
build_root()
{
	local dir=$1 suite=$2 packages valid pause
	shift 2
	packages=$(IFS=,; echo "$*")
	say "making a Debian $suite with ${packages:-nothing besides} (about a minute)"
	# A suite with its own sources; apt's output matters only if it fails.
	suite_sources "$suite" | sed 's/ signed-by=[^]]*//' > "$dir/sources"
	# An outdated mirror is accepted if this machine's own apt accepts it.
	valid=$(apt-config dump --format '%v' Acquire::Check-Valid-Until)
	# A mirror may fail for a moment.
	for pause in 20 60 ''; do
		! try_root "$dir" "$suite" "$packages" "${valid:-true}" || return 0
		grep -E '^(E|Err)' "$dir/log" | tail -n 5 | cut -c 1-300 >&2
		[[ -n $pause ]] || skip "a Debian $suite with ${packages:-nothing besides} cannot be had from $MIRROR"
		say "trying again in $pause seconds"
		sleep "$pause"
	done
}

# root_get SUITE PACKAGE…: prints the directory of such a system, which must not be changed
root_get()
{
	local suite=$1 entry
	((EUID == 0)) || skip "a Debian $suite of its own takes root's rights (chroot, mount)"
	need mmdebstrap mmdebstrap
	entry=$(cached "root/$suite-$(hash_of <(printf '%s\n' "$@"))" build_root "$@")
	printf '%s\n' "$entry/root"
}

# in_root ROOT WORK BINDS COMMAND…: runs it in a copy of ROOT that is removed with the directory WORK. BINDS names an array of PATH or PATH:DEST that are mounted writable.
in_root()
{
	local root=$1 work=$2
	local -n binds_ref=$3
	shift 3
	mkdir -p "$work"/{changed,work,root}
	ROOT=$root WORK=$work BINDS=$(printf '%s\n' "${binds_ref[@]}") \
		unshare --mount --pid --fork --kill-child -- bash -euc '
			mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$WORK/changed,workdir=$WORK/work" "$WORK/root"
			mount -t proc proc "$WORK/root/proc"
			while read -r bind; do
				[[ -n $bind ]] || continue
				dest=$WORK/root${bind##*:}
				if [[ -d ${bind%%:*} ]]; then mkdir -p "$dest"; else mkdir -p "${dest%/*}"; touch "$dest"; fi
				mount --rbind "${bind%%:*}" "$dest"
			done <<< "$BINDS"
			exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
				DEBIAN_FRONTEND=noninteractive chroot "$WORK/root" "$@"
		' in_root "$@"
}

# make_in ROOT WORK BINDS ARGUMENT…: runs make by in_root, or on this machine if ROOT is empty
make_in()
{
	local root=$1 work=$2 binds_name=$3 status=0
	shift 3
	if [[ -z $root ]]; then
		make "$@"
		return
	fi
	in_root "$root" "$work" "$binds_name" make "$@" || status=$?
	rm -rf "$work"
	return $status
}
