/* See object_lock.h. */
#include "wire/object_lock.h"

#include "base/error.h"
#include "wire/http_date.h"
#include "wire/xml_read.h"
#include "wire/xml_write.h"

#define DAY_US (86400ull * 1000000)

static const char *const modes[] = {[LOCK_GOVERNANCE] = "GOVERNANCE", [LOCK_COMPLIANCE] = "COMPLIANCE"};

const char *lock_mode_name(enum lock_mode mode)
{
    return modes[mode];
}

int lock_mode_parse(struct slice text, enum lock_mode *ret)
{
    for (int i = LOCK_GOVERNANCE; i <= LOCK_COMPLIANCE; i++)
        if (text.data && slice_equal_string(text, modes[i])) {
            *ret = (enum lock_mode)i;
            return 0;
        }
    return ERR_MALFORMED;
}

/* ret: to be freed; the root has that name. */
static int parse(const void *data, size_t len, const char *root, struct xml_document **ret)
{
    int err = xml_parse(data, len, ret);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_MALFORMED : err;
    if (slice_equal_string(xml_root(*ret)->name, root))
        return 0;
    xml_document_free(*ret);
    return ERR_MALFORMED;
}

static int take_period(struct slice days, struct slice years, struct lock_configuration *ret)
{
    uint64_t count;
    struct slice text = days.data ? days : years;
    ret->unit = days.data ? LOCK_DAYS : LOCK_YEARS;
    if (text.len > 1 && text.data[0] == '-')
        return slice_parse_u64(slice_of(text.data + 1, text.len - 1), &count) ? ERR_MALFORMED : ERR_INVALID;
    if (slice_parse_u64(text, &count))
        return ERR_MALFORMED;
    if (count < 1 || count > (ret->unit == LOCK_DAYS ? LOCK_DAYS_MAX : LOCK_YEARS_MAX))
        return ERR_INVALID;
    ret->count = (uint32_t)count;
    return 0;
}

static int take_rule(const struct xml_node *rule, struct lock_configuration *ret)
{
    const struct xml_node *standing = xml_child(rule, "DefaultRetention");
    if (!standing || xml_next(rule) || xml_next(standing))
        return ERR_MALFORMED;
    struct slice days = xml_child_text(standing, "Days"), years = xml_child_text(standing, "Years");
    int err = lock_mode_parse(xml_child_text(standing, "Mode"), &ret->mode);
    if (!err && !days.data == !years.data)
        err = ERR_MALFORMED;
    return err ? err : take_period(days, years, ret);
}

int lock_configuration_parse(const void *data, size_t len, struct lock_configuration *ret)
{
    struct xml_document *document;
    *ret = (struct lock_configuration){0};
    int err = parse(data, len, "ObjectLockConfiguration", &document);
    if (err)
        return err;
    const struct xml_node *root = xml_root(document), *rule = xml_child(root, "Rule");
    struct slice enabled = xml_child_text(root, "ObjectLockEnabled");
    if (!enabled.data || !slice_equal_string(enabled, "Enabled"))
        err = ERR_MALFORMED;
    else if (rule)
        err = take_rule(rule, ret);
    xml_document_free(document);
    return err;
}

void lock_configuration_format(const struct lock_configuration *c, struct text *t)
{
    xml_declaration(t);
    xml_open_root(t, "ObjectLockConfiguration");
    xml_element_string(t, "ObjectLockEnabled", "Enabled");
    if (c->mode != LOCK_NONE) {
        xml_open(t, "Rule");
        xml_open(t, "DefaultRetention");
        xml_element_string(t, "Mode", lock_mode_name(c->mode));
        xml_element_u64(t, c->unit == LOCK_DAYS ? "Days" : "Years", c->count);
        xml_close(t, "DefaultRetention");
        xml_close(t, "Rule");
    }
    xml_close(t, "ObjectLockConfiguration");
}

