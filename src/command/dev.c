/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dev: character and block devices, I/O ports and physical addresses, PCI, disks and their requests. */
#include "command/dev.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/task_view.h"
#include "subsystem/subsystem.h"

enum { NAME_WIDTH = 13, PCI_ID_WIDTH = 9 };

/* ---- character and block devices ---------------------------------------------------------------- */

struct device_record {
	struct km_device device;
	char operations[KM_SYMBOL_NAME_MAX];
};

#define DEVICE_FIELDS(object_)                                                                   \
	KM_FIELD_NAMED("major", struct device_record, device.major, KM_FIELD_U64, "its number"), \
		KM_FIELD_NAMED("name", struct device_record, device.name, KM_FIELD_CHARS,        \
			       "that its driver gave it"),                                       \
		KM_FIELD_NAMED(object_, struct device_record, device.object, KM_FIELD_ADDRESS,   \
			       "the object behind the number; 0: none"),                         \
		KM_FIELD_OF(struct device_record, operations, KM_FIELD_CHARS,                    \
			    "the symbol of its operations")

static const struct km_field char_fields[] = {DEVICE_FIELDS("cdev")};
static const struct km_field block_fields[] = {DEVICE_FIELDS("gendisk")};

static void device_text(struct km_out *out, const struct device_record *r)
{
	km_outf(out, "%4" PRIu64 "      %-*s  ", r->device.major, NAME_WIDTH, r->device.name);
	if (r->device.object)
		km_outf(out, "%016" PRIx64 "  %s\n", r->device.object, r->operations);
	else
		km_outf(out, "     (none)     \n");
}

static const struct km_kind char_kind;
static const struct km_kind block_kind;

static void char_text(struct km_out *out, const void *record)
{
	if (!km_out_emitted(out, &char_kind))
		km_outf(out, "CHRDEV    NAME                 CDEV        OPERATIONS      \n");
	device_text(out, record);
}

static void block_text(struct km_out *out, const void *record)
{
	if (!km_out_emitted(out, &block_kind))
		km_outf(out, "\nBLKDEV    NAME                GENDISK      OPERATIONS      \n");
	device_text(out, record);
}

static const struct km_kind char_kind = {
	.name = "char-device",
	.help = "a number that a driver of character devices has registered",
	.size = sizeof(struct device_record),
	.fields = char_fields,
	.n_fields = KM_ARRAY_SIZE(char_fields),
	.text = char_text,
};

static const struct km_kind block_kind = {
	.name = "block-device",
	.help = "a number that a driver of block devices has registered",
	.size = sizeof(struct device_record),
	.fields = block_fields,
	.n_fields = KM_ARRAY_SIZE(block_fields),
	.text = block_text,
};

static void emit_devices(struct km_session *session, const km_device_list *devices,
			 const struct km_kind *kind)
{
	km_vec_for_each (&devices->list, device) {
		struct device_record record = {.device = *device};
		struct km_symbol_place place;

		if (device->operations && km_symbol_at(session->kernel, device->operations, &place))
			snprintf(record.operations, sizeof(record.operations), "%s",
				 place.symbol.name);
		else if (device->operations)
			snprintf(record.operations, sizeof(record.operations), "%" PRIx64,
				 device->operations);
		km_emit(session->out, kind, &record);
	}
	if (devices->problem[0])
		km_complain(session, "%s", devices->problem);
}

static struct km_error *show_devices(struct km_session *session)
{
	km_device_list devices = {0};
	struct km_error *error = km_char_devices(session->kernel, &devices);

	emit_devices(session, &devices, &char_kind);
	km_device_list_free(&devices);
	if (error) {
		/* The one says nothing of the other. */
		km_complain(session, "%s", error->message);
		km_error_free(error);
	}
	devices = (km_device_list){0};
	error = km_block_devices(session->kernel, &devices);
	emit_devices(session, &devices, &block_kind);
	km_device_list_free(&devices);
	return error;
}

/* ---- resources ------------------------------------------------------------------------------------- */

struct resource_record {
	struct km_resource resource;
	bool ports, first;
};

