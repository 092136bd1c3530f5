/* Writes one inventory report: its data files, then the list of them for Hive, the manifest, and the manifest's checksum, whose object says
 * that the report is whole; in the transaction that commits that one the next report becomes due. A report that is broken off
 * leaves files that no manifest names. */
#ifndef S3_INVENTORY_REPORT_H
#define S3_INVENTORY_REPORT_H

#include "object/object.h"
#include "s3/inventory_rows.h"

#define INVENTORY_FILE_ROWS 1000000u /* of a data file */

struct inventory_report {
    struct object_reactor *reactor;
    int64_t bucket_id;
    struct text id;            /* of the configuration */
    uint64_t day_us;           /* how long a day of schedules is */
    void (*done)(struct inventory_report *);
    int err;                   /* ERR_NOT_FOUND: the configuration is gone; ERR_CANCELLED: inventory_report_stop */
    const char *why;           /* what is wrong with the destination; or NULL */
    struct text source;        /* the bucket's name, once it is known */
    /* private */
    bool stopping, ended, finishing;
    struct meta_read read;
    struct text key, stamp;
    struct inventory_configuration configuration;
    int64_t destination_owner_id;
    uint64_t begun_us;
    struct inventory_place place;
    struct inventory_page page;
    struct object_put *put;
    struct digest_stream *md5;
    struct inventory_deflate *deflate;
    struct text out;           /* bytes for put */
    size_t written;
    uint64_t file_rows, file_size;
    unsigned stage;
    struct text files, symlink, manifest;
};

void inventory_report_start(struct inventory_report *);
/* It ends soon, with done. */
void inventory_report_stop(struct inventory_report *);
void inventory_report_fini(struct inventory_report *);

#endif
