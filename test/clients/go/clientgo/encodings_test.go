package clientgo

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	clientfeatures "k8s.io/client-go/features"
	clientfeaturestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"berth.local/clients/cluster"
)

const (
	protobuf = "application/vnd.kubernetes.protobuf"
	cbor     = "application/cbor"
)

// Clients that send protobuf and those that send JSON see the same objects.
func TestEncodings(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	binary := cluster.ConfigMap("binary", map[string]string{"color": "red"}, map[string]string{"key": "ünïcode \u2028"})
	binary.BinaryData = map[string][]byte{"bytes": {0, 1, 0xfe, 0xff}}
	made := map[string]*corev1.ConfigMap{}
	for _, contentType := range []string{protobuf, "application/json", "application/yaml"} {
		config := cluster.Config(t)
		config.ContentType = contentType
		requests := cluster.Recorded(config)
		client, err := kubernetes.NewForConfig(config)
		cluster.NoError(t, err)
		maps := client.CoreV1().ConfigMaps(namespace)
		object := binary.DeepCopy()
		object.Name = strings.NewReplacer("application/", "", ".", "-").Replace(contentType)
		made[contentType], err = maps.Create(ctx, object, metav1.CreateOptions{FieldManager: "encoder"})
		cluster.NoError(t, err)
		cluster.Equal(t, "what was sent", requests.Matching("POST")[0].ContentType, contentType)
		read, err := maps.Get(ctx, object.Name, metav1.GetOptions{})
		cluster.NoError(t, err)
		cluster.Equal(t, "what was read", read.Data, binary.Data)
		cluster.Equal(t, "binary data", read.BinaryData, binary.BinaryData)
		cluster.Equal(t, "its revision", read.ResourceVersion, made[contentType].ResourceVersion)
		read.Data = nil
		_, err = maps.Update(ctx, read, metav1.UpdateOptions{})
		cluster.NoError(t, err)
		err = maps.Delete(ctx, "nothing", metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		cluster.Fails(t, err, apierrors.IsNotFound, `configmaps "nothing" not found`)
		list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "color"})
		cluster.NoError(t, err)
		cluster.Equal(t, "how many there are", len(list.Items), len(made))
		watcher, err := maps.Watch(ctx, metav1.ListOptions{LabelSelector: "color", ResourceVersion: "0"})
		if contentType == "application/yaml" { // There is no stream of it.
			cluster.Fails(t, err, apierrors.IsNotAcceptable, "application/json;stream=watch")
			continue
		}
		cluster.NoError(t, err)
		event := cluster.Receive(t, "an event", watcher.ResultChan())
		cluster.Equal(t, "what it shows", event.Object.(*corev1.ConfigMap).BinaryData, binary.BinaryData)
		watcher.Stop()
	}
	cluster.Equal(t, "their managed fields", made[protobuf].ManagedFields[0].FieldsV1, made["application/json"].ManagedFields[0].FieldsV1)
}

// answer is what the server says to a request made by hand.
func answer(t *testing.T, config *rest.Config, method, path string, headers map[string]string, body []byte) (*http.Response, []byte) {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	cluster.NoError(t, err)
	request, err := http.NewRequestWithContext(cluster.Context(t), method, config.Host+path, bytes.NewReader(body))
	cluster.NoError(t, err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	cluster.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	cluster.NoError(t, err)
	return response, text
}

// A client that prefers CBOR is told that it is not served, and goes on with JSON.
func TestCborPreferred(t *testing.T) {
	// Not in parallel: the settings are the whole program's.
	clientfeaturestesting.SetFeatureDuringTest(t, clientfeatures.ClientsAllowCBOR, true)
	clientfeaturestesting.SetFeatureDuringTest(t, clientfeatures.ClientsPreferCBOR, true)
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client := dynamic.NewForConfigOrDie(config).Resource(configMaps).Namespace(namespace)
	object := custom(configMaps, "ConfigMap", "c", nil)
	delete(object.Object, "spec")
	object.Object["data"] = map[string]any{"key": "value"}
	_, err := client.Create(ctx, object, metav1.CreateOptions{})
	cluster.Fails(t, err, apierrors.IsUnsupportedMediaType, "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf")
	made, err := client.Create(ctx, object, metav1.CreateOptions{})
	cluster.NoError(t, err)
	posts := requests.Matching("POST", "/configmaps")
	cluster.Equal(t, "what was sent", []string{posts[0].ContentType, posts[1].ContentType, posts[1].AnswerType}, []string{cbor, "application/json", "application/json"})
	if !strings.Contains(posts[1].Accept, cbor) {
		t.Fatalf("it did not ask for CBOR: %s", posts[1].Accept)
	}
	_, err = client.Apply(ctx, "c", object, metav1.ApplyOptions{FieldManager: "m", Force: true})
	cluster.Fails(t, err, apierrors.IsUnsupportedMediaType, "415: Unsupported Media Type")
	watcher, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=c"})
	cluster.NoError(t, err)
	defer watcher.Stop()
	cluster.Equal(t, "an event", cluster.Receive(t, "an event", watcher.ResultChan()).Object, any(made))
}

// What is not served is refused as kube-apiserver does with CBOR switched off.
func TestRefusedEncodings(t *testing.T) {
	t.Parallel()
	namespace := cluster.Namespace(t)
	config := cluster.Config(t)
	path := "/api/v1/namespaces/" + namespace + "/configmaps"
	text := func(body []byte) string {
		status := &metav1.Status{}
		if err := json.Unmarshal(body, status); err != nil {
			return string(body)
		}
		return string(status.Reason) + ": " + status.Message
	}
	const served = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
	response, body := answer(t, config, "POST", path, map[string]string{"Content-Type": cbor}, []byte{0xa0})
	cluster.Equal(t, "a body of CBOR", []any{response.StatusCode, text(body)}, []any{415,
		"UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: " + served})
	response, body = answer(t, config, "GET", path, map[string]string{"Accept": cbor}, nil)
	cluster.Equal(t, "CBOR asked for", []any{response.StatusCode, text(body)}, []any{406,
		"NotAcceptable: 406: Not Acceptable\n\nAvailable representations: " + served + ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"})
	response, body = answer(t, config, "PATCH", path+"/c", map[string]string{"Content-Type": "application/apply-patch+cbor"}, []byte{0xa0})
	cluster.Equal(t, "an apply of CBOR", []any{response.StatusCode, text(body)}, []any{415, "UnsupportedMediaType: 415: Unsupported Media Type"})
	response, body = answer(t, config, "GET", path+"?watch=1", map[string]string{"Accept": "application/cbor-seq"}, nil)
	cluster.Equal(t, "a watch as CBOR", response.StatusCode, 406)
	response, _ = answer(t, config, "GET", path, map[string]string{"Accept": cbor + ", application/json;q=0.5"}, nil)
	cluster.Equal(t, "JSON as the second choice", []any{response.StatusCode, response.Header.Get("Content-Type")}, []any{200, "application/json"})
	for what, bytes := range map[string][]byte{
		"no magic": []byte("k8s"), "cut off": []byte("k8s\x00\x0a\x05\x0a\x02v1"), "nothing in it": []byte("k8s\x00"), "wild": []byte("k8s\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	} {
		response, body = answer(t, config, "POST", path, map[string]string{"Content-Type": protobuf}, bytes)
		cluster.Equal(t, what+": "+string(body), response.StatusCode, 400)
	}
}
