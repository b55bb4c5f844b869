// SPDX-License-Identifier: GPL-2.0-or-later
/* What makedumpfile does beside copying. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/capture.h"

struct opened {
	struct km_image *image;
	struct km_kernel *kernel;
};

static void opened_done(struct opened *o)
{
	km_kernel_close(o->kernel);
	km_image_close(o->image);
}

static struct km_error *open_source(struct km_capture_command *c, struct opened *o)
{
	struct km_image_options options = {.log = c->run.log};

	KM_TRY(km_image_open(c->words.data, 1, &options, &o->image));
	return km_kernel_open(o->image, &c->run.kernel_options, &o->kernel);
}

/* A new file, 0600; one that is there only with -f. */
static struct km_error *create(const struct km_capture_command *c, const char *path, int *ret)
{
	*ret = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (c->run.force ? O_TRUNC : O_EXCL), 0600);
	if (*ret >= 0)
		return NULL;
	return errno == EEXIST
		       ? km_error_new(KM_ERROR_USAGE, "%s is there already: -f replaces it", path)
		       : km_error_os(errno, "%s cannot be created", path);
}

/* ---- --dump-dmesg ---- */

static struct km_error *dump_dmesg(struct km_capture_command *c, struct opened *o)
{
	km_cleanup(km_printk_freep) struct km_printk *log = NULL;
	km_auto_str struct km_str text = {0};
	km_auto_close int fd = -1;
	struct km_maybe clear = {0};
	size_t i;

	KM_TRY(km_printk_snapshot(o->kernel, NULL, &log));
	if (c->partial_dmesg) {
		clear = km_printk_clear_seq(o->kernel);
		if (clear.status)
			return km_error_status(clear.status, "--partial-dmesg: clear_seq");
	}
	KM_TRY(create(c, c->words.data[1], &fd));
	for (i = 0; i < log->count; i++)
		if (log->records[i].seq >= clear.value)
			km_dmesg_add(log, i, &text);
	if (text.failed)
		return km_error_nomem();
	if (text.len && !km_write_all(fd, text.data, text.len))
		return km_error_os(errno, "%s cannot be written", c->words.data[1]);
	return NULL;
}

/* ---- --mem-usage ---- */

static struct km_error *count_pages(struct opened *o, struct km_filter_counts *ret, u64 *ret_size)
{
	km_cleanup(km_filter_closep) struct km_filter *filter = NULL;
	struct km_filter_options options = {.level = KM_LEVEL_ALL};
	u64 bits[512], first, step = sizeof(bits) * 8;

	KM_TRY(km_filter_open(o->kernel, &options, &filter));
	*ret = (struct km_filter_counts){0};
	*ret_size = km_filter_page_size(filter);
	for (first = 0; first < km_filter_max_pfn(filter); first += step) {
		size_t n = (size_t)km_min(step, km_filter_max_pfn(filter) - first);

		if (km_filter_chunk(filter, first, n, bits, NULL, ret))
			return km_error_nomem();
	}
	return NULL;
}

static void usage_row(const char *type, u64 pages, const char *excludable, const char *what)
{
	printf("%-16s%-16llu%-16s%s\n", type, (unsigned long long)pages, excludable, what);
}

/* Pages of zeros are told by reading all of memory, which this does not: they count as what they are
 * used for. */
static struct km_error *mem_usage(struct opened *o)
{
	struct km_filter_counts n;
	u64 size, free, user, rest;

	KM_TRY(count_pages(o, &n, &size));
	free = n.kind[KM_PAGE_FREE] + n.kind[KM_PAGE_UNACCEPTED];
	user = n.kind[KM_PAGE_ANON] + n.kind[KM_PAGE_HUGETLB];
	rest = n.exist - free - user - n.kind[KM_PAGE_CACHE] - n.kind[KM_PAGE_CACHE_PRIVATE];
	printf("\n%-16s%-16s%-16s%s\n", "TYPE", "PAGES", "EXCLUDABLE", "DESCRIPTION");
	puts("----------------------------------------------------------------------");
	usage_row("NON_PRI_CACHE", n.kind[KM_PAGE_CACHE], "yes",
		  "Cache pages without private flag");
	usage_row("PRI_CACHE", n.kind[KM_PAGE_CACHE_PRIVATE], "yes",
		  "Cache pages with private flag");
	usage_row("USER", user, "yes", "User process pages");
	usage_row("FREE", free, "yes", "Free pages");
	usage_row("KERN_DATA", rest, "no", "Dumpable kernel data");
	printf("\n%-32s%llu\n", "page size:", (unsigned long long)size);
	printf("%-32s%llu\n", "Total pages on system:", (unsigned long long)n.exist);
	printf("%-32s%llu Byte\n", "Total size on system:", (unsigned long long)(n.exist * size));
	return NULL;
}

/* ---- -g, --vtop ---- */

static struct km_error *write_vmcoreinfo(struct km_capture_command *c)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	struct km_image_options options = {.log = c->run.log};
	km_auto_close int fd = -1;
	const char *text;
	size_t len;

	KM_TRY(km_image_open(c->words.data, 1, &options, &image));
	text = km_image_vmcoreinfo(image, &len);
	if (!text)
		return km_error_new(KM_ERROR_MISSING, "%s has no VMCOREINFO", c->words.data[0]);
	while (len && !text[len - 1])
		len--;
	KM_TRY(create(c, c->vmcoreinfo_out, &fd));
	return km_write_all(fd, text, len)
		       ? NULL
		       : km_error_os(errno, "%s cannot be written", c->vmcoreinfo_out);
}

struct km_error *capture_vtop(struct km_kernel *k, u64 address)
{
	u64 paddr, left;
	enum km_status status = km_space_translate(km_kernel_space(k), address, &paddr, &left);

	if (status)
		return km_error_status(status, "--vtop 0x%llx", (unsigned long long)address);
	printf("Translating virtual address %llx to physical address.\n",
	       (unsigned long long)address);
	printf("VIRTUAL           PHYSICAL\n%-16llx  %llx\n", (unsigned long long)address,
	       (unsigned long long)paddr);
	return NULL;
}

/* ---- which ---- */

static struct km_error *with_kernel(struct km_capture_command *c, int *ret_exit)
{
	km_cleanup(opened_done) struct opened o = {0};

	*ret_exit = KM_EXIT_NO_DUMP;
	KM_TRY(open_source(c, &o));
	*ret_exit = KM_EXIT_FAILED;
	KM_TRY(c->mode == KM_CAPTURE_MODE_DMESG ? dump_dmesg(c, &o) : mem_usage(&o));
	*ret_exit = KM_EXIT_OK;
	return NULL;
}

int capture_mode(struct km_capture_command *c)
{
	int status = KM_EXIT_FAILED;
	struct km_error *error;

	if (c->mode == KM_CAPTURE_MODE_REARRANGE)
		error = km_rearrange_fd(STDIN_FILENO, c->words.data[0], c->run.force);
	else if (c->mode == KM_CAPTURE_MODE_VMCOREINFO)
		error = write_vmcoreinfo(c);
	else
		error = with_kernel(c, &status);
	if (!error)
		return KM_EXIT_OK;
	fprintf(stderr, "kmortem: %s\n", error->message);
	km_error_free(error);
	return c->as_makedumpfile ? KM_EXIT_FAILED : status;
}
