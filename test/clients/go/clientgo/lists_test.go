package clientgo

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"

	"berth.local/clients/cluster"
)

// Pages of a list show it as it was at the first of them, whatever is written meanwhile.
func TestPager(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	maps := client.CoreV1().ConfigMaps(namespace)
	// A controller brings one of its own.
	cluster.Eventually(t, func() error {
		_, err := maps.Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
	want := []string{"kube-root-ca.crt"}
	for i := range 25 {
		name := fmt.Sprintf("m-%02d", i)
		want = append(want, name)
		create(t, client, namespace, colored(name, "red"))
	}
	pages := 0
	list := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := maps.List(ctx, options)
		pages++
		if pages == 1 && err == nil {
			cluster.Equal(t, "what remains", *page.RemainingItemCount, int64(16))
			cluster.NoError(t, maps.Delete(ctx, "m-20", metav1.DeleteOptions{}))
			create(t, client, namespace, colored("m-24-late", "red"))
		}
		return page, err
	})
	list.PageSize = 10
	var names []string
	err = list.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		names = append(names, object.(*corev1.ConfigMap).Name)
		return nil
	})
	cluster.NoError(t, err)
	cluster.Equal(t, "names", names, want)
	if got := len(requests.Matching("GET", "limit=10")); got != 3 {
		t.Fatalf("%d pages were asked for", got)
	}
	_, err = maps.List(ctx, metav1.ListOptions{Limit: 10, Continue: "nonsense"})
	cluster.Fails(t, err, apierrors.IsBadRequest, "continue key is not valid")
}

// Writers that collide and try again lose no update.
func TestRetryOnConflict(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	maps := client.CoreV1().ConfigMaps(namespace)
	create(t, client, namespace, cluster.ConfigMap("counter", nil, map[string]string{"n": "0"}))
	const writers, times = 4, 5
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range times {
				err := retry.OnError(retry.DefaultBackoff, func(error) bool { return true }, func() error {
					return retry.RetryOnConflict(retry.DefaultRetry, func() error {
						counter, err := maps.Get(ctx, "counter", metav1.GetOptions{})
						if err != nil {
							return err
						}
						n, _ := strconv.Atoi(counter.Data["n"])
						counter.Data["n"] = strconv.Itoa(n + 1)
						_, err = maps.Update(ctx, counter, metav1.UpdateOptions{})
						if err != nil && !apierrors.IsConflict(err) {
							t.Errorf("no conflict: %v", err)
						}
						return err
					})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	counter, err := maps.Get(ctx, "counter", metav1.GetOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "the sum", counter.Data["n"], strconv.Itoa(writers*times))
	puts := requests.Matching("PUT", "/configmaps/counter")
	if len(puts) == writers*times {
		t.Log("no two writers met")
	}
	for _, put := range puts {
		if put.Status != 200 && put.Status != 409 {
			t.Fatalf("an update was answered %d", put.Status)
		}
	}
}
