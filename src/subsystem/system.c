/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, clocks, load and memory, each read for itself: what is missing is said in its place. */
#include "subsystem/system.h"

#include <string.h>

enum {
	Y_UTS_NAME,
	Y_NODENAME,
	Y_RELEASE,
	Y_VERSION,
	Y_MACHINE,
	Y_TK_IN_DATA,
	Y_XTIME_SEC,
	Y_KTIME_SEC,
	Y_TK_CLOCK,
	Y_TK_SIZE,
	Y_NODE_PRESENT,
	Y_TAINT_SIZE,
	Y_TAINT_TRUE,
	Y_TAINT_MODULE,
	Y_ROWS,
};

static const struct km_member_row system_rows[Y_ROWS] = {
	[Y_UTS_NAME] = {"uts_namespace", "name"},
	[Y_NODENAME] = {"new_utsname", "nodename"},
	[Y_RELEASE] = {"new_utsname", "release"},
	[Y_VERSION] = {"new_utsname", "version"},
	[Y_MACHINE] = {"new_utsname", "machine"},
	/* kernel/time/timekeeping.c: tk_core's struct got a name in 6.13; timekeeper_data[] since 6.17. */
	[Y_TK_IN_DATA] = {"tk_data", "timekeeper"},
	[Y_XTIME_SEC] = {"timekeeper", "xtime_sec"},
	[Y_KTIME_SEC] = {"timekeeper", "ktime_sec"},
	[Y_TK_CLOCK] = {"timekeeper", "tkr_mono.clock|tkr.clock|clock"},
	[Y_TK_SIZE] = {"timekeeper", "="},
	[Y_NODE_PRESENT] = {"pglist_data", "node_present_pages"},
	/* include/linux/panic.h: struct taint_flag since 4.9; `module` went away in 7.0. */
	[Y_TAINT_SIZE] = {"taint_flag", "="},
	[Y_TAINT_TRUE] = {"taint_flag", "c_true|true"},
	[Y_TAINT_MODULE] = {"taint_flag", "module"},
};

/* include/linux/sched/loadavg.h */
enum { FSHIFT = 11, FIXED_1 = 1 << FSHIFT };
/* Nodes that an x86_64 or arm64 kernel can be built for (NODES_SHIFT 10). */
enum { NODES_MAX = 1024, TAINTS_MAX = 64 };

static void read_text(struct km_kernel *k, const struct km_slot *slot, u64 base,
		      struct km_system_text *ret)
{
	size_t size = km_min((size_t)slot->size, sizeof(ret->text));

	ret->text[0] = 0;
	if (!base || !slot->present || !size)
		ret->status = KM_NOT_IN_KERNEL;
	else
		ret->status = km_read_string(k, base + slot->offset, ret->text, size);
}

static void read_names(struct km_kernel *k, const struct km_slot *slots, struct km_system *ret)
{
	u64 ns = km_symbol_address(k, "init_uts_ns");
	u64 base = ns && slots[Y_UTS_NAME].present ? ns + slots[Y_UTS_NAME].offset : 0;
	const struct km_image_info *info = km_image_info(km_kernel_image(k));

	read_text(k, &slots[Y_NODENAME], base, &ret->nodename);
	read_text(k, &slots[Y_RELEASE], base, &ret->release);
	read_text(k, &slots[Y_VERSION], base, &ret->version);
	read_text(k, &slots[Y_MACHINE], base, &ret->machine);
	if (ret->release.status != KM_OK &&
	    km_vmcoreinfo_text(k, "OSRELEASE", ret->release.text, sizeof(ret->release.text)))
		ret->release.status = KM_OK;
	if (ret->machine.status != KM_OK && info->utsname_machine[0]) {
		memcpy(ret->machine.text, info->utsname_machine, sizeof(info->utsname_machine));
		ret->machine.status = KM_OK;
	}
}

