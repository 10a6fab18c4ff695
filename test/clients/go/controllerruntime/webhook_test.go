package controllerruntime

import (
	"context"
	"errors"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"berth.local/clients/cluster"
)

type doorman struct{}

func (doorman) Default(ctx context.Context, guest *Guest) error {
	if guest.Spec.Nights == nil {
		guest.Spec.Nights = ptr.To[int32](1)
	}
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	metav1.SetMetaDataAnnotation(&guest.ObjectMeta, "let-in-by", request.UserInfo.Username)
	return nil
}

func (doorman) ValidateCreate(_ context.Context, guest *Guest) (admission.Warnings, error) {
	if guest.Spec.Floor == "roof" {
		return nil, errors.New("nobody sleeps on the roof")
	}
	return admission.Warnings{"breakfast is extra"}, nil
}

func (doorman) ValidateUpdate(_ context.Context, old, guest *Guest) (admission.Warnings, error) {
	if old.Spec.Floor != guest.Spec.Floor {
		return nil, apierrors.NewForbidden(groupVersion.WithResource("guests").GroupResource(), guest.Name, errors.New("nobody moves"))
	}
	return nil, nil
}

func (doorman) ValidateDelete(_ context.Context, guest *Guest) (admission.Warnings, error) {
	if guest.Annotations["paid"] == "" {
		return nil, errors.New("nobody leaves without paying")
	}
	return nil, nil
}

func setUpWebhooks(manager ctrl.Manager) error {
	return ctrl.NewWebhookManagedBy(manager, &Guest{}).WithDefaulter(doorman{}).WithValidator(doorman{}).Complete()
}

type warnings struct {
	mutex sync.Mutex
	texts []string
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.texts = append(w.texts, text)
}

// Webhooks that a manager serves default and validate, warn, and refuse in words of their own.
func TestWebhooks(t *testing.T) {
	ctx, namespace, direct := cluster.Context(t), cluster.Namespace(t), newClient(t)
	startManager(t, namespace)
	labelled := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"`+hooked+`":"yes"}}}`))
	cluster.NoError(t, direct.Patch(ctx, labelled, patch))
	var heard warnings
	config := rest.CopyConfig(environment.Config)
	config.WarningHandlerWithContext = &heard
	warned, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	cluster.NoError(t, err)

	guest := &Guest{ObjectMeta: metav1.ObjectMeta{Name: "bob", Namespace: namespace}, Spec: GuestSpec{Floor: "first"}}
	cluster.Eventually(t, func() error { // Until the server of the webhooks listens.
		err := warned.Create(ctx, guest)
		if err != nil && !apierrors.IsInternalError(err) {
			t.Fatal(err)
		}
		return err
	})
	cluster.Equal(t, "its default", *guest.Spec.Nights, int32(1))
	if guest.Annotations["let-in-by"] == "" {
		t.Fatal("the webhook was not told who asks")
	}
	heard.mutex.Lock()
	cluster.Equal(t, "warnings", heard.texts, []string{"breakfast is extra"})
	heard.mutex.Unlock()

	roof := &Guest{ObjectMeta: metav1.ObjectMeta{Name: "cat", Namespace: namespace}, Spec: GuestSpec{Floor: "roof"}}
	cluster.Fails(t, direct.Create(ctx, roof), apierrors.IsForbidden, `admission webhook "validate.hotel.berth.test" denied the request: nobody sleeps on the roof`)
	before := guest.DeepCopy()
	guest.Spec.Floor = "second"
	cluster.Fails(t, direct.Patch(ctx, guest, client.MergeFrom(before)), apierrors.IsForbidden, `guests.hotel.berth.test "bob" is forbidden: nobody moves`)
	cluster.Fails(t, direct.Delete(ctx, guest), apierrors.IsForbidden, "nobody leaves without paying")
	paid := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"paid":"yes"}}}`))
	cluster.NoError(t, direct.Patch(ctx, guest, paid))
	cluster.NoError(t, direct.Delete(ctx, guest))
	// So that the namespace's end meets no webhook that is gone.
	patch = client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"`+hooked+`":null}}}`))
	cluster.NoError(t, direct.Patch(ctx, labelled, patch))
}
