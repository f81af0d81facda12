# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Shared by the tests of tenants: their own cgroups and the module's devices for them.

# From the root of the cgroup tree, as in the module's paths
TEST_CGROUP=/l1tune-test-$$

needs_cgroups()
{
	mount_cgroups || skip_all "this kernel has no cgroups (v2), or they cannot be mounted"
	mkdir "$CGROUPS$TEST_CGROUP"
}

no_cgroups()
{
	find "$CGROUPS$TEST_CGROUP" -depth -type d -exec rmdir {} \;
}

# cgroup NAME…: creates them below the tests' own cgroup
cgroup()
{
	for name; do
		mkdir -p "$CGROUPS$TEST_CGROUP/$name"
	done
}

# enter NAME: moves the shell there, usually a subshell
enter()
{
	echo 0 > "$CGROUPS$TEST_CGROUP/$1/cgroup.procs"
}

# within_cgroup NAME COMMAND…: runs it there
within_cgroup()
{
	(
		enter "$1" || exit
		shift
		"$@"
	)
}

# keep_in CGROUP NAME WORD…: as keep, in that cgroup
keep_in()
{
	where=$1
	name=$2
	shift 2
	background "$name" sh -c 'echo 0 > "$0" && exec ask "$@" hold' "$CGROUPS$TEST_CGROUP/$where/cgroup.procs" "$@"
	wait_for said "$name" holding
}

# define NAME: defines a tenant, prints the error
define()
{
	write $L1/tenants/add "$TEST_CGROUP/$1"
}

undefine()
{
	write $L1/tenants/remove "$TEST_CGROUP/$1"
}

# tenant NAME: prints its directory
tenant()
{
	grep -lxF "$TEST_CGROUP/$1" "$CLASS"/tenant-*/cgroup 2> /dev/null | sed 's,/cgroup$,,'
}

# of_tenant NAME FILE
of_tenant()
{
	cat "$(tenant "$1")/$2"
}

# set_of NAME LIMIT VALUE
set_of()
{
	echo "$3" > "$(tenant "$1")/limits/$2"
}

# uses NAME: prints its use of vms, vcpus, memory_bytes and nested_vms
uses()
{
	echo "$(of_tenant "$1" usage/vms) $(of_tenant "$1" usage/vcpus) $(of_tenant "$1" usage/memory_bytes) $(of_tenant "$1" usage/nested_vms)"
}

uses_nothing()
{
	[ "$(uses "$1")" = "0 0 0 0" ]
}

nr_tenants()
{
	find "$CLASS/" -name 'tenant-*' | wc -l
}
