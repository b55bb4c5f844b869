// SPDX-License-Identifier: GPL-2.0-or-later
/* The front: which format a file is of, and what is the same for all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "image/format.h"
#include "image/packed.h"

#define PARALLEL_MIN (32 * 4096) /* bytes from which a view is worth more than one thread */
#define KEEP_MAX     (8 * 4096)	 /* bytes up to which a view's pages go to the cache */

/* In the order of asking; raw memory has no mark and comes last. A kernel is of the first alone. */
static const struct km_image_ops *const formats[] = {&km_elf_ops, &km_kdump_ops, &km_raw_ops};

/* ---- opening ---- */

static int by_offset(const void *a, const void *b)
{
	const struct km_image_patch *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static struct km_error *patch_file(struct km_image *image, const struct km_image_options *options)
{
	struct km_file *file = &image->files[0];
	size_t i;

	for (i = 0; i < options->n_patches; i++) {
		const struct km_image_patch *patch = &options->patches[i];

		if (patch->physical)
			continue;
		if (patch->offset >= file->disk_size)
			return km_error_new(KM_ERROR_USAGE,
					    "patch at offset 0x%llx is past the file's end",
					    (unsigned long long)patch->offset);
		if (!file->map.data)
			return km_error_new(KM_ERROR_UNSUPPORTED,
					    "patches need a file that can be mapped");
		if (!km_mapping_poke(&file->map, patch->offset, patch->value))
			return km_error_nomem();
	}
	return NULL;
}

/* Which mapping holds these bytes of physical memory in one piece, and where. */
static bool mapping_of(struct km_image *image, u64 paddr, u64 len, struct km_mapping **ret,
		       u64 *ret_offset)
{
	const u8 *at = image->ops->mapped(image, paddr, len);
	size_t i;

	for (i = 0; at && i < image->n_files; i++) {
		struct km_mapping *map = &image->files[i].map;

		if (map->data && at >= map->data && at < map->data + map->size) {
			*ret = map;
			*ret_offset = (u64)(at - map->data);
			return true;
		}
	}
	return false;
}

static bool poke_in_place(struct km_image *image, u64 paddr, u8 value)
{
	struct km_mapping *map;
	u64 offset;

	return !image->ops->shares_pages && mapping_of(image, paddr, 1, &map, &offset) &&
	       km_mapping_poke(map, offset, value);
}

static struct km_error *patch_memory(struct km_image *image, const struct km_image_options *options)
{
	size_t i;

	for (i = 0; i < options->n_patches; i++) {
		const struct km_image_patch *patch = &options->patches[i];

		if (!patch->physical)
			continue;
		if (poke_in_place(image, patch->offset, patch->value))
			continue;
		if (!image->patches)
			image->patches = calloc(options->n_patches, sizeof(*image->patches));
		if (!image->patches)
			return km_error_nomem();
		image->patches[image->n_patches++] = *patch;
	}
	if (image->n_patches)
		qsort(image->patches, image->n_patches, sizeof(*image->patches), by_offset);
	return NULL;
}

static struct km_error *unknown_format(struct km_file *file)
{
	u8 head[8] = {0};

	if (km_file_read(file, 0, head, km_min((u64)sizeof(head), file->size)) != KM_OK)
		return km_error_new(KM_ERROR_OS, "cannot be read");
	return km_error_new(
		KM_ERROR_FORMAT,
		"not a dump in a format that is known (it begins with %02x %02x %02x %02x %02x %02x %02x %02x)",
		head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]);
}

static struct km_error *open_files(struct km_image *image, const char *const *paths, int fd,
				   const struct km_image_options *options)
{
	size_t i;

	for (i = 0; i < image->n_files; i++) {
		struct km_file *file = &image->files[i];
		enum km_file_way way = options->unmapped	      ? KM_FILE_READ
				       : i == 0 && options->n_patches ? KM_FILE_MAP_WRITABLE
								      : KM_FILE_MAP;
		struct km_error *error =
			km_file_open(file, paths[i], i == 0 ? fd : -1, way, options->log);

		if (!error && i == 0)
			error = patch_file(image, options);
		if (!error && km_flat_probe(file))
			error = km_flat_open(file);
		if (error)
			return km_error_prefix(error, "%s", paths[i]);
		image->info.file_size += file->disk_size;
	}
	return NULL;
}

