// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A module that kills the machine in a named way and writes down the machine's
 * own truth at the last moment.
 *
 * /proc/kmlab/trigger: the name of a scenario, written, starts it.
 * /proc/kmlab/out: what is written goes out of the guest as it is.
 */
#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "kmlab.h"

static unsigned long (*lookup)(const char *name);
static struct proc_dir_entry *folder;
static atomic_t dying = ATOMIC_INIT(0);

unsigned long kmlab_lookup(const char *name)
{
	return lookup ? lookup(name) : 0;
}

/*
 * kallsyms_lookup_name() has not been exported since 5.7, but a probe may be
 * set on it and then says where it is.
 */
static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

/*
 * All ways to die meet in __crash_kexec(), before the other CPUs are stopped.
 * Panic notifiers would come too late: with a crash kernel loaded they do not
 * run at all unless crash_kexec_post_notifiers is set.
 */
static int on_crash(struct kprobe *probe, struct pt_regs *regs)
{
	if (!atomic_xchg(&dying, 1))
		kmlab_emit_truth("crash");
	return 0;
}

static struct kprobe crash_probe = {
	.symbol_name = "__crash_kexec",
	.pre_handler = on_crash,
};

static ssize_t out_write(struct file *file, const char __user *user, size_t size,
			 loff_t *position)
{
	size_t part = min_t(size_t, size, PAGE_SIZE);
	char *bytes = memdup_user(user, part);

	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	kmlab_emit(bytes, part);
	kfree(bytes);
	return part;
}

static KMLAB_FRAME ssize_t kmlab_trigger_write(struct file *file,
					       const char __user *user,
					       size_t size, loff_t *position)
{
	char name[32];
	int error;

	if (size >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, user, size))
		return -EFAULT;
	name[size] = '\0';
	kmlab_emit_truth("trigger");
	error = kmlab_run_scenario(strim(name));
	return error ? error : size;
}

static const struct proc_ops out_ops = {
	.proc_write = out_write,
};

static const struct proc_ops trigger_ops = {
	.proc_write = kmlab_trigger_write,
};

static int __init kmlab_init(void)
{
	int error = find_lookup();

	if (error)
		return error;
	error = kmlab_truth_init();
	if (error)
		goto fail;
	error = register_kprobe(&crash_probe);
	if (error) {
		pr_warn("kmlab: no probe on %s: %d\n", crash_probe.symbol_name, error);
		goto fail;
	}
	error = -ENOMEM;
	folder = proc_mkdir("kmlab", NULL);
	if (folder && proc_create("out", 0200, folder, &out_ops) &&
	    proc_create("trigger", 0200, folder, &trigger_ops))
		return 0;
	proc_remove(folder);
	unregister_kprobe(&crash_probe);
fail:
	kmlab_truth_exit();
	return error;
}

module_init(kmlab_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Kills the machine in named ways");
