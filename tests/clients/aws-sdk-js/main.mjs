// What programs do with @aws-sdk/client-s3. One line per step; the first wrong thing ends it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as s3 from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const { INGOT_ENDPOINT, INGOT_ACCESS_KEY, INGOT_SECRET_KEY, INGOT_REGION } = process.env;
const client = new s3.S3Client({
  endpoint: INGOT_ENDPOINT, region: INGOT_REGION, forcePathStyle: true, maxAttempts: 1,
  credentials: { accessKeyId: INGOT_ACCESS_KEY, secretAccessKey: INGOT_SECRET_KEY },
});
const Bucket = `aws-sdk-js-${randomBytes(6).toString("hex")}`;
const Key = "a b/grün+日本=&%.txt";
const big = randomBytes(13 * 1024 * 1024 + 7);
const send = (command) => client.send(command);
const read = async (options) => Buffer.from(await (await send(new s3.GetObjectCommand({ Bucket, ...options }))).Body.transformToByteArray());

async function step(name, run) {
  await run();
  console.log(`ok ${name}`);
}

const failsWith = (command, name, status) => assert.rejects(send(command), (e) => {
  assert.equal(e.name, name);
  assert.equal(e.$metadata.httpStatusCode, status);
  return true;
});

await step("bucket", async () => {
  await send(new s3.CreateBucketCommand({ Bucket }));
  await s3.waitUntilBucketExists({ client, maxWaitTime: 10 }, { Bucket });
  assert.ok((await send(new s3.ListBucketsCommand({}))).Buckets.some((b) => b.Name === Bucket));
});
await step("upload", async () => {
  const put = await send(new s3.PutObjectCommand({ Bucket, Key, Body: "content", ContentType: "text/x", Metadata: { a: "1" } }));
  const head = await send(new s3.HeadObjectCommand({ Bucket, Key }));
  assert.equal(head.ETag, put.ETag);
  assert.equal(head.ContentLength, 7);
  assert.equal(head.ContentType, "text/x");
  assert.deepEqual(head.Metadata, { a: "1" });
});
await step("download", async () => {
  assert.equal((await read({ Key })).toString(), "content");
  assert.equal((await read({ Key, Range: "bytes=2-4" })).toString(), "nte");
  await failsWith(new s3.GetObjectCommand({ Bucket, Key: "no" }), "NoSuchKey", 404);
  await failsWith(new s3.HeadObjectCommand({ Bucket, Key: "no" }), "NotFound", 404);
});
await step("checksums", async () => {
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    await send(new s3.PutObjectCommand({ Bucket, Key: "sum", Body: "summed", ChecksumAlgorithm }));
    const got = await send(new s3.GetObjectCommand({ Bucket, Key: "sum", ChecksumMode: "ENABLED" }));
    assert.ok(got[`Checksum${ChecksumAlgorithm}`]);
    assert.equal(await got.Body.transformToString(), "summed");
  }
  const attributes = await send(new s3.GetObjectAttributesCommand({ Bucket, Key: "sum", ObjectAttributes: ["Checksum", "ObjectSize"] }));
  assert.equal(attributes.ObjectSize, 6);
  assert.ok(attributes.Checksum.ChecksumSHA256);
});
await step("conditions", async () => {
  await failsWith(new s3.PutObjectCommand({ Bucket, Key, Body: "2", IfNoneMatch: "*" }), "PreconditionFailed", 412);
  await assert.rejects(send(new s3.GetObjectCommand({ Bucket, Key, IfModifiedSince: new Date() })), (e) => e.$metadata.httpStatusCode === 304);
});
await step("list", async () => {
  for (let i = 0; i < 25; i++) await send(new s3.PutObjectCommand({ Bucket, Key: `list/${i % 5}/${i}`, Body: "x" }));
  const keys = [];
  for await (const page of s3.paginateListObjectsV2({ client, pageSize: 10 }, { Bucket, Prefix: "list/" })) keys.push(...page.Contents.map((o) => o.Key));
  assert.equal(keys.length, 25);
  assert.deepEqual(keys, [...keys].sort());
  const folders = await send(new s3.ListObjectsV2Command({ Bucket, Prefix: "list/", Delimiter: "/" }));
  assert.deepEqual(folders.CommonPrefixes.map((p) => p.Prefix), [0, 1, 2, 3, 4].map((i) => `list/${i}/`));
  assert.deepEqual((await send(new s3.ListObjectsCommand({ Bucket, Prefix: "a b/" }))).Contents.map((o) => o.Key), [Key]);
});
await step("copy", async () => {
  await send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` }));
  assert.equal((await read({ Key: "copy" })).toString(), "content");
});
await step("multipart", async () => {
  const upload = new Upload({ client, partSize: 5 * 1024 * 1024, params: { Bucket, Key: "big", Body: big } });
  const done = await upload.done();
  assert.match(done.ETag, /-3"$/);
  assert.ok(big.equals(await read({ Key: "big" })));
  assert.equal((await send(new s3.HeadObjectCommand({ Bucket, Key: "big", PartNumber: 2 }))).PartsCount, 3);
  const { UploadId } = await send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "copied" }));
  const part = await send(new s3.UploadPartCopyCommand({ Bucket, Key: "copied", UploadId, PartNumber: 1, CopySource: `${Bucket}/big`, CopySourceRange: "bytes=0-5242879" }));
  assert.equal((await send(new s3.ListPartsCommand({ Bucket, Key: "copied", UploadId }))).Parts.length, 1);
  await send(new s3.CompleteMultipartUploadCommand({ Bucket, Key: "copied", UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.CopyPartResult.ETag }] } }));
  assert.ok(big.subarray(0, 5242880).equals(await read({ Key: "copied" })));
  const left = await send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "left" }));
  assert.equal((await send(new s3.ListMultipartUploadsCommand({ Bucket }))).Uploads.length, 1);
  await send(new s3.AbortMultipartUploadCommand({ Bucket, Key: "left", UploadId: left.UploadId }));
});
await step("presign", async () => {
  const put = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: "presigned", Metadata: { from: "query" } }), { expiresIn: 60 });
  const sent = await fetch(put, { method: "PUT", body: "by URL" });
  assert.equal(sent.status, 200, await sent.text());
  assert.deepEqual((await send(new s3.HeadObjectCommand({ Bucket, Key: "presigned" }))).Metadata, { from: "query" });
  const get = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: "presigned", ResponseContentType: "text/y" }), { expiresIn: 60 });
  const got = await fetch(get);
  assert.equal(await got.text(), "by URL");
  assert.equal(got.headers.get("content-type"), "text/y");
  assert.equal((await fetch(get.replace("presigned", "other"))).status, 403);
});
await step("tags", async () => {
  const Tagging = { TagSet: [{ Key: "k", Value: "v w" }] };
  await send(new s3.PutObjectTaggingCommand({ Bucket, Key, Tagging }));
  assert.deepEqual((await send(new s3.GetObjectTaggingCommand({ Bucket, Key }))).TagSet, Tagging.TagSet);
  await send(new s3.DeleteObjectTaggingCommand({ Bucket, Key }));
  assert.deepEqual((await send(new s3.GetObjectTaggingCommand({ Bucket, Key }))).TagSet ?? [], []);
});
await step("versions", async () => {
  await send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  const ids = [];
  for (const Body of ["one", "two"]) ids.push((await send(new s3.PutObjectCommand({ Bucket, Key: "v", Body }))).VersionId);
  assert.equal((await send(new s3.DeleteObjectCommand({ Bucket, Key: "v" }))).DeleteMarker, true);
  await failsWith(new s3.GetObjectCommand({ Bucket, Key: "v" }), "NoSuchKey", 404);
  assert.equal((await read({ Key: "v", VersionId: ids[0] })).toString(), "one");
  const history = await send(new s3.ListObjectVersionsCommand({ Bucket, Prefix: "v" }));
  assert.deepEqual(history.Versions.map((v) => v.VersionId), [ids[1], ids[0]]);
  assert.equal(history.DeleteMarkers.length, 1);
});
await step("delete", async () => {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await send(new s3.ListObjectVersionsCommand({ Bucket, MaxKeys: 20 }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (!Objects.length) break;
    assert.equal((await send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }))).Errors, undefined);
  }
  await send(new s3.DeleteBucketCommand({ Bucket }));
  await failsWith(new s3.ListObjectsV2Command({ Bucket }), "NoSuchBucket", 404);
});