int lock_retention_parse(const void *data, size_t len, struct lock_retention *ret)
{
    struct xml_document *document;
    *ret = (struct lock_retention){0};
    int err = parse(data, len, "Retention", &document);
    if (err)
        return err;
    struct slice mode = xml_child_text(xml_root(document), "Mode"), until = xml_child_text(xml_root(document), "RetainUntilDate");
    if (!mode.data != !until.data)
        err = ERR_MALFORMED;
    else if (mode.data)
        err = lock_mode_parse(mode, &ret->mode);
    if (!err && mode.data)
        err = iso_date_parse(until, &ret->until_us);
    xml_document_free(document);
    return err;
}

void lock_retention_format(const struct lock_retention *retention, struct text *t)
{
    xml_declaration(t);
    xml_open_root(t, "Retention");
    xml_element_string(t, "Mode", lock_mode_name(retention->mode));
    xml_element_time(t, "RetainUntilDate", retention->until_us);
    xml_close(t, "Retention");
}

int lock_legal_hold_parse(const void *data, size_t len, bool *ret)
{
    struct xml_document *document;
    int err = parse(data, len, "LegalHold", &document);
    if (err)
        return err;
    struct slice status = xml_child_text(xml_root(document), "Status");
    *ret = status.data && slice_equal_string(status, "ON");
    if (!*ret && (!status.data || !slice_equal_string(status, "OFF")))
        err = ERR_MALFORMED;
    xml_document_free(document);
    return err;
}

void lock_legal_hold_format(bool on, struct text *t)
{
    xml_declaration(t);
    xml_open_root(t, "LegalHold");
    xml_element_string(t, "Status", on ? "ON" : "OFF");
    xml_close(t, "LegalHold");
}

/* --- the kept forms --- */

void lock_configuration_encode(const struct lock_configuration *c, uint8_t bytes[LOCK_CONFIGURATION_LEN])
{
    bytes[0] = (uint8_t)c->mode;
    bytes[1] = (uint8_t)c->unit;
    for (int i = 0; i < 4; i++)
        bytes[2 + i] = (uint8_t)(c->count >> 8 * i);
}

int lock_configuration_decode(struct slice slice, struct lock_configuration *ret)
{
    const uint8_t *bytes = (const uint8_t *)slice.data;
    *ret = (struct lock_configuration){0};
    if (slice.len != LOCK_CONFIGURATION_LEN || bytes[0] > LOCK_COMPLIANCE || (bytes[0] && (bytes[1] < LOCK_DAYS || bytes[1] > LOCK_YEARS)))
        return ERR_CORRUPT;
    ret->mode = (enum lock_mode)bytes[0];
    ret->unit = (enum lock_unit)bytes[1];
    for (int i = 0; i < 4; i++)
        ret->count |= (uint32_t)bytes[2 + i] << 8 * i;
    return 0;
}

void lock_retention_encode(const struct lock_retention *retention, uint8_t bytes[LOCK_RETENTION_LEN])
{
    bytes[0] = (uint8_t)retention->mode;
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (uint8_t)(retention->until_us >> 8 * i);
}

int lock_retention_decode(struct slice slice, struct lock_retention *ret)
{
    const uint8_t *bytes = (const uint8_t *)slice.data;
    *ret = (struct lock_retention){0};
    if (slice.len != LOCK_RETENTION_LEN || bytes[0] < LOCK_GOVERNANCE || bytes[0] > LOCK_COMPLIANCE)
        return ERR_CORRUPT;
    ret->mode = (enum lock_mode)bytes[0];
    for (int i = 0; i < 8; i++)
        ret->until_us |= (uint64_t)bytes[1 + i] << 8 * i;
    return 0;
}

/* --- rules --- */

struct lock_retention lock_configuration_retention(const struct lock_configuration *c, uint64_t now_us)
{
    uint64_t days = c->unit == LOCK_YEARS ? 365ull * c->count : c->count;
    return (struct lock_retention){c->mode, c->mode == LOCK_NONE ? 0 : now_us + days * DAY_US};
}

bool lock_retention_may_become(const struct lock_retention *old, const struct lock_retention *fresh, bool bypass_governance, uint64_t now_us)
{
    if (old->mode == LOCK_NONE || old->until_us <= now_us)
        return true;
    if (old->mode == LOCK_GOVERNANCE && bypass_governance)
        return true;
    return fresh->mode == old->mode && fresh->until_us >= old->until_us;
}
