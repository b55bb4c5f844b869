/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration that a kernel was built with, where it carries it (CONFIG_IKCONFIG,
 * kernel/configs.c): gzip between "IKCFG_ST" and "IKCFG_ED". Since 5.1 the symbols lie around the
 * compressed bytes, before that kernel_config_data began with the first mark.
 */
#include "subsystem/system.h"

#include <string.h>
#include <zlib.h>

enum { CONFIG_GZ_MAX = 4 << 20, CONFIG_TEXT_MAX = 16 << 20, MARK = 8 };

static struct km_error *inflate_config(const u8 *bytes, size_t size, struct km_str *out)
{
	z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size};
	char part[8192];
	int code;

	if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return km_error_nomem();
	do {
		stream.next_out = (Bytef *)part;
		stream.avail_out = sizeof(part);
		code = inflate(&stream, Z_NO_FLUSH);
		km_str_add_bytes(out, part, sizeof(part) - stream.avail_out);
	} while (code == Z_OK && out->len < CONFIG_TEXT_MAX);
	inflateEnd(&stream);
	if (out->failed)
		return km_error_nomem();
	if (code != Z_STREAM_END)
		return km_error_new(KM_ERROR_FORMAT,
				    "the kernel's configuration breaks off after %zu bytes of text",
				    out->len);
	return NULL;
}

struct km_error *km_kernel_config(struct km_kernel *k, struct km_str *out)
{
	struct km_symbol_place place;
	u64 end = km_symbol_address(k, "kernel_config_data_end"), size;
	km_auto_free u8 *bytes = NULL;
	u8 *from;

	if (!km_symbol(k, "kernel_config_data", &place))
		return km_error_new(KM_ERROR_MISSING,
				    "kernel_config_data does not exist in this kernel");
	size = end > place.symbol.address ? end - place.symbol.address : place.symbol.size;
	if (!size || size > CONFIG_GZ_MAX)
		return km_error_new(KM_ERROR_FORMAT, "kernel_config_data has %llu bytes",
				    (unsigned long long)size);
	bytes = malloc(size);
	if (!bytes)
		return km_error_nomem();

	enum km_status status = km_read(k, place.symbol.address, bytes, size);

	if (status != KM_OK)
		return km_error_status(status, "kernel_config_data");
	from = bytes;
	if (size > MARK && !memcmp(from, "IKCFG_ST", MARK)) {
		from += MARK;
		size -= MARK;
	}
	return inflate_config(from, size, out);
}
