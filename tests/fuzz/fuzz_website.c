/* WebsiteConfiguration: what is kept is one again and says the same; where it sends a request can always be said. */
#include <string.h>

#include "fuzz.h"
#include "wire/website.h"

static void check_routes(const struct xml_document *a, const struct xml_document *b)
{
    static const char *const keys[] = {"", "a", "docs/", "docs/page.html", "images/\xc3\xa4"};
    static const unsigned statuses[] = {0, 403, 404, 500};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
            struct website_redirect to, again;
            bool routed = website_route(a, slice_string(keys[k]), statuses[i], &to);
            must(routed == website_route(b, slice_string(keys[k]), statuses[i], &again));
            if (!routed)
                continue;
            must(to.status >= 301 && to.status <= 399 && to.status == again.status && slice_equal(to.key, again.key));
            must(slice_equal(to.before, again.before) && slice_equal(to.host, again.host));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct xml_document *document, *again;
    struct text text = {0}, twice = {0};
    const char *message;
    bool argument;
    int err = website_parse(data, len, &document, &message, &argument);
    must(err != ERR_INVALID || message);
    if (err)
        return 0;
    website_format(document, &text);
    must(!text.failed && website_parse(text.data, text.len, &again, &message, &argument) == 0);
    website_format(again, &twice);
    must(!twice.failed && slice_equal(slice_of(text.data, text.len), slice_of(twice.data, twice.len)));
    check_routes(document, again);
    xml_document_free(document);
    xml_document_free(again);
    text_free(&text);
    text_free(&twice);
    return 0;
}
