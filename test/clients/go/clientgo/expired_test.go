package clientgo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"berth.local/clients/cluster"
)

// An informer that was away for longer than the server remembers is told so, lists anew, and misses nothing.
func TestExpiredWatch(t *testing.T) {
	// Not in parallel: what it writes makes the server forget what others may still want.
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	line := through(config)
	away, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	client := cluster.Client(t)
	create(t, client, namespace, colored("a", "red"), colored("b", "red"), colored("large", "blue"))
	factory := informers.NewSharedInformerFactoryWithOptions(away, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "color in (red,green)" }))
	informer := factory.Core().V1().ConfigMaps().Informer()
	var handler told
	registration, err := informer.AddEventHandler(handler.handler())
	cluster.NoError(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		t.Fatal("never synced")
	}
	paint(t, client, namespace, "a", "green")
	before := []string{"changed a green", "found a red", "found b red"}
	// A first list is told in no order.
	cluster.EventuallyEqual(t, "at first", func() any { return slices.Sorted(slices.Values(handler.all().([]string))) }, before)
	last := informer.LastSyncResourceVersion()

	line.Cut()
	paint(t, client, namespace, "a", "red")
	cluster.NoError(t, client.CoreV1().ConfigMaps(namespace).Delete(ctx, "b", metav1.DeleteOptions{}))
	create(t, client, namespace, colored("c", "red"))
	// More than the server keeps of what happened (8 MiB), in requests that are none too large.
	for round := range 20 {
		patch := fmt.Appendf(nil, `{"data":{"text":%q}}`, strings.Repeat(string(rune('a'+round)), 450*1024))
		_, err := client.CoreV1().ConfigMaps(namespace).Patch(ctx, "large", types.MergePatchType, patch, metav1.PatchOptions{})
		cluster.NoError(t, err)
	}
	line.Mend()

	// What went meanwhile is found out by its absence, at the end of the new list.
	cluster.EventuallyEqual(t, "after it came back", func() any { return slices.Sorted(slices.Values(handler.all().([]string)[len(before):])) },
		[]string{"added c red", "changed a red", "deleted b red"})
	path := "/namespaces/" + namespace + "/configmaps?"
	if len(requests.Matching("GET", path, "watch=true", "resourceVersion="+last+"&")) == 0 {
		t.Fatalf("it did not ask to go on: %v", requests.Matching("GET", path))
	}
	cluster.Equal(t, "lists", len(requests.Matching("GET", path, "sendInitialEvents=true")), 2)
	paint(t, client, namespace, "c", "green")
	cluster.EventuallyEqual(t, "the last", func() any { return handler.all().([]string)[len(before)+3:] }, []string{"changed c green"})
}
