# SPDX-License-Identifier: BSD-2-Clause
#
# The host side: build/host/glint, one static program without a C library. The
# code that runs inside a guest's process is linked on its own (the blob) and
# lies in glint as whole pages.

HV	   := $(B)/host/glint
HV_OBJ	   := $(B)/obj-hv
HV_CC	   := $(HOSTCC)
hv_blob_c  := $(wildcard hv/dev/*.c) hv/proc/call.c hv/proc/enter.c hv/clock.c hv/mem.c
hv_c	   := $(wildcard hv/*.c hv/dev/*.c) hv/proc/child.c hv/proc/seccomp.c hv/proc/spawn.c \
	      kernel/lib/fmt.c kernel/lib/string.c kernel/symbols.c
hv_common  := -std=gnu11 -O2 -g -I. $(WARN) -Wconversion -ffreestanding -fno-builtin -mno-red-zone \
	      -fvisibility=hidden -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	      -ffunction-sections -fdata-sections -DGLINT_VERSION='"$(VERSION)"' -MMD -MP
hv_flags   := $(hv_common) -fpie -fstack-protector-strong -mstack-protector-guard=global
blob_flags := $(hv_common) -fpie -fno-stack-protector
hv_objs	   := $(patsubst %.c,$(HV_OBJ)/%.o,$(hv_c)) $(HV_OBJ)/hv/start.o
blob_objs  := $(patsubst %.c,$(HV_OBJ)/blob/%.o,$(hv_blob_c)) $(HV_OBJ)/blob/hv/proc/entry.o

.PHONY: glint
glint: $(HV) $(HV)-net-user ## the hypervisor: build/host/glint
$(HV): $(hv_objs) hv/hv.mk
	@mkdir -p $(@D); echo "  HOSTLD $@"
	@$(HV_CC) -nostdlib -static-pie -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
		-Wl,--build-id $(hv_objs) -o $@
$(HV_OBJ)/%.o: %.c hv/hv.mk
	@mkdir -p $(@D); echo "  HOSTCC $<"
	@$(HV_CC) $(hv_flags) -c $< -o $@
$(HV_OBJ)/hv/start.o: hv/start.S $(HV_OBJ)/blob.bin
	@$(HV_CC) -DBLOB='"$(HV_OBJ)/blob.bin"' -c $< -o $@
$(HV_OBJ)/blob.bin: $(HV_OBJ)/blob.elf
	@objcopy -O binary $< $@
$(HV_OBJ)/blob.elf: $(blob_objs) hv/proc/blob.ld
	@ld -nostdlib -static --gc-sections -z noexecstack -T hv/proc/blob.ld $(blob_objs) -o $@
$(HV_OBJ)/blob/%.o: %.c hv/hv.mk
	@mkdir -p $(@D)
	@$(HV_CC) $(blob_flags) -c $< -o $@
$(HV_OBJ)/blob/%.o: %.S hv/hv.mk
	@mkdir -p $(@D)
	@$(HV_CC) -c $< -o $@
-include $(hv_objs:.o=.d) $(blob_objs:.o=.d)
-include hv/net-user/net-user.mk
