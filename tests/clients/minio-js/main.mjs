// What programs do with MinIO's client for JavaScript. One line per step; the first wrong thing ends it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as minio from "minio";

const { INGOT_ENDPOINT, INGOT_ACCESS_KEY, INGOT_SECRET_KEY, INGOT_REGION } = process.env;
const url = new URL(INGOT_ENDPOINT);
const client = new minio.Client({
  endPoint: url.hostname, port: Number(url.port), useSSL: url.protocol === "https:", region: INGOT_REGION,
  accessKey: INGOT_ACCESS_KEY, secretKey: INGOT_SECRET_KEY, partSize: 5 * 1024 * 1024,
});
const bucket = `minio-js-${randomBytes(6).toString("hex")}`;
const key = "a b/grün+日本=&%.txt";
const big = randomBytes(13 * 1024 * 1024 + 7);
const read = async (...words) => buffer(await client.getObject(bucket, ...words));
const all = async (stream) => { const items = []; for await (const item of stream) items.push(item); return items; };

async function step(name, run) {
  await run();
  console.log(`ok ${name}`);
}

await step("bucket", async () => {
  assert.equal(await client.bucketExists(bucket), false);
  await client.makeBucket(bucket, INGOT_REGION);
  assert.equal(await client.bucketExists(bucket), true);
  assert.ok((await client.listBuckets()).some((b) => b.name === bucket));
});
await step("upload", async () => {
  const put = await client.putObject(bucket, key, "content", 7, { "Content-Type": "text/x", "X-Amz-Meta-A": "1" });
  const stat = await client.statObject(bucket, key);
  assert.equal(stat.size, 7);
  assert.equal(stat.etag, put.etag);
  assert.equal(stat.metaData["content-type"], "text/x");
  assert.equal(stat.metaData.a, "1");
});
await step("download", async () => {
  assert.equal((await read(key)).toString(), "content");
  assert.equal((await buffer(await client.getPartialObject(bucket, key, 2, 3))).toString(), "nte");
  await assert.rejects(client.getObject(bucket, "no"), { code: "NoSuchKey" });
  await assert.rejects(client.statObject(bucket, "no"), { code: "NotFound" });
});
await step("list", async () => {
  for (let i = 0; i < 25; i++) await client.putObject(bucket, `list/${i % 5}/${i}`, "x");
  for (const list of [client.listObjects(bucket, "list/", true), client.listObjectsV2(bucket, "list/", true)]) {
    const names = (await all(list)).map((o) => o.name);
    assert.equal(names.length, 25);
    assert.deepEqual(names, [...names].sort());
  }
  assert.deepEqual((await all(client.listObjectsV2(bucket, "list/", false))).map((o) => o.prefix), [0, 1, 2, 3, 4].map((i) => `list/${i}/`));
  assert.deepEqual((await all(client.listObjects(bucket, "a b/", true))).map((o) => o.name), [key]);
});
await step("copy", async () => {
  await client.copyObject(bucket, "copy", `/${bucket}/${key}`);
  assert.equal((await read("copy")).toString(), "content");
});
await step("multipart", async () => {
  await client.putObject(bucket, "big", Readable.from([big.subarray(0, 7000000), big.subarray(7000000)]));
  assert.match((await client.statObject(bucket, "big")).etag, /-\d+$/);
  assert.ok(big.equals(await read("big")));
  const composed = await client.composeObject(
    new minio.CopyDestinationOptions({ Bucket: bucket, Object: "composed" }),
    [new minio.CopySourceOptions({ Bucket: bucket, Object: "big" }), new minio.CopySourceOptions({ Bucket: bucket, Object: "copy" })]);
  assert.ok(composed);
  assert.ok(Buffer.concat([big, Buffer.from("content")]).equals(await read("composed")));
  await client.initiateNewMultipartUpload(bucket, "left", {});
  assert.deepEqual((await all(client.listIncompleteUploads(bucket, "", true))).map((u) => u.key), ["left"]);
  await client.removeIncompleteUpload(bucket, "left");
  assert.deepEqual(await all(client.listIncompleteUploads(bucket, "", true)), []);
});
await step("presign", async () => {
  const sent = await fetch(await client.presignedPutObject(bucket, "presigned", 60), { method: "PUT", body: "by URL" });
  assert.equal(sent.status, 200, await sent.text());
  const got = await fetch(await client.presignedGetObject(bucket, "presigned", 60, { "response-content-type": "text/y" }));
  assert.equal(await got.text(), "by URL");
  assert.equal(got.headers.get("content-type"), "text/y");
  const policy = client.newPostPolicy();
  policy.setBucket(bucket);
  policy.setKey("posted");
  policy.setExpires(new Date(Date.now() + 60000));
  policy.setContentLengthRange(1, 100);
  const { postURL, formData } = await client.presignedPostPolicy(policy);
  const form = new FormData();
  for (const [name, value] of Object.entries(formData)) form.append(name, value);
  form.append("file", new Blob(["by form"]), "file");
  const posted = await fetch(postURL, { method: "POST", body: form });
  assert.equal(posted.status, 204, await posted.text());
  assert.equal((await read("posted")).toString(), "by form");
});
await step("tags", async () => {
  await client.setObjectTagging(bucket, key, { k: "v w" });
  assert.deepEqual(await client.getObjectTagging(bucket, key), [{ Key: "k", Value: "v w" }]);
  await client.removeObjectTagging(bucket, key);
  assert.deepEqual(await client.getObjectTagging(bucket, key), []);
});
await step("versions", async () => {
  await client.setBucketVersioning(bucket, { Status: "Enabled" });
  assert.equal((await client.getBucketVersioning(bucket)).Status, "Enabled");
  const ids = [];
  for (const body of ["one", "two"]) ids.push((await client.putObject(bucket, "v", body)).versionId);
  await client.removeObject(bucket, "v");
  await assert.rejects(client.getObject(bucket, "v"), { code: "NoSuchKey" });
  assert.equal((await read("v", { versionId: ids[0] })).toString(), "one");
  const history = await all(client.listObjects(bucket, "v", true, { IncludeVersion: true }));
  assert.equal(history.length, 3);
  assert.deepEqual(history.filter((v) => !v.isDeleteMarker).map((v) => v.versionId), [ids[1], ids[0]]);
});
await step("delete", async () => {
  const entries = await all(client.listObjects(bucket, "", true, { IncludeVersion: true }));
  assert.deepEqual((await client.removeObjects(bucket, entries.map(({ name, versionId }) => ({ name, versionId })))).filter((e) => e), []);
  await client.removeBucket(bucket);
  assert.equal(await client.bucketExists(bucket), false);
});
