# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Packages of any Debian suite, unpacked and never installed. A private apt root per suite keeps the machine's own sources untouched.

MIRROR=${L1_MIRROR:-http://deb.debian.org/debian}
SECURITY_MIRROR=${L1_SECURITY_MIRROR:-http://security.debian.org/debian-security}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

suite_sources()
{
	local suite=$1 line="deb [arch=amd64 signed-by=$KEYRING]"
	case $suite in
	bullseye | bookworm | trixie)
		printf '%s %s %s main\n' "$line" "$MIRROR" "$suite"
		printf '%s %s %s-security main\n' "$line" "$SECURITY_MIRROR" "$suite"
		;;
	*)
		printf '%s %s %s main\n' "$line" "$MIRROR" "$suite"
		;;
	esac
}

# apt_in DIR COMMAND…: apt-get or apt-cache with DIR as its root
apt_in()
{
	local dir=$1 tool=$2
	shift 2
	"$tool" -qq \
		-o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$dir/state" -o Dir::State::Lists="$dir/lists" -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root \
		-o APT::Architecture=amd64 -o APT::Architectures::=amd64 "$@"
}

build_apt_root()
{
	local dir=$1 suite=$2
	need apt-get apt
	[[ -r $KEYRING ]] || die "$KEYRING is missing (package debian-archive-keyring): run selftests/l1/setup first"
	say "reading Debian's list of packages for $suite (about 10 MB)"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/state"
	: > "$dir/status"
	suite_sources "$suite" > "$dir/sources.list"
	apt_in "$dir" apt-get -o APT::Update::Error-Mode=any update ||
		skip "the package lists of Debian $suite cannot be had from $MIRROR"
}

# Package lists expire after a week: mirrors no longer have a suite's packages of last month.
apt_root()
{
	local suite=$1
	if [[ -n $(find "$CACHE/apt/$suite/sources.list" -mtime +6 2>/dev/null) ]]; then
		rm -rf "$CACHE/apt/$suite"
	fi
	cached "apt/$suite" build_apt_root "$suite"
}

# depends_on ROOT PACKAGE REGEX: the names among PACKAGE's dependencies that match
depends_on()
{
	apt_in "$1" apt-cache depends "$2" | sed -nE 's/^ *(Pre)?Depends: //p' | grep -E "$3" || true
}

version_of()
{
	apt_in "$1" apt-cache show --no-all-versions "$2" | sed -n 's/^Version: //p'
}

# fetch_debs ROOT DIR PACKAGE…
fetch_debs()
{
	local root=$1 dir=$2 size
	shift 2
	size=$(apt_in "$root" apt-cache show --no-all-versions "$@" | awk '/^Size: /{ n += $2 } END { printf "%.0f", n / 1e6 }')
	say "fetching $* ($size MB)"
	(cd "$dir" && apt_in "$root" apt-get download "$@") ||
		die "cannot fetch $* from $MIRROR: check the network; if the package list is outdated, rm -r $root"
}
