# SPDX-License-Identifier: BSD-2-Clause
#
# Every target of Glint; `make help` lists them. One image = one application,
# linked with the kernel and with the layers that its app.mk needs.

APP	?= httpd
FORMAT	?= elf
ON	?=
CC	= gcc
HOSTCC	= gcc
B	:= build
OBJ	?= $(B)/obj

export APP ON SITE DISK PORT MEM ARGS KARGS NET MACHINE

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

# ---- the application --------------------------------------------------------
app_dir	:= $(patsubst %/app.mk,%,$(firstword $(wildcard apps/$(APP)/app.mk tests/guest/$(APP)/app.mk bench/$(APP)/app.mk) apps/$(APP)/app.mk))
SRC	:=
NEEDS	:=
LIBS	:=
-include $(app_dir)/app.mk

# ---- platforms: a folder each under pv/; PV="kvm hv" chooses ---------------
all_pv	:= $(sort $(patsubst pv/%/platform.mk,%,$(wildcard pv/*/platform.mk)))
PV	?= $(all_pv)
no_pv	:= $(filter-out $(all_pv),$(PV))
DRIVERS	:=
BUSES	:=
BOOT	:= main memory strings stack
-include $(PV:%=pv/%/platform.mk)

# ---- sources by layer -------------------------------------------------------
src_of	= $(sort $(wildcard $(1:%=%/*.c) $(1:%=%/*.S)))
boot_src    := $(filter $(BOOT:%=boot/%.c) $(BOOT:%=boot/%.S),$(call src_of,boot))
kernel_src  := $(call src_of,kernel kernel/lib kernel/arch/x86_64)
pv_src	    := $(call src_of,pv/x86 $(PV:%=pv/%))
driver_src  := $(call src_of,drivers $(sort $(DRIVERS:%=drivers/%)))
libc_src    := $(call src_of,libc)
app_src	    := $(addprefix $(app_dir)/,$(SRC) $(SRC_GLINT))
net_src	    := $(if $(filter net,$(NEEDS)),$(call src_of,net))
fs_src	    := $(if $(filter fs,$(NEEDS)),$(call src_of,fs))
no_bus	    := $(filter-out $(BUSES),pci mmio hv)
driver_src  := $(filter-out $(if $(net_src),,%net.c) $(if $(fs_src),,%blk.c) $(no_bus:%=drivers/%.c) $(no_bus:%=\%_%.c),$(driver_src))

include net/lwip.mk
include fs/littlefs.mk
PHP	    := third_party/picohttpparser
third_src   := $(if $(net_src),$(LWIP_SRC))
third_src   += $(if $(filter picohttpparser,$(LIBS)),$(PHP)/picohttpparser.c)

# ---- flags ------------------------------------------------------------------
WARN	:= -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wundef -Wvla \
	   -Wstrict-prototypes -Wmissing-prototypes -Wimplicit-fallthrough
OPT	?= -O2
MACH	:= -march=x86-64 -mno-red-zone -fno-pic -fno-pie -fcf-protection=none \
	   -fstack-protector-strong -mstack-protector-guard=global \
	   -ftls-model=local-exec -ffunction-sections -fdata-sections \
	   -fno-omit-frame-pointer -fno-asynchronous-unwind-tables
# "rep" costs more than a call where the CPU is emulated, and starts slowly elsewhere.
MACH	+= $(if $(findstring clang,$(CC)),,-mmemcpy-strategy=unrolled_loop:128:noalign,libcall:-1:noalign \
	   -mmemset-strategy=unrolled_loop:128:noalign,libcall:-1:noalign)
GUEST	:= -std=c11 $(OPT) -g $(MACH) -nostdinc -isystem $(shell $(CC) -print-file-name=include)
PICO	:= $(B)/picolibc
PICOINC	:= -isystem $(PICO)/include -D_GNU_SOURCE -D_POSIX_TIMERS=1 \
	   -D_POSIX_MONOTONIC_CLOCK=200112L -D_POSIX_THREADS=1
VERSION	:= 0.1.0
# What each layer may include: the staged folder holds nothing else.
allow_boot    := boot kernel pv/hv/abi.h
allow_kernel  := kernel pv/pv.h
allow_pv      := pv kernel
allow_drivers := drivers kernel pv/pv.h pv/hv/abi.h
allow_net     := net kernel pv/pv.h
allow_fs      := fs kernel pv/pv.h
allow_libc    := libc kernel pv/pv.h
layers	      := boot kernel pv drivers net fs libc
inc	      = -I$(B)/inc/$1
conv	      := -Wconversion
flags_boot    := $(WARN) $(conv) -ffreestanding $(call inc,boot)
flags_kernel  := $(WARN) -ffreestanding -fno-builtin $(call inc,kernel) -idirafter $(PICO)/include
flags_pv      := $(WARN) $(conv) -ffreestanding $(call inc,pv) -idirafter $(PICO)/include
flags_drivers := $(WARN) $(conv) -ffreestanding -fbuiltin $(call inc,drivers) -idirafter $(PICO)/include
flags_net     := $(WARN) -ffreestanding -fbuiltin $(call inc,net) $(LWIP_INC) -idirafter $(PICO)/include
flags_fs      := $(WARN) -ffreestanding $(call inc,fs) $(LITTLEFS_INC) -idirafter $(PICO)/include
flags_libc    := $(WARN) -fno-builtin -DGLINT_VERSION='"$(VERSION)"' $(call inc,libc) -isystem libc/include $(PICOINC)
flags_apps    := $(WARN) -isystem libc/include $(PICOINC) -isystem $(PHP)
flags_tests/guest = $(flags_apps)
flags_bench = $(flags_apps)
flags_third_party := -w -isystem libc/include $(PICOINC)

obj	= $(patsubst %,$(OBJ)/%.o,$(basename $1))
objs	:= $(foreach s,$(boot_src) $(kernel_src) $(pv_src) $(driver_src) $(net_src) \
	   $(fs_src) $(libc_src) $(app_src) $(third_src),$(call obj,$s))
LD_FLAGS := -nostdlib -static -no-pie -z noexecstack -z max-page-size=4096 \
	   --build-id --gc-sections --no-warn-rwx-segments -T boot/link.ld

$(B)/inc/%/.stamp: Makefile
	@rm -rf $(@D) && mkdir -p $(@D)
	@for p in $(allow_$*); do mkdir -p $(@D)/$$(dirname $$p); ln -sfn $(CURDIR)/$$p $(@D)/$$p; done
	@touch $@

define layer_rule
$(OBJ)/$1/%.o: $1/%.c $(if $(filter $1,$(layers)),$(B)/inc/$1/.stamp) Makefile | $(PICO)/lib/libc.a
	@mkdir -p $$(@D); echo "  CC $$<"
	@$(CC) $(GUEST) $(flags_$1) $$(FILE_CFLAGS) -MMD -MP -c $$< -o $$@
$(OBJ)/$1/%.o: $1/%.S $(if $(filter $1,$(layers)),$(B)/inc/$1/.stamp) Makefile
	@mkdir -p $$(@D); echo "  AS $$<"
	@$(CC) $(GUEST) $(flags_$1) -MMD -MP -c $$< -o $$@
endef
$(foreach l,$(layers) apps tests/guest bench third_party,$(eval $(call layer_rule,$l)))
# Files of ours that the compiler may not turn into calls of themselves (clang: -fno-builtin does it), and foreign ones' own flags.
no_idioms := $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)
$(call obj,$(wildcard kernel/lib/string.c kernel/arch/x86_64/*.c)): FILE_CFLAGS = $(no_idioms)
$(call obj,$(LWIP_SRC)): FILE_CFLAGS = $(LWIP_CFLAGS) $(call inc,net)
$(call obj,$(LWIP_SRC)): $(B)/inc/net/.stamp
$(call obj,fs/lfs_core.c): FILE_CFLAGS = -fbuiltin

# ---- the image: linked twice, the second time with its own symbol table ----
link = ld $(LD_FLAGS) $(objs) $1 --start-group $(PICO)/lib/libc.a $(shell $(CC) -print-libgcc-file-name) --end-group
$(B)/$(APP).elf: $(objs) boot/link.ld tools/mksyms $(B)/.objs-$(APP)
	@$(link) -o $(B)/$(APP).pass1
	@tools/mksyms $(B)/$(APP).pass1 > $(B)/$(APP).syms.S
	@$(CC) -c $(B)/$(APP).syms.S -o $(B)/$(APP).syms.o
	@$(call link,$(B)/$(APP).syms.o) -o $(B)/$(APP).dbg
	@objcopy --strip-all $(B)/$(APP).dbg $@
	@echo "  LD $@ ($$(stat -c %s $@) bytes; platforms: $(PV))"
# Relinks when the set of objects changes (another PV, another app.mk).
objects: $(objs)
$(B)/.objs-$(APP): FORCE
	@mkdir -p $(B); echo "$(objs)" | cmp -s - $@ || echo "$(objs)" > $@

$(PICO)/lib/libc.a: | third_party/picolibc/.stamp
	@tools/build-picolibc.sh
third_party/%/.stamp:
	@tools/deps.sh

-include $(objs:.o=.d)

# ---- targets ----------------------------------------------------------------
print-linux-src:
	@echo $(addprefix $(app_dir)/,$(SRC) $(SRC_LINUX)) $(filter $(PHP)/%,$(third_src))
.PHONY: objects print-linux-src FORCE help deps packages image run linux sizes clean distclean check-app check-pv check-format

help: ## list the targets
	@echo "make TARGET [APP=hello|echo|httpd] [PV=\"$(all_pv)\"] [FORMAT=elf|iso] ..."
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14 | sort -u

packages: ## install the Debian packages that are missing (or list them)
	@tools/packages.sh build run

deps: packages ## fetch and build the pinned third-party sources
	@tools/deps.sh
	@tools/build-picolibc.sh

check-app:
	@test -f $(app_dir)/app.mk || { echo "make: no application '$(APP)': there is no $(app_dir)/app.mk (have: $(notdir $(patsubst %/app.mk,%,$(wildcard apps/*/app.mk))))" >&2; exit 2; }
