# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Where the tests' files are, and what they have to know of the machine before they
# touch it: for run_tests.sh and lib.sh. HERE is the directory of the scripts.

# In a checkout programs and tool are in its build directory; in the emulated L1
# programs are beside the scripts, and the tool is installed.
BUILD=${L1TUNE_BUILD:-$HERE/../build}
if [ -d "$BUILD/selftests" ]; then
	PROGRAMS=$BUILD/selftests
	PATH=$PROGRAMS:$BUILD:$PATH
else
	PROGRAMS=$HERE
	PATH=$HERE:$PATH
fi

# Is this machine there for the tests alone? The emulated L1 is; of another one
# somebody says so by DISPOSABLE=yes. Elsewhere no CPU is taken offline, nothing is
# suspended, no configuration is written and no cache of the kernel's is dropped.
is_disposable()
{
	case ${DISPOSABLE-} in
	yes) return 0 ;;
	no) return 1 ;;
	*) [ -e /l1/env ] ;;
	esac
}

# built_module: the path of the checkout's l1tune.ko, if it is built for this kernel
built_module()
{
	[ -e "$HERE/../l1tune.ko" ] && grep -qa "vermagic=$(uname -r) " "$HERE/../l1tune.ko" && echo "$HERE/../l1tune.ko"
}

installed_module()
{
	find "/lib/modules/$(uname -r)/" -name 'l1tune.ko*' 2> /dev/null | head -n 1
}

is_loaded()
{
	[ -e /sys/module/l1tune ]
}

# load_module [PARAMETER=VALUE]…: that of the checkout comes before an installed one
load_module()
{
	module=$(built_module)
	if [ -n "$module" ]; then
		insmod "$module" "$@"
	else
		modprobe l1tune "$@"
	fi
}

# vm_holders: the processes that have a VM of KVM's open
vm_holders()
{
	# shellcheck disable=SC2012 # no other tool of POSIX's or busybox's reads many links at once
	ls -l /proc/[0-9]*/fd 2> /dev/null | awk '
	/^\/proc\// { split($0, path, "/"); pid = path[3] }
	/ -> anon_inode:kvm-vm$/ { print pid }' | sort -un
}

# unfit: why nothing can be tested here, or nothing
unfit()
{
	if [ "$(id -u)" -ne 0 ]; then
		echo "the tests need root"
	elif [ ! -c /dev/kvm ]; then
		echo "there is no /dev/kvm"
	elif [ ! -d /sys/kernel/debug/kvm ]; then
		echo "KVM's statistics are not readable: debugfs is not mounted, or is locked down"
	elif [ ! -d /sys/kernel/tracing/events/kvm ]; then
		echo "KVM's trace events are not readable: tracefs is not mounted at /sys/kernel/tracing, or is locked down"
	elif ! command -v vmm > /dev/null; then
		echo "the tests' programs are not built: make -C selftests"
	elif ! command -v l1tune > /dev/null; then
		echo "the tool is neither built nor installed: make tool"
	elif [ -z "$(built_module)$(installed_module)" ]; then
		echo "the module is neither built nor installed for $(uname -r): make module"
	else
		holders=$(vm_holders | xargs)
		if [ -n "$holders" ]; then
			# A VMM of the test before may not have ended quite yet.
			sleep 2
			holders=$(vm_holders | xargs)
		fi
		[ -z "$holders" ] || echo "guests that are not the tests' are running: PID $holders"
	fi
}
