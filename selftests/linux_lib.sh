# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A stock Linux at /l2, see ./check, as a guest of Debian's QEMU.

LINUX_APPEND="console=ttyS0 quiet nokaslr mitigations=off tsc=reliable no_timer_check random.trust_cpu=on cryptomgr.notests=1 panic=-1 reboot=t"

# linux NAME [WORD…]: in the background; WORDs for its command line, its
# console is $TMP/NAME
linux()
{
	name=$1
	shift
	linux_reads "$name" /dev/null "$@"
}

# linux_reads NAME FILE [WORD…]: the same, and what is written to FILE is typed there;
# LINUX_CPU is its CPU, host if unset, LINUX_MACHINE its machine, a microvm if unset
linux_reads()
{
	name=$1
	input=$2
	shift 2
	qemu-system-x86_64 -name "guest=$name,debug-threads=on" -accel kvm -cpu "${LINUX_CPU:-host}" \
		-M "${LINUX_MACHINE:-microvm,x-option-roms=off,isa-serial=on,rtc=on}" -m 192 -nodefaults -no-user-config \
		-display none -serial stdio -no-reboot -kernel /l2/vmlinuz -initrd /l2/initrd \
		-append "$LINUX_APPEND $*" < "$input" > "$TMP/$name" 2>&1 &
	eval "pid_$name=$!"
}

# is_up NAME
is_up()
{
	grep -q 'L2 is up' "$TMP/$1"
}

# lived NAME SECONDS: by what it says each second
lived()
{
	[ "$(grep -ac 'L2 lives' "$TMP/$1")" -ge "$2" ]
}

# no_linux: plans nothing where there is no guest
no_linux()
{
	[ -e /l2/vmlinuz ] || skip_all "no /l2/vmlinuz: no Linux to run as a guest"
}
