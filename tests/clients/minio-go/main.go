// What programs do with MinIO's client for Go. One line per step; the first wrong thing ends it.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
)

const (
	key      = "a b/grün+日本=&%.txt"
	partSize = 5 * 1024 * 1024
)

var (
	ctx    = context.Background()
	bucket = "minio-go-" + hex.EncodeToString(random(6))
	big    = random(13*1024*1024 + 7)
	core   *minio.Core
	client *minio.Client
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func ok(err error) {
	if err != nil {
		panic(err)
	}
}

func want(condition bool, format string, arguments ...any) {
	if !condition {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func same(got, expected any) {
	want(reflect.DeepEqual(got, expected), "%v instead of %v", got, expected)
}

func fails(err error, code string, status int) {
	want(err != nil, "no %s", code)
	answer := minio.ToErrorResponse(err)
	want(answer.Code == code && answer.StatusCode == status, "%v instead of %s", err, code)
}

func put(name string, content []byte, options minio.PutObjectOptions) minio.UploadInfo {
	info, err := client.PutObject(ctx, bucket, name, bytes.NewReader(content), int64(len(content)), options)
	ok(err)
	return info
}

func get(name string, options minio.GetObjectOptions) ([]byte, error) {
	object, err := client.GetObject(ctx, bucket, name, options)
	ok(err)
	defer object.Close()
	return io.ReadAll(object)
}

func read(name string, options minio.GetObjectOptions) []byte {
	content, err := get(name, options)
	ok(err)
	return content
}

func stat(name string) minio.ObjectInfo {
	info, err := client.StatObject(ctx, bucket, name, minio.StatObjectOptions{})
	ok(err)
	return info
}

func makeBucket() {
	there, err := client.BucketExists(ctx, bucket)
	ok(err)
	want(!there, "the bucket is there before it is made")
	ok(client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}))
	there, err = client.BucketExists(ctx, bucket)
	ok(err)
	want(there, "the bucket is not there")
}

func upload() {
	info := put(key, []byte("content"), minio.PutObjectOptions{ContentType: "text/x", UserMetadata: map[string]string{"a": "1"}})
	found := stat(key)
	same(found.ETag, info.ETag)
	same(found.Size, int64(7))
	same(found.ContentType, "text/x")
	same(found.UserMetadata, minio.StringMap{"A": "1"})
}

func download() {
	same(string(read(key, minio.GetObjectOptions{})), "content")
	var part minio.GetObjectOptions
	ok(part.SetRange(2, 4))
	same(string(read(key, part)), "nte")
	_, err := get("no", minio.GetObjectOptions{})
	fails(err, "NoSuchKey", 404)
	_, err = client.StatObject(ctx, bucket, "no", minio.StatObjectOptions{})
	fails(err, "NoSuchKey", 404)
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	ok(err)
	_, err = object.Seek(-3, io.SeekEnd)
	ok(err)
	tail, err := io.ReadAll(object)
	ok(err)
	same(string(tail), "ent")
	file := os.TempDir() + "/downloaded"
	ok(client.FGetObject(ctx, bucket, key, file, minio.GetObjectOptions{}))
	content, err := os.ReadFile(file)
	ok(err)
	same(string(content), "content")
}

func checksums() {
	for _, kind := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME, minio.ChecksumSHA1, minio.ChecksumSHA256} {
		put("sum", []byte("summed"), minio.PutObjectOptions{Checksum: kind})
		info, err := client.StatObject(ctx, bucket, "sum", minio.StatObjectOptions{Checksum: true})
		ok(err)
		sums := map[string]string{"CRC32": info.ChecksumCRC32, "CRC32C": info.ChecksumCRC32C, "CRC64NVME": info.ChecksumCRC64NVME,
			"SHA1": info.ChecksumSHA1, "SHA256": info.ChecksumSHA256}
		for name, sum := range sums {
			want((sum != "") == (name == kind.String()), "%s of an object with %s: %q", name, kind, sum)
		}
		same(string(read("sum", minio.GetObjectOptions{Checksum: true})), "summed")
	}
	attributes, err := client.GetObjectAttributes(ctx, bucket, "sum", minio.ObjectAttributesOptions{})
	ok(err)
	same(attributes.ObjectSize, 6)
	want(attributes.Checksum.ChecksumSHA256 != "", "no checksum among the attributes")
}

func conditions() {
	absent := minio.PutObjectOptions{}
	absent.SetMatchETagExcept("*")
	_, err := client.PutObject(ctx, bucket, key, strings.NewReader("2"), 1, absent)
	fails(err, "PreconditionFailed", 412)
	var other minio.GetObjectOptions
	ok(other.SetMatchETag("0123456789abcdef0123456789abcdef"))
	_, err = get(key, other)
	fails(err, "PreconditionFailed", 412)
	present := minio.PutObjectOptions{UserMetadata: map[string]string{"a": "1"}}
	present.SetMatchETag(stat(key).ETag)
	put(key, []byte("content"), present)
}