static struct km_error *open_format(struct km_image *image)
{
	struct km_error *error;
	size_t i, j;

	for (i = 0; i < (image->of_kernel ? 1 : KM_ARRAY_SIZE(formats)) && !image->ops; i++) {
		if (formats[i]->probe(&image->files[0]))
			image->ops = formats[i];
	}
	if (!image->ops)
		return km_error_prefix(unknown_format(&image->files[0]), "%s",
				       image->files[0].path);
	for (j = 1; j < image->n_files; j++) {
		if (image->ops != &km_kdump_ops || !image->ops->probe(&image->files[j]))
			return km_error_new(KM_ERROR_USAGE,
					    "%s and %s are not parts of one split dump",
					    image->files[0].path, image->files[j].path);
	}
	error = image->ops->open(image);
	/* The parts of a set are named by the format. */
	return error && image->n_files == 1 ? km_error_prefix(error, "%s", image->files[0].path)
					    : error;
}

static void note_flattened(struct km_image *image)
{
	size_t len = strlen(image->info.description), i;
	u64 missing = 0;

	if (!image->files[0].flat)
		return;
	snprintf(image->info.description + len, sizeof(image->info.description) - len,
		 ", flattened");
	for (i = 0; i < image->n_files; i++) {
		struct km_file *file = &image->files[i];

		if (!file->flat || km_flat_ended(file->flat))
			continue;
		/* Of the last record there may have been all but a byte. */
		missing += km_max(km_flat_missing(file->flat), (u64)1);
		km_logf(image->log, KM_LOG_WARNING,
			"%s: the flattened file ends without its last record", file->path);
	}
	image->info.truncated_bytes = km_max(image->info.truncated_bytes, missing);
}

/* FD, of the first of PATHS if it is open already, is the image's. */
static struct km_error *open_image(const char *const *paths, size_t n_paths, int fd, bool of_kernel,
				   const struct km_image_options *options, struct km_image **ret)
{
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_auto_close int owned = fd;
	size_t i;

	image = calloc(1, sizeof(*image));
	if (!image)
		return km_error_nomem();
	image->of_kernel = of_kernel;
	pthread_mutex_init(&image->lock, NULL);
	image->files = calloc(n_paths, sizeof(*image->files));
	if (!image->files)
		return km_error_nomem();
	image->n_files = n_paths;
	for (i = 0; i < n_paths; i++)
		image->files[i].fd = -1;
	image->pool = options->pool;
	image->log = options->log;
	image->cache_bytes = options->cache_bytes;
	image->info.dump_level = -1;
	owned = -1;
	KM_TRY(open_files(image, paths, fd, options));
	KM_TRY(open_format(image));
	KM_TRY(patch_memory(image, options));
	note_flattened(image);
	for (i = 0; i < n_paths; i++)
		km_mapping_seal(&image->files[i].map);
	*ret = km_take(image);
	return NULL;
}

struct km_error *km_image_open(const char *const *paths, size_t n_paths,
			       const struct km_image_options *options, struct km_image **ret)
{
	static const struct km_image_options defaults;

	*ret = NULL;
	if (!n_paths)
		return km_error_new(KM_ERROR_USAGE, "no dump file given");
	return open_image(paths, n_paths, -1, false, options ? options : &defaults, ret);
}

struct km_error *km_image_open_kernel(const char *path, const struct km_log *log,
				      struct km_image **ret)
{
	const struct km_image_options options = {.log = log};
	struct km_error *error;
	int fd;

	*ret = NULL;
	error = km_packed_open(path, &fd);
	if (error)
		return km_error_prefix(error, "%s", path);
	return open_image(&path, 1, fd, true, &options, ret);
}

void km_image_close(struct km_image *image)
{
	size_t i;

	if (!image)
		return;
	if (image->ops && image->ops->close)
		image->ops->close(image);
	for (i = 0; image->files && i < image->n_files; i++)
		km_file_close(&image->files[i]);
	km_vec_for_each (&image->owned, owned)
		free(*owned);
	km_vec_free(&image->owned);
	km_vec_free(&image->notes);
	free(image->files);
	free(image->ranges);
	free(image->segments);
	free(image->patches);
	pthread_mutex_destroy(&image->lock);
	free(image);
}

