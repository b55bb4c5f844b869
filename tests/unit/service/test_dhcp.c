/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a DHCP server may answer. */
#include "km_test.h"
#include "service/dhcp.h"

static const u8 mac[6] = {0x52, 0x54, 0, 1, 2, 3};
enum { TRANSACTION = 0x11223344 };

/* A server's answer: our own message, turned round, with other options. */
static size_t answer(u8 ret[600], const u8 *options, size_t len)
{
	km_dhcp_write(KM_DHCP_DISCOVER, TRANSACTION, mac, NULL, ret);
	ret[0] = 2;
	memcpy(ret + 16, (u8[]){192, 0, 2, 7}, 4);
	memcpy(ret + 240, options, len);
	return 240 + len;
}

static void test_a_request_says_what_it_takes(void **state)
{
	const struct km_dhcp_lease offer = {
		.address = {192, 0, 2, 7}, .server = {192, 0, 2, 1}, .has_server = true};
	u8 message[KM_DHCP_MESSAGE];

	(void)state;
	km_dhcp_write(KM_DHCP_REQUEST, TRANSACTION, mac, &offer, message);
	assert_memory_equal(message + 28, mac, 6);
	assert_memory_equal(message + 236, "\x63\x82\x53\x63\x35\x01\x03\x32\x04\xc0\x00\x02\x07",
			    13);
	assert_memory_equal(message + 249, "\x36\x04\xc0\x00\x02\x01", 6);
}

static void test_an_offer_is_read(void **state)
{
	static const u8 options[] = {53, 1, 2, 0, 1, 4, 255, 255, 255, 128, 3, 8, 192, 0,
				     2,	 1, 9, 9, 9, 9, 54,  4,	  192, 0,   2, 2, 255};
	struct km_dhcp_lease lease;
	u8 bytes[600];
	size_t size = answer(bytes, options, sizeof(options));

	(void)state;
	assert_true(km_dhcp_read(bytes, size, KM_DHCP_OFFER, TRANSACTION, mac, &lease));
	assert_memory_equal(lease.address, ((u8[]){192, 0, 2, 7}), 4);
	assert_int_equal(lease.prefix, 25);
	assert_true(lease.has_router && lease.has_server);
	assert_memory_equal(lease.router, ((u8[]){192, 0, 2, 1}), 4);
	assert_memory_equal(lease.server, ((u8[]){192, 0, 2, 2}), 4);
	/* Another type, transaction or machine is not meant. */
	assert_false(km_dhcp_read(bytes, size, KM_DHCP_ACK, TRANSACTION, mac, &lease));
	assert_false(km_dhcp_read(bytes, size, KM_DHCP_OFFER, TRANSACTION + 1, mac, &lease));
	assert_false(km_dhcp_read(bytes, size, KM_DHCP_OFFER, TRANSACTION, (u8[6]){1}, &lease));
	bytes[0] = 1;
	assert_false(km_dhcp_read(bytes, size, KM_DHCP_OFFER, TRANSACTION, mac, &lease));
}

static void test_cut_and_odd_answers(void **state)
{
	static const u8 options[] = {53, 1, 2, 1, 4, 255, 0, 255, 0, 3, 200, 1};
	struct km_dhcp_lease lease;
	u8 bytes[600];
	size_t size = answer(bytes, options, sizeof(options));

	(void)state;
	/* A router that runs over the end, and a mask with a hole. */
	assert_true(km_dhcp_read(bytes, size, KM_DHCP_OFFER, TRANSACTION, mac, &lease));
	assert_false(lease.has_router);
	assert_int_equal(lease.prefix, 32);
	for (size_t n = 0; n < size; n++) {
		u8 *exact = malloc(n ? n : 1);

		memcpy(exact, bytes, n);
		km_dhcp_read(exact, n, KM_DHCP_OFFER, TRANSACTION, mac, &lease);
		free(exact);
	}
	memset(bytes + 16, 0, 4);
	assert_false(km_dhcp_read(bytes, size, KM_DHCP_OFFER, TRANSACTION, mac, &lease));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_says_what_it_takes),
		cmocka_unit_test(test_an_offer_is_read),
		cmocka_unit_test(test_cut_and_odd_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
