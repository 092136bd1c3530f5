// What programs do with AWS' SDK for Go, version 2. One line per step; the first wrong thing ends it.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const (
	key      = "a b/grün+日本=&%.txt"
	partSize = 5 * 1024 * 1024
)

var (
	ctx    = context.Background()
	bucket = aws.String("go-v2-" + hex.EncodeToString(random(6)))
	big    = random(13*1024*1024 + 7)
	client *s3.Client
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func want(condition bool, format string, arguments ...any) {
	if !condition {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func same(got, expected any) {
	want(reflect.DeepEqual(got, expected), "%v instead of %v", got, expected)
}

func fails(err error, code string) {
	var answer smithy.APIError
	want(errors.As(err, &answer) && answer.ErrorCode() == code, "%v instead of %s", err, code)
}

func put(name string, content []byte) *s3.PutObjectOutput {
	return must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &name, Body: bytes.NewReader(content)}))
}

func read(input *s3.GetObjectInput) string {
	input.Bucket = bucket
	got := must(client.GetObject(ctx, input))
	defer got.Body.Close()
	return string(must(io.ReadAll(got.Body)))
}

func makeBucket() {
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	waiter := s3.NewBucketExistsWaiter(client)
	want(waiter.Wait(ctx, &s3.HeadBucketInput{Bucket: bucket}, 10*time.Second) == nil, "the bucket is not there")
	_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("no-such-bucket-of-the-test")})
	fails(err, "NotFound")
}

func upload() {
	made := must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("content"),
		ContentType: aws.String("text/x"), Metadata: map[string]string{"a": "1"}}))
	found := must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String(key)}))
	same(*found.ETag, *made.ETag)
	same(*found.ContentLength, int64(7))
	same(*found.ContentType, "text/x")
	same(found.Metadata, map[string]string{"a": "1"})
}

func download() {
	same(read(&s3.GetObjectInput{Key: aws.String(key)}), "content")
	same(read(&s3.GetObjectInput{Key: aws.String(key), Range: aws.String("bytes=2-4")}), "nte")
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("no")})
	fails(err, "NoSuchKey")
	buffer := manager.NewWriteAtBuffer(nil)
	must(manager.NewDownloader(client).Download(ctx, buffer, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)}))
	same(string(buffer.Bytes()), "content")
}

func checksums() {
	for _, kind := range types.ChecksumAlgorithm("").Values() {
		switch kind {
		case types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256:
		default:
			continue
		}
		must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("sum"), Body: strings.NewReader("summed"), ChecksumAlgorithm: kind}))
		found := must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("sum"), ChecksumMode: types.ChecksumModeEnabled}))
		sums := map[types.ChecksumAlgorithm]*string{types.ChecksumAlgorithmCrc32: found.ChecksumCRC32, types.ChecksumAlgorithmCrc32c: found.ChecksumCRC32C,
			types.ChecksumAlgorithmCrc64nvme: found.ChecksumCRC64NVME, types.ChecksumAlgorithmSha1: found.ChecksumSHA1, types.ChecksumAlgorithmSha256: found.ChecksumSHA256}
		for name, sum := range sums {
			want((sum != nil) == (name == kind), "%s of an object with %s", name, kind)
		}
		same(read(&s3.GetObjectInput{Key: aws.String("sum"), ChecksumMode: types.ChecksumModeEnabled}), "summed")
	}
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("sum"), Body: strings.NewReader("other"), ChecksumCRC32: aws.String("AAAAAA==")})
	fails(err, "BadDigest")
	attributes := must(client.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: bucket, Key: aws.String("sum"),
		ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesChecksum, types.ObjectAttributesObjectSize}}))
	same(*attributes.ObjectSize, int64(6))
	want(attributes.Checksum.ChecksumSHA256 != nil || attributes.Checksum.ChecksumCRC64NVME != nil, "no checksum among the attributes")
}

func conditions() {
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	fails(err, "PreconditionFailed")
	found := must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String(key)}))
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key), IfMatch: aws.String(`"00000000000000000000000000000000"`)})
	fails(err, "PreconditionFailed")
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key), IfNoneMatch: found.ETag})
	want(err != nil && strings.Contains(err.Error(), "304"), "%v instead of 304", err)
	must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("content"), IfMatch: found.ETag}))
}

func list() {
	names := []string{"l/1", "l/2", "l/d/3", "l/d/4", "l/ü &"}
	for _, name := range names {
		put(name, nil)
	}
	var found, prefixes []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("l/"), MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		for _, one := range must(pages.NextPage(ctx)).Contents {
			found = append(found, *one.Key)
		}
	}
	sort.Strings(names)
	same(found, names)
	page := must(client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("l/"), Delimiter: aws.String("/")}))
	for _, one := range page.CommonPrefixes {
		prefixes = append(prefixes, *one.Prefix)
	}
	same(prefixes, []string{"l/d/"})
	same(len(page.Contents), 3)
	v1 := must(client.ListObjects(ctx, &s3.ListObjectsInput{Bucket: bucket, Prefix: aws.String("l/"), Marker: aws.String("l/d/3")}))
	same(len(v1.Contents), 2)
	want(len(must(client.ListBuckets(ctx, &s3.ListBucketsInput{})).Buckets) > 0, "no bucket in the list")
}

