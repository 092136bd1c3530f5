/* The admin protocol: how subcommands and other programs speak to a running server.
 *
 * A Unix stream socket (option `socket`, by default /run/ingot/ingot.socket, mode 0600: who may open it may do everything).
 * Both ways: one JSON object per line, UTF-8, at most ADMIN_LINE_MAX bytes with the newline. Requests of one connection
 * are answered one after the other.
 *
 * Request:  {"id": any, "command": "status", "arguments": {…}}
 * Answers:  any number of {"id": same, "progress": {"what": text, "done": n, "total": n}} and {"id": same, "row": …}, then one of
 *           {"id": same, "result": {…}} or {"id": same, "error": {"code": "NOT_FOUND", "message": "one line for people"}}
 * Unknown members are to be ignored; new ones may appear. Error codes are the names in src/base/error.def.
 *
 * Commands (arguments → result):
 *   ping            → {version, pid, store}
 *   status          → {version, store, generation, data, parity, engine, read_ready, write_ready, can_lose,
 *                      capacity: {raw, usable, used, available}, volumes: [volume], metadata: {…}, uptime_s}; unknown figures are null
 *   volume-list     → {volumes: [volume]}; volume: {index, uuid, path, state, mirror, label, size, chunks, free_chunks, used_chunks,
 *                      metadata_chunks, read_errors, write_errors, corrupt_units, repaired_units, read_latency_us, write_latency_us}
 *   volume-add      {path, label?, force?} → {index}
 *   volume-attach   {path} → {index}: a member that was missing is back
 *   volume-drain    {volume} → {}: takes no new chunks; what it holds moves away
 *   volume-replace  {volume, path, label?, force?} → {index}: path is added, volume drained
 *   volume-offline  {volume} → {}: out of service until volume-online
 *   volume-online   {volume} → {}
 *   volume-grow     {volume} → {}: takes the device's grown size
 *   volume-remove   {volume} → {}: forgets a drained or replaced member
 *   query           {sql} → rows: first the array of column names, then arrays of values; result {rows}
 *   repair-status   → {activity, extents_healed, …, scrub_running, scrub_extents, scrub_bad, scrub_still_bad, scrubs_finished}
 *   scrub           → {}: begins a scrub unless one runs; scrub-stop → {}
 *   backup          {path, bytes_per_second?} → {}: the server writes the file; progress in pages
 *   user-add        {name, display_name?, email?, access_key?, secret_key?} → {name, number, canonical_id, access_key, secret_key}
 *   user-list       → {users: [{name, number, display_name, email, canonical_id, enabled, created, keys}]}
 *   user-remove, user-disable, user-enable  {name} → {}
 *   key-add         {account?, access_key?, secret_key?, bucket?, prefix?, policy?, expires?} → {account, access_key, secret_key, expires}
 *   key-list        {account?} → {keys: [{access_key, account, enabled, bucket, prefix, policy, expires, created}]}
 *   key-remove, key-disable, key-enable  {access_key} → {}
 *   bucket-list     → {buckets: [{name, owner, created, versioning, objects, bytes, quota_objects, quota_bytes}]}: noncurrent versions count; quota 0: none
 *   bucket-quota    {bucket, objects?, bytes?} → {}: 0 or absent: no limit
 *   kms-list        → {keys: [{id, newest, versions}]}: of kms_key_file
 *   kms-rewrap      → {looked, sealed, unreadable}; progress {what, looked, sealed}
 *   policy-explain  {method, target, access_key?, source_ip?, tls?, headers?: ["Name: value"]} → {allowed, status, code, action, reason}
 * volume in arguments: an index, a uuid or a path. */
#ifndef INGOT_ADMIN_PROTOCOL_H
#define INGOT_ADMIN_PROTOCOL_H

#define ADMIN_LINE_MAX (32 << 20)

#endif
