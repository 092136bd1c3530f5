/* Owners in answers: canonical id, display name and number of account ids, remembered per reactor. */
#ifndef S3_OWNER_H
#define S3_OWNER_H

#include "s3/request.h"

#define OWNERS_LOAD_MAX 16

/* Makes the names of these ids known, then calls then(r), now or later; answers when that fails. */
void owner_load(struct s3_request *, const int64_t *ids, uint32_t count, void (*then)(struct s3_request *));
/* <ID>…</ID><DisplayName>…</DisplayName> */
void owner_names(struct s3_request *, struct text *, int64_t id);
/* The same inside <name>. */
void owner_element(struct s3_request *, struct text *, const char *name, int64_t id);
/* Of an id that is known. They live as long as the request. */
struct slice owner_canonical_id(struct s3_request *, int64_t id);
struct slice owner_display_name(struct s3_request *, int64_t id);
struct slice owner_number(struct s3_request *, int64_t id); /* 12 digits: the account of ARNs */
void owner_forget(struct s3_reactor *);

#endif
