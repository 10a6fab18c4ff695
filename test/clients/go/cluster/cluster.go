// Package cluster is what the tests of all clients need: the server they are run against, a namespace each, and patience.
package cluster

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// patience is how long anything that has to come about may take.
const patience = 40 * time.Second

// Kubeconfig is the file that names the server.
func Kubeconfig() string { return os.Getenv("KUBECONFIG") }

// Config is how the server is reached, without the client's own limit on requests.
func Config(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", Kubeconfig())
	NoError(t, err)
	config.QPS = -1
	return config
}

// Client is a typed client.
func Client(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(Config(t))
	NoError(t, err)
	return client
}

// Context ends with the test.
func Context(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	return ctx
}

// Namespace makes one for the test, named for it, and deletes it afterwards.
func Namespace(t *testing.T) string {
	t.Helper()
	client := Client(t)
	name := strings.ToLower(strings.NewReplacer("_", "-", "/", "-").Replace(t.Name()))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := client.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{})
	NoError(t, err)
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	return name
}

// ConfigMap is one with some data.
func ConfigMap(name string, labels map[string]string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: data}
}

// NoError ends the test where there is one.
func NoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %T: %v", err, err)
	}
}

// Fails ends the test unless the error is of its kind and says all that.
func Fails(t *testing.T, err error, is func(error) bool, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error where there should be one")
	}
	if !is(err) {
		t.Fatalf("an error of another kind: %T: %v", err, err)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("%q does not say %q", err, part)
		}
	}
}

// Equal ends the test where the two differ.
func Equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %v, want %v", what, show(got), show(want))
	}
}

// Eventually waits until there is nothing left to complain of.
func Eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("did not come about: %v", err)
}

// EventuallyEqual waits until what is got is what is wanted.
func EventuallyEqual(t *testing.T, what string, get func() any, want any) {
	t.Helper()
	Eventually(t, func() error {
		if got := get(); !reflect.DeepEqual(got, want) {
			return fmt.Errorf("%s: got %v, want %v", what, show(got), show(want))
		}
		return nil
	})
}

// Receive takes what comes next, within reason.
func Receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value, open := <-from:
		if !open {
			t.Fatalf("%s: the channel ended", what)
		}
		return value
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
	}
	panic("unreachable")
}

func show(value any) string { return fmt.Sprintf("%#v", value) }
