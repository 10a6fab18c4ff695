package controllerruntime

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
)

var groupVersion = schema.GroupVersion{Group: "hotel.berth.test", Version: "v1"}

// Guest is the kind that the tests' controller is for.
type Guest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              GuestSpec   `json:"spec,omitempty"`
	Status            GuestStatus `json:"status,omitempty"`
}

type GuestSpec struct {
	Greeting string `json:"greeting,omitempty"`
	Floor    string `json:"floor,omitempty"`
	Nights   *int32 `json:"nights,omitempty"`
}

type GuestStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Nights             int32              `json:"nights,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type GuestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Guest `json:"items"`
}

func (g *Guest) DeepCopyObject() runtime.Object { return g.DeepCopy() }

func (g *Guest) DeepCopy() *Guest {
	copied := &Guest{TypeMeta: g.TypeMeta, ObjectMeta: *g.ObjectMeta.DeepCopy(), Spec: g.Spec, Status: g.Status}
	if g.Spec.Nights != nil {
		copied.Spec.Nights = ptr.To(*g.Spec.Nights)
	}
	copied.Status.Conditions = append([]metav1.Condition(nil), g.Status.Conditions...)
	return copied
}

func (l *GuestList) DeepCopyObject() runtime.Object {
	copied := &GuestList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for i := range l.Items {
		copied.Items = append(copied.Items, *l.Items[i].DeepCopy())
	}
	return copied
}

func init() {
	scheme.Scheme.AddKnownTypes(groupVersion, &Guest{}, &GuestList{})
	metav1.AddToGroupVersion(scheme.Scheme, groupVersion)
	if err := apiextensionsv1.AddToScheme(scheme.Scheme); err != nil {
		panic(err)
	}
}

// definition is what a generator would write of the types above.
func definition() *apiextensionsv1.CustomResourceDefinition {
	text := apiextensionsv1.JSONSchemaProps{Type: "string"}
	whole := apiextensionsv1.JSONSchemaProps{Type: "integer", Format: "int32"}
	condition := apiextensionsv1.JSONSchemaProps{Type: "object", Required: []string{"type", "status"}, Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"type": text, "status": text, "reason": text, "message": text, "observedGeneration": {Type: "integer", Format: "int64"},
		"lastTransitionTime": {Type: "string", Format: "date-time"},
	}}
	schema := &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"greeting": text, "floor": text,
			"nights": {Type: "integer", Format: "int32", Minimum: ptr.To(0.0)},
		}},
		"status": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"observedGeneration": {Type: "integer", Format: "int64"}, "nights": whole,
			"conditions": {
				Type: "array", XListType: ptr.To("map"), XListMapKeys: []string{"type"},
				Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &condition},
			},
		}},
	}}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "guests." + groupVersion.Group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: groupVersion.Group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "guests", Kind: "Guest", ListKind: "GuestList", Singular: "guest"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: groupVersion.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: schema},
				Subresources: &apiextensionsv1.CustomResourceSubresources{
					Status: &apiextensionsv1.CustomResourceSubresourceStatus{},
					Scale:  &apiextensionsv1.CustomResourceSubresourceScale{SpecReplicasPath: ".spec.nights", StatusReplicasPath: ".status.nights"},
				},
			}},
		},
	}
}
