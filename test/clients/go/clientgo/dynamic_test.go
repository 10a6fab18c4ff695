package clientgo

import (
	"context"
	"encoding/json"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"berth.local/clients/cluster"
)

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// define makes a namespaced kind of the group with status and scale, and waits until it is served.
func define(t *testing.T, client dynamic.Interface, group, plural, kind string) schema.GroupVersionResource {
	t.Helper()
	var object map[string]any
	err := json.Unmarshal([]byte(`{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": {"name": "`+plural+`.`+group+`"},
		"spec": {"group": "`+group+`", "scope": "Namespaced",
			"names": {"plural": "`+plural+`", "kind": "`+kind+`", "shortNames": ["`+plural[:2]+`"], "categories": ["all"]},
			"versions": [{"name": "v1", "served": true, "storage": true,
				"subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
				"selectableFields": [{"jsonPath": ".spec.color"}],
				"schema": {"openAPIV3Schema": {"type": "object", "properties": {
					"spec": {"type": "object", "required": ["color"], "properties": {
						"color": {"type": "string", "enum": ["red", "green"]},
						"replicas": {"type": "integer", "default": 1},
						"parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
							"items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}}}},
					"status": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}}}}]}}`), &object)
	cluster.NoError(t, err)
	ctx := context.Background()
	made, err := client.Resource(definitions).Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
	cluster.NoError(t, err)
	t.Cleanup(func() { _ = client.Resource(definitions).Delete(ctx, made.GetName(), metav1.DeleteOptions{}) })
	resource := schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural}
	cluster.Eventually(t, func() error {
		_, err := client.Resource(resource).List(ctx, metav1.ListOptions{})
		return err
	})
	return resource
}

func custom(resource schema.GroupVersionResource, kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": resource.GroupVersion().String(), "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
	}}
}

func number(t *testing.T, object *unstructured.Unstructured, path ...string) int64 {
	t.Helper()
	value, _, err := unstructured.NestedInt64(object.Object, path...)
	cluster.NoError(t, err)
	return value
}

// The dynamic client does all there is to do with a custom resource, and its informer sees it.
func TestDynamicClient(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	client := dynamic.NewForConfigOrDie(cluster.Config(t))
	resource := define(t, client, "dynamic.berth.test", "widgets", "Widget")
	widgets := client.Resource(resource).Namespace(namespace)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, namespace, func(options *metav1.ListOptions) {
		options.FieldSelector = "spec.color=red"
	})
	var handler told
	registration, err := factory.ForResource(resource).Informer().AddEventHandler(handler.handler())
	cluster.NoError(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		t.Fatal("never synced")
	}

	made, err := widgets.Create(ctx, custom(resource, "Widget", "one", map[string]any{"color": "red"}), metav1.CreateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "a default", number(t, made, "spec", "replicas"), int64(1))
	_, err = widgets.Create(ctx, custom(resource, "Widget", "two", map[string]any{"color": "blue"}), metav1.CreateOptions{})
	cluster.Fails(t, err, apierrors.IsInvalid, `Widget.dynamic.berth.test "two" is invalid: spec.color: Unsupported value: "blue": supported values: "red", "green"`)
	_, err = widgets.Create(ctx, custom(resource, "Widget", "two", map[string]any{"color": "red", "more": true}), metav1.CreateOptions{FieldValidation: "Strict"})
	cluster.Fails(t, err, apierrors.IsBadRequest, `strict decoding error: unknown field "spec.more"`)

	cluster.NoError(t, unstructured.SetNestedField(made.Object, int64(4), "status", "replicas"))
	status, err := widgets.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "status", number(t, status, "status", "replicas"), int64(4))
	_, err = widgets.Update(ctx, made, metav1.UpdateOptions{})
	cluster.Fails(t, err, apierrors.IsConflict, "the object has been modified; please apply your changes to the latest version and try again")
	cluster.NoError(t, unstructured.SetNestedField(status.Object, int64(9), "status", "replicas"))
	cluster.NoError(t, unstructured.SetNestedField(status.Object, int64(2), "spec", "replicas"))
	updated, err := widgets.Update(ctx, status, metav1.UpdateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "its spec alone was written", []int64{number(t, updated, "status", "replicas"), number(t, updated, "spec", "replicas"), updated.GetGeneration()}, []int64{4, 2, 2})

	patched, err := widgets.Patch(ctx, "one", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/replicas","value":2},{"op":"replace","path":"/spec/replicas","value":5}]`), metav1.PatchOptions{}, "scale")
	cluster.NoError(t, err)
	cluster.Equal(t, "a patched scale", []any{patched.GetKind(), number(t, patched, "spec", "replicas"), number(t, patched, "status", "replicas")}, []any{"Scale", int64(5), int64(4)})

	part := func(name string, size int64) map[string]any { return map[string]any{"name": name, "size": size} }
	apply := func(manager string, parts ...any) (*unstructured.Unstructured, error) {
		object := custom(resource, "Widget", "one", map[string]any{"parts": parts})
		return widgets.Apply(ctx, "one", object, metav1.ApplyOptions{FieldManager: manager})
	}
	_, err = apply("left", part("a", 1))
	cluster.NoError(t, err)
	both, err := apply("right", part("b", 2))
	cluster.NoError(t, err)
	parts, _, err := unstructured.NestedSlice(both.Object, "spec", "parts")
	cluster.NoError(t, err)
	cluster.Equal(t, "parts by their names", parts, []any{part("a", 1), part("b", 2)})
	_, err = apply("right", part("a", 3))
	cluster.Fails(t, err, apierrors.IsConflict, `conflict with "left": .spec.parts[name="a"].size`)
	object := custom(resource, "Widget", "one", nil)
	object.Object = map[string]any{"apiVersion": object.GetAPIVersion(), "kind": "Widget", "metadata": map[string]any{"name": "one"}, "status": map[string]any{"replicas": int64(7)}}
	applied, err := widgets.ApplyStatus(ctx, "one", object, metav1.ApplyOptions{FieldManager: "status", Force: true})
	cluster.NoError(t, err)
	cluster.Equal(t, "an applied status", number(t, applied, "status", "replicas"), int64(7))

	watcher, err := widgets.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=one", ResourceVersion: applied.GetResourceVersion()})
	cluster.NoError(t, err)
	defer watcher.Stop()
	uid := applied.GetUID()
	wrong := types.UID("wrong")
	err = widgets.Delete(ctx, "one", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})
	cluster.Fails(t, err, apierrors.IsConflict, "the UID in the precondition (wrong) does not match the UID in record ("+string(uid)+")")
	cluster.NoError(t, widgets.DeleteCollection(ctx, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}, metav1.ListOptions{}))
	event := cluster.Receive(t, "an event", watcher.ResultChan())
	cluster.Equal(t, "what happened", event.Type, watch.Deleted)
	cluster.EventuallyEqual(t, "what was told", func() any {
		lines := handler.all().([]string)
		return []string{lines[0], lines[len(lines)-1]}
	}, []string{"added one", "deleted one"})
}
