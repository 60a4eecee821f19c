# SPDX-License-Identifier: BSD-2-Clause
#
# Host tests: each file names what it links in a head line ` * SOURCES: ...`
# and further options in ` * FLAGS: ...`.

T	   ?= %
HOST_CFLAGS := -std=gnu11 -g -Wall -Wextra -I. -Ilibc/test -D_GNU_SOURCE
SAN	   := -fsanitize=address,undefined -fno-sanitize-recover=undefined
unit	   := $(wildcard tests/unit/test_*.c)
race	   := $(wildcard tests/race/race_*.c)
fuzz	   := $(wildcard tests/fuzz/fuzz_*.c)
unit_bin   := $(patsubst tests/%.c,$(B)/tests/%,$(unit))
race_bin   := $(patsubst tests/%.c,$(B)/tests/%,$(race))
fuzz_bin   := $(patsubst tests/%.c,$(B)/tests/%,$(fuzz))

head_of	    = $(shell sed -n 's/^ \* $2: *//p' $1 | tr '\n' ' ')
host_headers := $(wildcard kernel/*.h kernel/lib/*.h pv/*.h pv/*/*.h drivers/*/*.h net/*.h fs/*.h fs/*.inc hv/*.h hv/*/*.h tests/*/*.h)

define host_test
$(B)/tests/$1: tests/$1.c $(call head_of,tests/$1.c,SOURCES) $(host_headers)
	@mkdir -p $$(@D); echo "  HOSTCC $$<"
	@$2 $(HOST_CFLAGS) $3 $(call head_of,tests/$1.c,FLAGS) $$< $(call head_of,tests/$1.c,SOURCES) -o $$@ -lpthread
endef
$(foreach t,$(unit),$(eval $(call host_test,$(patsubst tests/%.c,%,$t),$(HOSTCC),-O1 $(SAN))))
$(foreach t,$(race),$(eval $(call host_test,$(patsubst tests/%.c,%,$t),clang,-O1 -fsanitize=thread)))
$(foreach t,$(fuzz),$(eval $(call host_test,$(patsubst tests/%.c,%,$t),clang,-O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)))

.PHONY: test check lint bench bench-boot fuzz host-tests
host-tests: $(filter $(B)/tests/unit/$(T),$(unit_bin)) $(filter $(B)/tests/race/$(T),$(race_bin))
fuzz-targets: $(fuzz_bin)

check: ## host tests only (T=test_name for one)
	@tools/packages.sh build test && tools/deps.sh && tests/run host
test: ## all tests: lint, host, guest, boot matrix
	@tools/packages.sh build run test && tools/deps.sh && tools/build-picolibc.sh && tests/run all
lint: ## style, layers, privileged instructions, SPDX, spelling
	@tests/run lint
fuzz: ## every fuzz target for SECONDS_EACH seconds (default 20)
	@tests/run fuzz
bench: ## against peers on this machine (root; builds a Linux guest)
	@tools/packages.sh build run bench && bench/run
bench-boot: ## boot time to first line and first answer
	@tools/packages.sh build run bench && bench/bench-boot.py
