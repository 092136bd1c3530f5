/* XML both ways: the writer's escaping, the reader's bounds, the typed documents. */
#include <stdio.h>

#include "wire_test.h"

#include "wire/cors.h"
#include "wire/xml_request.h"
#include "wire/xml_write.h"

static void test_write(void **state)
{
    (void)state;
    struct text text = {0};
    xml_declaration(&text);
    xml_open_root(&text, "R");
    xml_element_string(&text, "S", "a<b>&\"'\n\r\t\x1f\x7f\xc3\xa4\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd");
    xml_element_u64(&text, "N", 0);
    xml_element_u64(&text, "N", UINT64_MAX);
    xml_element_bool(&text, "B", true);
    xml_element_bool(&text, "B", false);
    xml_element_time(&text, "T", 784111777123456ull);
    xml_element_base64(&text, "D", "\0\1\2", 3);
    xml_element(&text, "E", slice_of(NULL, 0));
    xml_empty(&text, "X");
    xml_open_with(&text, "G", "a=\"b\"");
    xml_close(&text, "G");
    xml_close(&text, "R");
    assert_string_equal(text.data,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<S>a&lt;b&gt;&amp;&quot;'&#xa;&#xd;&#x9;&#x1f;&#x7f;\xc3\xa4&#xfffe;&#xffff;\xef\xbf\xbd</S><N>0</N>"
        "<N>18446744073709551615</N><B>true</B><B>false</B><T>1994-11-06T08:49:37.123Z</T><D>AAEC</D><E></E><X/>"
        "<G a=\"b\"></G></R>");
    text_clear(&text);
    char all[256], expected[256 * 6];
    size_t len = 0;
    for (unsigned c = 0; c < 256; c++)
        all[c] = (char)c;
    for (unsigned c = 0; c < 256; c++)
        len += (size_t)sprintf(expected + len, c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;"
                                               : c < 0x20 || c == 0x7f ? "&#x%x;" : "%c", c);
    xml_escape(&text, slice_of(all, sizeof(all)));
    assert_int_equal(text.len, len);
    assert_memory_equal(text.data, expected, len);
    text_free(&text);
}

static int parse(const char *xml, struct xml_document **ret)
{
    return xml_parse(xml, strlen(xml), ret);
}

static void test_read(void **state)
{
    (void)state;
    struct xml_document *document;
    assert_int_equal(parse("<?xml version=\"1.0\"?><!-- c --><n:a xmlns:n=\"u\" xmlns=\"v\"><b> x&amp;<c/>y </b><n:b>2</n:b>"
                           "<d i:type=\"T\"><![CDATA[<&]]></d><b/><?pi?></n:a>", &document), 0);
    const struct xml_node *root = xml_root(document);
    assert_slice(root->name, "a");
    assert_null(root->next);
    assert_null(root->type.data);
    const struct xml_node *b = xml_child(root, "b");
    assert_slice(b->text, " x&y ");
    assert_non_null(xml_child(b, "c"));
    assert_slice(xml_child_text(root, "b"), "x&y");
    assert_slice(xml_child_raw_text(root, "b"), " x&y ");
    b = xml_next(b);
    assert_slice(b->text, "2");
    b = xml_next(b);
    assert_slice(b->text, "");
    assert_null(xml_next(b));
    assert_slice(xml_child(root, "d")->type, "T");
    assert_slice(xml_child_text(root, "d"), "<&");
    assert_null(xml_child(root, "e"));
    assert_null(xml_child_text(root, "e").data);
    xml_document_free(document);
    xml_document_free(NULL);
    assert_int_equal(parse("<: s:=\"u\"/>", &document), 0); /* a name is never empty */
    assert_slice(xml_root(document)->name, ":");
    xml_document_free(document);
}

static void test_read_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "<a>", "<a></b>", "<a/><b/>", "text", "<a>&nbsp;</a>", "<a>\x01</a>", "<a>\xff</a>", "<a b=1/>",
        "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
            "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>",
    };
    struct xml_document *document;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(parse(bad[i], &document), ERR_MALFORMED);
    assert_int_equal(xml_parse("", XML_SIZE_MAX + 1ul, &document), ERR_TOO_LARGE);
    struct text text = {0};
    text_append_string(&text, "<a>");
    for (int i = 0; i < XML_ELEMENTS_MAX - 1; i++)
        text_append_string(&text, "<b/>");
    text_append_string(&text, "</a>");
    assert_int_equal(xml_parse(text.data, text.len, &document), 0);
    xml_document_free(document);
    text.len -= 4;
    text_append_string(&text, "<b/></a>");
    assert_int_equal(xml_parse(text.data, text.len, &document), ERR_MALFORMED);
    text_free(&text);
}