func names(options minio.ListObjectsOptions) (found []string) {
	for object := range client.ListObjects(ctx, bucket, options) {
		ok(object.Err)
		found = append(found, object.Key)
	}
	return found
}

func list() {
	for i := 0; i < 25; i++ {
		put(fmt.Sprintf("list/%d/%d", i%5, i), []byte("x"), minio.PutObjectOptions{})
	}
	for _, version1 := range []bool{false, true} {
		found := names(minio.ListObjectsOptions{Prefix: "list/", Recursive: true, MaxKeys: 10, UseV1: version1})
		want(len(found) == 25 && sort.StringsAreSorted(found), "%v", found)
		same(names(minio.ListObjectsOptions{Prefix: "list/", UseV1: version1}), []string{"list/0/", "list/1/", "list/2/", "list/3/", "list/4/"})
		same(names(minio.ListObjectsOptions{Prefix: "a b/", UseV1: version1}), []string{key})
	}
	same(len(names(minio.ListObjectsOptions{Prefix: "list/", Recursive: true, StartAfter: "list/3/"})), 10)
}

func copyObject() {
	_, err := client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: key})
	ok(err)
	same(string(read("copy", minio.GetObjectOptions{})), "content")
	same(stat("copy").UserMetadata, minio.StringMap{"A": "1"})
	_, err = client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy", ReplaceMetadata: true, UserMetadata: map[string]string{"b": "2"}},
		minio.CopySrcOptions{Bucket: bucket, Object: "copy", MatchETag: stat("copy").ETag})
	ok(err)
	same(stat("copy").UserMetadata, minio.StringMap{"B": "2"})
}

func multiparts() {
	info := put("big", big, minio.PutObjectOptions{PartSize: partSize})
	want(strings.HasSuffix(info.ETag, "-3"), "%s", info.ETag)
	want(bytes.Equal(read("big", minio.GetObjectOptions{}), big), "another content")
	want(bytes.Equal(read("big", minio.GetObjectOptions{PartNumber: 2}), big[partSize:2*partSize]), "another part")
	_, err := client.PutObject(ctx, bucket, "piped", io.MultiReader(bytes.NewReader(big)), -1, minio.PutObjectOptions{PartSize: partSize})
	ok(err)
	want(bytes.Equal(read("piped", minio.GetObjectOptions{}), big), "another content of the piped one")
	_, err = client.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: bucket, Object: "big", MatchRange: true, Start: 1, End: partSize},
		minio.CopySrcOptions{Bucket: bucket, Object: "copy"})
	ok(err)
	want(bytes.Equal(read("composed", minio.GetObjectOptions{}), append(big[1:partSize+1:partSize+1], "content"...)), "composed wrongly")
	id, err := core.NewMultipartUpload(ctx, bucket, "left", minio.PutObjectOptions{})
	ok(err)
	_, err = core.PutObjectPart(ctx, bucket, "left", id, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{})
	ok(err)
	parts, err := core.ListObjectParts(ctx, bucket, "left", id, 0, 10)
	ok(err)
	same(len(parts.ObjectParts), 1)
	for open := range client.ListIncompleteUploads(ctx, bucket, "", true) {
		ok(open.Err)
		same(open.Key, "left")
	}
	ok(client.RemoveIncompleteUpload(ctx, bucket, "left"))
	_, err = core.ListObjectParts(ctx, bucket, "left", id, 0, 10)
	fails(err, "NoSuchUpload", 404)
}

func send(method string, address string, headers http.Header, body string) (int, http.Header, string) {
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	ok(err)
	for name, values := range headers {
		request.Header[name] = values
	}
	answer, err := http.DefaultClient.Do(request)
	ok(err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	ok(err)
	return answer.StatusCode, answer.Header, string(content)
}

func post(policy *minio.PostPolicy, content string) int {
	address, fields, err := client.PresignedPostPolicy(ctx, policy)
	ok(err)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		ok(form.WriteField(name, value))
	}
	file, err := form.CreateFormFile("file", "file")
	ok(err)
	_, err = io.WriteString(file, content)
	ok(err)
	ok(form.Close())
	status, _, _ := send("POST", address.String(), http.Header{"Content-Type": {form.FormDataContentType()}}, body.String())
	return status
}