check-pv:
	@test -z "$(no_pv)" || { echo "make: platform '$(no_pv)' has not landed yet (have: $(all_pv))" >&2; exit 2; }

check-format:
	@case "$(FORMAT)" in elf|iso) ;; *) echo "make: FORMAT=$(FORMAT): not one of elf, iso" >&2; exit 2 ;; esac
image: check-app check-pv check-format deps ## build/APP.elf, or build/APP.iso with FORMAT=iso
	@$(MAKE) --no-print-directory $(B)/$(APP).$(FORMAT)
# Always: ARGS and KARGS are fixed in it.
$(B)/%.iso: $(B)/%.elf tools/mkiso.sh FORCE
	@tools/mkiso.sh -o $@ $< $(if $(KARGS)$(ARGS),-- $(KARGS) $(if $(ARGS),-- $(ARGS)))

run: ## boot APP in the foreground: SITE= DISK= PORT= MEM= ARGS= ON=glint|qemu
	@tools/packages.sh build run && tools/run

linux: check-app packages ## the same application as a Linux program, build/linux/APP
	@tools/deps.sh >/dev/null
	@mkdir -p $(B)/linux
	$(HOSTCC) -std=gnu11 -O2 -g -Wall -Wextra -isystem $(PHP) \
		$(shell $(MAKE) -s print-linux-src APP=$(APP)) -o $(B)/linux/$(APP)

# ---- host tools ---------------------------------------------------------------
-include tools/mkvol.mk
.PHONY: mkvol
mkvol: $(B)/host/mkvol ## the host tool that makes volumes and archives
$(B)/host/mkvol: $(MKVOL_SRC) $(wildcard fs/*.h tools/*.h kernel/*.h kernel/lib/*.h) | third_party/littlefs/.stamp
	@mkdir -p $(@D); echo "  HOSTCC $@"
	@$(HOSTCC) -std=gnu11 -O2 -g -Wall -Wextra -I. $(MKVOL_CFLAGS) $(MKVOL_SRC) -o $@

include hv/hv.mk
include tests/tests.mk

sizes: ## size of each image by layer
	@tools/sizes.sh

boot-chart: ## draw where start-up time goes, docs/img/boot-phases.svg
	@tools/boot-chart --app $(APP)

clean: ## remove what was built, keep picolibc
	@find $(B) -mindepth 1 -maxdepth 1 ! -name 'picolibc*' -exec rm -rf {} + 2>/dev/null || true
distclean: ## remove build/ and third_party/
	@rm -rf $(B) third_party
