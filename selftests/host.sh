# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Where the tests' files are, and whether the machine is fit for the tests: for
# run_tests.sh and lib.sh. HERE is the directory of the scripts.

# In a checkout programs and tool are in the build directory; in the emulated L1
# programs are in the scripts' directory, and the tool is installed.
BUILD=${L1TUNE_BUILD:-$HERE/../build}
if [ -d "$BUILD/selftests" ]; then
	PROGRAMS=$BUILD/selftests
	PATH=$PROGRAMS:$BUILD:$PATH
else
	PROGRAMS=$HERE
	PATH=$HERE:$PATH
fi

# is_disposable: whether this machine is for the tests only. The emulated L1 is; for
# another machine set DISPOSABLE=yes. Elsewhere no CPU is taken offline, nothing is
# suspended, no configuration is written and no kernel cache is dropped.
is_disposable()
{
	case ${DISPOSABLE-} in
	yes) return 0 ;;
	no) return 1 ;;
	*) [ -e /l1/env ] ;;
	esac
}

# built_module: prints the path of the checkout's l1tune.ko, if it is built for this kernel
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

# load_module [PARAMETER=VALUE]…: prefers the checkout's module to an installed one
load_module()
{
	module=$(built_module)
	if [ -n "$module" ]; then
		insmod "$module" "$@"
	else
		modprobe l1tune "$@"
	fi
}

# vm_holders: prints processes that have a VM of KVM open
vm_holders()
{
	# shellcheck disable=SC2012 # no other tool of POSIX or busybox reads many links at once
	ls -l /proc/[0-9]*/fd 2> /dev/null | awk '
	/^\/proc\// { split($0, path, "/"); pid = path[3] }
	/ -> anon_inode:kvm-vm$/ { print pid }' | sort -un
}

# unfit: prints why nothing can be tested here, or nothing
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
			# A VMM of the previous test may still be about to end.
			sleep 2
			holders=$(vm_holders | xargs)
		fi
		[ -z "$holders" ] || echo "other guests are running: PID $holders"
	fi
}
