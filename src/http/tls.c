/* Certificates: read from files, given to each handshake, read again on request.
 *
 * A handshake may use a certificate after the call that chose it, so a few old ones are kept. */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/connection.h"

#define CHAIN_MAX 16
#define KEPT 4 /* a handshake lasts no longer than header_timeout_s; four reloads do not fit into it */

struct certificate {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned chain_count;
    gnutls_privkey_t key;
};

struct tls {
    const char *certificate_file, *key_file;
    struct certificate kept[KEPT];
    unsigned current;
};

static void certificate_fini(struct certificate *c)
{
    for (unsigned i = 0; i < c->chain_count; i++)
        gnutls_pcert_deinit(&c->chain[i]);
    if (c->key)
        gnutls_privkey_deinit(c->key);
    *c = (struct certificate){0};
}

/* That the key is the certificate's: what one signs the other verifies. */
static int check_pair(struct certificate *c)
{
    static unsigned char words[] = "Ingot";
    gnutls_datum_t text = {words, sizeof words}, signature = {NULL, 0};
    unsigned algorithm = (unsigned)gnutls_pubkey_get_pk_algorithm(c->chain[0].pubkey, NULL);
    gnutls_sign_algorithm_t sign = gnutls_pk_to_sign((gnutls_pk_algorithm_t)algorithm, GNUTLS_DIG_SHA256);
    if (algorithm == GNUTLS_PK_EDDSA_ED25519)
        sign = GNUTLS_SIGN_EDDSA_ED25519;
    else if (algorithm == GNUTLS_PK_EDDSA_ED448)
        sign = GNUTLS_SIGN_EDDSA_ED448;
    int status = gnutls_privkey_sign_data2(c->key, sign, 0, &text, &signature);
    if (status >= 0)
        status = gnutls_pubkey_verify_data2(c->chain[0].pubkey, sign, 0, &text, &signature);
    gnutls_free(signature.data);
    return status < 0 ? status : 0;
}

static int certificate_load(const struct tls *tls, struct certificate *c, const char **ret_file)
{
    gnutls_datum_t pem = {NULL, 0};
    unsigned count = CHAIN_MAX;
    *ret_file = tls->certificate_file;
    int status = gnutls_load_file(tls->certificate_file, &pem);
    if (status == 0) {
        status = gnutls_pcert_list_import_x509_raw(c->chain, &count, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
        gnutls_free(pem.data);
        pem = (gnutls_datum_t){NULL, 0};
    }
    if (status < 0)
        return status;
    c->chain_count = count;
    *ret_file = tls->key_file;
    status = gnutls_load_file(tls->key_file, &pem);
    if (status == 0)
        status = gnutls_privkey_init(&c->key);
    if (status == 0)
        status = gnutls_privkey_import_x509_raw(c->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (pem.data) {
        gnutls_memset(pem.data, 0, pem.size);
        gnutls_free(pem.data);
    }
    return status < 0 ? status : check_pair(c);
}

static int load_next(struct tls *tls, char *message, size_t message_size)
{
    struct certificate fresh = {0};
    const char *file;
    int status = certificate_load(tls, &fresh, &file);
    if (status < 0) {
        certificate_fini(&fresh);
        snprintf(message, message_size, "%s cannot be used for TLS: %s", file, gnutls_strerror(status));
        return ERR_INVALID;
    }
    tls->current = (tls->current + 1) % KEPT;
    certificate_fini(&tls->kept[tls->current]);
    tls->kept[tls->current] = fresh;
    return 0;
}

int tls_new(const char *certificate_file, const char *key_file, struct tls **ret, char *message, size_t message_size)
{
    if (!key_file) {
        snprintf(message, message_size, "a certificate needs its key file");
        return ERR_INVALID;
    }
    struct tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return ERR_NO_MEMORY;
    tls->certificate_file = certificate_file;
    tls->key_file = key_file;
    int err = load_next(tls, message, message_size);
    if (err) {
        tls_free(tls);
        return err;
    }
    *ret = tls;
    return 0;
}

int tls_reload(struct tls *tls, char *message, size_t message_size)
{
    return load_next(tls, message, message_size);
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    for (unsigned i = 0; i < KEPT; i++)
        certificate_fini(&tls->kept[i]);
    free(tls);
}

/* IANA's name in OpenSSL's way: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256; those of TLS 1.3 stay. */
static void cipher_name(const char *iana, char name[HTTP_TLS_NAME_SIZE])
{
    const char *with = strstr(iana, "_WITH_");
    size_t len = 0;
    for (const char *from = with && strncmp(iana, "TLS_", 4) == 0 ? iana + 4 : iana; *from && len + 1 < HTTP_TLS_NAME_SIZE; from++) {
        if (with && from == with)
            from += strlen("_WITH");
        if (!with || *from != '_')
            name[len++] = *from;
        else if (from - iana < 3 || strncmp(from - 3, "AES", 3) != 0)
            name[len++] = '-';
    }
    name[len] = '\0';
}

void http_tls_names(const struct http_request *r, char cipher[HTTP_TLS_NAME_SIZE], char version[HTTP_TLS_NAME_SIZE])
{
    const union MHD_ConnectionInfo *info = r->server->tls ? MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION) : NULL;
    cipher[0] = version[0] = '\0';
    if (!info || !info->tls_session)
        return;
    gnutls_session_t session = info->tls_session;
    const char *suite = gnutls_ciphersuite_get(session);
    const char *protocol = gnutls_protocol_get_name(gnutls_protocol_get_version(session));
    if (suite)
        cipher_name(suite, cipher);
    if (protocol && strncmp(protocol, "TLS", 3) == 0)
        snprintf(version, HTTP_TLS_NAME_SIZE, "TLSv%s", protocol + 3);
}

static int choose(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                  const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret_chain,
                  unsigned *ret_count, gnutls_privkey_t *ret_key)
{
    (void)authorities;
    (void)authority_count;
    (void)algorithms;
    (void)algorithm_count;
    struct MHD_Connection *connection = gnutls_session_get_ptr(session);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    if (!c)
        return -1;
    struct tls *tls = c->request.server->tls;
    struct certificate *current = &tls->kept[tls->current];
    *ret_chain = current->chain;
    *ret_count = current->chain_count;
    *ret_key = current->key;
    return 0;
}

void *tls_callback(void)
{
    gnutls_certificate_retrieve_function2 *function = choose;
    return (void *)(uintptr_t)function;
}
