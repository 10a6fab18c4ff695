// Package helm does with Helm's library what its command does.
package helm

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"berth.local/clients/cluster"
)

const (
	name     = "web"
	patience = time.Minute
)

func configuration(t *testing.T, namespace string) *action.Configuration {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(true).WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.QPS = -1
		return config
	})
	flags.KubeConfig, flags.Namespace, flags.CacheDir = ptr.To(cluster.Kubeconfig()), &namespace, ptr.To(t.TempDir())
	made := action.NewConfiguration(action.ConfigurationSetLogger(slog.NewTextHandler(io.Discard, nil)))
	cluster.NoError(t, made.Init(flags, namespace, "secret"))
	return made
}

// stage is a release and what it is seen by.
type stage struct {
	*testing.T
	namespace  string
	serverSide bool
}

func (s stage) install(values map[string]any) *release.Release {
	s.Helper()
	install := action.NewInstall(configuration(s.T, s.namespace))
	install.ReleaseName, install.Namespace, install.CreateNamespace = name, s.namespace, true
	install.WaitStrategy, install.Timeout, install.ServerSideApply = kube.StatusWatcherStrategy, patience, s.serverSide
	made, err := install.Run(tea(s.namespace), values)
	cluster.NoError(s.T, err)
	return made.(*release.Release)
}

func (s stage) upgrade(values map[string]any) (*release.Release, error) {
	upgrade := action.NewUpgrade(configuration(s.T, s.namespace))
	upgrade.Namespace, upgrade.WaitStrategy, upgrade.Timeout = s.namespace, kube.StatusWatcherStrategy, patience
	upgrade.ServerSideApply = fmt.Sprint(s.serverSide)
	made, err := upgrade.Run(name, tea(s.namespace), values)
	upgraded, _ := made.(*release.Release)
	return upgraded, err
}

func (s stage) settings() *corev1.ConfigMap {
	s.Helper()
	settings, err := cluster.Client(s.T).CoreV1().ConfigMaps(s.namespace).Get(cluster.Context(s.T), name+"-settings", metav1.GetOptions{})
	cluster.NoError(s.T, err)
	return settings
}

func (s stage) workload() *appsv1.StatefulSet {
	s.Helper()
	set, err := cluster.Client(s.T).AppsV1().StatefulSets(s.namespace).Get(cluster.Context(s.T), name, metav1.GetOptions{})
	cluster.NoError(s.T, err)
	return set
}

// edit is what somebody does by hand.
func (s stage) edit(patch string) {
	s.Helper()
	_, err := cluster.Client(s.T).CoreV1().ConfigMaps(s.namespace).Patch(cluster.Context(s.T), name+"-settings", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "somebody"})
	cluster.NoError(s.T, err)
}

// revisions are the release's, as its Secrets have them.
func (s stage) revisions() []string {
	s.Helper()
	secrets, err := cluster.Client(s.T).CoreV1().Secrets(s.namespace).List(cluster.Context(s.T), metav1.ListOptions{LabelSelector: "owner=helm,name=" + name, FieldSelector: "type=helm.sh/release.v1"})
	cluster.NoError(s.T, err)
	var found []string
	for _, secret := range secrets.Items {
		found = append(found, secret.Labels["version"]+" "+secret.Labels["status"])
	}
	slices.Sort(found)
	return found
}