static const struct km_field resource_fields[] = {
	KM_FIELD_NAMED("address", struct resource_record, resource.address, KM_FIELD_ADDRESS,
		       "of its struct resource"),
	KM_FIELD_OF(struct resource_record, ports, KM_FIELD_BOOL,
		    "I/O ports, not physical addresses"),
	KM_FIELD_NAMED("start", struct resource_record, resource.start, KM_FIELD_ADDRESS,
		       "its first"),
	KM_FIELD_NAMED("end", struct resource_record, resource.end, KM_FIELD_ADDRESS, "its last"),
	KM_FIELD_NAMED("depth", struct resource_record, resource.depth, KM_FIELD_U32,
		       "how many resources it is a part of"),
	KM_FIELD_NAMED("name", struct resource_record, resource.name, KM_FIELD_CHARS,
		       "who claims it"),
};

static void resource_text(struct km_out *out, const void *record)
{
	const struct resource_record *r = record;

	if (r->first && r->ports)
		km_outf(out, "    RESOURCE        RANGE    NAME\n");
	else if (r->first)
		km_outf(out, "\n    RESOURCE            RANGE        NAME\n");
	km_outf(out,
		r->ports ? "%016" PRIx64 "  %04" PRIx64 "-%04" PRIx64 "  %s\n"
			 : "%016" PRIx64 "  %08" PRIx64 "-%08" PRIx64 "  %s\n",
		r->resource.address, r->resource.start, r->resource.end, r->resource.name);
}

static const struct km_kind resource_kind = {
	.name = "resource",
	.help = "I/O ports or physical addresses that something claims",
	.size = sizeof(struct resource_record),
	.fields = resource_fields,
	.n_fields = KM_ARRAY_SIZE(resource_fields),
	.text = resource_text,
};

static struct km_error *show_resources(struct km_session *session)
{
	static const char *const roots[] = {"ioport_resource", "iomem_resource"};

	for (size_t i = 0; i < KM_ARRAY_SIZE(roots); i++) {
		km_resource_list resources = {0};
		struct km_error *error = km_resources(session->kernel, roots[i], &resources);
		bool first = true;

		km_vec_for_each (&resources.list, resource) {
			struct resource_record record = {
				.resource = *resource, .ports = !i, .first = first};

			km_emit(session->out, &resource_kind, &record);
			first = false;
		}
		if (resources.problem[0])
			km_complain(session, "%s", resources.problem);
		km_device_list_free(&resources);
		if (error)
			return error;
	}
	return NULL;
}

/* ---- PCI ------------------------------------------------------------------------------------------- */

struct pci_record {
	struct km_pci pci;
	const char *type; /* of a device */
	bool first;	  /* of its bus's devices */
	unsigned ends;	  /* of how many buses' text this is the end */
};

static const struct km_field pci_fields[] = {
	KM_FIELD_NAMED("address", struct pci_record, pci.address, KM_FIELD_ADDRESS,
		       "of its struct pci_bus or pci_dev"),
	KM_FIELD_NAMED("is_bus", struct pci_record, pci.is_bus, KM_FIELD_BOOL,
		       "a bus, not a device"),
	KM_FIELD_NAMED("parent", struct pci_record, pci.parent, KM_FIELD_ADDRESS,
		       "the bus that it is on; 0: it is a root bus"),
	KM_FIELD_NAMED("name", struct pci_record, pci.name, KM_FIELD_CHARS,
		       "domain:bus, and of a device :slot.function"),
	KM_FIELD_NAMED("vendor", struct pci_record, pci.vendor, KM_FIELD_MAYBE, "of a device"),
	KM_FIELD_NAMED("device", struct pci_record, pci.device, KM_FIELD_MAYBE, "of a device"),
	KM_FIELD_NAMED("class", struct pci_record, pci.class, KM_FIELD_MAYBE,
		       "of a device: class, subclass and programming interface, 8 bits each"),
	KM_FIELD_OF(struct pci_record, type, KM_FIELD_TEXT,
		    "of a device, by its PCI Express capabilities"),
	KM_FIELD_NAMED("is_bridge", struct pci_record, pci.is_bridge, KM_FIELD_BOOL,
		       "a bus lies behind this device"),
};

