// Answers what Kubernetes' own libraries make of applies, updates and patches: a JSON request a line, a JSON answer a line.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

type step struct {
	Op          string          `json:"op"`
	Manager     string          `json:"manager"`
	Force       bool            `json:"force"`
	Subresource string          `json:"subresource"`
	Object      json.RawMessage `json:"object"`
}

type request struct {
	Op         string `json:"op"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Steps      []step `json:"steps"`
	// Reset has the fields that an endpoint does not write, by subresource.
	Reset    map[string][]string `json:"reset"`
	Schema   json.RawMessage     `json:"schema"`
	Preserve bool                `json:"preserve"`
	Original json.RawMessage     `json:"original"`
	Patch    json.RawMessage     `json:"patch"`
	Fields   json.RawMessage     `json:"fields"`
}

type answer struct {
	Object  json.RawMessage `json:"object,omitempty"`
	Error   string          `json:"error,omitempty"`
	Answers []answer        `json:"answers,omitempty"`
}

const fixedTime = "2026-01-01T00:00:00Z"

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		text, err := json.Marshal(respond(asked))
		if err != nil {
			panic(err)
		}
		out.Write(text)
		out.WriteByte('\n')
		out.Flush()
	}
}

func respond(asked request) (result answer) {
	defer func() {
		if failed := recover(); failed != nil {
			result = answer{Error: fmt.Sprintf("panic: %v", failed)}
		}
	}()
	switch asked.Op {
	case "fields":
		return respondFields(asked)
	case "strategic":
		return respondStrategic(asked)
	case "custom":
		return respondSteps(asked, customWorld(asked))
	default:
		return respondSteps(asked, builtInWorld(asked))
	}
}

func respondFields(asked request) answer {
	set := fieldpath.NewSet()
	if err := set.FromJSON(bytes.NewReader(asked.Fields)); err != nil {
		return answer{Error: "invalid"}
	}
	text, err := set.ToJSON()
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Object: text}
}

func respondStrategic(asked request) answer {
	gvk := schema.FromAPIVersionAndKind(asked.APIVersion, asked.Kind)
	object, err := scheme.Scheme.New(gvk)
	if err != nil {
		return answer{Error: err.Error()}
	}
	patched, err := strategicpatch.StrategicMergePatch(asked.Original, asked.Patch, object)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Object: patched}
}

// world is a kind with its field managers, one for each subresource.
type world struct {
	empty   func() runtime.Object
	decode  func(json.RawMessage) (runtime.Object, error)
	manager func(subresource string) *managedfields.FieldManager
}

func builtInWorld(asked request) world {
	gvk := schema.FromAPIVersionAndKind(asked.APIVersion, asked.Kind)
	types := applyconfigurations.NewTypeConverter(scheme.Scheme)
	empty := func() runtime.Object {
		object, err := scheme.Scheme.New(gvk)
		if err != nil {
			panic(err)
		}
		object.GetObjectKind().SetGroupVersionKind(gvk)
		return object
	}
	return world{
		empty: empty,
		decode: func(text json.RawMessage) (runtime.Object, error) {
			object, err := scheme.Scheme.New(gvk)
			if err != nil {
				return nil, err
			}
			if err := json.Unmarshal(text, object); err != nil {
				return nil, err
			}
			object.GetObjectKind().SetGroupVersionKind(gvk)
			return object, nil
		},
		manager: func(subresource string) *managedfields.FieldManager {
			made, err := managedfields.NewDefaultFieldManager(types, keepKind{scheme.Scheme}, scheme.Scheme, creater(empty), gvk, gvk.GroupVersion(), subresource, filters(asked, subresource))
			if err != nil {
				panic(err)
			}
			return made
		},
	}
}

// keepKind converts as the scheme does, which loses the kind of objects that have their version already.
type keepKind struct{ *runtime.Scheme }

func (k keepKind) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	gvk := in.GetObjectKind().GroupVersionKind()
	out, err := k.Scheme.ConvertToVersion(in, target)
	if err == nil {
		out.GetObjectKind().SetGroupVersionKind(gvk)
	}
	return out, err
}

func filters(asked request, subresource string) map[fieldpath.APIVersion]fieldpath.Filter {
	if len(asked.Reset[subresource]) == 0 {
		return nil
	}
	set := fieldpath.NewSet()
	for _, path := range asked.Reset[subresource] {
		parts := []interface{}{}
		for _, part := range strings.Split(path, ".") {
			parts = append(parts, part)
		}
		set.Insert(fieldpath.MakePathOrDie(parts...))
	}
	return map[fieldpath.APIVersion]fieldpath.Filter{fieldpath.APIVersion(asked.APIVersion): fieldpath.NewExcludeSetFilter(set)}
}

func customWorld(asked request) world {
	gvk := schema.FromAPIVersionAndKind(asked.APIVersion, asked.Kind)
	model := &spec.Schema{}
	if err := json.Unmarshal(asked.Schema, model); err != nil {
		panic(err)
	}
	model.AddExtension("x-kubernetes-group-version-kind", []interface{}{map[string]interface{}{"group": gvk.Group, "version": gvk.Version, "kind": gvk.Kind}})
	types, err := managedfields.NewTypeConverter(map[string]*spec.Schema{"custom": model}, asked.Preserve)
	if err != nil {
		panic(err)
	}
	empty := func() runtime.Object {
		object := &unstructured.Unstructured{Object: map[string]interface{}{}}
		object.SetGroupVersionKind(gvk)
		return object
	}
	return world{
		empty: empty,
		decode: func(text json.RawMessage) (runtime.Object, error) {
			object := &unstructured.Unstructured{Object: map[string]interface{}{}}
			err := object.UnmarshalJSON(text)
			return object, err
		},
		manager: func(subresource string) *managedfields.FieldManager {
			made, err := managedfields.NewDefaultCRDFieldManager(types, asItIs{}, asItIs{}, creater(empty), gvk, gvk.GroupVersion(), subresource, filters(asked, subresource))
			if err != nil {
				panic(err)
			}
			return made
		},
	}
}

type asItIs struct{}

func (asItIs) Convert(in, out, context interface{}) error { return fmt.Errorf("not asked for") }
func (asItIs) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	gvk := in.GetObjectKind().GroupVersionKind()
	if version, ok := target.(schema.GroupVersion); ok && version != gvk.GroupVersion() {
		return nil, runtime.NewNotRegisteredErrForKind("custom", version.WithKind(gvk.Kind))
	}
	return in, nil
}
func (asItIs) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
func (asItIs) Default(runtime.Object) {}

type creater func() runtime.Object

func (make creater) New(schema.GroupVersionKind) (runtime.Object, error) { return make(), nil }

func respondSteps(asked request, in world) answer {
	result := answer{}
	var live runtime.Object
	for _, each := range asked.Steps {
		next, err := take(in, live, each)
		if err != nil {
			result.Answers = append(result.Answers, answer{Error: err.Error()})
			continue
		}
		settle(next)
		live = next
		text, err := json.Marshal(next)
		if err != nil {
			panic(err)
		}
		result.Answers = append(result.Answers, answer{Object: text})
	}
	return result
}

func take(in world, live runtime.Object, each step) (runtime.Object, error) {
	before := live
	if before == nil {
		before = in.empty()
	}
	manager := in.manager(each.Subresource)
	if each.Op == "apply" {
		patch := &unstructured.Unstructured{Object: map[string]interface{}{}}
		if err := json.Unmarshal(each.Object, &patch.Object); err != nil {
			return nil, err
		}
		return manager.Apply(before, patch, each.Manager, each.Force)
	}
	next, err := in.decode(each.Object)
	if err != nil {
		return nil, err
	}
	return manager.Update(before, next, each.Manager)
}

// settle gives the object what the server would have given it, and all writes the same time.
func settle(object runtime.Object) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	accessor.SetUID("u")
	var at metav1.Time
	if err := at.UnmarshalQueryParameter(fixedTime); err != nil {
		panic(err)
	}
	fields := accessor.GetManagedFields()
	for i := range fields {
		if fields[i].Time != nil {
			fields[i].Time = &at
		}
	}
	accessor.SetManagedFields(fields)
}
