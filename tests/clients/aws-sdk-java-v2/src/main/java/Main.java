import java.io.ByteArrayOutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.BucketVersioningStatus;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.MetadataDirective;
import software.amazon.awssdk.services.s3.model.ObjectAttributes;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.Tag;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/** What programs do with AWS' SDK for Java, version 2. One line per step; the first wrong thing ends it. */
public class Main {
    static final String KEY = "a b/grün+日本=&%.txt", BUCKET = "java-v2-" + Long.toHexString(new Random().nextLong());
    static final int PART = 5 * 1024 * 1024;
    static final byte[] BIG = new byte[13 * 1024 * 1024 + 7];
    static final URI ENDPOINT = URI.create(System.getenv("INGOT_ENDPOINT"));
    static final Region REGION = Region.of(System.getenv("INGOT_REGION"));
    static final StaticCredentialsProvider CREDENTIALS = StaticCredentialsProvider.create(
        AwsBasicCredentials.create(System.getenv("INGOT_ACCESS_KEY"), System.getenv("INGOT_SECRET_KEY")));
    static final S3Client s3 = S3Client.builder().endpointOverride(ENDPOINT).region(REGION).credentialsProvider(CREDENTIALS).forcePathStyle(true).build();

    static void want(boolean condition, String what) {
        if (!condition)
            throw new AssertionError(what);
    }

    static void same(Object got, Object expected) {
        want(Objects.equals(got, expected), got + " instead of " + expected);
    }