/* The timekeeper's address; 0 where it cannot be found. */
static u64 find_timekeeper(struct km_kernel *k, const struct km_slot *slots)
{
	static const char *const names[] = {"timekeeper_data", "tk_core", "timekeeper"};
	u64 addresses[KM_ARRAY_SIZE(names)];
	u64 start = km_kernel_arch(k)->kernel_start(km_kernel_space(k));

	km_symbol_addresses(k, names, addresses, KM_ARRAY_SIZE(names));
	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++) {
		u64 offset = slots[Y_TK_IN_DATA].present ? slots[Y_TK_IN_DATA].offset : 0;

		if (!addresses[i])
			continue;
		/*
		 * Before it had a name, tk_core was a sequence counter and the timekeeper. What the
		 * counter takes depends on lock debugging: the place is right where the timekeeper's
		 * clock is a pointer into the kernel.
		 */
		for (; offset <= 128; offset += sizeof(u64)) {
			struct km_maybe clock =
				km_member(k, &slots[Y_TK_CLOCK], addresses[i] + offset);

			if (clock.status == KM_OK && clock.value >= start && !(clock.value & 7))
				return addresses[i] + offset;
		}
	}
	return 0;
}

/*
 * jiffies_64 begins at (unsigned int)(-300 * HZ) (include/linux/jiffies.h), so that a wrap shows
 * early. HZ itself is in no table: of those that can be configured, the one that makes jiffies agree
 * with the monotonic clock.
 */
static void read_uptime(struct km_kernel *k, struct km_maybe monotonic, struct km_system *ret)
{
	static const u32 rates[] = {250, 1000, 100, 300, 24, 48, 200, 500, 512, 1024, 1200};
	u64 address = km_symbol_address(k, "jiffies_64"), jiffies, best = ~(u64)0;
	enum km_status status = address ? km_read_u64(k, address, &jiffies) : KM_NOT_IN_KERNEL;

	ret->uptime = (struct km_maybe){.status = status};
	for (size_t i = 0; status == KM_OK && monotonic.status == KM_OK && i < KM_ARRAY_SIZE(rates);
	     i++) {
		u64 since = jiffies - (u32)(-300 * (s32)rates[i]);
		u64 seconds = since / rates[i];
		u64 off = seconds > monotonic.value ? seconds - monotonic.value :
						      monotonic.value - seconds;

		/* Ticks that were lost while interrupts were off make it slow, never fast. */
		if (off < best && off <= 5 + monotonic.value / 20) {
			best = off;
			ret->hz = rates[i];
			ret->uptime.value = since;
		}
	}
	if (!ret->hz && monotonic.status == KM_OK) {
		ret->uptime = monotonic;
		ret->hz = 1;
	} else if (!ret->hz && ret->uptime.status == KM_OK) {
		ret->uptime.status = monotonic.status;
	}
}

static void read_clocks(struct km_kernel *k, const struct km_slot *slots, struct km_system *ret)
{
	u64 tk = find_timekeeper(k, slots);
	struct km_maybe monotonic = {.status = KM_NOT_IN_KERNEL};
	u64 avenrun = km_symbol_address(k, "avenrun");

	ret->date = monotonic;
	if (tk) {
		ret->date = km_member(k, &slots[Y_XTIME_SEC], tk);
		monotonic = km_member(k, &slots[Y_KTIME_SEC], tk);
	}
	read_uptime(k, monotonic, ret);
	for (size_t i = 0; i < KM_ARRAY_SIZE(ret->load); i++) {
		struct km_maybe *load = &ret->load[i];

		load->status = KM_NOT_IN_KERNEL;
		if (avenrun)
			load->status = km_read_pointer(k, avenrun + i * sizeof(u64), &load->value);
		if (load->status == KM_OK) {
			u64 rounded = load->value + FIXED_1 / 200;

			load->value = (rounded >> FSHIFT) * 100 +
				      ((rounded & (FIXED_1 - 1)) * 100 >> FSHIFT);
		}
	}
}