static void test_create_bucket(void **state)
{
    (void)state;
    struct create_bucket_document d;
    assert_int_equal(create_bucket_document_parse("", 0, &d), 0);
    assert_null(d.location.data);
    create_bucket_document_fini(&d);
    static const char xml[] = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><New>1</New>"
                              "<LocationConstraint> us-east-1\n</LocationConstraint></CreateBucketConfiguration>";
    assert_int_equal(create_bucket_document_parse(xml, strlen(xml), &d), 0);
    assert_slice(d.location, "us-east-1");
    create_bucket_document_fini(&d);
    assert_int_equal(create_bucket_document_parse("<Other/>", 8, &d), ERR_MALFORMED);
    assert_int_equal(create_bucket_document_parse("<Other", 6, &d), ERR_MALFORMED);
}

#define MD5_HEX "5d41402abc4b2a76b9719d911017c592"
#define PART(inner) "<CompleteMultipartUpload><Part>" inner "</Part></CompleteMultipartUpload>"

static void test_complete(void **state)
{
    (void)state;
    struct complete_document d;
    static const char xml[] =
        "<CompleteMultipartUpload><Part><ETag>&quot;" MD5_HEX "&quot;</ETag><PartNumber>2</PartNumber>"
        "<ChecksumCRC32>NhCmhg==</ChecksumCRC32></Part><Part><PartNumber> 10000 </PartNumber><ETag>" MD5_HEX "-2</ETag>"
        "<ChecksumSHA1/></Part><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
    assert_int_equal(complete_document_parse(xml, strlen(xml), &d), 0);
    assert_int_equal(d.part_count, 3);
    assert_int_equal(d.parts[0].part_number, 2);
    assert_true(d.parts[0].has_etag && !d.parts[0].etag_malformed);
    assert_hex(d.parts[0].etag, MD5_LEN, MD5_HEX);
    assert_int_equal(d.parts[0].kind, CHECKSUM_CRC32);
    assert_hex(d.parts[0].checksum, 4, "3610a686");
    assert_int_equal(d.parts[1].part_number, 10000);
    assert_true(d.parts[1].etag_malformed);
    assert_int_equal(d.parts[1].kind, CHECKSUM_NONE);
    assert_false(d.parts[2].has_etag);
    complete_document_fini(&d);
    static const char *const bad[] = {
        "<CompleteMultipartUpload/>", "<Other><Part><PartNumber>1</PartNumber></Part></Other>", PART(""),
        PART("<PartNumber>0</PartNumber>"), PART("<PartNumber>10001</PartNumber>"), PART("<PartNumber>x</PartNumber>"),
        PART("<PartNumber>1</PartNumber><ChecksumCRC32>AA</ChecksumCRC32>"),
        PART("<PartNumber>1</PartNumber><ChecksumCRC32>NhCmhg==</ChecksumCRC32><ChecksumCRC32C>NhCmhg==</ChecksumCRC32C>"),
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(complete_document_parse(bad[i], strlen(bad[i]), &d), ERR_MALFORMED);
}

static void test_complete_bound(void **state)
{
    (void)state;
    struct complete_document d;
    struct text text = {0};
    text_append_string(&text, "<CompleteMultipartUpload>");
    for (int i = 1; i <= COMPLETE_PARTS_MAX; i++)
        text_append_format(&text, "<Part><PartNumber>%d</PartNumber><ETag>\"" MD5_HEX "\"</ETag><ChecksumSHA256>"
                                  "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=</ChecksumSHA256></Part>", i);
    size_t len = text.len;
    text_append_string(&text, "</CompleteMultipartUpload>");
    assert_int_equal(complete_document_parse(text.data, text.len, &d), 0);
    assert_int_equal(d.part_count, COMPLETE_PARTS_MAX);
    assert_int_equal(d.parts[9999].part_number, 10000);
    complete_document_fini(&d);
    text.len = len;
    text_append_string(&text, "<Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>");
    assert_int_equal(complete_document_parse(text.data, text.len, &d), ERR_MALFORMED);
    text_free(&text);
}

static void test_delete(void **state)
{
    (void)state;
    struct delete_document d;
    static const char xml[] =
        "<Delete><Quiet>true</Quiet><Object><Key> a&lt;b\n</Key></Object><Object><Key>k</Key><VersionId>null</VersionId>"
        "<ETag>\"x\"</ETag><LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT</LastModifiedTime><Size>5</Size></Object>"
        "<Object><Key/><VersionId/><LastModifiedTime>1994-11-06T08:49:37Z</LastModifiedTime></Object></Delete>";
    assert_int_equal(delete_document_parse(xml, strlen(xml), &d), 0);
    assert_true(d.quiet);
    assert_int_equal(d.object_count, 3);
    assert_slice(d.objects[0].key, " a<b\n");
    assert_null(d.objects[0].version_id.data);
    assert_null(d.objects[0].etag.data);
    assert_false(d.objects[0].has_size || d.objects[0].has_modified);
    assert_slice(d.objects[1].version_id, "null");
    assert_slice(d.objects[1].etag, "\"x\"");
    assert_int_equal(d.objects[1].modified_us, 784111777000000ull);
    assert_int_equal(d.objects[1].size, 5);
    assert_slice(d.objects[2].key, "");
    assert_null(d.objects[2].version_id.data);
    assert_int_equal(d.objects[2].modified_us, 784111777000000ull);
    delete_document_fini(&d);
    static const char *const bad[] = {
        "<Delete/>", "<Delete><Object/></Delete>", "<Delete><Quiet>maybe</Quiet><Object><Key>k</Key></Object></Delete>",
        "<Delete><Object><Key>k</Key><Size>-1</Size></Object></Delete>", "<Del><Object><Key>k</Key></Object></Del>",
        "<Delete><Object><Key>k</Key><LastModifiedTime>now</LastModifiedTime></Object></Delete>",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(delete_document_parse(bad[i], strlen(bad[i]), &d), ERR_MALFORMED);
    struct text text = {0};
    text_append_string(&text, "<Delete>");
    for (int i = 0; i < DELETE_OBJECTS_MAX; i++)
        text_append_string(&text, "<Object><Key>k</Key></Object>");
    size_t len = text.len;
    text_append_string(&text, "</Delete>");
    assert_int_equal(delete_document_parse(text.data, text.len, &d), 0);
    assert_int_equal(d.object_count, DELETE_OBJECTS_MAX);
    assert_false(d.quiet);
    delete_document_fini(&d);
    text.len = len;
    text_append_string(&text, "<Object><Key>k</Key></Object></Delete>");
    assert_int_equal(delete_document_parse(text.data, text.len, &d), ERR_MALFORMED);
    text_free(&text);
}

static void test_versioning(void **state)
{
    (void)state;
#define VERSIONING(inner) "<VersioningConfiguration>" inner "</VersioningConfiguration>"
    static const struct { const char *xml; enum versioning_status status; bool has_mfa_delete, mfa_delete; } good[] = {
        {VERSIONING(""), VERSIONING_NONE, false, false},
        {VERSIONING("<Status>Enabled</Status>"), VERSIONING_ENABLED, false, false},
        {VERSIONING("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>"), VERSIONING_SUSPENDED, true, false},
        {VERSIONING("<MfaDelete>Enabled</MfaDelete>"), VERSIONING_NONE, true, true},
    };
    struct versioning_document d;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(versioning_document_parse(good[i].xml, strlen(good[i].xml), &d), 0);
        assert_int_equal(d.status, good[i].status);
        assert_int_equal(d.has_mfa_delete, good[i].has_mfa_delete);
        assert_int_equal(d.mfa_delete, good[i].mfa_delete);
    }
    static const char *const bad[] = {VERSIONING("<Status>enabled</Status>"), VERSIONING("<Status/>"),
        VERSIONING("<MfaDelete>x</MfaDelete>"), "<Versioning/>", ""};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(versioning_document_parse(bad[i], strlen(bad[i]), &d), ERR_MALFORMED);
}

#define TAGGING(tags) "<Tagging><TagSet>" tags "</TagSet></Tagging>"
#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"

static void test_tagging(void **state)
{
    (void)state;
    struct tagging_document d;
    static const char xml[] = TAGGING(TAG("a", "1") TAG("\xc3\xa4 b", "") TAG("c", "x+y"));
    assert_int_equal(tagging_document_parse(xml, strlen(xml), &d), 0);
    assert_int_equal(d.tag_count, 3);
    assert_slice(d.tags[0].key, "a"); /* in order of the keys */
    assert_slice(d.tags[1].value, "x+y");
    assert_slice(d.tags[2].key, "\xc3\xa4 b");
    assert_slice(d.tags[2].value, "");
    tagging_document_fini(&d);
    assert_int_equal(tagging_document_parse(TAGGING(""), strlen(TAGGING("")), &d), 0);
    assert_int_equal(d.tag_count, 0);
    tagging_document_fini(&d);
    static const struct { const char *xml; int err; } bad[] = {
        {"<Tagging/>", ERR_MALFORMED}, {"<T><TagSet/></T>", ERR_MALFORMED}, {"<Tagging>", ERR_MALFORMED},
        {TAGGING("<Tag><Key>a</Key></Tag>"), ERR_MALFORMED}, {TAGGING("<Tag><Value>a</Value></Tag>"), ERR_MALFORMED},
        {TAGGING(TAG("", "1")), ERR_INVALID}, {TAGGING(TAG("aws:x", "1")), ERR_INVALID},
        {TAGGING(TAG("a", "x&#10;y")), ERR_INVALID}, {TAGGING(TAG("a?", "1")), ERR_INVALID}, {TAGGING(TAG("a", "1*")), ERR_INVALID}, {TAGGING(TAG("a", "1") TAG("a", "2")), ERR_EXISTS},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(tagging_document_parse(bad[i].xml, strlen(bad[i].xml), &d), bad[i].err);
}

static void test_tagging_header(void **state)
{
    (void)state;
    struct tagging_document d;
    assert_int_equal(tagging_header_parse(slice_string("a=1&b%20c=x+y%2B&&d"), &d), 0);
    assert_int_equal(d.tag_count, 3);
    assert_slice(d.tags[1].key, "b c");
    assert_slice(d.tags[1].value, "x y+");
    assert_slice(d.tags[2].key, "d");
    assert_slice(d.tags[2].value, "");
    tagging_document_fini(&d);
    assert_int_equal(tagging_header_parse(slice_of("", 0), &d), 0);
    assert_int_equal(d.tag_count, 0);
    tagging_document_fini(&d);
    static const struct { const char *value; int err; } bad[] = {
        {"a=%", ERR_MALFORMED}, {"%=a", ERR_MALFORMED}, {"=1", ERR_MALFORMED}, {"a=%ff", ERR_INVALID}, {"a=1&a=2",
         ERR_EXISTS}};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(tagging_header_parse(slice_string(bad[i].value), &d), bad[i].err);
    struct text text = {0};
    for (int i = 0; i <= TAGS_MAX; i++)
        text_append_format(&text, "&k%d=v", i);
    assert_int_equal(tagging_header_parse(slice_of(text.data, text.len), &d), ERR_TOO_LARGE);
    /* 128 characters of key and 256 of value, whatever bytes they take */
    text_clear(&text);
    for (int i = 0; i < 128; i++)
        text_append_string(&text, "%C3%A4");
    text_append_string(&text, "=");
    for (int i = 0; i < 256; i++)
        text_append_string(&text, "%E2%82%AC");
    assert_int_equal(tagging_header_parse(slice_of(text.data, text.len), &d), 0);
    tagging_document_fini(&d);
    text_append_string(&text, "v");
    assert_int_equal(tagging_header_parse(slice_of(text.data, text.len), &d), ERR_INVALID);
    text_clear(&text);
    for (int i = 0; i < 129; i++)
        text_append_string(&text, "k");
    assert_int_equal(tagging_header_parse(slice_of(text.data, text.len), &d), ERR_INVALID);
    text_free(&text);
}

#define RULE(inside) "<CORSConfiguration><CORSRule>" inside "</CORSRule></CORSConfiguration>"
#define GET_FROM(origin) "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>" origin "</AllowedOrigin>"

static void test_cors_documents(void **state)
{
    (void)state;
    static const struct { const char *xml; int err; } cases[] = {
        {RULE(GET_FROM("*")), 0}, {RULE(GET_FROM(" http://*.a&amp;b ") "<MaxAgeSeconds> 5 </MaxAgeSeconds><New/>"), 0},
        {"", ERR_MALFORMED}, {"<CORSConfiguration/>", ERR_MALFORMED}, {"<Other><CORSRule/></Other>", ERR_MALFORMED},
        {RULE("<AllowedMethod>GET</AllowedMethod>"), ERR_MALFORMED}, {RULE("<AllowedOrigin>*</AllowedOrigin>"), ERR_MALFORMED},
        {RULE(GET_FROM("*") "<MaxAgeSeconds>x</MaxAgeSeconds>"), ERR_MALFORMED},
        {RULE(GET_FROM("*") "<MaxAgeSeconds>2147483648</MaxAgeSeconds>"), ERR_MALFORMED},
        {RULE(GET_FROM("*") "<ExposeHeader>a&#10;b</ExposeHeader>"), ERR_MALFORMED},
        {RULE(GET_FROM("*") "<AllowedMethod>get</AllowedMethod>"), ERR_INVALID}, {RULE(GET_FROM("**")), ERR_INVALID},
        {RULE(GET_FROM("*") "<AllowedHeader>x*y*</AllowedHeader>"), ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct xml_document *document;
        int err = cors_parse(cases[i].xml, strlen(cases[i].xml), &document);
        assert_int_equal(err, cases[i].err);
        if (!err)
            xml_document_free(document);
    }
    struct xml_document *document;
    struct text text = {0};
    assert_int_equal(cors_parse(cases[1].xml, strlen(cases[1].xml), &document), 0);
    cors_format(document, &text);
    assert_string_equal(text.data, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CORSRule><AllowedMethod>GET</AllowedMethod>"
        "<AllowedOrigin>http://*.a&amp;b</AllowedOrigin><MaxAgeSeconds>5</MaxAgeSeconds></CORSRule></CORSConfiguration>");
    text_free(&text);
    xml_document_free(document);
}

static bool cors_allows(const struct xml_document *document, const char *origin, const char *method, const char *headers)
{
    struct cors_request request = {slice_string(origin), slice_string(method), slice_string(headers)};
    return cors_find(document, &request) != NULL;
}

static void test_cors_rules(void **state)
{
    (void)state;
    static const char xml[] = "<CORSConfiguration><CORSRule>" GET_FROM("start*end") "<AllowedHeader>X-*-Z</AllowedHeader>"
        "<AllowedHeader>range</AllowedHeader></CORSRule><CORSRule><AllowedMethod>PUT</AllowedMethod>"
        "<AllowedOrigin>one</AllowedOrigin><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>";
    struct xml_document *document;
    assert_int_equal(cors_parse(xml, sizeof(xml) - 1, &document), 0);
    assert_true(cors_allows(document, "startend", "GET", "") && cors_allows(document, "start1end", "GET", " RANGE ,x-y-z,"));
    assert_true(cors_allows(document, "", "PUT", "") && cors_allows(document, "two", "PUT", ""));
    assert_false(cors_allows(document, "starend", "GET", "") || cors_allows(document, "0startend", "GET", "")
                 || cors_allows(document, "start", "GET", "") || cors_allows(document, "STARTend", "GET", "")
                 || cors_allows(document, "startend", "POST", "") || cors_allows(document, "startend", "GET", "x-z")
                 || cors_allows(document, "one", "PUT", "range"));
    struct cors_request request = {slice_string("startxend"), slice_string("GET"), slice_of("", 0)};
    struct text text = {0};
    cors_join(cors_find(document, &request), "AllowedHeader", &text);
    assert_string_equal(text.data, "X-*-Z, range");
    assert_false(cors_any_origin(cors_find(document, &request)));
    request = (struct cors_request){slice_string("one"), slice_string("PUT"), slice_of("", 0)};
    assert_true(cors_any_origin(cors_find(document, &request)));
    text_free(&text);
    xml_document_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),     cmocka_unit_test(test_read),   cmocka_unit_test(test_read_bad),
        cmocka_unit_test(test_create_bucket), cmocka_unit_test(test_complete), cmocka_unit_test(test_complete_bound),
        cmocka_unit_test(test_delete),    cmocka_unit_test(test_versioning), cmocka_unit_test(test_tagging),
        cmocka_unit_test(test_tagging_header), cmocka_unit_test(test_cors_documents), cmocka_unit_test(test_cors_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
