# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# The AMD machine: QEMU's TCG has SVM.

# Sets EMULATOR to the command that runs the machine.
qemu_machine()
{
	local dir=$1 args=$KERNEL_ARGS${L1_KERNEL_ARGS:+ $L1_KERNEL_ARGS}
	need qemu-system-x86_64 qemu-system-x86
	cat "${INITRAMFS[@]}" > "$dir/initrd"
	# shellcheck disable=SC2054 # these commas are QEMU's
	EMULATOR=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none
		-cpu "${L1_CPU_MODEL:-max,+svm,+npt}" -m "$MEMORY" -smp "$SMP${L1_THREADS:+,threads=$L1_THREADS}"
		-kernel "$KERNEL_DIR/vmlinuz" -initrd "$dir/initrd" -append "$args"
		-chardev "file,id=console,path=$dir/console" -serial chardev:console
		-chardev stdio,id=debug,signal=off -device isa-debugcon,iobase=0xe9,chardev=debug)
	if [[ -n ${L1_SMBIOS:-} ]]; then
		local table
		while IFS= read -r table; do
			EMULATOR+=(-smbios "$table")
		done <<<"$L1_SMBIOS"
	fi
	if [[ -n $SHELL_WANTED ]]; then
		EMULATOR+=(-serial @TTY@)
	fi
	if [[ -n $ICOUNT ]]; then
		EMULATOR+=(-accel 'tcg,thread=single' -icount 'shift=0,sleep=off')
	else
		# One thread for all CPUs: with one thread each, a CPU sometimes keeps executing
		# a breakpoint that another CPU has removed, and the machine hangs.
		EMULATOR+=(-accel 'tcg,thread=single')
	fi
}