/* node_data[] of pointers where there is NUMA, one contig_page_data where there is not. */
static void read_memory(struct km_kernel *k, const struct km_slot *slots, struct km_system *ret)
{
	struct km_symbol_place place;
	u64 contig = km_symbol_address(k, "contig_page_data"), pages = 0, nodes = 0;
	enum km_status status = KM_NOT_IN_KERNEL;

	if (km_symbol(k, "node_data", &place)) {
		u64 count = place.symbol.size ? place.symbol.size / sizeof(u64) : 1;

		for (u64 i = 0; i < km_min(count, (u64)NODES_MAX); i++) {
			u64 node;

			if (km_read_pointer(k, place.symbol.address + i * sizeof(u64), &node) !=
				    KM_OK ||
			    !node)
				break;

			struct km_maybe present = km_member(k, &slots[Y_NODE_PRESENT], node);

			status = present.status;
			if (status != KM_OK)
				break;
			pages += present.value;
			nodes++;
		}
	} else if (contig) {
		struct km_maybe present = km_member(k, &slots[Y_NODE_PRESENT], contig);

		status = present.status;
		pages = present.value;
	}
	if (nodes)
		status = KM_OK;
	ret->memory.status = status;
	ret->memory.value = status == KM_OK ? pages * km_page_size(k) : 0;
}

static struct km_maybe read_symbol(struct km_kernel *k, const char *name, size_t size)
{
	u64 address = km_symbol_address(k, name);
	struct km_maybe ret = {.status = KM_NOT_IN_KERNEL};

	if (address)
		ret.status = km_read_integer(k, address, size, false, &ret.value);
	if (ret.status != KM_OK)
		ret.value = 0;
	return ret;
}

void km_system_read(struct km_kernel *k, struct km_system *ret)
{
	const struct km_slot *slots = km_kernel_members(k, system_rows, Y_ROWS);

	memset(ret, 0, sizeof(*ret));
	if (!slots) {
		ret->nodename.status = ret->release.status = ret->version.status =
			ret->machine.status = KM_NOMEM;
		ret->date.status = ret->uptime.status = ret->memory.status = KM_NOMEM;
		return;
	}
	read_names(k, slots, ret);
	read_clocks(k, slots, ret);
	read_memory(k, slots, ret);
	ret->cpu_mhz = read_symbol(k, "cpu_khz", 4);
	ret->cpu_mhz.value /= 1000;
	ret->taint = read_symbol(k, "tainted_mask", 8);
	for (unsigned cpu = 0; cpu < km_cpu_count(k); cpu++) {
		ret->cpus += km_cpu_is_possible(k, cpu);
		ret->cpus_online += km_cpu_is_online(k, cpu);
	}
}

void km_taint_letters(struct km_kernel *k, u64 taint, bool module_only, char *buf, size_t size)
{
	const struct km_slot *slots = km_kernel_members(k, system_rows, Y_ROWS);
	u64 flags = km_symbol_address(k, "taint_flags");
	size_t used = 0;

	if (!size)
		return;
	buf[0] = 0;
	if (!slots || !flags || !slots[Y_TAINT_SIZE].present || !slots[Y_TAINT_TRUE].present)
		return;
	for (unsigned bit = 0; bit < TAINTS_MAX && used + 1 < size; bit++) {
		u64 at = flags + (u64)bit * slots[Y_TAINT_SIZE].size;

		if (!(taint >> bit & 1))
			continue;

		struct km_maybe letter = km_member(k, &slots[Y_TAINT_TRUE], at);
		struct km_maybe module = km_member(k, &slots[Y_TAINT_MODULE], at);

		if (module_only && module.status == KM_OK && !module.value)
			continue;
		if (letter.status == KM_OK && letter.value > ' ' && letter.value < 0x7f)
			buf[used++] = (char)letter.value;
	}
	buf[used] = 0;
}
