// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Turns one byte of physical memory over, as a stray write by a broken driver would: insmod scribble.ko
 * at=ADDRESS. What crashkernel= reserves is mapped read-only once it is loaded, so a mapping of its own is
 * made.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

static unsigned long at;
module_param(at, ulong, 0);

static int __init scribble_init(void)
{
	struct page *page = pfn_to_page(at >> PAGE_SHIFT);
	u8 *window = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	if (!window)
		return -ENOMEM;
	window[at & ~PAGE_MASK] ^= 0xff;
	vunmap(window);
	pr_info("scribble: the byte at %#lx is another now\n", at);
	return 0;
}
module_init(scribble_init);

static void __exit scribble_exit(void)
{
}
module_exit(scribble_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Turns one byte of physical memory over");
