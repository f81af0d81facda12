# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# The third layer: the emulated Intel CPU runs an L0 Linux instead of L1, and L1 is a guest of its KVM.

L0_KERNEL=6.1
# L0's own needs: its kernel and QEMU, L1's kernel and initramfs as files
L0_MEMORY=512

L0_QEMU=/usr/bin/qemu-system-x86_64
QEMU_DATA=/usr/share/qemu

build_l0_base()
{
	local dir=$1 file
	need "$L0_QEMU" qemu-system-x86
	mkdir "$dir/root"
	make_machine "$dir/root" init-l0
	put_file "$dir/root" "$L0_QEMU" "$L0_QEMU"
	for file in bios-microvm.bin linuxboot_dma.bin; do
		put_file "$dir/root" "$QEMU_DATA/$file" "$QEMU_DATA/$file"
	done
	put_file "$dir/root" "$L1_DIR/guest/count-l0" /l0/count
	chmod 755 "$dir/root/l0/count"
	cpio_of "$dir/root" > "$dir/base.cpio"
	rm -r "$dir/root"
}

write_l0_env()
{
	local shadow=0
	if [[ $L0 == shadow ]]; then
		shadow=1
	fi
	printf "%s='%s'\n" L0_SHADOW_VMCS "$shadow" L0_CPU "host${L1_L0_CPU:+,$L1_L0_CPU}" L0_COUNT "$L0_EXITS" L0_HOG "${L1_L0_HOG-}" L1_NONCE "$NONCE" L1_SHELL "$SHELL_WANTED" \
		L1_MEMORY "$MEMORY" L1_SMP "$SMP" L1_KERNEL_ARGS "$KERNEL_ARGS${L1_KERNEL_ARGS:+ $L1_KERNEL_ARGS} reboot=t"
}

# Replaces kernel and INITRAMFS by those of L0, which contain L1's. MEMORY becomes L0's.
l0_wrap()
{
	local dir=$1 base
	mkdir -p "$dir/l0/l0"
	cp "$KERNEL_FAST_DIR/fast-vmlinuz" "$dir/l0/l0/vmlinuz"
	cat "$KERNEL_FAST_DIR/fast-kernel" "${INITRAMFS[@]}" > "$dir/l0/l0/initrd"
	write_l0_env > "$dir/l0/l0/env"
	cpio_of "$dir/l0" > "$dir/l0.cpio"
	rm -r "$dir/l0"

	kernel_get "$L0_KERNEL"
	base=$(cached "base/l0-$KERNEL_KEY-$(hash_of "$L1_DIR/guest/init-l0" "$L1_DIR/guest/count-l0" "$L1_DIR/lib/l0.sh" "${BASE_SOURCES[@]}" "$L0_QEMU")" build_l0_base)
	INITRAMFS=("$base/base.cpio" "$dir/l0.cpio")
	MEMORY=$((MEMORY + L0_MEMORY))
}
