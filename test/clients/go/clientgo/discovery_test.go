package clientgo

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"

	"berth.local/clients/cluster"
)

// Kinds are found by discovery, new ones too, and the mapper knows their resources and scopes.
func TestDiscovery(t *testing.T) {
	// Not in parallel: other tests' definitions come and go, and the old way asks for each group after it was listed.
	config := cluster.Config(t)
	requests := cluster.Recorded(config)
	client, err := discovery.NewDiscoveryClientForConfig(config)
	cluster.NoError(t, err)
	version, err := client.ServerVersion()
	cluster.NoError(t, err)
	cluster.Equal(t, "the version", []string{version.Major, version.Minor, version.GitVersion[:6]}, []string{"1", "36", "v1.36."})

	groups, lists, err := client.ServerGroupsAndResources()
	cluster.NoError(t, err)
	cluster.Equal(t, "one request each", []int{len(requests.Matching("GET", " /api?")), len(requests.Matching("GET", " /apis?"))}, []int{1, 1})
	for _, path := range []string{"/api/v1", "/apis/apps/v1"} {
		cluster.Equal(t, path+" was not needed", len(requests.Matching("GET", " "+path+"?")), 0)
	}
	legacy := client.WithLegacy()
	legacyGroups, legacyLists, err := legacy.ServerGroupsAndResources()
	cluster.NoError(t, err)
	cluster.Equal(t, "groups by both ways", names(legacyGroups), names(groups))
	cluster.Equal(t, "resources by both ways", resourceNames(legacyLists), resourceNames(lists))
	if !slices.Contains(resourceNames(lists), "apps/v1 statefulsets/scale") {
		t.Fatalf("a scale is missing: %v", resourceNames(lists))
	}
	preferred, err := client.ServerPreferredNamespacedResources()
	cluster.NoError(t, err)
	if found := resourceNames(preferred); !slices.Contains(found, "v1 pods") || slices.Contains(found, "v1 nodes") {
		t.Fatalf("namespaced ones: %v", found)
	}

	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	expander := restmapper.NewShortcutExpander(mapper, cached, nil)
	for short, want := range map[string]string{
		"sts": "statefulsets.v1.apps", "pvc": "persistentvolumeclaims.v1.", "cm": "configmaps.v1.", "crd": "customresourcedefinitions.v1.apiextensions.k8s.io",
		"StorageClass": "storageclasses.v1.storage.k8s.io",
	} {
		resource, err := expander.ResourceFor(schema.GroupVersionResource{Resource: strings.ToLower(short)})
		cluster.NoError(t, err)
		cluster.Equal(t, short, resource.Resource+"."+resource.Version+"."+resource.Group, want)
	}
	all, expanded := restmapper.NewDiscoveryCategoryExpander(client).Expand("all")
	if !expanded || !slices.Contains(all, schema.GroupResource{Group: "apps", Resource: "statefulsets"}) {
		t.Fatalf("all: %v", all)
	}

	kind := schema.GroupKind{Group: "discovery.berth.test", Kind: "Gadget"}
	_, err = mapper.RESTMapping(kind)
	cluster.Fails(t, err, meta.IsNoMatchError, `no matches for kind "Gadget" in group "discovery.berth.test"`)
	define(t, dynamic.NewForConfigOrDie(config), kind.Group, "gadgets", "Gadget")
	cluster.Eventually(t, func() error {
		mapper.Reset()
		_, err := mapper.RESTMapping(kind, "v1")
		return err
	})
	mapping, err := mapper.RESTMapping(kind)
	cluster.NoError(t, err)
	cluster.Equal(t, "its mapping", []string{mapping.Resource.Resource, string(mapping.Scope.Name())}, []string{"gadgets", "namespace"})
	singular, err := expander.ResourceSingularizer("gadgets")
	cluster.NoError(t, err)
	cluster.Equal(t, "one of them", singular, "gadget")

	spec, err := openapi3.NewRoot(client.OpenAPIV3()).GVSpec(schema.GroupVersion{Group: kind.Group, Version: "v1"})
	cluster.NoError(t, err)
	if _, ok := spec.Paths.Paths["/apis/discovery.berth.test/v1/namespaces/{namespace}/gadgets/{name}/scale"]; !ok {
		t.Fatal("its scale is not in the OpenAPI")
	}
	document, err := client.OpenAPISchema()
	cluster.NoError(t, err)
	cluster.Equal(t, "OpenAPI v2", document.GetSwagger(), "2.0")
}

func names(groups []*metav1.APIGroup) []string {
	var names []string
	for _, group := range groups {
		names = append(names, group.Name+" "+group.PreferredVersion.Version)
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "berth.test") })
}

// resourceNames leaves out what other tests define meanwhile.
func resourceNames(lists []*metav1.APIResourceList) []string {
	var names []string
	for _, list := range lists {
		for _, resource := range list.APIResources {
			names = append(names, list.GroupVersion+" "+resource.Name)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "berth.test") })
}

// Anything with a scale is scaled without knowing its kind.
func TestScaleClient(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	config := cluster.Config(t)
	dynamicClient := dynamic.NewForConfigOrDie(config)
	resource := define(t, dynamicClient, "scale.berth.test", "gizmos", "Gizmo")
	_, err := dynamicClient.Resource(resource).Namespace(namespace).Create(ctx, custom(resource, "Gizmo", "one", map[string]any{"color": "red"}), metav1.CreateOptions{})
	cluster.NoError(t, err)
	discoveryClient := memory.NewMemCacheClient(cluster.Client(t).Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(discoveryClient)
	client, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(discoveryClient))
	cluster.NoError(t, err)
	scales := client.Scales(namespace)
	group := resource.GroupResource()
	current, err := scales.Get(ctx, group, "one", metav1.GetOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "its scale", current.Spec.Replicas, int32(1))
	current.Spec.Replicas = 4
	updated, err := scales.Update(ctx, group, current, metav1.UpdateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "the new scale", updated.Spec.Replicas, int32(4))
	patched, err := scales.Patch(ctx, resource, "one", types.MergePatchType, []byte(`{"spec":{"replicas":6}}`), metav1.PatchOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "the patched scale", patched.Spec.Replicas, int32(6))
}
