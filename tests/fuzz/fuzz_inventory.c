/* InventoryConfiguration: what is kept is one again and says the same, and its columns can always be named. */
#include <string.h>

#include "fuzz.h"
#include "wire/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct inventory_configuration c, again;
    struct text text = {0}, twice = {0}, schema = {0};
    if (inventory_parse(data, len, &c))
        return 0;
    must(inventory_id_valid(c.id) && c.bucket.len > 0 && c.destination_prefix.len <= INVENTORY_PREFIX_MAX && c.fields >> INVENTORY_FIELD_COUNT == 0);
    inventory_format(&c, true, &text);
    must(!text.failed && inventory_parse(text.data, text.len, &again) == 0);
    must(slice_equal(c.id, again.id) && slice_equal(c.bucket, again.bucket) && c.fields == again.fields && c.weekly == again.weekly);
    must(!c.prefix.data == !again.prefix.data && c.encryption == again.encryption);
    inventory_format(&again, true, &twice);
    must(!twice.failed && slice_equal(slice_of(text.data, text.len), slice_of(twice.data, twice.len)));
    inventory_schema(&c, &schema);
    must(!schema.failed && slice_starts_with(slice_of(schema.data, schema.len), "Bucket, Key"));
    inventory_fini(&c);
    inventory_fini(&again);
    text_free(&text);
    text_free(&twice);
    text_free(&schema);
    return 0;
}
