/* SPDX-License-Identifier: BSD-2-Clause */
/* Answer heads (RFC 9110, 8 and 15). Pure functions. */
#include "head.h"

static const struct {
	uint16_t status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

const char *head_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

void head_begin(struct text *t, unsigned status)
{
	TEXT_LIT(t, "HTTP/1.1 ");
	text_u64(t, status);
	text_char(t, ' ');
	text_str(t, head_reason(status));
	TEXT_LIT(t, "\r\nServer: Glint\r\n");
}

void head_validators(struct text *t, const struct entry *e)
{
	if (e->etag_len) {
		TEXT_LIT(t, "ETag: ");
		text_put(t, e->etag, e->etag_len);
		TEXT_LIT(t, "\r\nLast-Modified: ");
		text_put(t, e->last_modified, sizeof(e->last_modified));
		TEXT_LIT(t, "\r\n");
	}
	if (e->gzip || e->has_gzip)
		TEXT_LIT(t, "Vary: Accept-Encoding\r\n");
}

void head_entity(struct text *t, const struct entry *e, uint64_t content_length)
{
	TEXT_LIT(t, "Content-Type: ");
	text_str(t, e->type);
	TEXT_LIT(t, "\r\nContent-Length: ");
	text_u64(t, content_length);
	TEXT_LIT(t, "\r\n");
	if (e->gzip)
		TEXT_LIT(t, "Content-Encoding: gzip\r\n");
	TEXT_LIT(t, "Accept-Ranges: bytes\r\n");
	head_validators(t, e);
}
