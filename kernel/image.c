/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See image.h.
 */
#include "kernel/image.h"

#include "pv/pv.h"

extern char _text_start[], _text_end[], _data_start[], _image_end[];
extern char _ro_after_init_start[], _ro_after_init_end[];
extern const uint8_t __symbols_start[], __symbols_end[];

bool image_is_text(uintptr_t addr)
{
	return addr >= (uintptr_t)_text_start && addr < (uintptr_t)_text_end;
}

bool image_is_data(uintptr_t addr)
{
	return addr >= (uintptr_t)_data_start && addr < (uintptr_t)_image_end;
}

uintptr_t image_text_start(void)
{
	return (uintptr_t)_text_start;
}

const uint8_t *image_symbols(size_t *len)
{
	*len = (size_t)(__symbols_end - __symbols_start);
	return __symbols_start;
}

int image_seal(void)
{
	return pv->protect((uintptr_t)_ro_after_init_start,
			   (size_t)(_ro_after_init_end - _ro_after_init_start),
			   PV_PROT_R);
}