/* ---- patches of memory that could not be poked into the file's mapping ---- */

/* The first patch at or after PADDR. */
static size_t first_patch(const struct km_image *image, u64 paddr)
{
	size_t low = 0, high = image->n_patches;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (image->patches[mid].offset < paddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_patched(const struct km_image *image, u64 paddr, size_t len)
{
	size_t i;

	if (km_likely(!image->n_patches))
		return false;
	i = first_patch(image, paddr);
	return i < image->n_patches && image->patches[i].offset - paddr < len;
}

static void apply_patches(const struct km_image *image, u64 paddr, u8 *buf, size_t len)
{
	size_t i;

	if (km_likely(!image->n_patches))
		return;
	for (i = first_patch(image, paddr);
	     i < image->n_patches && image->patches[i].offset - paddr < len; i++)
		buf[image->patches[i].offset - paddr] = image->patches[i].value;
}

/* ---- reading ---- */

enum km_status km_image_read(struct km_image *image, u64 paddr, void *buf, size_t len)
{
	enum km_status status;

	if (len && len - 1 > UINT64_MAX - paddr)
		return KM_ABSENT;
	status = image->ops->read(image, paddr, buf, len, len <= KEEP_MAX);
	if (!status)
		apply_patches(image, paddr, buf, len);
	return status;
}

enum km_status km_image_file_read(struct km_image *image, size_t file, u64 offset, void *buf,
				  size_t len)
{
	struct km_file *f = &image->files[file];

	if (file >= image->n_files)
		return KM_ABSENT;
	/* Through the system: bytes that are looked at once are not worth page faults. */
	if (!f->flat && !f->map.n_poked && offset <= f->size && len <= f->size - offset &&
	    pread(f->fd, buf, len, (off_t)offset) == (ssize_t)len)
		return KM_OK;
	return km_file_read(f, offset, buf, len);
}

u64 km_image_file_size(const struct km_image *image, size_t file)
{
	return file < image->n_files ? image->files[file].size : 0;
}

enum km_status km_image_read_through(struct km_image *image, u64 paddr, void *buf, size_t len)
{
	struct km_mapping *map;
	u64 offset;

	if (len && len - 1 <= UINT64_MAX - paddr && !is_patched(image, paddr, len) &&
	    mapping_of(image, paddr, len, &map, &offset) && !map->n_poked) {
		struct km_file *file = km_container_of(map, struct km_file, map);
		ssize_t n = pread(file->fd, buf, len, (off_t)offset);
		u8 byte;

		if (n == (ssize_t)len)
			return KM_OK;
		/* The file was cut since: what is mapped of its last page goes on with zeros. Whatever
		 * else went wrong, the other way knows what it is. */
		if (n >= 0 && !pread(file->fd, &byte, 1, (off_t)offset + n))
			return KM_TRUNCATED;
	}
	return km_image_read(image, paddr, buf, len);
}

void km_image_forget(struct km_image *image, u64 paddr, u64 len)
{
	struct km_mapping *map;
	u64 offset;

	if (image->ops->forget)
		image->ops->forget(image, paddr, len);
	else if (mapping_of(image, paddr, len, &map, &offset))
		km_mapping_forget(map, offset, len);
}

const u8 *km_image_mapped(struct km_image *image, u64 paddr, size_t len)
{
	if ((len && len - 1 > UINT64_MAX - paddr) || is_patched(image, paddr, len))
		return NULL;
	return image->ops->mapped(image, paddr, len);
}

struct view_job {
	struct km_image *image;
	u64 paddr;
	u8 *buf;
	size_t len, step;
	_Atomic u64 failure; /* (step << 8 | status) of the first step that failed */
};

static void view_step(void *arg, size_t i)
{
	struct view_job *job = arg;
	size_t at = i * job->step;
	u64 failure = atomic_load_explicit(&job->failure, memory_order_relaxed), mine;
	enum km_status status;

	if (failure >> 8 < i)
		return;
	status = job->image->ops->read(job->image, job->paddr + at, job->buf + at,
				       km_min(job->step, job->len - at), false);
	if (!status)
		return;
	mine = (u64)i << 8 | status;
	while (mine < failure && !atomic_compare_exchange_weak(&job->failure, &failure, mine))
		;
}

static enum km_status copy_in_steps(struct km_image *image, u64 paddr, u8 *buf, size_t len)
{
	struct view_job job = {.image = image,
			       .paddr = paddr,
			       .buf = buf,
			       .len = len,
			       .step = image->ops->view_block,
			       .failure = UINT64_MAX};
	u64 failure;

	km_pool_run(image->pool, (len + job.step - 1) / job.step, view_step, &job);
	failure = atomic_load(&job.failure);
	return failure == UINT64_MAX ? KM_OK : (enum km_status)(failure & 0xff);
}

enum km_status km_image_view(struct km_image *image, u64 paddr, size_t len, struct km_view *ret)
{
	enum km_status status;
	u8 *copy;

	*ret = (struct km_view){.data = km_image_mapped(image, paddr, len), .size = len};
	if (ret->data)
		return KM_OK;
	ret->size = 0;
	if (len && len - 1 > UINT64_MAX - paddr)
		return KM_ABSENT;
	/* Before memory is taken for it: a length from a broken dump ends here. */
	status = km_image_page_status(image, paddr);
	if (!status && len)
		status = km_image_page_status(image, paddr + len - 1);
	if (status)
		return status;
	copy = malloc(km_max(len, (size_t)1));
	if (!copy)
		return KM_NOMEM;
	if (image->ops->view_block && len >= PARALLEL_MIN)
		status = copy_in_steps(image, paddr, copy, len);
	else
		status = image->ops->read(image, paddr, copy, len, len <= KEEP_MAX);
	if (status) {
		free(copy);
		return status;
	}
	apply_patches(image, paddr, copy, len);
	*ret = (struct km_view){.data = copy, .size = len, .opaque = copy};
	return KM_OK;
}

enum km_status km_image_window(struct km_image *image, u64 paddr, size_t len, struct km_view *ret)
{
	struct km_file *file = &image->files[0];
	u64 offset, skip;
	void *data;

	*ret = (struct km_view){0};
	if (!file->made_up || file->flat || is_patched(image, paddr, len) || !image->ops->place ||
	    !image->ops->place(image, paddr, len, &offset))
		return KM_UNKNOWN;
	skip = offset & ((u64)sysconf(_SC_PAGESIZE) - 1);
	data = mmap(NULL, len + skip, PROT_READ, MAP_PRIVATE, file->fd, (off_t)(offset - skip));
	if (data == MAP_FAILED)
		return KM_UNKNOWN;
	*ret = (struct km_view){
		.data = (u8 *)data + skip, .size = len, .opaque = data, .mapped = len + skip};
	return KM_OK;
}

void km_image_unview(struct km_image *image, struct km_view *view)
{
	(void)image;
	if (view->mapped)
		munmap(view->opaque, view->mapped);
	else
		free(view->opaque);
	*view = (struct km_view){0};
}

enum km_status km_image_page_status(struct km_image *image, u64 paddr)
{
	return image->ops->page_status(image, paddr);
}

/* ---- what the file says ---- */

const struct km_image_info *km_image_info(const struct km_image *image)
{
	return &image->info;
}

size_t km_image_ranges(const struct km_image *image, const struct km_range **ret)
{
	/* Made at the first question, which does not change what the image is. */
	struct km_image *late = (struct km_image *)(uintptr_t)image;
	KM_LOCKED(&late->lock);

	if (!late->ranges_known) {
		if (late->ops->find_ranges)
			late->ops->find_ranges(late);
		late->ranges_known = true;
	}
	*ret = late->ranges;
	return late->n_ranges;
}

size_t km_image_segments(const struct km_image *image, const struct km_image_segment **ret)
{
	*ret = image->segments;
	return image->n_segments;
}

size_t km_image_notes(const struct km_image *image, const struct km_note **ret)
{
	*ret = image->notes.data;
	return image->notes.count;
}

const char *km_image_vmcoreinfo(const struct km_image *image, size_t *ret_len)
{
	*ret_len = image->vmcoreinfo_len;
	return image->vmcoreinfo;
}