    static void fails(String code, int status, Runnable call) {
        try {
            call.run();
        } catch (S3Exception e) {
            want(e.statusCode() == status && (code == null || code.equals(e.awsErrorDetails().errorCode())), e + " instead of " + code);
            return;
        }
        throw new AssertionError("no " + code);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String put(String key, String content) {
        return s3.putObject(b -> b.bucket(BUCKET).key(key), RequestBody.fromString(content)).versionId();
    }

    static byte[] read(GetObjectRequest request) {
        return s3.getObjectAsBytes(request).asByteArray();
    }

    static String text(String key) {
        return new String(read(GetObjectRequest.builder().bucket(BUCKET).key(key).build()), StandardCharsets.UTF_8);
    }

    static void bucket() {
        s3.createBucket(b -> b.bucket(BUCKET));
        s3.waiter().waitUntilBucketExists(b -> b.bucket(BUCKET));
        fails(null, 404, () -> s3.headBucket(b -> b.bucket("no-such-bucket-of-the-test")));
        want(s3.listBuckets().buckets().stream().anyMatch(b -> b.name().equals(BUCKET)), "the bucket is not in the list");
    }

    static void upload() {
        String etag = s3.putObject(b -> b.bucket(BUCKET).key(KEY).contentType("text/x").metadata(Map.of("a", "1")), RequestBody.fromString("content")).eTag();
        HeadObjectResponse found = s3.headObject(b -> b.bucket(BUCKET).key(KEY));
        same(found.eTag(), etag);
        same(found.contentLength(), 7L);
        same(found.contentType(), "text/x");
        same(found.metadata(), Map.of("a", "1"));
    }

    static void download() {
        same(text(KEY), "content");
        same(new String(read(GetObjectRequest.builder().bucket(BUCKET).key(KEY).range("bytes=2-4").build()), StandardCharsets.UTF_8), "nte");
        fails("NoSuchKey", 404, () -> text("no"));
    }

    static void checksums() {
        for (ChecksumAlgorithm kind : List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C, ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
            s3.putObject(b -> b.bucket(BUCKET).key("sum").checksumAlgorithm(kind), RequestBody.fromString("summed"));
            HeadObjectResponse found = s3.headObject(b -> b.bucket(BUCKET).key("sum").checksumMode(ChecksumMode.ENABLED));
            same(found.checksumCRC32() != null, kind == ChecksumAlgorithm.CRC32);
            same(found.checksumCRC32C() != null, kind == ChecksumAlgorithm.CRC32_C);
            same(found.checksumSHA1() != null, kind == ChecksumAlgorithm.SHA1);
            same(found.checksumSHA256() != null, kind == ChecksumAlgorithm.SHA256);
            same(new String(read(GetObjectRequest.builder().bucket(BUCKET).key("sum").checksumMode(ChecksumMode.ENABLED).build()), StandardCharsets.UTF_8), "summed");
        }
        fails("BadDigest", 400, () -> s3.putObject(b -> b.bucket(BUCKET).key("sum").checksumCRC32("AAAAAA=="), RequestBody.fromString("other")));
        var attributes = s3.getObjectAttributes(b -> b.bucket(BUCKET).key("sum").objectAttributes(ObjectAttributes.CHECKSUM, ObjectAttributes.OBJECT_SIZE, ObjectAttributes.E_TAG));
        same(attributes.objectSize(), 6L);
        want(attributes.checksum().checksumSHA256() != null && attributes.eTag() != null, "attributes are missing");
    }

    static void conditions() {
        fails("PreconditionFailed", 412, () -> s3.putObject(b -> b.bucket(BUCKET).key(KEY).ifNoneMatch("*"), RequestBody.fromString("x")));
        String etag = s3.headObject(b -> b.bucket(BUCKET).key(KEY)).eTag();
        fails("PreconditionFailed", 412, () -> read(GetObjectRequest.builder().bucket(BUCKET).key(KEY).ifMatch("\"00000000000000000000000000000000\"").build()));
        fails(null, 304, () -> read(GetObjectRequest.builder().bucket(BUCKET).key(KEY).ifNoneMatch(etag).build()));
        s3.putObject(b -> b.bucket(BUCKET).key(KEY).ifMatch(etag), RequestBody.fromString("content"));
    }

    static void list() {
        List<String> names = List.of("l/1", "l/2", "l/d/3", "l/d/4", "l/ü &"), found = new ArrayList<>(), prefixes = new ArrayList<>();
        names.forEach(name -> put(name, ""));
        s3.listObjectsV2Paginator(b -> b.bucket(BUCKET).prefix("l/").maxKeys(2)).contents().forEach(one -> found.add(one.key()));
        same(found, names);
        var page = s3.listObjectsV2(b -> b.bucket(BUCKET).prefix("l/").delimiter("/"));
        page.commonPrefixes().forEach(one -> prefixes.add(one.prefix()));
        same(prefixes, List.of("l/d/"));
        same(page.contents().size(), 3);
        same(s3.listObjects(b -> b.bucket(BUCKET).prefix("l/").marker("l/d/3")).contents().size(), 2);
    }

    static void copy() {
        s3.copyObject(b -> b.sourceBucket(BUCKET).sourceKey(KEY).destinationBucket(BUCKET).destinationKey("copy")
            .metadataDirective(MetadataDirective.REPLACE).metadata(Map.of("b", "2")));
        same(text("copy"), "content");
        same(s3.headObject(b -> b.bucket(BUCKET).key("copy")).metadata(), Map.of("b", "2"));
    }

    static void multipart() {
        String id = s3.createMultipartUpload(b -> b.bucket(BUCKET).key("big")).uploadId();
        List<CompletedPart> parts = new ArrayList<>();
        for (int number = 1; (number - 1) * PART < BIG.length; number++) {
            int part = number;
            byte[] piece = Arrays.copyOfRange(BIG, (part - 1) * PART, Math.min(part * PART, BIG.length));
            String etag = s3.uploadPart(b -> b.bucket(BUCKET).key("big").uploadId(id).partNumber(part), RequestBody.fromBytes(piece)).eTag();
            parts.add(CompletedPart.builder().partNumber(part).eTag(etag).build());
        }
        same(s3.listParts(b -> b.bucket(BUCKET).key("big").uploadId(id)).parts().size(), 3);
        same(s3.listMultipartUploads(b -> b.bucket(BUCKET)).uploads().size(), 1);
        String etag = s3.completeMultipartUpload(b -> b.bucket(BUCKET).key("big").uploadId(id).multipartUpload(m -> m.parts(parts))).eTag();
        want(etag.endsWith("-3\""), etag);
        want(Arrays.equals(read(GetObjectRequest.builder().bucket(BUCKET).key("big").build()), BIG), "the big object is another");
        same(read(GetObjectRequest.builder().bucket(BUCKET).key("big").partNumber(3).build()).length, BIG.length - 2 * PART);
        String copied = s3.createMultipartUpload(b -> b.bucket(BUCKET).key("joined")).uploadId();
        String tag = s3.uploadPartCopy(b -> b.sourceBucket(BUCKET).sourceKey("big").destinationBucket(BUCKET).destinationKey("joined").uploadId(copied)
            .partNumber(1).copySourceRange("bytes=0-99")).copyPartResult().eTag();
        s3.completeMultipartUpload(b -> b.bucket(BUCKET).key("joined").uploadId(copied)
            .multipartUpload(m -> m.parts(CompletedPart.builder().partNumber(1).eTag(tag).build())));
        want(Arrays.equals(read(GetObjectRequest.builder().bucket(BUCKET).key("joined").build()), Arrays.copyOf(BIG, 100)), "the joined object is another");
        String left = s3.createMultipartUpload(b -> b.bucket(BUCKET).key("left")).uploadId();
        s3.abortMultipartUpload(b -> b.bucket(BUCKET).key("left").uploadId(left));
        same(s3.listMultipartUploads(b -> b.bucket(BUCKET)).uploads().size(), 0);
    }

    static int send(java.net.URL url, Map<String, List<String>> headers, byte[] body, ByteArrayOutputStream answer) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        headers.forEach((name, values) -> {
            if (!name.equalsIgnoreCase("host"))
                connection.setRequestProperty(name, values.get(0));
        });
        if (body != null) {
            connection.setRequestMethod("PUT");
            connection.setDoOutput(true);
            connection.getOutputStream().write(body);
        }
        if (connection.getResponseCode() == 200)
            connection.getInputStream().transferTo(answer);
        return connection.getResponseCode();
    }

