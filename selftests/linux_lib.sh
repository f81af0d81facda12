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
		HOME=$TMP lkvm run --name "$name" -c 1 -m 192 --network mode=none --console serial -k /l2/vmlinuz -i /l2/initrd \
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

# has_ended NAME: whether its VMM has ended; the VMM does not restart the guest
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

# known_deaths VMM: five results, of ways to die that each VMM leaves to its guest; a PC resets
# itself by its keyboard controller
known_deaths()
{
	dies panics "triple fault" l2.panic && grep -q 'a deliberate restart' "$TMP/gone"
	result "a Linux under $1 that panics and restarts by a triple fault is said to have ended by one, maybe on purpose"
	dies exits "triple fault" l2.exit
	result "a Linux under $1 whose init exits is said to have ended by a triple fault"
	dies lost_root "triple fault" rdinit=/none root=/dev/none
	result "a Linux under $1 without a root file system is said to have ended by a triple fault"
	LINUX_MACHINE=pc
	dies resets "keyboard controller" l2.panic reboot=k
	result "a Linux under $1 that panics and restarts by the keyboard controller is said to have reset itself by it"
	LINUX_MACHINE=
	linux killed
	within 120 is_up killed && kill -KILL "$(pid killed)" && wait_for has_ended killed && has_cause killed SIGKILL
	result "a Linux whose $1 is killed is said to have ended by that"
}
