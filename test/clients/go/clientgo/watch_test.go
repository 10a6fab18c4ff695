package clientgo

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"

	"berth.local/clients/cluster"
)

// A retrying watch goes on where the server ended it, without missing or repeating anything.
func TestRetryWatcher(t *testing.T) {
	t.Parallel()
	ctx, namespace, client := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	list, err := client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: "color"})
	cluster.NoError(t, err)
	watches := 0
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			watches++
			options.LabelSelector = "color"
			// The server ends it after a second.
			options.TimeoutSeconds = ptr.To[int64](1)
			return client.CoreV1().ConfigMaps(namespace).Watch(ctx, options)
		},
	})
	cluster.NoError(t, err)
	defer watcher.Stop()
	for i, name := range []string{"a", "b", "c"} {
		create(t, client, namespace, colored(name, "red"))
		event := cluster.Receive(t, name, watcher.ResultChan())
		cluster.Equal(t, "what happened", []any{event.Type, event.Object.(*corev1.ConfigMap).Name}, []any{watch.Added, name})
		if i < 2 {
			before := watches
			cluster.Eventually(t, func() error {
				if watches == before {
					return errors.New("not watched again")
				}
				return nil
			})
		}
	}
}

// An informer's watch that waits for a condition ends with the event that meets it.
func TestUntilWithSync(t *testing.T) {
	t.Parallel()
	ctx, namespace, client := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	create(t, client, namespace, colored("a", "red"))
	go func() {
		time.Sleep(20 * time.Millisecond)
		paint(t, client, namespace, "a", "green")
	}()
	selected := cache.NewFilteredListWatchFromClient(client.CoreV1().RESTClient(), "configmaps", namespace, func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", "a").String()
	})
	event, err := watchtools.UntilWithSync(ctx, selected, &corev1.ConfigMap{}, nil, func(event watch.Event) (bool, error) {
		return event.Object.(*corev1.ConfigMap).Labels["color"] == "green", nil
	})
	cluster.NoError(t, err)
	cluster.Equal(t, "its type", event.Type, watch.Modified)
}

// A streamed list ends with the bookmark that says so; afterwards come changes.
func TestStreamedList(t *testing.T) {
	t.Parallel()
	ctx, namespace, client := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	create(t, client, namespace, colored("b", "red"), colored("a", "red"))
	options := metav1.ListOptions{
		LabelSelector: "color", SendInitialEvents: ptr.To(true), AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	}
	watcher, err := client.CoreV1().ConfigMaps(namespace).Watch(ctx, options)
	cluster.NoError(t, err)
	defer watcher.Stop()
	for _, name := range []string{"a", "b"} {
		event := cluster.Receive(t, name, watcher.ResultChan())
		cluster.Equal(t, "an object", []any{event.Type, event.Object.(*corev1.ConfigMap).Name}, []any{watch.Added, name})
	}
	end := cluster.Receive(t, "the bookmark", watcher.ResultChan())
	cluster.Equal(t, "its type", end.Type, watch.Bookmark)
	cluster.Equal(t, "its mark", end.Object.(*corev1.ConfigMap).Annotations, map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	create(t, client, namespace, colored("c", "red"))
	next := cluster.Receive(t, "c", watcher.ResultChan())
	cluster.Equal(t, "what came next", []any{next.Type, next.Object.(*corev1.ConfigMap).Name}, []any{watch.Added, "c"})

	options.ResourceVersionMatch = ""
	_, err = client.CoreV1().ConfigMaps(namespace).Watch(ctx, options)
	cluster.Fails(t, err, apierrors.IsInvalid, "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
}

var errNotYet = errors.New("not yet")
