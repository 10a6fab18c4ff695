package clientgo

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"

	"berth.local/clients/cluster"
)

// candidate runs for a Lease until its context ends.
type candidate struct {
	leads chan struct{}
	done  chan struct{}
}

func run(ctx context.Context, t *testing.T, client *kubernetes.Clientset, namespace, identity string, releases bool, leaders *atomic.Int32) candidate {
	t.Helper()
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events(namespace)})
	t.Cleanup(broadcaster.Shutdown)
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: identity})
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, "leader", client.CoreV1(), client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: identity, EventRecorder: recorder})
	cluster.NoError(t, err)
	c := candidate{make(chan struct{}), make(chan struct{})}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: time.Second, RenewDeadline: 600 * time.Millisecond, RetryPeriod: 50 * time.Millisecond,
		ReleaseOnCancel: releases,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				if leaders.Add(1) != 1 {
					t.Errorf("%s leads beside another one", identity)
				}
				close(c.leads)
				<-leading.Done()
			},
			OnStoppedLeading: func() {},
		},
	})
	cluster.NoError(t, err)
	go func() {
		defer close(c.done)
		elector.Run(ctx)
		// Not before it has given the Lease up, as another one may lead at once.
	}()
	return c
}

// Candidates for a Lease lead one at a time: the next one once it is given up, or once it was not renewed in time.
func TestLeaderElection(t *testing.T) {
	t.Parallel()
	ctx, namespace, client := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	var leaders atomic.Int32
	firstContext, stopFirst := context.WithCancel(ctx)
	first := run(firstContext, t, client, namespace, "first", true, &leaders)
	cluster.Receive(t, "the first leads", closed(first.leads))
	secondContext, stopSecond := context.WithCancel(ctx)
	second := run(secondContext, t, client, namespace, "second", false, &leaders)

	lease := func() (string, int32) {
		lease, err := client.CoordinationV1().Leases(namespace).Get(ctx, "leader", metav1.GetOptions{})
		cluster.NoError(t, err)
		return *lease.Spec.HolderIdentity, *lease.Spec.LeaseTransitions
	}
	holder, _ := lease()
	cluster.Equal(t, "the holder", holder, "first")
	leaders.Add(-1)
	stopFirst()
	cluster.Receive(t, "the second leads", closed(second.leads))
	<-first.done
	holder, transitions := lease()
	cluster.Equal(t, "the holder", holder, "second")
	cluster.Equal(t, "transitions", transitions, int32(1))

	// It goes without a word, so that its Lease has to run out.
	leaders.Add(-1)
	stopSecond()
	<-second.done
	holder, _ = lease()
	cluster.Equal(t, "who had it last", holder, "second")
	thirdContext, stopThird := context.WithCancel(ctx)
	third := run(thirdContext, t, client, namespace, "third", true, &leaders)
	cluster.Receive(t, "the third leads", closed(third.leads))
	holder, transitions = lease()
	cluster.Equal(t, "the holder", holder, "third")
	cluster.Equal(t, "transitions", transitions, int32(2))
	cluster.EventuallyEqual(t, "events", func() any {
		events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Lease,reason=LeaderElection"})
		cluster.NoError(t, err)
		said := map[string]bool{}
		for _, event := range events.Items {
			said[event.Message] = true
		}
		return said
	}, map[string]bool{"first became leader": true, "first stopped leading": true, "second became leader": true, "second stopped leading": true, "third became leader": true})
	stopThird()
	<-third.done
}

// closed gives a value once the channel is closed.
func closed(channel <-chan struct{}) <-chan bool {
	value := make(chan bool, 1)
	go func() {
		<-channel
		value <- true
	}()
	return value
}
