# SPDX-License-Identifier: BSD-2-Clause
#
# The host side: build/host/glint, one static program without a C library. The
# code that runs inside a guest's process is linked on its own (the blob) and
# lies in glint as whole pages.

HV	   := $(B)/host/glint
HV_OBJ	   := $(B)/obj-hv
HV_CC	   := $(HOSTCC)
hv_dev_c   := $(wildcard hv/dev/*.c)
hv_shared  := kernel/lib/fmt.c kernel/lib/string.c kernel/symbols.c
hv_blob_c  := $(hv_dev_c) hv/proc/call.c hv/proc/enter.c hv/kvm/run.c hv/kvm/io.c hv/kvm/tables.c hv/clock.c hv/mem.c
hv_c	   := $(wildcard hv/*.c) $(hv_dev_c) hv/proc/child.c hv/proc/seccomp.c hv/proc/spawn.c \
	      hv/kvm/open.c hv/kvm/make.c hv/kvm/tables.c hv/kvm/report.c $(hv_shared)
hv_s	   := hv/entry.S hv/proc/blob.S hv/kvm/guest.S
hv_blob_s  := hv/proc/entry.S
hv_common  := -std=gnu11 -O2 -g -I. $(WARN) -Wconversion -ffreestanding -fno-builtin -fpie \
	      -fvisibility=hidden -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	      -ffunction-sections -fdata-sections -DGLINT_VERSION='"$(VERSION)"' -MMD -MP
hv_guard   := -fstack-protector-strong -mstack-protector-guard=global
hv_objs	   := $(patsubst %.c,$(HV_OBJ)/%.o,$(hv_c)) $(patsubst %.S,$(HV_OBJ)/%.o,$(hv_s))
blob_objs  := $(patsubst %.c,$(HV_OBJ)/blob/%.o,$(hv_blob_c)) $(patsubst %.S,$(HV_OBJ)/blob/%.o,$(hv_blob_s))
$(HV_OBJ)/hv/start.o: hv_guard := -fno-stack-protector

.PHONY: glint
glint: $(HV) $(HV)-net-user ## the hypervisor: build/host/glint
$(HV): $(hv_objs) hv/hv.mk
	@mkdir -p $(@D); echo "  HOSTLD $@"
	@$(HV_CC) -nostdlib -static-pie -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
		-Wl,--build-id $(hv_objs) -o $@
$(HV_OBJ)/%.o: %.c hv/hv.mk
	@mkdir -p $(@D); echo "  HOSTCC $<"
	@$(HV_CC) $(hv_common) $(hv_guard) -c $< -o $@
$(HV_OBJ)/%.o: %.S $(HV_OBJ)/blob.bin
	@mkdir -p $(@D)
	@$(HV_CC) -I. -DBLOB='"$(HV_OBJ)/blob.bin"' -c $< -o $@
$(HV_OBJ)/blob.bin: $(HV_OBJ)/blob.elf
	@objcopy -O binary $< $@
$(HV_OBJ)/blob.elf: $(blob_objs) hv/proc/blob.ld
	@ld -nostdlib -static --gc-sections -z noexecstack -T hv/proc/blob.ld $(blob_objs) -o $@
$(HV_OBJ)/blob/%.o: %.c hv/hv.mk
	@mkdir -p $(@D)
	@$(HV_CC) $(hv_common) -fno-stack-protector -c $< -o $@
$(HV_OBJ)/blob/%.o: %.S hv/hv.mk
	@mkdir -p $(@D)
	@$(HV_CC) -c $< -o $@

# The monitor under the sanitizers, with a C library, for tests/hv.
hv_asan_c  := $(filter-out hv/start.c hv/mem.c kernel/lib/string.c,$(hv_c)) tests/hv/asan_main.c
$(HV)-asan: $(hv_asan_c) hv/proc/blob.S hv/kvm/guest.S $(HV_OBJ)/blob.bin $(wildcard hv/*.h hv/*/*.h)
	@mkdir -p $(@D); echo "  HOSTCC $@"
	@$(HV_CC) -std=gnu11 -O1 -g -I. $(WARN) -ffreestanding -Wno-missing-prototypes $(SAN) -fno-omit-frame-pointer -DGLINT_VERSION='"$(VERSION)"' \
		-DBLOB='"$(HV_OBJ)/blob.bin"' $(hv_asan_c) hv/proc/blob.S hv/kvm/guest.S -o $@
-include $(hv_objs:.o=.d) $(blob_objs:.o=.d)
-include hv/net-user/net-user.mk
