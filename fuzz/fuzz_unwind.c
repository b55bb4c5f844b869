/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The unwinder: the input is the numbering, the registers, two tables of rules, and stacks. Every walk
 * must end, and must stay within the stacks.
 */
#include "dump.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { RULES = 512, IPS = FUZZ_DATA, ENTRIES = FUZZ_DATA + 0x1000, STACKS = 0x10000 };

static const struct km_stack_range stacks[] = {
	{FUZZ_VMALLOC, FUZZ_VMALLOC + 0x4000, "task"},
	{FUZZ_VMALLOC + 0x5000, FUZZ_VMALLOC + 0x9000, "IRQ"},
	{FUZZ_VMALLOC + 0xa000, FUZZ_VMALLOC + 0xb000, "NMI"},
};

static void unwind(struct km_kernel *k, const struct km_regs *regs,
		   const struct km_orc_numbering *numbering, bool guess)
{
	struct km_unwinder u;
	unsigned frames = 0;

	km_unwind_begin(&u, k, regs, stacks, KM_ARRAY_SIZE(stacks));
	u.numbering = numbering;
	u.allow_guess = guess;
	u.task = FUZZ_DIRECT + 0x1000;
	while (km_unwind_next(&u))
		if (++frames > 5000)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *k = NULL;
	struct km_kernel_options options = {0};
	struct km_regs regs = {0};
	char text[2048];
	u8 which = 0;

	memset(&d, 0, sizeof(d));
	fuzz_take(&data, &size, &which, sizeof(which));
	fuzz_take(&data, &size, regs.value, KM_X86_N_REGS * 8);
	regs.valid = ((u64)1 << KM_X86_N_REGS) - 1;
	fuzz_take(&data, &size, d.image + IPS, RULES * 4);
	fuzz_take(&data, &size, d.image + ENTRIES, RULES * 6);
	fuzz_take(&data, &size, d.low + STACKS, 0x10000);
	fuzz_tables(&d);
	int len = snprintf(text, sizeof(text),
			   "%sSYMBOL(__start_orc_unwind_ip)=%llx\n"
			   "SYMBOL(__stop_orc_unwind_ip)=%llx\nSYMBOL(__start_orc_unwind)=%llx\n"
			   "SYMBOL(__stop_orc_unwind)=%llx\n",
			   fuzz_vmcoreinfo, FUZZ_STEXT + IPS, FUZZ_STEXT + IPS + RULES * 4,
			   FUZZ_STEXT + ENTRIES, FUZZ_STEXT + ENTRIES + RULES * 6);

	if (!fuzz_open(&d, text, (size_t)len, &image))
		return 0;
	km_auto_error struct km_error *error = km_kernel_open(image, &options, &k);

	if (error)
		return 0;
	for (size_t i = 0; km_orc_numberings[i]; i++)
		unwind(k, &regs, km_orc_numberings[i], true);
	size_t n = 0;

	while (km_orc_numberings[n])
		n++;
	km_kernel_set_numbering(k, n ? km_orc_numberings[which % n] : NULL);
	unwind(k, &regs, NULL, which & 0x80);
	return 0;
}