    static void presign() throws Exception {
        try (S3Presigner presigner = S3Presigner.builder().endpointOverride(ENDPOINT).region(REGION).credentialsProvider(CREDENTIALS)
            .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            var get = presigner.presignGetObject(b -> b.signatureDuration(Duration.ofMinutes(5)).getObjectRequest(g -> g.bucket(BUCKET).key(KEY)));
            same(send(get.url(), get.signedHeaders(), null, answer), 200);
            same(answer.toString(StandardCharsets.UTF_8), "content");
            PutObjectRequest request = PutObjectRequest.builder().bucket(BUCKET).key("presigned").contentType("text/y").build();
            var put = presigner.presignPutObject(b -> b.signatureDuration(Duration.ofMinutes(5)).putObjectRequest(request));
            same(send(put.url(), put.signedHeaders(), bytes("sent"), new ByteArrayOutputStream()), 200);
            same(text("presigned"), "sent");
        }
    }

    static void tags() {
        s3.putObjectTagging(b -> b.bucket(BUCKET).key(KEY).tagging(t -> t.tagSet(Tag.builder().key("a b").value("ü/+").build())));
        same(s3.getObjectTagging(b -> b.bucket(BUCKET).key(KEY)).tagSet().get(0).value(), "ü/+");
        s3.deleteObjectTagging(b -> b.bucket(BUCKET).key(KEY));
        same(s3.getObjectTagging(b -> b.bucket(BUCKET).key(KEY)).tagSet().size(), 0);
    }

    static void versions() {
        s3.putBucketVersioning(b -> b.bucket(BUCKET).versioningConfiguration(v -> v.status(BucketVersioningStatus.ENABLED)));
        String first = put("v", "1");
        put("v", "2");
        same(new String(read(GetObjectRequest.builder().bucket(BUCKET).key("v").versionId(first).build()), StandardCharsets.UTF_8), "1");
        var gone = s3.deleteObject(b -> b.bucket(BUCKET).key("v"));
        want(gone.deleteMarker(), "no delete marker");
        var listed = s3.listObjectVersions(b -> b.bucket(BUCKET).prefix("v"));
        same(listed.versions().size(), 2);
        same(listed.deleteMarkers().size(), 1);
        s3.deleteObject(b -> b.bucket(BUCKET).key("v").versionId(gone.versionId()));
        same(text("v"), "2");
    }

    static void delete() {
        for (;;) {
            var page = s3.listObjectVersions(b -> b.bucket(BUCKET));
            List<ObjectIdentifier> objects = new ArrayList<>();
            page.versions().forEach(one -> objects.add(ObjectIdentifier.builder().key(one.key()).versionId(one.versionId()).build()));
            page.deleteMarkers().forEach(one -> objects.add(ObjectIdentifier.builder().key(one.key()).versionId(one.versionId()).build()));
            if (objects.isEmpty())
                break;
            same(s3.deleteObjects(b -> b.bucket(BUCKET).delete(d -> d.objects(objects))).errors().size(), 0);
        }
        s3.deleteBucket(b -> b.bucket(BUCKET));
        fails(null, 404, () -> s3.headBucket(b -> b.bucket(BUCKET)));
    }

    interface Step { void run() throws Exception; }

    static void step(String name, Step step) throws Exception {
        step.run();
        System.out.println("ok " + name);
    }

    public static void main(String[] arguments) throws Exception {
        new Random(1).nextBytes(BIG);
        step("bucket", Main::bucket);
        step("upload", Main::upload);
        step("download", Main::download);
        step("checksums", Main::checksums);
        step("conditions", Main::conditions);
        step("list", Main::list);
        step("copy", Main::copy);
        step("multipart", Main::multipart);
        step("presign", Main::presign);
        step("tags", Main::tags);
        step("versions", Main::versions);
        step("delete", Main::delete);
    }
}