// lives takes a release through its whole life.
func lives(t *testing.T, serverSide bool) {
	s := stage{t, strings.ToLower(t.Name()), serverSide}
	ctx, client := cluster.Context(t), cluster.Client(t)
	t.Cleanup(func() { _ = client.CoreV1().Namespaces().Delete(ctx, s.namespace, metav1.DeleteOptions{}) })
	// The namespace has its account by then, which a template looks up.
	made := cluster.Namespace(t)
	cluster.Equal(t, "its namespace", made, s.namespace)
	cluster.Eventually(t, func() error {
		_, err := client.CoreV1().ServiceAccounts(made).Get(ctx, "default", metav1.GetOptions{})
		return err
	})

	installed := s.install(map[string]any{"extra": "sugar"})
	cluster.Equal(t, "what Helm says", []string{string(installed.Info.Status), installed.Info.Notes}, []string{"deployed", "web has 1"})
	cluster.Equal(t, "ready", s.workload().Status.ReadyReplicas, int32(1))
	cluster.Equal(t, "settings", s.settings().Data, map[string]string{"color": "green", "revision": "1", "extra": "sugar", "version": "36", "has-teas": "true", "account": "default"})
	for _, hook := range installed.Hooks {
		if hook.Events[0] == release.HookPreInstall {
			cluster.Equal(t, "its hook", string(hook.LastRun.Phase), "Succeeded")
		}
	}
	_, err := client.CoreV1().Pods(s.namespace).Get(ctx, name+"-pre-install", metav1.GetOptions{})
	cluster.Fails(t, err, apierrors.IsNotFound)

	// What somebody added stays; what they removed comes back; what the chart no longer has goes.
	s.edit(`{"data":{"by-hand":"kept","account":null}}`)
	upgraded, err := s.upgrade(map[string]any{"replicas": 2, "color": "black"})
	cluster.NoError(t, err)
	cluster.Equal(t, "its revision", upgraded.Version, 2)
	cluster.Equal(t, "settings", s.settings().Data, map[string]string{"color": "black", "revision": "2", "version": "36", "has-teas": "true", "account": "default", "by-hand": "kept"})
	set := s.workload()
	cluster.Equal(t, "replicas and their color", []any{set.Status.UpdatedReplicas, set.Status.ReadyReplicas, set.Spec.Template.Spec.Containers[0].Env[0].Value}, []any{int32(2), int32(2), "black"})

	failed, err := s.upgrade(map[string]any{"serviceName": "other"})
	cluster.Fails(t, err, func(error) bool { return true }, `StatefulSet.apps "web" is invalid: spec: Forbidden: updates to statefulset spec for fields other than`)
	cluster.Equal(t, "the failed release", string(failed.Info.Status), "failed")

	rollback := action.NewRollback(configuration(t, s.namespace))
	rollback.Version, rollback.WaitStrategy, rollback.Timeout, rollback.ServerSideApply = 1, kube.StatusWatcherStrategy, patience, fmt.Sprint(serverSide)
	rollback.ForceConflicts = serverSide
	cluster.NoError(t, rollback.Run(name))
	cluster.Equal(t, "settings", s.settings().Data["extra"]+" "+s.settings().Data["color"]+" "+s.settings().Data["by-hand"], "sugar green kept")
	cluster.Equal(t, "replicas", *s.workload().Spec.Replicas, int32(1))
	cluster.Equal(t, "revisions", s.revisions(), []string{"1 superseded", "2 superseded", "3 failed", "4 deployed"})
	history, err := action.NewHistory(configuration(t, s.namespace)).Run(name)
	cluster.NoError(t, err)
	cluster.Equal(t, "its history", len(history), 4)

	uninstall := action.NewUninstall(configuration(t, s.namespace))
	uninstall.WaitStrategy, uninstall.Timeout, uninstall.DeletionPropagation = kube.StatusWatcherStrategy, patience, "foreground"
	_, err = uninstall.Run(name)
	cluster.NoError(t, err)
	cluster.Equal(t, "revisions", s.revisions(), []string(nil))
	_, err = client.AppsV1().StatefulSets(s.namespace).Get(ctx, name, metav1.GetOptions{})
	cluster.Fails(t, err, apierrors.IsNotFound)
	claims, err := client.CoreV1().PersistentVolumeClaims(s.namespace).List(ctx, metav1.ListOptions{})
	cluster.NoError(t, err)
	if len(claims.Items) == 0 {
		t.Fatal("claims of its StatefulSet went with it")
	}
}

// A release is installed, upgraded by three-way merge, rolled back and uninstalled.
func TestReleaseByMerge(t *testing.T) {
	t.Parallel()
	lives(t, false)
}

// A release is installed, upgraded by server-side apply, rolled back and uninstalled.
func TestReleaseByApply(t *testing.T) {
	t.Parallel()
	lives(t, true)
}
