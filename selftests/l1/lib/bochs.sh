# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# The Intel machine: Bochs has VMX.
#
# Bochs 3.0 of trixie is preferred to bookworm's 2.7: it is faster (see ../README.md) and has more than one CPU, unlike Debian's build of
# 2.7. It is not installed but unpacked into the cache with trixie's C and C++ libraries; other libraries are bookworm's.
# 3.1 does not run Linux (a divide error early in every kernel).

BOCHS_SUITE=trixie
BOCHS_PACKAGES=(bochs bochsbios)
BOCHS_LIBRARIES=(libc6 libstdc++6 libgcc-s1 libreadline8t64 libtinfo6)
BOCHS_PLUGINS=usr/lib/x86_64-linux-gnu/bochs/plugins

build_bochs()
{
	local dir=$1 root deb
	root=$(apt_root "$BOCHS_SUITE")
	mkdir "$dir/debs"
	fetch_debs "$root" "$dir/debs" "${BOCHS_PACKAGES[@]}" "${BOCHS_LIBRARIES[@]}"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -rf "$dir/debs"
}

# Sets BOCHS to the command, BOCHS_SHARE to its BIOS files and BOCHS_VERSION.
bochs_get()
{
	local dir libraries
	need bochs-bin bochs
	BOCHS_VERSION=${L1_BOCHS:-3.0}
	case $BOCHS_VERSION in
	2.7)
		BOCHS=(bochs-bin)
		BOCHS_SHARE=/usr/share/bochs
		;;
	3.0)
		dir=$(cached "bochs/3.0" build_bochs)
		libraries=$dir/usr/lib/x86_64-linux-gnu
		BOCHS=(env "LTDL_LIBRARY_PATH=$dir/$BOCHS_PLUGINS" "BXSHARE=$dir/usr/share/bochs"
			"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:/usr/lib/x86_64-linux-gnu" "$dir/usr/bin/bochs-bin")
		BOCHS_SHARE=$dir/usr/share/bochs
		;;
	*)
		usage_error "L1_BOCHS=$BOCHS_VERSION: 2.7 or 3.0"
		;;
	esac
}

# With L1_IGNORE_BAD_MSRS=0 access to an MSR that the CPU lacks faults. Linux needs some that Bochs lacks: IA32_MISC_ENABLE, early in the
# boot when a fault is fatal, IA32_BIOS_SIGN_ID, IA32_THERM_INTERRUPT, IA32_PACKAGE_THERM_INTERRUPT, IA32_MPERF, IA32_APERF, IA32_ENERGY_PERF_BIAS,
# IA32_PERF_CAPABILITIES, MSR_POWER_CTL, IA32_PLATFORM_ID. Each line is an MSR, its type, then, in two halves each, the value at reset, the reserved bits
# and the ignored bits.
write_msrs()
{
	printf '%s 0 00000000 00000001 00000000 00000000 ffffffff ffffffff\n' 0x1a0 0x8b 0x19b 0x1b2 0xe7 0xe8 0x1b0 0x345 0x1fc 0x17 > "$1/msrs"
}

# Bochs claims machine checks and adjustable clocks without all of their MSRs. Additional kernel arguments are for L1; under an L0, L1 gets them.
more_args()
{
	# With two CPUs an idle CPU sometimes misses a wake-up until its next tick, minutes later if its tick is stopped.
	((SMP < 2)) || echo -n ' nohz=off'
	[[ ${L1_IGNORE_BAD_MSRS:-1} != 0 ]] || echo -n ' mce=off intel_pstate=disable'
	[[ $L0 != none || -z ${L1_KERNEL_ARGS:-} ]] || echo -n " $L1_KERNEL_ARGS"
}

write_bochsrc()
{
	local dir=$1 ips=50000000 msrs=ignore_bad_msrs=1
	if [[ ${L1_IGNORE_BAD_MSRS:-1} == 0 ]]; then
		write_msrs "$dir"
		msrs="ignore_bad_msrs=0, msrs=$dir/msrs"
	fi
	if ((SMP > 1)); then
		[[ $BOCHS_VERSION != 2.7 ]] || usage_error "--smp $SMP: Bochs 2.7 has one CPU only"
		# a higher value makes time with all CPUs idle slow
		ips=20000000
	fi
	cat > "$dir/bochsrc" <<-EOF
		config_interface: textconfig
		display_library: rfb, options="timeout=0"
		vga: extension=vbe, update_freq=1
		romimage: file=$BOCHS_SHARE/BIOS-bochs-latest
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		megs: $MEMORY
		cpu: model=${L1_CPU_MODEL:-corei7_haswell_4770}, count=$SMP, ips=$ips, reset_on_triple_fault=0, $msrs
		clock: sync=none, time0=local
		ata0-master: type=cdrom, path=$dir/boot.iso, status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=$dir/console
		port_e9_hack: enabled=1
		log: $dir/bochs.log
		panic: action=fatal
		error: action=report
		info: action=ignore
	EOF
	# commands for the debugger's prompt, which Debian's build has
	echo c > "$dir/debugger"
}

# The kernel's raw image goes first in the initrd, where the stub expects it.
write_iso()
{
	local dir=$1
	mkdir "$dir/iso"
	cp "$KERNEL_FAST_DIR/fast-vmlinuz" "$dir/iso/vmlinuz"
	cat "$KERNEL_FAST_DIR/fast-kernel" "${INITRAMFS[@]}" > "$dir/iso/initrd"
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$dir/iso/"
	printf '%s\n' 'default l1' 'prompt 0' 'label l1' ' kernel /vmlinuz' " append initrd=/initrd $KERNEL_ARGS$(more_args) lpj=4000000 reboot=t" > "$dir/iso/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$dir/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$dir/iso" 2> "$dir/xorriso.log" || {
		cat "$dir/xorriso.log" >&2
		die "xorriso cannot write $dir/boot.iso"
	}
	rm -r "$dir/iso"
}

# The headless display is a VNC server. A network namespace keeps it unreachable and avoids port conflicts.
bochs_network()
{
	local unshare
	for unshare in 'unshare -n' 'unshare -rn'; do
		if $unshare true 2> /dev/null; then
			echo "$unshare"
			return
		fi
	done
}

# Sets EMULATOR to the command that runs the machine.
bochs_machine()
{
	local dir=$1 network
	need xorriso xorriso
	[[ -r /usr/lib/ISOLINUX/isolinux.bin ]] || die "isolinux is not installed: run selftests/l1/setup first"
	bochs_get
	write_bochsrc "$dir"
	write_iso "$dir"
	network=$(bochs_network)
	# shellcheck disable=SC2206 # words on purpose
	EMULATOR=($network "${BOCHS[@]}" -q -f "$dir/bochsrc" -rc "$dir/debugger")
	if [[ -n $SHELL_WANTED ]]; then
		EMULATOR+=('com2: enabled=1, mode=term, dev=@TTY@')
	fi
}
