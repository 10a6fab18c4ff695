package controllerruntime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"berth.local/clients/cluster"
)

const finalizer = "hotel.berth.test/checkout"

// reception gives each guest a ConfigMap with a greeting, tells so in the status, and checks them out.
type reception struct {
	client.Client
	recorder   events.EventRecorder
	mutex      sync.Mutex
	checkedOut map[string]bool
}

func (r *reception) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	guest := &Guest{}
	if err := r.Get(ctx, request.NamespacedName, guest); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !guest.DeletionTimestamp.IsZero() {
		r.mutex.Lock()
		r.checkedOut[guest.Name] = true
		r.mutex.Unlock()
		if controllerutil.RemoveFinalizer(guest, finalizer) {
			return ctrl.Result{}, client.IgnoreNotFound(r.Update(ctx, guest))
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(guest, finalizer) {
		if err := r.Update(ctx, guest); err != nil {
			return ctrl.Result{}, err
		}
	}
	greeting := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: guest.Name + "-greeting", Namespace: guest.Namespace}}
	result, err := controllerutil.CreateOrUpdate(ctx, r.Client, greeting, func() error {
		greeting.Data = map[string]string{"text": guest.Spec.Greeting}
		return controllerutil.SetControllerReference(guest, greeting, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if result != controllerutil.OperationResultNone {
		r.recorder.Eventf(guest, greeting, corev1.EventTypeNormal, "Greeted", "Greet", "greeting %s", result)
	}
	before := guest.DeepCopy()
	guest.Status.ObservedGeneration = guest.Generation
	guest.Status.Nights = ptr.Deref(guest.Spec.Nights, 0)
	meta.SetStatusCondition(&guest.Status.Conditions, metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Greeted", ObservedGeneration: guest.Generation})
	return ctrl.Result{}, r.Status().Patch(ctx, guest, client.MergeFrom(before))
}

// startManager runs the reception in one namespace until the test ends.
func startManager(t *testing.T, namespace string) (ctrl.Manager, *reception) {
	t.Helper()
	options := environment.WebhookInstallOptions
	manager, err := ctrl.NewManager(environment.Config, ctrl.Options{
		Scheme:                        scheme.Scheme,
		Cache:                         cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		Controller:                    config.Controller{SkipNameValidation: ptr.To(true)},
		LeaderElection:                true,
		LeaderElectionID:              "reception",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: options.LocalServingHost, Port: options.LocalServingPort, CertDir: options.LocalServingCertDir,
		}),
	})
	cluster.NoError(t, err)
	cluster.NoError(t, manager.GetFieldIndexer().IndexField(context.Background(), &Guest{}, "spec.floor", func(object client.Object) []string {
		return []string{object.(*Guest).Spec.Floor}
	}))
	reconciler := &reception{Client: manager.GetClient(), recorder: manager.GetEventRecorder("reception"), checkedOut: map[string]bool{}}
	cluster.NoError(t, ctrl.NewControllerManagedBy(manager).For(&Guest{}).Owns(&corev1.ConfigMap{}).Complete(reconciler))
	cluster.NoError(t, setUpWebhooks(manager))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := cluster.Receive(t, "the manager's end", ended); err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	})
	select {
	case <-manager.Elected():
	case err := <-ended:
		t.Fatalf("the manager ended: %v", err)
	case <-cluster.Context(t).Done():
		t.Fatal("the manager does not lead")
	}
	return manager, reconciler
}

// A controller reconciles its objects and what they own, with finalizers, status and events, reading from its cache.
func TestController(t *testing.T) {
	ctx, namespace, direct := cluster.Context(t), cluster.Namespace(t), newClient(t)
	manager, reception := startManager(t, namespace)
	guest := &Guest{ObjectMeta: metav1.ObjectMeta{Name: "ann", Namespace: namespace}, Spec: GuestSpec{Greeting: "hello", Floor: "first", Nights: ptr.To[int32](3)}}
	cluster.NoError(t, direct.Create(ctx, guest))
	key := client.ObjectKeyFromObject(guest)
	greeting := func() (*corev1.ConfigMap, error) {
		object := &corev1.ConfigMap{}
		return object, direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "ann-greeting"}, object)
	}
	ready := func(generation int64) error {
		if err := direct.Get(ctx, key, guest); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(guest.Status.Conditions, "Ready")
		if condition == nil || condition.ObservedGeneration != generation || guest.Status.ObservedGeneration != generation {
			return fmt.Errorf("not ready: %v", guest.Status)
		}
		return nil
	}
	cluster.Eventually(t, func() error { return ready(1) })
	cluster.Equal(t, "finalizers and nights", []any{guest.Finalizers, guest.Status.Nights}, []any{[]string{finalizer}, int32(3)})
	made, err := greeting()
	cluster.NoError(t, err)
	owner := metav1.GetControllerOf(made)
	cluster.Equal(t, "its owner", []any{owner.Kind, owner.UID, *owner.BlockOwnerDeletion}, []any{"Guest", guest.UID, true})

	before := guest.DeepCopy()
	guest.Spec.Greeting = "good evening"
	cluster.NoError(t, direct.Patch(ctx, guest, client.MergeFrom(before)))
	cluster.Eventually(t, func() error { return ready(2) })
	changed, err := greeting()
	cluster.NoError(t, err)
	cluster.Equal(t, "the greeting", changed.Data["text"], "good evening")
	// What it owns comes back.
	cluster.NoError(t, direct.Delete(ctx, changed))
	cluster.Eventually(t, func() error {
		again, err := greeting()
		if err == nil && again.UID == changed.UID {
			return errors.New("not deleted")
		}
		return err
	})

	var found GuestList
	cluster.NoError(t, manager.GetClient().List(ctx, &found, client.InNamespace(namespace), client.MatchingFields{"spec.floor": "first"}))
	cluster.Equal(t, "guests of the first floor", len(found.Items), 1)
	cluster.NoError(t, manager.GetClient().List(ctx, &found, client.InNamespace(namespace), client.MatchingFields{"spec.floor": "second"}))
	cluster.Equal(t, "guests of the second floor", len(found.Items), 0)
	partial := &metav1.PartialObjectMetadata{}
	partial.SetGroupVersionKind(groupVersion.WithKind("Guest"))
	cluster.NoError(t, manager.GetClient().Get(ctx, key, partial))
	cluster.Equal(t, "its metadata", partial.UID, guest.UID)
	cluster.EventuallyEqual(t, "events", func() any {
		var list corev1.EventList
		cluster.NoError(t, direct.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{"involvedObject.name": "ann", "reason": "Greeted"}))
		said := map[string]bool{}
		for _, event := range list.Items {
			said[event.Message] = true
		}
		return said
	}, map[string]bool{"greeting created": true, "greeting updated": true})

	cluster.NoError(t, direct.Delete(ctx, guest))
	cluster.Eventually(t, func() error {
		if err := direct.Get(ctx, key, guest); !apierrors.IsNotFound(err) {
			return fmt.Errorf("still there: %v", err)
		}
		return nil
	})
	reception.mutex.Lock()
	defer reception.mutex.Unlock()
	cluster.Equal(t, "checked out", reception.checkedOut["ann"], true)
	// Its garbage goes with it.
	cluster.Eventually(t, func() error {
		if _, err := greeting(); !apierrors.IsNotFound(err) {
			return fmt.Errorf("still there: %v", err)
		}
		return nil
	})
}
