/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the virtual machine executes besides the guest: one stub for each vector, in
 * ring 0, and the page that the guest calls, in ring 3. Copied into the area
 * (kvm.h), where they stand whole pages apart.
 */
#include "hv/kvm/kvm.h"

#define HV_WAIT 1		/* pv/hv/abi.h */
#define HV_KICK 2
#define PF_VECTOR 14

	.section .rodata.kvm, "a", @progbits
	.globl	kvm_stubs, kvm_stubs_end, kvm_entry, kvm_entry_end, kvm_entry_spin
	.hidden	kvm_stubs, kvm_stubs_end, kvm_entry, kvm_entry_end, kvm_entry_spin

/* The monitor knows the vector by the address, and the frame lies in its page. It
 * comes back from a page fault alone, when it has made the page's table. */
	.balign	KVM_STUB_LEN
kvm_stubs:
	vector = 0
	.rept	KVM_VECTORS
	.balign	KVM_STUB_LEN
	out	%al, $KVM_PORT_FAULT
	.if	vector == PF_VECTOR
	add	$8, %rsp
	iretq
	.endif
	jmp	. - 2
	vector = vector + 1
	.endr
kvm_stubs_end:

/* int64_t entry(nr, a, b, c), struct hv_start.entry. Waiting costs no exit while there
 * are events, or if the guest only looks; a kick is seen by the kernel alone. */
	.balign	4096
kvm_entry:
	cmp	$HV_WAIT, %rdi
	je	wait
	cmp	$HV_KICK, %rdi
	je	kick
call:
	out	%al, $KVM_PORT_CALL
	ret
kick:
	mov	%esi, %eax
	out	%eax, $KVM_PORT_KICK
	xor	%eax, %eax
	ret
wait:
	lea	kvm_entry + (KVM_AREA_LIVE - KVM_AREA_ENTRY) * 4096(%rip), %r8
	cmpq	$0, (%r8)
	jne	take
	xor	%eax, %eax
	test	%rsi, %rsi
	jz	done
	mov	kvm_entry_spin(%rip), %r9d
	test	%r9d, %r9d
	jz	call
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	add	%rax, %r9
spin:
	pause
	cmpq	$0, (%r8)
	jne	take
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	cmp	%r9, %rax
	jb	spin
	jmp	call
take:
	xor	%eax, %eax
	xchg	%rax, (%r8)
done:
	ret
	.balign	8
kvm_entry_spin:			/* cycles */
	.quad	0
kvm_entry_end:

	.section .note.GNU-stack, "", @progbits
