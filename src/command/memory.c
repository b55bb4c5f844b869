/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds of memory that commands read from, behind one function. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "command/address.h"
#include "command/task_view.h"

const char *km_memory_name(enum km_memory_kind kind)
{
	static const char *const names[] = {
		[KM_MEMORY_KERNEL] = "kernel virtual address",
		[KM_MEMORY_USER] = "user virtual address",
		[KM_MEMORY_PHYSICAL] = "physical address",
		[KM_MEMORY_FILE] = "dump file offset",
	};

	return names[kind];
}

enum km_memory_kind km_memory_kind_of(struct km_session *session, u64 address)
{
	struct km_space *space = km_kernel_space(session->kernel);

	return address >= space->arch->kernel_start(space) ? KM_MEMORY_KERNEL : KM_MEMORY_USER;
}

static struct km_error *open_user(struct km_session *session, struct km_memory *ret)
{
	const struct km_task *task;
	char comm[KM_TASK_COMM_MAX];
	enum km_status status;

	KM_TRY(km_session_context(session, &task));
	status = km_task_user_space(session->kernel, task, &ret->space);
	if (status == KM_UNMAPPED)
		return km_error_new(KM_ERROR_USAGE,
				    "the context is \"%s\" (pid %lld), which has no user memory; "
				    "`set PID` chooses another",
				    km_task_comm(task, comm), (long long)task->pid.value);
	if (status != KM_OK)
		return km_error_status(status, "the page tables of \"%s\" (pid %lld)",
				       km_task_comm(task, comm), (long long)task->pid.value);
	return NULL;
}

struct km_error *km_memory_open(struct km_session *session, enum km_memory_kind kind,
				struct km_memory *ret)
{
	ret->session = session;
	ret->kind = kind;
	ret->fd = -1;
	ret->cached = false;
	ret->space = *km_kernel_space(session->kernel);
	if (kind == KM_MEMORY_USER)
		return open_user(session, ret);
	if (kind == KM_MEMORY_FILE) {
		ret->fd = open(session->dump_name, O_RDONLY | O_CLOEXEC);
		if (ret->fd < 0)
			return km_error_os(errno, "%s", session->dump_name);
	}
	return NULL;
}

void km_memory_close(struct km_memory *memory)
{
	if (memory->fd >= 0)
		close(memory->fd);
	memory->fd = -1;
}

static enum km_status read_file(struct km_memory *memory, u64 offset)
{
	ssize_t got;

	if (offset > INT64_MAX)
		return KM_TRUNCATED;
	got = pread(memory->fd, memory->page_bytes, sizeof(memory->page_bytes), (off_t)offset);
	if (got < 0)
		return KM_IO;
	memset(memory->page_bytes + got, 0, sizeof(memory->page_bytes) - (size_t)got);
	return got ? KM_OK : KM_TRUNCATED;
}

static void load_page(struct km_memory *memory, u64 page)
{
	memory->page = page;
	memory->cached = true;
	switch (memory->kind) {
	case KM_MEMORY_FILE:
		memory->status = read_file(memory, page);
		break;
	case KM_MEMORY_PHYSICAL:
		memory->status = km_image_read(km_kernel_image(memory->session->kernel), page,
					       memory->page_bytes, sizeof(memory->page_bytes));
		break;
	default:
		memory->status = km_space_read(&memory->space, page, memory->page_bytes,
					       sizeof(memory->page_bytes));
	}
}

enum km_status km_memory_read(struct km_memory *memory, u64 address, void *buf, size_t len)
{
	const u64 mask = sizeof(memory->page_bytes) - 1;
	u8 *to = buf;

	/* User memory ends where the kernel's begins, whatever the tables map above it. */
	if (memory->kind == KM_MEMORY_USER &&
	    km_memory_kind_of(memory->session, address) == KM_MEMORY_KERNEL)
		return KM_UNMAPPED;
	while (len) {
		size_t now = km_min(len, sizeof(memory->page_bytes) - (size_t)(address & mask));

		if (!memory->cached || memory->page != (address & ~mask))
			load_page(memory, address & ~mask);
		if (memory->status != KM_OK)
			return memory->status;
		memcpy(to, memory->page_bytes + (address & mask), now);
		to += now;
		len -= now;
		address += now;
		if (len && !address)
			return KM_UNMAPPED;
	}
	return KM_OK;
}
