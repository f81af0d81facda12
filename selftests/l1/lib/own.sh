# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are read by scripts that source this
# Kernels that are built here once and cached: Debian's source with other configurations, such as 6.1-kasan or
# 6.1-kcfi-thinlto (each word is a file in configs/), and a developer's trees, named by their path.

OWN_VERSION=6.1
OWN_SOURCE=linux-source-6.1
# The clang of the Debian that builds them: the first one that checks indirect calls on x86.
CLANG=16
CLANG_PACKAGES=("clang-$CLANG" "lld-$CLANG" "llvm-$CLANG" make flex bison bc libelf-dev libssl-dev libc6-dev python3 kmod lz4)

# own_set_configs KIND: sets CONFIGS to the options that the tests need on any host, on an emulated one, and those of KIND
own_set_configs()
{
	local word
	CONFIGS=("$L1_DIR/../config" "$L1_DIR/configs/base.config")
	for word in ${1//-/ }; do
		[[ -f $L1_DIR/configs/$word.config ]] || usage_error "unknown kernel $OWN_VERSION-$1: there is no configs/$word.config"
		CONFIGS+=("$L1_DIR/configs/$word.config")
	done
}

# unpack_source DIR: Debian's source as DIR/tree
unpack_source()
{
	local dir=$1 root
	root=$(apt_root bookworm)
	mkdir "$dir/debs"
	fetch_debs "$root" "$dir/debs" "$OWN_SOURCE"
	dpkg-deb --fsys-tarfile "$dir/debs"/*.deb | tar -xO "./usr/src/$OWN_SOURCE.tar.xz" | tar -xJ -C "$dir"
	rm -r "$dir/debs"
	mv "$dir/$OWN_SOURCE" "$dir/tree"
}

# copy_source DIR TREE
copy_source()
{
	mkdir "$1/tree"
	tar -C "$2" --exclude=.git -c . | tar -C "$1/tree" -x
}

# make_kernel DIR ARGUMENT…: make in DIR/tree, with the configured compiler
make_kernel()
{
	# shellcheck disable=SC2034 # binds is read by its name
	local dir=$1 binds=("$1") compiler=()
	shift
	[[ -z $CLANG_ROOT ]] || compiler=("LLVM=-$CLANG")
	make_in "$CLANG_ROOT" "$dir/in_root" binds -C "$dir/tree" "${compiler[@]}" "$@"
}

# takes_all DIR: whether the kernel's configuration has all options of CONFIGS
takes_all()
{
	local missing
	missing=$(awk -F= '/^CONFIG_.*=[ym]$/ { last[$1] = $0 } END { for (name in last) print last[name] }' "${CONFIGS[@]}" |
		grep -vxFf "$1/tree/.config")
	[[ -z $missing ]] || { printf 'not to be had: %s\n' "$missing"; false; }
}

# make_from_source DIR LOCALVERSION
make_from_source()
{
	make_kernel "$1" tinyconfig &&
		(cd "$1/tree" && scripts/kconfig/merge_config.sh -m .config "${CONFIGS[@]}") &&
		make_kernel "$1" olddefconfig && takes_all "$1" &&
		make_kernel "$1" -j "$(nproc)" "LOCALVERSION=-$2" bzImage modules &&
		make_kernel "$1" "LOCALVERSION=-$2" INSTALL_MOD_PATH="$1" modules_install
}

# build_own_kernel DIR NAME UNPACK [TREE]: the whole tree is kept, to build modules against
build_own_kernel()
{
	local dir=$1 name=$2
	shift 2
	need flex flex
	need bison bison
	need bc bc
	CLANG_ROOT=
	if grep -qx CONFIG_CC_IS_CLANG=y "${CONFIGS[@]}"; then
		CLANG_ROOT=$(root_get bookworm "${CLANG_PACKAGES[@]}")
	fi
	say "building the kernel $name (a quarter of an hour on two CPUs, once)"
	"$1" "$dir" "${@:2}"
	make_from_source "$dir" "$(basename "$name" | tr -c 'a-z0-9.\n' -)" > "$dir/log" 2>&1 ||
		{ cp "$dir/log" "$CACHE/failed.log"; tail -n 20 "$dir/log" >&2; die "the kernel $name does not build: see $CACHE/failed.log"; }
	take_kernel "$dir" "$dir/tree"
	find "$dir/tree" -name '*.o' ! -path '*/scripts/*' ! -path '*/tools/*' -delete
	rm -f "$dir/tree/vmlinux" "$dir/tree"/.tmp_*
}

# take_kernel DIR TREE: takes the files to boot from a built tree whose modules are in DIR/lib
take_kernel()
{
	local dir=$1 tree=$2 release
	release=$(< "$tree/include/config/kernel.release")
	rm -f "$dir/lib/modules/$release"/{build,source}
	printf '%s\n' "$release" > "$dir/release"
	cp "$tree/arch/x86/boot/bzImage" "$dir/vmlinuz"
	cp "$tree/.config" "$dir/config"
}

# build_from_built DIR TREE: from a tree that its owner has built
build_from_built()
{
	local dir=$1 tree=$2
	make -C "$tree" INSTALL_MOD_PATH="$dir" INSTALL_MOD_STRIP=1 modules_install > "$dir/log" 2>&1 ||
		{ tail -n 5 "$dir/log" >&2; die "the modules of $tree are not built: make -C $tree modules"; }
	prune_modules "$dir/lib/modules/$(< "$tree/include/config/kernel.release")"
	take_kernel "$dir" "$tree"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir" "$(< "$dir/release")" 2> /dev/null
}

# newest_in TREE: time of the last change to a file in it
newest_in()
{
	find "$1" -name .git -prune -o -type f -printf '%T@\n' | sort -n | tail -n 1
}

# own_get KIND, own_tree_get PATH: set what kernel_get and headers_get set
own_get()
{
	own_set_configs "$1"
	KERNEL_KEY=own-$1-$(hash_of "${CONFIGS[@]}")
	KERNEL_DIR=$(cached "kernel/$KERNEL_KEY" build_own_kernel "$1" unpack_source)
	own_found "$KERNEL_DIR/tree"
}

# A built tree is used as it is; any other is copied, and built like the kinds.
own_tree_get()
{
	local tree
	[[ -f $1/Kconfig && -d $1/arch/x86/kvm ]] || usage_error "$1 is not the tree of a kernel's source"
	tree=$(cd "$1" && pwd)
	if [[ -f $tree/arch/x86/boot/bzImage ]]; then
		KERNEL_KEY=own-built-$(hash_of <(echo "$tree") "$tree/arch/x86/boot/bzImage" "$tree/Module.symvers")
		KERNEL_DIR=$(cached "kernel/$KERNEL_KEY" build_from_built "$tree")
		own_found "$tree"
		return
	fi
	[[ ! -f $tree/.config ]] ||
		die "$tree is configured and not built: make -C $tree bzImage modules; or, for the tests' own configuration, make -C $tree mrproper"
	own_set_configs ''
	KERNEL_KEY=own-tree-$(hash_of <(echo "$tree"; newest_in "$tree") "${CONFIGS[@]}")
	KERNEL_DIR=$(cached "kernel/$KERNEL_KEY" build_own_kernel "$tree" copy_source "$tree")
	own_found "$KERNEL_DIR/tree"
}

own_found()
{
	KERNEL_SUITE=bookworm
	KERNEL_RELEASE=$(< "$KERNEL_DIR/release")
	KDIR=$1
}