func presign() {
	address, err := client.PresignedPutObject(ctx, bucket, "presigned", time.Minute)
	ok(err)
	status, _, body := send("PUT", address.String(), nil, "by URL")
	want(status == 200, "%d %s", status, body)
	headers := http.Header{"X-Amz-Meta-A": {"1"}}
	address, err = client.PresignHeader(ctx, "PUT", bucket, "presigned", time.Minute, nil, headers)
	ok(err)
	status, _, body = send("PUT", address.String(), headers, "by URL")
	want(status == 200, "%d %s", status, body)
	same(stat("presigned").UserMetadata, minio.StringMap{"A": "1"})
	address, err = client.PresignedGetObject(ctx, bucket, "presigned", time.Minute, url.Values{"response-content-type": {"text/y"}})
	ok(err)
	_, answered, body := send("GET", address.String(), nil, "")
	same(body, "by URL")
	same(answered.Get("Content-Type"), "text/y")
	status, _, _ = send("GET", strings.Replace(address.String(), "presigned", "other", 1), nil, "")
	same(status, 403)
	policy := minio.NewPostPolicy()
	ok(policy.SetBucket(bucket))
	ok(policy.SetKey("posted"))
	ok(policy.SetExpires(time.Now().Add(time.Minute)))
	ok(policy.SetContentLengthRange(1, 10))
	ok(policy.SetUserMetadata("a", "1"))
	same(post(policy, "by form"), 204)
	same(string(read("posted", minio.GetObjectOptions{})), "by form")
	same(post(policy, "longer than it may be"), 400)
}

func tagging() {
	set, err := tags.NewTags(map[string]string{"k": "v w"}, true)
	ok(err)
	ok(client.PutObjectTagging(ctx, bucket, key, set, minio.PutObjectTaggingOptions{}))
	found, err := client.GetObjectTagging(ctx, bucket, key, minio.GetObjectTaggingOptions{})
	ok(err)
	same(found.ToMap(), set.ToMap())
	ok(client.RemoveObjectTagging(ctx, bucket, key, minio.RemoveObjectTaggingOptions{}))
	found, err = client.GetObjectTagging(ctx, bucket, key, minio.GetObjectTaggingOptions{})
	ok(err)
	same(found.Count(), 0)
	put("tagged", []byte("x"), minio.PutObjectOptions{UserTags: set.ToMap()})
	found, err = client.GetObjectTagging(ctx, bucket, "tagged", minio.GetObjectTaggingOptions{})
	ok(err)
	same(found.ToMap(), set.ToMap())
	_, err = client.GetBucketTagging(ctx, bucket)
	fails(err, "NoSuchTagSet", 404)
	ok(client.SetBucketTagging(ctx, bucket, set))
	found, err = client.GetBucketTagging(ctx, bucket)
	ok(err)
	same(found.ToMap(), set.ToMap())
}

func versions() {
	ok(client.EnableVersioning(ctx, bucket))
	state, err := client.GetBucketVersioning(ctx, bucket)
	ok(err)
	want(state.Enabled(), "versioning is %s", state.Status)
	one := put("v", []byte("one"), minio.PutObjectOptions{}).VersionID
	two := put("v", []byte("two"), minio.PutObjectOptions{}).VersionID
	ok(client.RemoveObject(ctx, bucket, "v", minio.RemoveObjectOptions{}))
	_, err = get("v", minio.GetObjectOptions{})
	fails(err, "NoSuchKey", 404)
	same(string(read("v", minio.GetObjectOptions{VersionID: one})), "one")
	var history []string
	for version := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "v", WithVersions: true}) {
		ok(version.Err)
		same(version.IsDeleteMarker, version.IsLatest)
		if !version.IsDeleteMarker {
			history = append(history, version.VersionID)
		}
	}
	same(history, []string{two, one})
}

func deleteAll() {
	versions := client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true, MaxKeys: 20})
	for failed := range client.RemoveObjects(ctx, bucket, versions, minio.RemoveObjectsOptions{}) {
		ok(failed.Err)
	}
	ok(client.RemoveBucket(ctx, bucket))
	there, err := client.BucketExists(ctx, bucket)
	ok(err)
	want(!there, "the bucket is still there")
}

func main() {
	endpoint, err := url.Parse(os.Getenv("INGOT_ENDPOINT"))
	ok(err)
	core, err = minio.NewCore(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(os.Getenv("INGOT_ACCESS_KEY"), os.Getenv("INGOT_SECRET_KEY"), ""),
		Secure: endpoint.Scheme == "https", Region: os.Getenv("INGOT_REGION"), MaxRetries: 1, TrailingHeaders: true})
	ok(err)
	client = core.Client
	for _, step := range []struct {
		name string
		run  func()
	}{{"bucket", makeBucket}, {"upload", upload}, {"download", download}, {"checksums", checksums}, {"conditions", conditions},
		{"list", list}, {"copy", copyObject}, {"multipart", multiparts}, {"presign", presign}, {"tags", tagging},
		{"versions", versions}, {"delete", deleteAll}} {
		step.run()
		fmt.Println("ok", step.name)
	}
}
