// Package controllerruntime runs controllers as kubebuilder's projects have them, in envtest with an existing cluster.
package controllerruntime

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"berth.local/clients/cluster"
)

var environment = &envtest.Environment{
	UseExistingCluster:    ptr.To(true),
	CRDInstallOptions:     envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{definition()}, CleanUpAfterUse: true},
	WebhookInstallOptions: envtest.WebhookInstallOptions{MutatingWebhooks: mutating(), ValidatingWebhooks: validating()},
}

// TestMain is what a project's suite_test.go does. What it stops at fails all tests, as none of them is run.
func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if _, err := environment.Start(); err != nil {
		fmt.Println("envtest did not start:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Println("envtest did not stop:", err)
		code = 1
	}
	os.Exit(code)
}

// newClient is one without a cache.
func newClient(t *testing.T) client.WithWatch {
	t.Helper()
	config := rest.CopyConfig(environment.Config)
	config.QPS = -1
	direct, err := client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
	cluster.NoError(t, err)
	return direct
}

const hooked = "hooked"

// Only namespaces that ask for it meet the webhooks.
func selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{hooked: "yes"}}
}

func rules(operations ...admissionregistrationv1.OperationType) []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: operations,
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{groupVersion.Group}, APIVersions: []string{"v1"}, Resources: []string{"guests"}},
	}}
}

// at is a Service, which envtest puts its own address in place of.
func at(path string) admissionregistrationv1.WebhookClientConfig {
	return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "system", Name: "webhook", Path: &path}}
}

func mutating() []*admissionregistrationv1.MutatingWebhookConfiguration {
	return []*admissionregistrationv1.MutatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "hotel.berth.test"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "mutate.hotel.berth.test", ClientConfig: at("/mutate-hotel-berth-test-v1-guest"), NamespaceSelector: selector(),
			Rules: rules(admissionregistrationv1.Create, admissionregistrationv1.Update), SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}}
}

func validating() []*admissionregistrationv1.ValidatingWebhookConfiguration {
	return []*admissionregistrationv1.ValidatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "hotel.berth.test"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "validate.hotel.berth.test", ClientConfig: at("/validate-hotel-berth-test-v1-guest"), NamespaceSelector: selector(),
			Rules:       rules(admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete),
			SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		}},
	}}
}

// Definitions and webhooks are installed by envtest, and definitions that it removes are gone with all their objects.
func TestEnvironment(t *testing.T) {
	ctx, direct := cluster.Context(t), newClient(t)
	other := definition()
	other.Name = "rooms." + groupVersion.Group
	other.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Plural: "rooms", Kind: "Room"}
	options := envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{other}}
	_, err := envtest.InstallCRDs(environment.Config, options)
	cluster.NoError(t, err)
	// Once more, as for a changed definition.
	other.Spec.Versions[0].Schema.OpenAPIV3Schema.Description = "a room"
	_, err = envtest.InstallCRDs(environment.Config, options)
	cluster.NoError(t, err)
	cluster.NoError(t, envtest.UninstallCRDs(environment.Config, options))
	cluster.Eventually(t, func() error {
		err := direct.Get(ctx, client.ObjectKeyFromObject(other), &apiextensionsv1.CustomResourceDefinition{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %v", err)
	})
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	cluster.NoError(t, direct.Get(context.Background(), client.ObjectKey{Name: "hotel.berth.test"}, configuration))
	cluster.Equal(t, "the webhook's URL", configuration.Webhooks[0].ClientConfig.Service == nil, true)
}
