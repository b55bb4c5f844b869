/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The banner that every kernel has in its image (init/version.c): it says which Linux it is. */
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

bool km_find_banner(struct km_space *space, u64 start, u64 end, char *buf, size_t size)
{
	enum { PIECE = 1 << 16, OVERLAP = 256 };
	static const char mark[] = "Linux version ";
	km_auto_free char *piece = calloc(1, PIECE + OVERLAP + 1);

	for (u64 at = start; piece && at < end; at += PIECE) {
		enum km_status why;

		km_space_read_partial(space, at, piece, PIECE + OVERLAP, &why);
		/* The release follows; a format for it ("%s") is another string of the image. */
		for (char *found = piece; (found = memmem(found, (size_t)(piece + PIECE - found),
							  mark, sizeof(mark) - 1));
		     found++) {
			char *release = found + sizeof(mark) - 1;
			size_t len = strcspn(release, " \n%");

			if (*release < '0' || *release > '9' || release[len] != ' ')
				continue;
			snprintf(buf, size, "%.*s", (int)km_min(len, (size_t)64), release);
			return true;
		}
	}
	return false;
}
