package clientgo

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	clientfeatures "k8s.io/client-go/features"
	clientfeaturestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"berth.local/clients/cluster"
)

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// told is what handlers were told, in order.
type told struct {
	mutex sync.Mutex
	lines []string
}

func (h *told) add(line string, object any) {
	if final, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = final.Obj
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.lines = append(h.lines, line+" "+accessor.GetName()+labelOf(accessor))
}

func labelOf(object metav1.Object) string {
	if color := object.GetLabels()["color"]; color != "" {
		return " " + color
	}
	return ""
}

func (h *told) handler() cache.ResourceEventHandlerDetailedFuncs {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, isInInitialList bool) {
			if isInInitialList {
				h.add("found", object)
			} else {
				h.add("added", object)
			}
		},
		UpdateFunc: func(old, object any) { h.add("changed", object) },
		DeleteFunc: func(object any) { h.add("deleted", object) },
	}
}

func (h *told) all() any {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.Clone(h.lines)
}

// paint changes a label, which needs no more than a merge patch.
func paint(t *testing.T, client kubernetes.Interface, namespace, name, color string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{"color":%q}}}`, color)
	_, err := client.CoreV1().ConfigMaps(namespace).Patch(context.Background(), name, types.MergePatchType, patch, metav1.PatchOptions{})
	cluster.NoError(t, err)
}

func create(t *testing.T, client kubernetes.Interface, namespace string, objects ...*corev1.ConfigMap) {
	t.Helper()
	for _, object := range objects {
		_, err := client.CoreV1().ConfigMaps(namespace).Create(context.Background(), object, metav1.CreateOptions{})
		cluster.NoError(t, err)
	}
}

func colored(name, color string) *corev1.ConfigMap {
	return cluster.ConfigMap(name, map[string]string{"color": color}, map[string]string{"key": name})
}

// A factory's typed informer streams its list, indexes it, and tells each handler every change, once and in order.
func TestTypedInformer(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	create(t, client, namespace, colored("a", "red"), colored("b", "blue"))

	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "color in (red,green)" }))
	informer := factory.Core().V1().ConfigMaps()
	cluster.NoError(t, informer.Informer().AddIndexers(cache.Indexers{"color": func(object any) ([]string, error) {
		return []string{object.(*corev1.ConfigMap).Labels["color"]}, nil
	}}))
	var first, second told
	registration, err := informer.Informer().AddEventHandler(first.handler())
	cluster.NoError(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		t.Fatal("never synced")
	}
	cluster.Equal(t, "at first", first.all(), []string{"found a red"})

	paint(t, client, namespace, "b", "green")
	paint(t, client, namespace, "a", "green")
	cluster.EventuallyEqual(t, "after changes", first.all, []string{"found a red", "added b green", "changed a green"})
	green, err := informer.Informer().GetIndexer().ByIndex("color", "green")
	cluster.NoError(t, err)
	cluster.Equal(t, "green ones", len(green), 2)

	late, err := informer.Informer().AddEventHandler(second.handler())
	cluster.NoError(t, err)
	if !cache.WaitForCacheSync(ctx.Done(), late.HasSynced) {
		t.Fatal("the late handler never synced")
	}
	paint(t, client, namespace, "a", "blue")
	cluster.NoError(t, client.CoreV1().ConfigMaps(namespace).Delete(ctx, "b", metav1.DeleteOptions{}))
	// One that leaves the selection is shown as it was in it.
	last := []string{"deleted a green", "deleted b green"}
	cluster.EventuallyEqual(t, "in the end", first.all, append([]string{"found a red", "added b green", "changed a green"}, last...))
	cluster.EventuallyEqual(t, "for the late one", func() any { return second.all().([]string)[2:] }, last)
	rest, err := informer.Lister().ConfigMaps(namespace).List(labels.Everything())
	cluster.NoError(t, err)
	cluster.Equal(t, "what is left", len(rest), 0)

	path := "/namespaces/" + namespace + "/configmaps?"
	if len(requests.Matching("GET", path, "sendInitialEvents=true")) != 1 {
		t.Fatalf("the list was not streamed: %v", requests.Matching("GET", path))
	}
	cluster.Equal(t, "plain lists and repeated watches", len(requests.Matching("GET", path)), 1)
}

// An informer that lists and then watches, as older clients do, sees the same.
func TestListAndWatchInformer(t *testing.T) {
	// Not in parallel: the setting is the whole program's.
	clientfeaturestesting.SetFeatureDuringTest(t, clientfeatures.WatchListClient, false)
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	create(t, client, namespace, colored("a", "red"))
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	var handler told
	registration, err := factory.Core().V1().ConfigMaps().Informer().AddEventHandler(handler.handler())
	cluster.NoError(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		t.Fatal("never synced")
	}
	create(t, client, namespace, colored("b", "blue"))
	paint(t, client, namespace, "a", "blue")
	cluster.EventuallyEqual(t, "what was told", func() any { return without(handler.all().([]string), "kube-root-ca.crt") },
		[]string{"found a red", "added b blue", "changed a blue"})
	path := "/namespaces/" + namespace + "/configmaps?"
	cluster.Equal(t, "lists", len(requests.Matching("GET", path, "limit=500", "resourceVersion=0")), 1)
	cluster.Equal(t, "watches", len(requests.Matching("GET", path, "watch=true", "allowWatchBookmarks=true")), 1)
}

// without drops lines about an object that a controller brings into every namespace.
func without(lines []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return slices.Contains([]string{"found " + name, "added " + name, "changed " + name}, line)
	})
}

// A dynamic informer follows a built-in kind as unstructured objects.
func TestDynamicInformer(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	client, dynamicClient := cluster.Client(t), dynamic.NewForConfigOrDie(config)
	create(t, client, namespace, colored("a", "red"))
	selectRed := func(options *metav1.ListOptions) { options.LabelSelector = "color=red" }
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicClient, 0, namespace, selectRed)
	var handler told
	registration, err := factory.ForResource(configMaps).Informer().AddEventHandler(handler.handler())
	cluster.NoError(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		t.Fatal("never synced")
	}
	create(t, client, namespace, colored("b", "red"))
	cluster.NoError(t, client.CoreV1().ConfigMaps(namespace).Delete(ctx, "a", metav1.DeleteOptions{}))
	cluster.EventuallyEqual(t, "what was told", handler.all, []string{"found a red", "added b red", "deleted a red"})
	object, err := factory.ForResource(configMaps).Lister().ByNamespace(namespace).Get("b")
	cluster.NoError(t, err)
	value, _, err := unstructured.NestedString(object.(*unstructured.Unstructured).Object, "data", "key")
	cluster.NoError(t, err)
	cluster.Equal(t, "its data", value, "b")
}

// A metadata informer gets no more than metadata of any kind, and streams it too.
func TestMetadataInformer(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client, metadataClient := cluster.Client(t), metadata.NewForConfigOrDie(config)
	create(t, client, namespace, colored("a", "red"))
	selectColored := func(options *metav1.ListOptions) { options.LabelSelector = "color" }
	factory := metadatainformer.NewFilteredSharedInformerFactory(metadataClient, 0, namespace, selectColored)
	var handler told
	registration, err := factory.ForResource(configMaps).Informer().AddEventHandler(handler.handler())
	cluster.NoError(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		t.Fatal("never synced")
	}
	paint(t, client, namespace, "a", "green")
	cluster.EventuallyEqual(t, "what was told", handler.all, []string{"found a red", "changed a green"})
	object, err := factory.ForResource(configMaps).Lister().ByNamespace(namespace).Get("a")
	cluster.NoError(t, err)
	partial := object.(*metav1.PartialObjectMetadata)
	if partial.UID == "" || partial.ManagedFields == nil {
		t.Fatalf("metadata is missing: %v", partial)
	}
	cluster.Equal(t, "streamed lists", len(requests.Matching("GET", "/configmaps?", "sendInitialEvents=true")), 1)

	one, err := metadataClient.Resource(configMaps).Namespace(namespace).Get(ctx, "a", metav1.GetOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "the same by name", reflect.DeepEqual(one.ObjectMeta, partial.ObjectMeta), true)
	cluster.NoError(t, metadataClient.Resource(configMaps).Namespace(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "color"}))
	cluster.EventuallyEqual(t, "in the end", handler.all, []string{"found a red", "changed a green", "deleted a green"})
}
