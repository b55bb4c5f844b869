// SPDX-License-Identifier: GPL-2.0-or-later
/* FIPS 180-4, section 6.2. Written for size and clarity. */
#include "loader/purgatory/sha256.h"

#define BLOCK 64

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t load_be(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 24);
	p[1] = (uint8_t)(x >> 16);
	p[2] = (uint8_t)(x >> 8);
	p[3] = (uint8_t)x;
}

static void take_block(uint32_t h[8], const uint8_t *block)
{
	uint32_t w[64], v[8];
	unsigned i;

	for (i = 0; i < 16; i++)
		w[i] = load_be(block + 4 * i);
	for (; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (i = 0; i < 8; i++)
		v[i] = h[i];
	for (i = 0; i < 64; i++) {
		uint32_t a = v[0], e = v[4];
		uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
			      ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
		uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
			      ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		v[7] = v[6];
		v[6] = v[5];
		v[5] = e;
		v[4] = v[3] + t1;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = a;
		v[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		h[i] += v[i];
}

void km_sha256_begin(struct km_sha256_state *state)
{
	/* The same of the square roots of the first 8 primes (5.3.3). */
	static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	for (unsigned i = 0; i < 8; i++)
		state->h[i] = first[i];
	state->size = 0;
}

void km_sha256_add(struct km_sha256_state *state, const void *data, uint64_t size)
{
	const uint8_t *p = data;

	while (size) {
		unsigned at = state->size % BLOCK;

		if (!at && size >= BLOCK) {
			take_block(state->h, p);
			state->size += BLOCK;
			size -= BLOCK;
			p += BLOCK;
			continue;
		}
		state->block[at] = *p++;
		state->size++;
		size--;
		if (at == BLOCK - 1)
			take_block(state->h, state->block);
	}
}

void km_sha256_end(struct km_sha256_state *state, uint8_t ret[KM_SHA256_SIZE])
{
	static const uint8_t one = 0x80, zero = 0;
	uint64_t size = state->size;
	uint8_t bits[8];

	/* A one, zeros, and the length in bits (5.1.1). */
	km_sha256_add(state, &one, 1);
	while (state->size % BLOCK != BLOCK - 8)
		km_sha256_add(state, &zero, 1);
	store_be(bits, (uint32_t)(size >> 29));
	store_be(bits + 4, (uint32_t)(size << 3));
	km_sha256_add(state, bits, 8);
	for (unsigned n = 0; n < 8; n++)
		store_be(ret + 4 * n, state->h[n]);
}

void km_sha256(const void *data, uint64_t size, uint8_t ret[KM_SHA256_SIZE])
{
	struct km_sha256_state state;

	km_sha256_begin(&state);
	km_sha256_add(&state, data, size);
	km_sha256_end(&state, ret);
}
