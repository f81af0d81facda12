# SPDX-License-Identifier: GPL-2.0
# l1tune: the module (Kbuild), the tool (tools/), the tests (selftests/).
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
O := $(CURDIR)/build

MAKEFLAGS += --no-print-directory
# As in the kernel's build, V=1 shows the commands.
Q := $(if $(filter 1,$(V)),,@)

VERSION := $(shell sed -n 's/^L1TUNE_VERSION := //p' Kbuild)

.PHONY: all
all: module tool

# A kernel of clang has options that gcc lacks, and one of a newer gcc those that an older gcc
# lacks. A compiler that is named by CC= or LLVM= is taken as it is.
ifeq ($(origin CC) $(origin LLVM),default undefined)
kernel_config = $(shell sed -n $(1) '$(KDIR)/include/config/auto.conf' 2>/dev/null)
kernel_clang = $(call kernel_config,-e 's/^CONFIG_CC_IS_CLANG=y/CC=clang/p' -e 's/^CONFIG_LD_IS_LLD=y/LD=ld.lld/p')
kernel_gcc = $(call kernel_config,'s/^CONFIG_CC_VERSION_TEXT="*\([^ ]*gcc-[0-9][^ ]*\).*/\1/p')
kernel_compiler = $(or $(kernel_clang),$(if $(shell command -v '$(kernel_gcc)' 2>/dev/null),CC=$(kernel_gcc)))
endif

.PHONY: module
module: # build the kernel module, l1tune.ko; KVER= or KDIR= for another kernel
	@test -e '$(KDIR)/Makefile' || { \
		echo "l1tune: no headers of kernel $(KVER) in $(KDIR)" >&2; \
		echo "  install them (Debian, Ubuntu: apt install linux-headers-$(KVER); EL, Fedora:" >&2; \
		echo "  dnf install kernel-devel-$(KVER); others: docs/operating.md, Headers)," >&2; \
		echo "  name others with KVER= or KDIR=, or build the tool alone: make tool" >&2; \
		exit 1; }
	@for program in $(patsubst CC=%,%,$(patsubst LD=%,%,$(kernel_clang))); do \
		command -v $$program > /dev/null && continue; \
		echo "l1tune: kernel $(KVER) was built with $$program, which is not installed" >&2; \
		echo "  install clang and lld, or name another clang: LLVM=1, LLVM=-18, LLVM=/usr/lib/llvm/bin/" >&2; \
		exit 1; \
	done
	$(Q)$(MAKE) -C '$(KDIR)' M='$(CURDIR)' $(kernel_compiler) modules

.PHONY: tool
tool: # build the tool, build/l1tune
	@$(MAKE) -C tools O='$(O)' VERSION='$(VERSION)'

.PHONY: selftests
selftests: # build the programs of the tests; to run the tests here: make -C selftests run_tests
	@$(MAKE) -C selftests programs O='$(O)'

.PHONY: setup
setup: # install the Debian packages that demo, check and shell need
	@selftests/l1/setup

.PHONY: demo
demo: setup tool selftests # show l1tune in five screens, in an emulated cloud instance
	@selftests/demo

.PHONY: check
check: setup # run what every change has to pass, in emulated L1 hosts with VMX and SVM (40 minutes)
	@selftests/check

.PHONY: check-debug
check-debug: setup # run tests and chaos on kernels with KASAN, lockdep, KCSAN (hours)
	@selftests/check kasan_svm kasan_vmx fail kcsan_svm kcsan_vmx

.PHONY: mutants
mutants: setup selftests # break the tool in hundreds of places, one at a time: do tests notice? MUTANTS="--module" for options
	@selftests/mutants $(MUTANTS)

.PHONY: matrix
matrix: setup # run all suites on all kernels (hours), or on KDIR=TREE; MATRIX="--table" for options
	@selftests/matrix $(MATRIX) $(if $(filter command,$(firstword $(origin KDIR))),'$(KDIR)/')

.PHONY: bench
bench: setup # measure what observers cost; BENCH="--json vmx-6.1" for options
	@selftests/bench/run $(BENCH)

.PHONY: shell
shell: setup tool selftests # open a console in an emulated L1; L1="--cpu svm" for options
	@selftests/l1/run $(L1) --shell

# With DESTDIR files are only copied. DKMS builds from /usr/src.
SOURCE := $(DESTDIR)/usr/src/l1tune-$(VERSION)

.PHONY: install
install: install-tool install-source # install the tool, its services, and the module by DKMS; DESTDIR=, prefix=
ifeq ($(DESTDIR),)
	$(Q)packaging/dkms install $(VERSION) $(KVER)
endif

.PHONY: install-tool
install-tool:
	@$(MAKE) -C tools O='$(O)' VERSION='$(VERSION)' install

.PHONY: install-source
install-source:
	@echo '  INSTALL $(SOURCE)'
	$(Q)install -d '$(SOURCE)'
	$(Q)install -m 0644 Kbuild Makefile dkms.conf '$(SOURCE)'
	$(Q)install -d '$(SOURCE)/module'
	$(Q)install -m 0644 module/*.[ch] module/forms.sh '$(SOURCE)/module'

.PHONY: uninstall
uninstall: # remove what install has installed, except /etc/l1tune.conf
ifeq ($(DESTDIR),)
	-$(Q)systemctl disable --now l1tune-export.timer l1tune-record l1tune
	$(Q)packaging/dkms remove $(VERSION) $(KVER)
endif
	$(Q)rm -rf '$(SOURCE)'
	@$(MAKE) -C tools VERSION='$(VERSION)' uninstall
ifeq ($(DESTDIR),)
	-$(Q)systemctl daemon-reload
	@test ! -e /sys/module/l1tune || echo '  NOTE    the module stays loaded, and keeps its limits: rmmod l1tune'
endif

DIST := build/l1tune-$(VERSION).tar.gz

.PHONY: dist
dist: # pack the source into build/l1tune-VERSION.tar.gz
	$(Q)packaging/dist '$(VERSION)' '$(DIST)'

.PHONY: deb
deb: dist # build Debian packages, in build/deb
	$(Q)packaging/deb '$(VERSION)' '$(DIST)'

.PHONY: rpm
rpm: dist # build rpm packages, in build/rpm
	$(Q)packaging/rpm '$(VERSION)' '$(DIST)'

.PHONY: modules-deb
modules-deb: # build a Debian package of the module for the kernel KVER=; SIGN_KEY=, SIGN_CERT=, KO=
	$(Q)packaging/modules-deb '$(VERSION)' '$(KVER)' '$(KDIR)'

.PHONY: clean
clean: # remove what was built
	$(Q)rm -rf build
	$(Q)$(RM) l1tune.ko l1tune.mod l1tune.mod.c l1tune.o l1tune.mod.o l1t_forms.h .*.cmd \
		module/*.o module/.*.cmd Module.symvers modules.order

.PHONY: help
help: # show this list
	@sed -n 's/^\([a-z-]*\):[^#]*# \(.*\)/\1\t\2/p' Makefile | \
		while IFS='	' read -r target text; do \
			printf '  %-11s %s\n' "$$target" "$$text"; \
		done
