// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text and the way out of the guest. The truth must not be mixed with printk's
 * lines and must get out while the machine panics, so it goes, byte by byte, to
 * the I/O port of QEMU's isa-debugcon device.
 */
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "kmlab.h"

#define DEBUGCON_PORT 0xe9

void kmlab_emit(const char *bytes, size_t length)
{
	outsb(DEBUGCON_PORT, bytes, length);
}

void kmlab_add(struct kmlab_text *text, const char *format, ...)
{
	size_t room = text->capacity - text->length;
	va_list arguments;
	size_t wanted;

	va_start(arguments, format);
	wanted = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	if (wanted >= room) {
		text->overflow = true;
		return;
	}
	text->length += wanted;
}

/* A JSON string; bytes outside of printable ASCII become \u00XX. */
void kmlab_add_string(struct kmlab_text *text, const char *string, size_t limit)
{
	size_t i;

	kmlab_add(text, "\"");
	for (i = 0; i < limit && string[i]; i++) {
		unsigned char byte = string[i];

		if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\')
			kmlab_add(text, "\\u%04x", byte);
		else
			kmlab_add(text, "%c", byte);
	}
	kmlab_add(text, "\"");
}
