package clientgo

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"

	"berth.local/clients/cluster"
)

// Metadata that are got one by one are those of the list and of the watch, in protobuf, also of kinds that have no such form.
func TestMetadataClient(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	create(t, cluster.Client(t), namespace, colored("a", "red"), colored("b", "blue"))
	objects := dynamic.NewForConfigOrDie(cluster.Config(t))
	dials := define(t, objects, "metadata.example.com", "dials", "Dial")
	for _, name := range []string{"a", "b"} {
		dial := custom(dials, "Dial", name, map[string]any{"color": "red"})
		dial.SetLabels(map[string]string{"color": "red"})
		_, err := objects.Resource(dials).Namespace(namespace).Create(ctx, dial, metav1.CreateOptions{})
		cluster.NoError(t, err)
	}
	for _, resource := range []schema.GroupVersionResource{{Version: "v1", Resource: "configmaps"}, dials} {
		config := cluster.Config(t)
		requests := cluster.Recorded(config)
		client := metadata.NewForConfigOrDie(config).Resource(resource).Namespace(namespace)
		listed, err := client.List(ctx, metav1.ListOptions{LabelSelector: "color"})
		cluster.NoError(t, err)
		var got []metav1.PartialObjectMetadata
		for _, name := range []string{"a", "b"} {
			one, err := client.Get(ctx, name, metav1.GetOptions{})
			cluster.NoError(t, err)
			got = append(got, *one)
		}
		cluster.Equal(t, "what the list has", listed.Items, got)

		watcher, err := client.Watch(ctx, metav1.ListOptions{
			LabelSelector: "color", SendInitialEvents: new(true), AllowWatchBookmarks: true,
			ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		})
		cluster.NoError(t, err)
		defer watcher.Stop()
		var watched []metav1.PartialObjectMetadata
		for range got {
			event := cluster.Receive(t, "an object", watcher.ResultChan())
			watched = append(watched, *event.Object.(*metav1.PartialObjectMetadata))
		}
		cluster.Equal(t, "what the watch begins with", watched, got)
		end := cluster.Receive(t, "its end", watcher.ResultChan()).Object.(*metav1.PartialObjectMetadata)
		cluster.Equal(t, "what the bookmark says", end.Annotations[metav1.InitialEventsAnnotationKey], "true")
		for _, request := range requests.Matching("GET") {
			cluster.Equal(t, "that it is protobuf", strings.HasPrefix(request.AnswerType, protobuf), true)
		}
	}
}
