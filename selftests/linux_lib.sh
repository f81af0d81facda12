# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A stock Linux at /l2, see ./check, as a guest of Debian's QEMU, or of kvmtool's lkvm if
# LINUX_VMM is lkvm.

LINUX_APPEND="console=ttyS0 quiet nokaslr mitigations=off tsc=reliable no_timer_check random.trust_cpu=on cryptomgr.notests=1 panic=-1 reboot=t"

# linux NAME [WORD…]: in the background; WORDs for its command line, its
# console is $TMP/NAME
linux()
{
	name=$1
	shift
	linux_reads "$name" /dev/null "$@"
}

# linux_reads NAME FILE [WORD…]: the same, and what is written to FILE is typed there; of
# QEMU LINUX_CPU is the CPU, host if unset, LINUX_MACHINE the machine, a microvm if unset
linux_reads()
{
	name=$1
	input=$2
	shift 2
	if [ "${LINUX_VMM:-}" = lkvm ]; then
		lkvm run --name "$name" -c 1 -m 192 --network mode=none --console serial -k /l2/vmlinuz -i /l2/initrd \
			-p "$LINUX_APPEND $*" < "$input" > "$TMP/$name" 2>&1 &
		eval "pid_$name=$!"
		return
	fi
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

# dies NAME WORDS [WORD…]: a Linux with these on its command line, of which the cause has WORDS
dies()
{
	name=$1 words=$2
	shift 2
	linux "$name" "$@"
	within 120 has_ended "$name" || return
	has_cause "$name" "$words"
}

# has_ended NAME: and its VMM, which is told not to start it again
has_ended()
{
	! kill -0 "$(pid "$1")" 2> /dev/null
}

# has_cause NAME WORDS
has_cause()
{
	l1tune gone "pid:$(pid "$1")" > "$TMP/gone"
	sed 's/^/# /' "$TMP/gone" | head -n 8
	grep -a 'Kernel panic' "$TMP/$1" | head -n 1 | sed 's/^/# /'
	grep -qE "^cause *.*$2" "$TMP/gone"
}
