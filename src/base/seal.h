/* Sealing of secrets kept in the database: AES-256-GCM (NIST SP 800-38D) under the store's sealing key.
 * Sealed form: FORMAT.md, "Sealed secret": version byte 1, 12-byte nonce, ciphertext, 16-byte tag. */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SEAL_KEY_LEN 32
#define SEAL_OVERHEAD 29

struct seal_key { uint8_t bytes[SEAL_KEY_LEN]; };

/* sealed must have room for len + SEAL_OVERHEAD bytes. context binds the secret to its place (additional data).
 * nonce: 12 random bytes, never used twice with a key. */
int seal(const struct seal_key *, const uint8_t nonce[12], const void *context, size_t context_len, const void *plain,
         size_t len, uint8_t *sealed) MUST_CHECK;

/* plain must have room for sealed_len - SEAL_OVERHEAD. ERR_CORRUPT when the tag or the version does not match. */
int unseal(const struct seal_key *, const void *context, size_t context_len, const uint8_t *sealed, size_t sealed_len,
           uint8_t *plain, size_t *ret_len) MUST_CHECK;

/* Cryptographic random bytes from the kernel. */
int random_bytes(void *bytes, size_t len) MUST_CHECK;

#endif
