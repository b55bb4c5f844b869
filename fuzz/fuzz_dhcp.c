/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of whoever is on the network. */
#include <string.h>

#include "service/dhcp.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct km_dhcp_lease lease;
	u32 transaction = 0;
	u8 mac[6] = {0};

	/* The one that it says it is for. */
	if (size > 8)
		memcpy(&transaction, data + 4, 4);
	if (size > 34)
		memcpy(mac, data + 28, 6);
	km_dhcp_read(data, size, KM_DHCP_OFFER, transaction, mac, &lease);
	return 0;
}
