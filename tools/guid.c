/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GUIDs: as text, on the disk (the first three groups little-endian), derived
 * from a text, random.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tools/gpt_write.h"
#include "tools/mkvol.h"

/* Place on the disk of the n-th byte of the text. */
static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6,
				   8, 9, 10, 11, 12, 13, 14, 15 };

void guid_from_text(uint8_t guid[16], const char *text)
{
	memset(guid, 0, 16);
	for (int n = 0; n < 32; text++) {
		int d = *text <= '9' ? *text - '0' : (*text | 32) - 'a' + 10;

		if (*text == '-')
			continue;
		guid[place[n / 2]] = (uint8_t)(guid[place[n / 2]] << 4 | d);
		n++;
	}
}

const char *guid_to_text(const uint8_t guid[16], char text[GUID_TEXT])
{
	char *p = text;

	for (int n = 0; n < 16; n++) {
		if (n == 4 || n == 6 || n == 8 || n == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02X", guid[place[n]]);
	}
	return text;
}

static void stamp(uint8_t guid[16], uint8_t version)
{
	guid[place[6]] = (uint8_t)((guid[place[6]] & 0x0f) | version << 4);
	guid[place[8]] = (uint8_t)((guid[place[8]] & 0x3f) | 0x80);
}

/* FNV-1a in 128 bits: no secret, only the same for the same. */
void guid_derive(uint8_t guid[16], const char *seed)
{
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 h = (unsigned __int128)0x6c62272e07bb0142u << 64 |
			      0x62b821756295c58du;

	for (; *seed; seed++)
		h = (h ^ (uint8_t)*seed) * prime;
	for (int i = 0; i < 16; i++)
		guid[i] = (uint8_t)(h >> 8 * i);
	stamp(guid, 8);
}

void guid_random(uint8_t guid[16])
{
	if (getrandom(guid, 16, 0) != 16)
		die("the system gives no random numbers");
	stamp(guid, 4);
}

const char *guid_type_name(const uint8_t type[16])
{
	static const struct { const char *guid, *name; } known[] = {
		{ GPT_TYPE_LITTLEFS, "littlefs" },
		{ GPT_TYPE_RAW, "raw" },
		{ GPT_TYPE_ARCHIVE, "archive" },
		{ "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "efi" },
		{ "21686148-6449-6E6F-744E-656564454649", "bios-boot" },
		{ "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "linux" },
		{ "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "data" },
	};
	uint8_t guid[16];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		guid_from_text(guid, known[i].guid);
		if (memcmp(guid, type, 16) == 0)
			return known[i].name;
	}
	return "other";
}
