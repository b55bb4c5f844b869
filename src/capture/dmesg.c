/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message log as vmcore-dmesg(8) writes it, so that scripts which read that read this. */
#include "capture/dmesg.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

enum { WRITE_AT = 32 << 10 };

static void add_escaped(const char *text, size_t len, struct km_str *ret)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c >= ' ' && c < 0x7f) || (c >= '\t' && c <= '\r'))
			km_str_add_char(ret, (char)c);
		else
			km_str_addf(ret, "\\x%02x", c);
	}
}

void km_dmesg_add(const struct km_printk *log, size_t i, struct km_str *ret)
{
	const struct km_printk_record *record = &log->records[i];

	if (log->form == KM_PRINTK_TEXT && record->status == KM_OK) {
		add_escaped(record->text, record->text_len, ret);
		if (record->text_len && record->text[record->text_len - 1] != '\n')
			km_str_add_char(ret, '\n');
		return;
	}
	km_str_addf(ret, "[%5" PRIu64 ".%06u] ", record->ts_nsec / 1000000000,
		    (unsigned)(record->ts_nsec % 1000000000 / 1000));
	if (record->status == KM_OK)
		add_escaped(record->text, record->text_len, ret);
	else
		km_str_addf(ret, "(%s)", km_status_text(record->status));
	km_str_add_char(ret, '\n');
}

bool km_write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

struct km_error *km_dmesg_write(const struct km_printk *log, int fd)
{
	km_auto_str struct km_str text = {0};

	for (size_t i = 0; i < log->count; i++) {
		km_dmesg_add(log, i, &text);
		if (text.failed)
			return km_error_nomem();
		if (text.len < WRITE_AT && i + 1 < log->count)
			continue;
		if (text.len && !km_write_all(fd, text.data, text.len))
			return km_error_os(errno, "the log cannot be written");
		km_str_clear(&text);
	}
	return NULL;
}
