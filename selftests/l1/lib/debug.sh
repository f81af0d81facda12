# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read by those who source this
# Kernels with the kernel's own means of finding mistakes, built from Debian's source: 6.1-kasan and 6.1-kcsan.

DEBUG_SOURCE=linux-source-6.1

# debug_configs KIND: what the tests want of any host, and of an emulated one; the last word is the kind's
debug_configs()
{
	echo "$L1_DIR/../config" "$L1_DIR/debug.config" "$L1_DIR/debug-$1.config"
}

# build_debug_kernel DIR KIND: the whole tree stays, as the headers that modules are built with
build_debug_kernel()
{
	local dir=$1 kind=$2 configs root release
	read -ra configs <<< "$(debug_configs "$kind")"
	need flex flex
	need bison bison
	need bc bc
	root=$(apt_root bookworm)
	mkdir "$dir/debs"
	fetch_debs "$root" "$dir/debs" "$DEBUG_SOURCE"
	say "building a kernel for $kind (a quarter of an hour on two CPUs, once)"
	dpkg-deb --fsys-tarfile "$dir/debs"/*.deb | tar -xO "./usr/src/$DEBUG_SOURCE.tar.xz" | tar -xJ -C "$dir"
	rm -r "$dir/debs"
	mv "$dir/$DEBUG_SOURCE" "$dir/tree"
	{
		make -C "$dir/tree" tinyconfig
		(cd "$dir/tree" && scripts/kconfig/merge_config.sh -m .config "${configs[@]}")
		make -C "$dir/tree" olddefconfig
		awk -F= '/^CONFIG_.*=[ym]$/ { last[$1] = $0 } END { for (name in last) print last[name] }' "${configs[@]}" |
			sort > "$dir/wanted"
		sort "$dir/tree/.config" | comm -23 "$dir/wanted" - | sed 's/^/not to be had: /' > "$dir/missing"
		[[ ! -s $dir/missing ]] || { cat "$dir/missing"; false; }
		make -C "$dir/tree" -j "$(nproc)" LOCALVERSION="-$kind" bzImage modules
		make -C "$dir/tree" LOCALVERSION="-$kind" INSTALL_MOD_PATH="$dir" modules_install
	} > "$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; die "the kernel for $kind does not build"; }
	release=$(< "$dir/tree/include/config/kernel.release")
	rm -f "$dir/lib/modules/$release"/{build,source}
	printf '%s\n' "$release" > "$dir/release"
	cp "$dir/tree/arch/x86/boot/bzImage" "$dir/vmlinuz"
	cp "$dir/tree/.config" "$dir/config"
	find "$dir/tree" -name '*.o' ! -path '*/scripts/*' ! -path '*/tools/*' -delete
	rm -f "$dir/tree/vmlinux" "$dir/tree"/.tmp_*
}

# debug_get VERSION: sets what kernel_get and headers_get set
debug_get()
{
	local kind=${1#*-} configs
	read -ra configs <<< "$(debug_configs "$kind")"
	KERNEL_SUITE=bookworm
	KERNEL_KEY=debug-$kind-$(hash_of "${configs[@]}")
	KERNEL_DIR=$(cached "kernel/$KERNEL_KEY" build_debug_kernel "$kind")
	KERNEL_RELEASE=$(< "$KERNEL_DIR/release")
	KDIR=$KERNEL_DIR/tree
}
