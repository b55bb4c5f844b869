// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that a plan reads, and the buffers that it keeps them in. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "loader/input.h"

void km_inputs_free(struct km_inputs *inputs)
{
	if (!inputs)
		return;
	km_vec_for_each (&inputs->buffers, buffer)
		free(*buffer);
	km_vec_free(&inputs->buffers);
	free(inputs);
}

struct km_error *km_inputs_keep(struct km_load_plan *plan, u8 *data)
{
	struct km_inputs *inputs = plan->inputs ? plan->inputs : calloc(1, sizeof(*inputs));
	u8 **slot = NULL;

	plan->inputs = inputs;
	if (inputs)
		slot = km_vec_push(&inputs->buffers);
	if (!slot) {
		free(data);
		return km_error_nomem();
	}
	*slot = data;
	return NULL;
}

struct km_error *km_input_open(const char *path, u64 limit, int *ret_fd, u64 *ret_size)
{
	km_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return km_error_os(errno, "%s", path);
	if (fstat(fd, &st))
		return km_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return km_error_new(KM_ERROR_FORMAT, "%s is no regular file", path);
	if (!st.st_size)
		return km_error_new(KM_ERROR_FORMAT, "%s is empty", path);
	if ((u64)st.st_size > limit)
		return km_error_new(KM_ERROR_FORMAT, "%s has %llu bytes, more than %llu", path,
				    (unsigned long long)st.st_size, (unsigned long long)limit);
	*ret_size = (u64)st.st_size;
	*ret_fd = fd;
	fd = -1;
	return NULL;
}

struct km_error *km_input_fill(int fd, const char *path, u8 *buf, u64 size)
{
	u64 done = 0;

	while (done < size) {
		ssize_t got = pread(fd, buf + done, size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return km_error_os(errno, "%s", path);
		if (!got)
			return km_error_new(KM_ERROR_FORMAT, "%s became shorter while it was read",
					    path);
		done += (u64)got;
	}
	return NULL;
}