/* PCI_EXP_FLAGS_TYPE, include/uapi/linux/pci_regs.h. What is no PCI Express device is an endpoint. */
static const char *type_of(const struct km_pci *pci)
{
	static const char *const names[16] = {
		[0] = "ENDPOINT",    [1] = "LEG_END",	 [4] = "ROOT_PORT",
		[5] = "UPSTREAM",    [6] = "DOWNSTREAM", [7] = "PCI_BRIDGE",
		[8] = "PCIE_BRIDGE", [9] = "RC_END",	 [10] = "RC_EC",
	};
	u64 type = pci->express.status == KM_OK ? pci->express.value >> 4 & 15 : 0;

	return pci->is_bus ? NULL : names[type] ? names[type] : "UNKNOWN";
}

static void bus_text(struct km_out *out, const struct km_pci *bus)
{
	if (bus->depth)
		km_outf(out,
			"      PCI BUS         PARENT BUS   \n  %016" PRIx64 " %016" PRIx64 "\n",
			bus->address, bus->parent);
	else
		km_outf(out, "    ROOT BUS     BUSNAME\n%016" PRIx64 " %s\n", bus->address,
			bus->name);
}

static void pci_text(struct km_out *out, const void *record)
{
	const struct pci_record *r = record;
	char id[16];
	int side;

	if (r->pci.is_bus) {
		bus_text(out, &r->pci);
	} else {
		if (r->first)
			km_outf(out,
				"      PCI DEV      DO:BU:SL.FN  CLASS   PCI_ID      TYPE   \n");
		side = snprintf(id, sizeof(id), "%" PRIx64 ":%" PRIx64, r->pci.vendor.value,
				r->pci.device.value);
		side = (km_max(side, (int)PCI_ID_WIDTH) - side) / 2;
		km_outf(out, "  %016" PRIx64 " %s  %04" PRIx64 "  %*s%s%*s  %s %s\n",
			r->pci.address, r->pci.name, r->pci.class.value >> 8, side, "", id, side,
			"", r->type, r->pci.is_bridge ? "[BRIDGE]" : "");
	}
	for (unsigned i = 0; i < r->ends; i++)
		km_outf(out, "\n");
}

static const struct km_kind pci_kind = {
	.name = "pci",
	.help = "a PCI bus, or a device on it",
	.size = sizeof(struct pci_record),
	.fields = pci_fields,
	.n_fields = KM_ARRAY_SIZE(pci_fields),
	.text = pci_text,
};

/* An empty line ends each bus's own devices, and a root bus with all that is behind it. */
static unsigned ends_after(const struct km_pci *pci, const struct km_pci *next)
{
	unsigned ends = 0;

	if (!next || next->is_bus)
		ends += pci->depth != 0;
	if (!next || (next->is_bus && !next->depth))
		ends++;
	return ends;
}

static struct km_error *show_pci(struct km_session *session)
{
	km_pci_list list = {0};
	struct km_error *error = km_pci_devices(session->kernel, &list);

	for (size_t i = 0; i < list.list.count; i++) {
		const struct km_pci *pci = &list.list.data[i];
		struct pci_record record = {
			.pci = *pci,
			.type = type_of(pci),
			.first = i && !pci->is_bus && pci[-1].is_bus,
			.ends = ends_after(pci, i + 1 < list.list.count ? pci + 1 : NULL)};

		km_emit(session->out, &pci_kind, &record);
	}
	if (list.problem[0])
		km_complain(session, "%s", list.problem);
	km_device_list_free(&list);
	return error;
}

/* ---- disks ----------------------------------------------------------------------------------------- */

struct disk_record {
	struct km_disk disk;
	struct km_maybe total;
};

static const struct km_field disk_fields[] = {
	KM_FIELD_NAMED("major", struct disk_record, disk.major, KM_FIELD_U64, "its number"),
	KM_FIELD_NAMED("gendisk", struct disk_record, disk.address, KM_FIELD_ADDRESS,
		       "of its struct gendisk"),
	KM_FIELD_NAMED("name", struct disk_record, disk.name, KM_FIELD_CHARS, "its name"),
	KM_FIELD_NAMED("queue", struct disk_record, disk.queue, KM_FIELD_ADDRESS,
		       "of its struct request_queue"),
	KM_FIELD_OF(struct disk_record, total, KM_FIELD_MAYBE, "requests that the driver has"),
	KM_FIELD_NAMED("reads", struct disk_record, disk.reads, KM_FIELD_MAYBE, "of them, reading"),
	KM_FIELD_NAMED("writes", struct disk_record, disk.writes, KM_FIELD_MAYBE,
		       "of them, writing"),
};

