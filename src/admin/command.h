/* The commands of the admin protocol, one function each. Internal to admin/. */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include "admin/admin.h"

int admin_command_ping(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_status(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_list(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_add(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_attach(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_drain(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_replace(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_offline(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_online(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_grow(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_volume_remove(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_query(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_repair_status(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_scrub(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_scrub_stop(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_fsck(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_backup(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_user_add(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_user_list(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_user_remove(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_user_disable(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_user_enable(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_key_add(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_key_list(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_key_remove(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_key_disable(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_key_enable(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_bucket_list(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_bucket_quota(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_kms_list(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_kms_rewrap(struct admin_call *, json_t **ret) MUST_CHECK;
int admin_command_policy_explain(struct admin_call *, json_t **ret) MUST_CHECK;

/* Sets call->message and returns err. */
int admin_command_fail(struct admin_call *, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A text argument; NULL when it is absent or of another type. Borrowed. */
const char *admin_command_text(struct admin_call *, const char *name);
/* value becomes *ret; ERR_NO_MEMORY when it is NULL. */
int admin_command_result(json_t *value, json_t **ret) MUST_CHECK;
/* The array "volumes" of status and volume-list; NULL when memory is out. */
json_t *admin_command_volumes(struct admin *);
/* What the background repair has done and does; null where none runs. */
json_t *admin_command_repair(struct admin *);

#endif
