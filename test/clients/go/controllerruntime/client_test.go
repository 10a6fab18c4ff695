package controllerruntime

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"berth.local/clients/cluster"
)

// Objects are patched in all ways, with and without a lock, and not at all where it is a dry run.
func TestPatches(t *testing.T) {
	ctx, namespace, direct := cluster.Context(t), cluster.Namespace(t), newClient(t)
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace}}
	mutate := func() error {
		deployment.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
		deployment.Spec.Template.Labels = labels
		deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "c:1"}}
		return nil
	}
	for _, want := range []controllerutil.OperationResult{controllerutil.OperationResultCreated, controllerutil.OperationResultUpdated} {
		result, err := controllerutil.CreateOrPatch(ctx, direct, deployment, mutate)
		cluster.NoError(t, err)
		cluster.Equal(t, "what was done", result, want)
		// Once defaults are in what is compared, there is no more to do but to put them out.
		if want == controllerutil.OperationResultCreated {
			deployment.Spec.Template.Spec.Containers[0].Image = "other"
			cluster.NoError(t, direct.Update(ctx, deployment))
		}
	}
	before := deployment.DeepCopy()
	deployment.Spec.Template.Spec.Containers = append(deployment.Spec.Template.Spec.Containers, corev1.Container{Name: "d", Image: "d:1"})
	cluster.NoError(t, direct.Patch(ctx, deployment, client.StrategicMergeFrom(before)))
	cluster.Equal(t, "containers", len(deployment.Spec.Template.Spec.Containers), 2)
	stale := before.DeepCopy()
	stale.Spec.Paused = true
	err := direct.Patch(ctx, stale, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	cluster.Fails(t, err, apierrors.IsConflict, `Operation cannot be fulfilled on deployments.apps "web"`)
	dry := client.NewDryRunClient(direct)
	tried := deployment.DeepCopy()
	tried.Spec.Paused = true
	cluster.NoError(t, dry.Update(ctx, tried))
	cluster.Equal(t, "in the dry run", tried.Spec.Paused, true)
	cluster.NoError(t, direct.Get(ctx, client.ObjectKeyFromObject(deployment), deployment))
	cluster.Equal(t, "in fact", deployment.Spec.Paused, false)

	scale := &autoscalingv1.Scale{}
	cluster.NoError(t, direct.SubResource("scale").Get(ctx, deployment, scale))
	scale.Spec.Replicas = 7
	cluster.NoError(t, direct.SubResource("scale").Update(ctx, deployment, client.WithSubResourceBody(scale)))
	cluster.NoError(t, direct.Get(ctx, client.ObjectKeyFromObject(deployment), deployment))
	cluster.Equal(t, "replicas", *deployment.Spec.Replicas, int32(7))
	deployment.Status.Replicas = 7
	cluster.NoError(t, direct.Status().Update(ctx, deployment))
	cluster.Equal(t, "the status", deployment.Status.Replicas, int32(7))
}

// Typed and unstructured configurations are applied, and so is a status.
func TestApply(t *testing.T) {
	ctx, namespace, direct := cluster.Context(t), cluster.Namespace(t), newClient(t)
	configuration := applycorev1.ConfigMap("c", namespace).WithData(map[string]string{"a": "1"})
	cluster.NoError(t, direct.Apply(ctx, configuration, client.FieldOwner("one")))
	other := applycorev1.ConfigMap("c", namespace).WithData(map[string]string{"a": "2"})
	cluster.Fails(t, direct.Apply(ctx, other, client.FieldOwner("two")), apierrors.IsConflict, `conflict with "one": .data.a`)
	cluster.NoError(t, direct.Apply(ctx, other, client.FieldOwner("two"), client.ForceOwnership))
	var applied corev1.ConfigMap
	cluster.NoError(t, direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "c"}, &applied))
	cluster.Equal(t, "its data", applied.Data, map[string]string{"a": "2"})

	guest := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "dan", "namespace": namespace}, "spec": map[string]any{"nights": int64(2)},
	}}
	guest.SetGroupVersionKind(groupVersion.WithKind("Guest"))
	cluster.NoError(t, direct.Apply(ctx, client.ApplyConfigurationFromUnstructured(guest), client.FieldOwner("one")))
	status := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "dan", "namespace": namespace},
		"status":   map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
	}}
	status.SetGroupVersionKind(groupVersion.WithKind("Guest"))
	cluster.NoError(t, direct.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(status), client.FieldOwner("one")))
	var dan Guest
	cluster.NoError(t, direct.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "dan"}, &dan))
	cluster.Equal(t, "nights and readiness", []any{*dan.Spec.Nights, meta.IsStatusConditionTrue(dan.Status.Conditions, "Ready")}, []any{int32(2), true})
	dan.Spec.Nights = ptr.To[int32](-1)
	cluster.Fails(t, direct.Update(ctx, &dan), apierrors.IsInvalid, "spec.nights in body should be greater than or equal to 0")
}

// Lists are selected and paged, watched, and deleted as a whole.
func TestLists(t *testing.T) {
	ctx, namespace, direct := cluster.Context(t), cluster.Namespace(t), newClient(t)
	watcher, err := direct.Watch(ctx, &GuestList{}, client.InNamespace(namespace))
	cluster.NoError(t, err)
	defer watcher.Stop()
	for _, name := range []string{"a", "b", "c"} {
		cluster.NoError(t, direct.Create(ctx, &Guest{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"name": name}}}))
		event := cluster.Receive(t, name, watcher.ResultChan())
		cluster.Equal(t, "an event", []any{event.Type, event.Object.(*Guest).Name}, []any{watch.Added, name})
	}
	var page GuestList
	cluster.NoError(t, direct.List(ctx, &page, client.InNamespace(namespace), client.Limit(2)))
	cluster.Equal(t, "the first page", []any{len(page.Items), *page.RemainingItemCount}, []any{2, int64(1)})
	cluster.NoError(t, direct.List(ctx, &page, client.InNamespace(namespace), client.Limit(2), client.Continue(page.Continue)))
	cluster.Equal(t, "the second page", []any{len(page.Items), page.Items[0].Name, page.Continue}, []any{1, "c", ""})
	scoped := client.NewNamespacedClient(direct, namespace)
	metadata := &metav1.PartialObjectMetadataList{}
	metadata.SetGroupVersionKind(groupVersion.WithKind("GuestList"))
	cluster.NoError(t, scoped.List(ctx, metadata, client.MatchingFields{"metadata.name": "b"}))
	cluster.Equal(t, "by a field", metadata.Items[0].Name, "b")
	cluster.NoError(t, direct.DeleteAllOf(ctx, &Guest{}, client.InNamespace(namespace), client.MatchingLabels{"name": "b"}))
	cluster.Equal(t, "an event", cluster.Receive(t, "the end of b", watcher.ResultChan()).Type, watch.Deleted)
	cluster.NoError(t, direct.List(ctx, &page, client.InNamespace(namespace)))
	cluster.Equal(t, "what is left", len(page.Items), 2)
}