static void disk_heading(struct km_out *out)
{
	km_outf(out, "MAJOR GENDISK            NAME       REQUEST_QUEUE      TOTAL  READ WRITE \n");
}

static const struct km_kind disk_kind;

static void disk_text(struct km_out *out, const void *record)
{
	const struct disk_record *r = record;
	char total[32], reads[32], writes[32];

	if (!km_out_emitted(out, &disk_kind))
		disk_heading(out);
	km_outf(out, "%5" PRIu64 " %016" PRIx64 "   %-10s %016" PRIx64 "   %5s %5s %5s \n",
		r->disk.major, r->disk.address, r->disk.name, r->disk.queue,
		km_cell(r->total, total), km_cell(r->disk.reads, reads),
		km_cell(r->disk.writes, writes));
}

static const struct km_kind disk_kind = {
	.name = "disk",
	.help = "a disk and what it has been asked and has not answered",
	.size = sizeof(struct disk_record),
	.fields = disk_fields,
	.n_fields = KM_ARRAY_SIZE(disk_fields),
	.text = disk_text,
};

static struct km_error *show_disks(struct km_session *session, bool busy_only)
{
	km_disk_list disks = {0};
	struct km_error *error = km_disks(session->kernel, session->job, &disks);
	size_t shown = 0;

	km_vec_for_each (&disks.list, disk) {
		struct disk_record record = {.disk = *disk, .total = disk->reads};

		record.total.value += disk->writes.value;
		if (busy_only && record.total.status == KM_OK && !record.total.value)
			continue;
		km_emit(session->out, &disk_kind, &record);
		shown++;
	}
	if (!error && !shown)
		disk_heading(session->out);
	if (disks.problem[0])
		km_complain(session, "%s", disks.problem);
	km_device_list_free(&disks);
	return error;
}

/* ---- the command -------------------------------------------------------------------------------------- */

static struct km_error *dev_run(struct km_session *session, struct km_args *args)
{
	const char *value, *index = NULL;
	int letter, what = 0;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			break;
		if (what)
			return km_error_new(KM_ERROR_USAGE,
					    "-%c and -%c are two questions: ask one", what, letter);
		what = letter;
		index = value;
	}
	if (km_args_count(args) > (what == 'v'))
		return km_error_new(KM_ERROR_USAGE, "there is nothing that %s could be",
				    km_args_get(args, km_args_count(args) - 1));
	switch (what) {
	case 'i':
		return show_resources(session);
	case 'p':
		return show_pci(session);
	case 'd':
	case 'D':
		return show_disks(session, what == 'D');
	case 'V':
		return dev_list_dumps(session);
	case 'v':
		return dev_show_dump(session, index, km_args_get(args, 0));
	}
	return show_devices(session);
}

static const struct km_option dev_options[] = {
	{'i', NULL, "who claims which I/O ports and physical addresses"},
	{'p', NULL, "PCI buses and the devices on them"},
	{'d', NULL, "disks and the requests that they have not answered"},
	{'D', NULL, "the same of disks that have any"},
	{'V', NULL, "the device dumps in the dump file: where they lie, how large they are"},
	{'v', "index", "one of them, shown, or written to the file that is named"},
};

static const struct km_kind *const dev_kinds[] = {&char_kind,	       &block_kind, &resource_kind,
						  &pci_kind,	       &disk_kind,  &dev_kind_dump,
						  &dev_kind_dump_part, NULL};

const struct km_command km_command_dev = {
	.name = "dev",
	.help = "devices: character and block, PCI, I/O ports, disks",
	.usage = "[-i | -p | -d | -D | -V | -v index [file]]",
	.details =
		"  Without options: the numbers that drivers of character and block devices have registered.\n"
		"  Requests of a disk are those that its driver has begun and not ended.\n"
		"\n"
		"    dev -d           what the disks were doing\n"
		"    dev -v 0 nic.bin the first device dump, to a file",
	.options = dev_options,
	.n_options = KM_ARRAY_SIZE(dev_options),
	.kinds = dev_kinds,
	.run = dev_run,
};
