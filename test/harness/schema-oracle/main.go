// Answers what Kubernetes' own apiextensions code says of definitions and of objects by their schema, one JSON line each.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sort"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	apiservervalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type question struct {
	Definition json.RawMessage
	Schema     json.RawMessage
	Object     json.RawMessage
	Old        json.RawMessage
}

type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
}

type answer struct {
	Errors  []fieldError `json:"errors"`
	Pruned  []string     `json:"pruned,omitempty"`
	Object  any          `json:"object,omitempty"`
	Failure string       `json:"failure,omitempty"`
	// The definition as it was given.
	Protobuf []byte `json:"protobuf,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		var said answer
		if asked.Definition != nil {
			said = definition(asked)
		} else {
			said = object(asked)
		}
		if err := out.Encode(said); err != nil {
			panic(err)
		}
	}
}

func listed(errs field.ErrorList) []fieldError {
	list := []fieldError{}
	for _, err := range errs {
		list = append(list, fieldError{err.Field, err.ErrorBody(), string(err.Type)})
	}
	sort.SliceStable(list, func(i, j int) bool {
		return list[i].Field+": "+list[i].Message < list[j].Field+": "+list[j].Message
	})
	return list
}

func definition(asked question) answer {
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal(asked.Definition, &v1); err != nil {
		return answer{Failure: err.Error()}
	}
	var written bytes.Buffer
	scheme := runtime.NewScheme()
	if err := protobuf.NewSerializer(scheme, scheme).Encode(&v1, &written); err != nil {
		return answer{Failure: err.Error()}
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&v1)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&v1.Spec)
	for i := range v1.Spec.Versions {
		if v1.Spec.Versions[i].Storage {
			v1.Status.StoredVersions = []string{v1.Spec.Versions[i].Name}
		}
	}
	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &internal, nil); err != nil {
		return answer{Failure: err.Error()}
	}
	errs := listed(validation.ValidateCustomResourceDefinition(context.Background(), &internal))
	return answer{Errors: errs, Protobuf: written.Bytes()}
}

func object(asked question) answer {
	var v1 apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal(asked.Schema, &v1); err != nil {
		return answer{Failure: err.Error()}
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&v1, &internal, nil); err != nil {
		return answer{Failure: err.Error()}
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return answer{Failure: err.Error()}
	}
	validator, _, err := apiservervalidation.NewSchemaValidator(&internal)
	if err != nil {
		return answer{Failure: err.Error()}
	}
	next, _, said := settled(asked.Object, structural)
	if said.Failure != "" {
		return said
	}
	var errs field.ErrorList
	if asked.Old != nil {
		old, _, before := settled(asked.Old, structural)
		if before.Failure != "" {
			return before
		}
		errs = apiservervalidation.ValidateCustomResourceUpdate(nil, next, old, validator, apiservervalidation.WithRatcheting(nil))
		if len(listtype.ValidateListSetsAndMaps(nil, structural, old)) == 0 {
			errs = append(errs, listtype.ValidateListSetsAndMaps(nil, structural, next)...)
		}
	} else {
		errs = apiservervalidation.ValidateCustomResource(nil, next, validator)
		errs = append(errs, listtype.ValidateListSetsAndMaps(nil, structural, next)...)
	}
	errs = append(errs, objectmeta.Validate(nil, next, structural, false)...)
	said.Errors = listed(errs)
	return said
}

func settled(raw json.RawMessage, structural *schema.Structural) (map[string]any, metav1.Object, answer) {
	next := map[string]any{}
	if err := utiljson.Unmarshal(raw, &next); err != nil {
		return nil, nil, answer{Failure: err.Error()}
	}
	pruned := pruning.PruneWithOptions(next, structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(next, structural)
	if err := objectmeta.Coerce(nil, next, structural, false, false); err != nil {
		return nil, nil, answer{Failure: err.Error()}
	}
	defaulting.Default(next, structural)
	return next, nil, answer{Pruned: pruned, Object: next}
}
