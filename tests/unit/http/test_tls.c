/* TLS: a handshake, a body both ways, certificates read again while the server runs. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/http.h"
#include "volume/loop_uring.h"

/* --- certificates --- */

static char dir[64], certificate_file[96], key_file[96];

static void write_file(const char *path, const gnutls_datum_t *data)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data->data, 1, data->size, f), data->size);
    assert_int_equal(fclose(f), 0);
}

static void make_certificate(const char *name, bool write_certificate)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    static const unsigned char serial[] = {1};
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(crt, serial, sizeof serial), 0);
    assert_int_equal(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)), 0);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(key_file, &pem);
    gnutls_free(pem.data);
    if (write_certificate) {
        assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
        write_file(certificate_file, &pem);
        gnutls_free(pem.data);
    }
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

/* --- the server --- */

static struct loop *loop;
static struct http_server *server;
static pthread_t thread;
static bool stop;
static int reload_result;
static char reload_message[256];

static void app_begin(void *arg, struct http_request *r)
{
    (void)arg;
    http_set_user(r, calloc(1, sizeof(struct text)));
}

static size_t app_body(struct http_request *r, const void *data, size_t len)
{
    text_append(http_user(r), data, len);
    return len;
}

static void app_end(struct http_request *r)
{
    const struct text *body = http_user(r);
    assert_true(http_is_tls(r));
    http_respond(r, 200, body->data, body->len);
}

static void app_gone(struct http_request *r, bool complete)
{
    (void)complete;
    text_free(http_user(r));
    free(http_user(r));
}

static const struct http_handler app = {app_begin, app_body, app_end, app_gone, NULL};

static bool stopped(void *arg)
{
    (void)arg;
    return stop;
}

static void stop_run(struct task *task)
{
    (void)task;
    stop = true;
}
static struct task stop_task = {.run = stop_run};

static void reload_run(struct task *task)
{
    (void)task;
    reload_result = http_server_reload(server, reload_message, sizeof reload_message);
    stop = true;
}
static struct task reload_task = {.run = reload_run};

static void *server_main(void *arg)
{
    (void)arg;
    assert_int_equal(loop_run_until(loop, stopped, NULL), 0);
    return NULL;
}

static void start_thread(void)
{
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, server_main, NULL), 0);
}

static void run_task(struct task *task)
{
    loop_post(loop, task);
    pthread_join(thread, NULL);
}

static const struct http_options usual = {.listen = "127.0.0.1:0", .listen_fd = -1, .certificate_file = certificate_file,
                                          .key_file = key_file, .header_timeout_s = 60, .idle_timeout_s = 60};

static int set_up(void **state)
{
    (void)state;
    char message[256];
    strcpy(dir, "/tmp/ingot-tls-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(certificate_file, sizeof certificate_file, "%s/certificate", dir);
    snprintf(key_file, sizeof key_file, "%s/key", dir);
    make_certificate("first", true);
    assert_int_equal(loop_new_best("tls", NULL, &loop), 0);
    assert_int_equal(http_server_new(&usual, loop, &app, NULL, &server, message, sizeof message), 0);
    start_thread();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    run_task(&stop_task);
    http_server_free(server);
    stop = false;
    loop_post(loop, &stop_task);
    assert_int_equal(loop_run_until(loop, stopped, NULL), 0);
    loop_free(loop);
    unlink(certificate_file);
    unlink(key_file);
    rmdir(dir);
    return 0;
}

/* --- the client --- */

struct client {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd;
};

static void client_open(struct client *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(http_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(gnutls_certificate_allocate_credentials(&c->credentials), 0);
    assert_int_equal(gnutls_init(&c->session, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_set_default_priority(c->session), 0);
    assert_int_equal(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials), 0);
    gnutls_transport_set_int(c->session, c->fd);
    int status;
    do
        status = gnutls_handshake(c->session);
    while (status < 0 && !gnutls_error_is_fatal(status));
    assert_int_equal(status, 0);
}

static void client_close(struct client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    close(c->fd);
}

static void assert_served_by(const struct client *c, const char *name)
{
    unsigned count;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(c->session, &count);
    assert_non_null(chain);
    assert_int_equal(count, 1);
    gnutls_x509_crt_t crt;
    char found[64];
    size_t len = sizeof found;
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, chain, GNUTLS_X509_FMT_DER), 0);
    assert_int_equal(gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, found, &len), 0);
    assert_string_equal(found, name);
    gnutls_x509_crt_deinit(crt);
}

static void send_all(struct client *c, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = gnutls_record_send(c->session, data, len);
        if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
            continue;
        assert_true(n > 0);
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

static void echo(struct client *c, size_t len)
{
    char head[128];
    char *data = malloc(len);
    memset(data, 'e', len);
    snprintf(head, sizeof head, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", len);
    send_all(c, head, strlen(head));
    send_all(c, data, len);
    struct text answer = {0};
    const char *body = NULL;
    while (!body || answer.len - (size_t)(body - answer.data) < len) {
        char piece[16384];
        ssize_t n = gnutls_record_recv(c->session, piece, sizeof piece);
        if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
            continue;
        assert_true(n > 0);
        text_append(&answer, piece, (size_t)n);
        body = strstr(answer.data, "\r\n\r\n");
        body = body ? body + 4 : NULL;
    }
    assert_int_equal(memcmp(answer.data, "HTTP/1.1 200", 12), 0);
    assert_memory_equal(body, data, len);
    text_free(&answer);
    free(data);
}

static void test_bodies(void **state)
{
    (void)state;
    struct client c;
    client_open(&c);
    assert_served_by(&c, "first");
    echo(&c, 1);
    echo(&c, 1000000);
    client_close(&c);
}

static void test_reload(void **state)
{
    (void)state;
    struct client before, after;
    client_open(&before);
    make_certificate("second", true);
    run_task(&reload_task);
    assert_int_equal(reload_result, 0);
    start_thread();
    client_open(&after);
    assert_served_by(&after, "second");
    echo(&before, 100);
    echo(&after, 100);
    client_close(&after);

    make_certificate("third", false); /* a key that is not the certificate's */
    run_task(&reload_task);
    assert_int_equal(reload_result, ERR_INVALID);
    assert_non_null(strstr(reload_message, dir)); /* the file */
    unlink(certificate_file);
    start_thread();
    run_task(&reload_task);
    assert_int_equal(reload_result, ERR_INVALID);
    assert_non_null(strstr(reload_message, dir)); /* the file */
    start_thread();
    client_open(&after);
    assert_served_by(&after, "second");
    client_close(&after);
    client_close(&before);
}

static void test_bad_files(void **state)
{
    (void)state;
    char message[256];
    struct http_server *none;
    struct http_options options = usual;
    options.key_file = NULL;
    assert_int_equal(http_server_new(&options, loop, &app, NULL, &none, message, sizeof message), ERR_INVALID);
    options.key_file = certificate_file;
    assert_int_equal(http_server_new(&options, loop, &app, NULL, &none, message, sizeof message), ERR_INVALID);
    assert_non_null(strstr(message, certificate_file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
