# SPDX-License-Identifier: GPL-2.0
# Quiet builds as the kernel has them: "  CC      main.o". A recipe begins with
# $(call quiet,CC) and prefixes its commands with $(Q). V=1 shows the commands,
# make -s shows nothing.
ifeq ($(V),1)
Q :=
quiet = @:
else ifneq ($(findstring s,$(filter-out --%,$(firstword $(MAKEFLAGS)))),)
Q := @
quiet = @:
else
Q := @
quiet = @printf '  %-7s %s\n' '$(1)' '$(@F)'
endif
