/* The compiled form of a policy; shared by the files policy*.c only. Everything lies in the policy's arena. */
#ifndef WIRE_POLICY_INSIDE_H
#define WIRE_POLICY_INSIDE_H

#include <jansson.h>

#include "base/arena.h"
#include "wire/policy.h"

#define POLICY_VARIABLES_MAX 16 /* in one pattern */

enum piece_kind { PIECE_LITERAL, PIECE_ANY, PIECE_ONE, PIECE_VARIABLE };
struct piece {
    enum piece_kind kind;
    struct slice text;     /* literal, or the variable's key */
    bool has_fallback;
    struct slice fallback;
};
struct pattern {
    struct slice source;
    struct piece *pieces;
    uint32_t count, variables;
};
struct patterns { struct pattern *items; uint32_t count; };

/* wildcards: '*' and '?' mean something. variables: "${...}" does (policy versions from 2012-10-17 on). ERR_MALFORMED: a variable
 * has no end, or there are too many. */
int pattern_compile(struct arena *, struct slice source, bool wildcards, bool variables, struct pattern *ret) MUST_CHECK;
/* A variable without value makes a pattern match nothing. */
bool pattern_match(const struct pattern *, struct slice value, bool ignore_case, const struct policy_request *);

enum condition_operator {
    OPERATOR_STRING_EQUALS, OPERATOR_STRING_EQUALS_IGNORE_CASE, OPERATOR_STRING_LIKE, OPERATOR_NUMERIC, OPERATOR_DATE, OPERATOR_BOOL,
    OPERATOR_BINARY, OPERATOR_IP, OPERATOR_ARN, OPERATOR_NULL,
};
enum condition_order { ORDER_EQUAL, ORDER_LESS, ORDER_LESS_EQUAL, ORDER_GREATER, ORDER_GREATER_EQUAL };
enum condition_set { SET_NONE, SET_ANY_VALUE, SET_ALL_VALUES };

struct address { uint8_t bytes[16]; unsigned prefix; };
union operand {
    struct pattern pattern;
    struct patterns arn;  /* six, one for each part */
    double number;        /* and of dates: microseconds */
    bool boolean;
    struct address network;
};
struct condition {
    enum condition_operator operator;
    enum condition_order order;
    enum condition_set set;
    bool negated, if_exists;
    struct slice key;
    union operand *operands;
    uint32_t count;
};

struct policy_parser {
    struct policy *policy;
    enum policy_kind kind;
    struct slice bucket;
    bool variables;
    char *message;
};
/* Writes the message; ERR_MALFORMED. */
int policy_malformed(struct policy_parser *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* json: the value of Condition. */
int conditions_parse(struct policy_parser *, json_t *json, struct condition **ret, uint32_t *ret_count) MUST_CHECK;
bool condition_holds(const struct condition *, const struct policy_request *);
/* The condition binds a statement for everybody to callers that are known. */
bool condition_fixes_caller(const struct condition *);

enum principal_kind { PRINCIPAL_EVERYBODY, PRINCIPAL_AWS, PRINCIPAL_CANONICAL, PRINCIPAL_FEDERATED, PRINCIPAL_SERVICE };
struct principal { enum principal_kind kind; struct slice value; };

struct statement {
    struct slice sid;
    bool deny;
    bool has_principals, not_principals, not_actions, not_resources;
    struct principal *principals;
    uint32_t principal_count;
    struct patterns actions, resources;
    struct condition *conditions;
    uint32_t condition_count;
};

struct policy {
    struct arena arena;
    struct slice text;
    enum policy_kind kind;
    struct statement *statements;
    uint32_t statement_count;
};

/* S3's checks of a bucket policy's statement, beyond its form (policy_check.c). */
int statement_check(struct policy_parser *, const struct statement *) MUST_CHECK;
bool policy_key_known(struct slice key);
int principals_parse(struct policy_parser *, json_t *json, struct statement *) MUST_CHECK;
/* How closely the statement's principals mean the caller: 0 not, 1 its account, 2 itself or everybody. */
int principals_match(const struct statement *, const struct policy_principal *);

static inline struct slice json_slice(const json_t *string)
{
    return slice_of(json_string_value(string), json_string_length(string));
}

#endif
