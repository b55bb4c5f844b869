/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI (drivers/pci/, include/linux/pci.h): root buses, each with its devices and the buses behind them. */
#include "subsystem/device.h"
#include "subsystem/walk.h"

enum {
	BUS_NODE,
	BUS_CHILDREN,
	BUS_DEVICES,
	BUS_NAME,
	BUS_BRIDGE,
	DEV_NODE,
	DEV_NAME,
	DEV_VENDOR,
	DEV_DEVICE,
	DEV_CLASS,
	DEV_CAPABILITY,
	DEV_EXPRESS,
	DEV_BEHIND,
	N_ROWS,
};

static const struct km_member_row rows[N_ROWS] = {
	[BUS_NODE] = {"pci_bus", "node"},	    [BUS_CHILDREN] = {"pci_bus", "children"},
	[BUS_DEVICES] = {"pci_bus", "devices"},	    [BUS_NAME] = {"pci_bus", "dev.kobj.name"},
	[BUS_BRIDGE] = {"pci_bus", "self"},	    [DEV_NODE] = {"pci_dev", "bus_list"},
	[DEV_NAME] = {"pci_dev", "dev.kobj.name"},  [DEV_VENDOR] = {"pci_dev", "vendor"},
	[DEV_DEVICE] = {"pci_dev", "device"},	    [DEV_CLASS] = {"pci_dev", "class"},
	[DEV_CAPABILITY] = {"pci_dev", "pcie_cap"}, [DEV_EXPRESS] = {"pci_dev", "pcie_flags_reg"},
	[DEV_BEHIND] = {"pci_dev", "subordinate"},
};

/* Bus numbers are 8 bits, in as many domains as there are; a bus is below another in a device. */
enum { DEVICES_MAX = 1 << 18, DEPTH_MAX = 32 };

struct reading {
	struct km_kernel *k;
	const struct km_slot *s;
	km_pci_list *ret;
};

static struct km_list list_of(struct km_kernel *k, u64 head)
{
	struct km_list list = {.space = km_kernel_space(k), .n_stops = 1, .stops = {head}};
	enum km_status status = km_read_pointer(k, head, &list.link);

	if (status != KM_OK)
		list.end = (struct km_walk_end){
			.why = KM_WALK_UNREADABLE, .status = status, .at = head};
	list.seen.limit = DEVICES_MAX;
	return list;
}

static void list_done(struct reading *r, struct km_list *list)
{
	if (list->end.why != KM_WALK_WHOLE && !r->ret->problem[0])
		km_walk_end_text(&list->end, r->ret->problem, sizeof(r->ret->problem));
	km_list_end(list);
}

static struct km_pci *add(struct reading *r, u64 address, const struct km_slot *name, u64 parent,
			  unsigned depth)
{
	struct km_pci *pci = r->ret->list.count < DEVICES_MAX ? km_vec_push(&r->ret->list) : NULL;
	struct km_maybe at = km_member(r->k, name, address);

	if (!pci)
		return NULL;
	pci->address = address;
	pci->parent = parent;
	pci->depth = depth;
	pci->vendor = pci->device = pci->class = pci->express =
		(struct km_maybe){.status = KM_NOT_IN_KERNEL};
	if (at.value)
		km_read_string(r->k, at.value, pci->name, sizeof(pci->name));
	return pci;
}

static bool add_device(struct reading *r, u64 address, u64 bus, unsigned depth)
{
	struct km_pci *pci = add(r, address, &r->s[DEV_NAME], bus, depth);
	struct km_maybe capability = km_member(r->k, &r->s[DEV_CAPABILITY], address);

	if (!pci)
		return false;
	pci->is_bridge = km_member(r->k, &r->s[DEV_BEHIND], address).value != 0;
	pci->vendor = km_member(r->k, &r->s[DEV_VENDOR], address);
	pci->device = km_member(r->k, &r->s[DEV_DEVICE], address);
	pci->class = km_member(r->k, &r->s[DEV_CLASS], address);
	if (capability.status == KM_OK && capability.value)
		pci->express = km_member(r->k, &r->s[DEV_EXPRESS], address);
	return true;
}

/* False where no more can be kept. */
static bool add_bus(struct reading *r, u64 address, u64 parent, unsigned depth)
{
	const struct km_slot *s = r->s;
	struct km_pci *bus = add(r, address, &s[BUS_NAME], parent, depth);
	u64 link, bridge;
	bool go_on = bus != NULL;

	if (!go_on)
		return false;
	bus->is_bus = true;
	/* As crash(8) has it, the bridge that leads to a bus comes first of what is on it. */
	bridge = depth ? km_member(r->k, &s[BUS_BRIDGE], address).value : 0;
	if (bridge && !add_device(r, bridge, address, depth))
		return false;
	struct km_list devices = list_of(r->k, address + s[BUS_DEVICES].offset);

	while (go_on && km_list_step(&devices, &link))
		go_on = add_device(r, link - s[DEV_NODE].offset, address, depth);
	list_done(r, &devices);
	if (depth + 1 == DEPTH_MAX)
		return go_on;
	struct km_list children = list_of(r->k, address + s[BUS_CHILDREN].offset);

	while (go_on && km_list_step(&children, &link))
		go_on = add_bus(r, link - s[BUS_NODE].offset, address, depth + 1);
	list_done(r, &children);
	return go_on;
}

struct km_error *km_pci_devices(struct km_kernel *k, km_pci_list *ret)
{
	struct reading r = {.k = k, .s = km_kernel_members(k, rows, N_ROWS), .ret = ret};
	u64 roots = km_symbol_address(k, "pci_root_buses"), link;
	bool go_on = true;

	if (!r.s)
		return km_error_nomem();
	if (!roots || !r.s[BUS_NODE].present || !r.s[DEV_NODE].present)
		return km_error_new(KM_ERROR_MISSING, "this kernel has no PCI");
	struct km_list list = list_of(k, roots);

	while (go_on && km_list_step(&list, &link))
		go_on = add_bus(&r, link - r.s[BUS_NODE].offset, 0, 0);
	list_done(&r, &list);
	return go_on || ret->list.count == DEVICES_MAX ? NULL : km_error_nomem();
}