func copies() {
	source := *bucket + "/a%20b/gr%C3%BCn%2B%E6%97%A5%E6%9C%AC%3D%26%25.txt"
	must(client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: &source,
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"b": "2"}}))
	same(read(&s3.GetObjectInput{Key: aws.String("copy")}), "content")
	same(must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("copy")})).Metadata, map[string]string{"b": "2"})
}

func multiparts() {
	uploader := manager.NewUploader(client, func(u *manager.Uploader) { u.PartSize = partSize })
	must(uploader.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("big"), Body: bytes.NewReader(big)}))
	want(strings.HasSuffix(*must(client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("big")})).ETag, `-3"`), "not three parts")
	buffer := manager.NewWriteAtBuffer(nil)
	must(manager.NewDownloader(client, func(d *manager.Downloader) { d.PartSize = partSize }).Download(ctx, buffer, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("big")}))
	want(bytes.Equal(buffer.Bytes(), big), "the big object is another")
	begun := must(client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("parts")}))
	first := must(client.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: aws.String("parts"), UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(big[:partSize])}))
	second := must(client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: bucket, Key: aws.String("parts"), UploadId: begun.UploadId, PartNumber: aws.Int32(2),
		CopySource: aws.String(*bucket + "/big"), CopySourceRange: aws.String("bytes=0-99")}))
	same(len(must(client.ListParts(ctx, &s3.ListPartsInput{Bucket: bucket, Key: aws.String("parts"), UploadId: begun.UploadId})).Parts), 2)
	same(len(must(client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket})).Uploads), 1)
	must(client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: aws.String("parts"), UploadId: begun.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
			{PartNumber: aws.Int32(1), ETag: first.ETag, ChecksumCRC32: first.ChecksumCRC32},
			{PartNumber: aws.Int32(2), ETag: second.CopyPartResult.ETag, ChecksumCRC32: second.CopyPartResult.ChecksumCRC32}}}}))
	want(read(&s3.GetObjectInput{Key: aws.String("parts")}) == string(big[:partSize])+string(big[:100]), "the joined object is another")
	begun = must(client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("left")}))
	must(client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: bucket, Key: aws.String("left"), UploadId: begun.UploadId}))
	same(len(must(client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket})).Uploads), 0)
}

func presign() {
	presigner := s3.NewPresignClient(client)
	request := must(presigner.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)}))
	answer := must(http.Get(request.URL))
	same(answer.StatusCode, 200)
	same(string(must(io.ReadAll(answer.Body))), "content")
	request = must(presigner.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("presigned")}))
	sent := must(http.NewRequest("PUT", request.URL, strings.NewReader("sent")))
	sent.Header = request.SignedHeader
	same(must(http.DefaultClient.Do(sent)).StatusCode, 200)
	same(read(&s3.GetObjectInput{Key: aws.String("presigned")}), "sent")
}

func tags() {
	must(client.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: bucket, Key: aws.String(key),
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a b"), Value: aws.String("ü/+")}}}}))
	found := must(client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: bucket, Key: aws.String(key)}))
	same(*found.TagSet[0].Value, "ü/+")
	must(client.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: bucket, Key: aws.String(key)}))
	same(len(must(client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: bucket, Key: aws.String(key)})).TagSet), 0)
}

func versions() {
	must(client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))
	first := put("v", []byte("1"))
	put("v", []byte("2"))
	same(read(&s3.GetObjectInput{Key: aws.String("v"), VersionId: first.VersionId}), "1")
	gone := must(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("v")}))
	want(*gone.DeleteMarker, "no delete marker")
	listed := must(client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket, Prefix: aws.String("v")}))
	same(len(listed.Versions), 2)
	same(len(listed.DeleteMarkers), 1)
	must(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("v"), VersionId: gone.VersionId}))
	same(read(&s3.GetObjectInput{Key: aws.String("v")}), "2")
}

func remove() {
	for {
		page := must(client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket}))
		var objects []types.ObjectIdentifier
		for _, one := range page.Versions {
			objects = append(objects, types.ObjectIdentifier{Key: one.Key, VersionId: one.VersionId})
		}
		for _, one := range page.DeleteMarkers {
			objects = append(objects, types.ObjectIdentifier{Key: one.Key, VersionId: one.VersionId})
		}
		if len(objects) == 0 {
			break
		}
		same(len(must(client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}})).Errors), 0)
	}
	must(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}))
	_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket})
	fails(err, "NotFound")
}

func main() {
	loaded := must(config.LoadDefaultConfig(ctx, config.WithRegion(os.Getenv("INGOT_REGION")), config.WithBaseEndpoint(os.Getenv("INGOT_ENDPOINT")),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(os.Getenv("INGOT_ACCESS_KEY"), os.Getenv("INGOT_SECRET_KEY"), ""))))
	client = s3.NewFromConfig(loaded, func(o *s3.Options) { o.UsePathStyle = true })
	for _, step := range []struct {
		name string
		run  func()
	}{{"bucket", makeBucket}, {"upload", upload}, {"download", download}, {"checksums", checksums}, {"conditions", conditions}, {"list", list},
		{"copy", copies}, {"multipart", multiparts}, {"presign", presign}, {"tags", tags}, {"versions", versions}, {"delete", remove}} {
		step.run()
		fmt.Println("ok", step.name)
	}
}
