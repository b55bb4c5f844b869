/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMCOREINFO: lines that follow those with which a dump opens, and so override them. */
#include "dump.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void ask(struct km_kernel *k)
{
	static const char *const keys[] = {
		"OSRELEASE", "NUMBER(phys_base)", "KERNELOFFSET", "SYMBOL(_stext)", "PAGESIZE",
		"OFFSET(list_head.next)", "SIZE(page)", "LENGTH(zone.free_area)", "", "=",
	};
	static const struct km_member_row rows[] = {
		{"list_head", "next"}, {"page", "="}, {"page", "gone|flags"}, {"zone", "free_area"}};
	const struct km_module *modules;
	struct km_symbol_place place;
	char text[16];
	u64 value;

	for (size_t i = 0; i < KM_ARRAY_SIZE(keys); i++) {
		km_vmcoreinfo_number(k, keys[i], &value);
		km_vmcoreinfo_text(k, keys[i], text, sizeof(text));
	}
	const struct km_slot *slots = km_kernel_members(k, rows, KM_ARRAY_SIZE(rows));

	for (size_t i = 0; slots && i < KM_ARRAY_SIZE(rows); i++)
		km_member(k, &slots[i], FUZZ_DIRECT + 0x1000);
	km_symbol(k, "swapper_pg_dir", &place);
	km_cpu_count(k);
	km_percpu_symbol(k, "runqueues", 0);
	km_modules(k, &modules);
	km_is_text(k, FUZZ_STEXT);
	km_thread_size(k);
	km_kernel_has_orc(k);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *k = NULL;
	struct km_kernel_options options = {0};
	char text[8192];
	size_t fixed = sizeof(fuzz_vmcoreinfo) - 1;

	memset(&d, 0, sizeof(d));
	fuzz_tables(&d);
	memcpy(text, fuzz_vmcoreinfo, fixed);
	size = km_min(size, sizeof(text) - fixed);
	memcpy(text + fixed, data, size);
	if (!fuzz_open(&d, text, fixed + size, &image))
		return 0;
	km_auto_error struct km_error *error = km_kernel_open(image, &options, &k);

	if (!error)
		ask(k);
	return 0;
}
