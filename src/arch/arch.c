/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architectures that we know. To add one: its file, its ops table in private.h, a row here. */
#include <string.h>

#include "arch/arch.h"
#include "arch/private.h"

static const struct km_arch *const known[] = {
	&km_arch_x86_64,
	&km_arch_arm64,
};

const struct km_arch *km_arch_by_machine(u16 machine)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++)
		if (known[i]->machine == machine)
			return known[i];
	return NULL;
}

const struct km_arch *km_arch_by_name(const char *utsname_machine)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(known); i++)
		if (!strcmp(known[i]->name, utsname_machine))
			return known[i];
	return NULL;
}
