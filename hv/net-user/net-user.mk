# SPDX-License-Identifier: BSD-2-Clause
#
# User networking: an ordinary program, with libslirp (Debian: libslirp-dev).

net_user_src := hv/net-user/main.c hv/net-user/confine.c hv/dev/gso.c
$(HV)-net-user: $(net_user_src) $(wildcard hv/net-user/*.h) hv/dev/gso.h hv/net-user/net-user.mk
	@mkdir -p $(@D); echo "  HOSTCC $@"
	@$(HV_CC) -std=c11 -D_GNU_SOURCE -O2 -g -I. $(WARN) -Wconversion -fstack-protector-strong \
		-fPIE -pie $(net_user_src) -o $@ -lslirp -Wl,-z,relro,-z,now
