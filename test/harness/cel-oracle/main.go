// Answers what Kubernetes' own CEL says of expressions: one question a line, one answer a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

type question struct {
	Expression string         `json:"expression"`
	Variables  map[string]any `json:"variables"`
}

type answer struct {
	Compile string `json:"compile,omitempty"`
	Type    string `json:"type,omitempty"`
	Min     string `json:"min,omitempty"`
	Max     string `json:"max,omitempty"`
	Plan    string `json:"plan,omitempty"`
	Error   string `json:"error,omitempty"`
	Value   any    `json:"value,omitempty"`
	Cost    uint64 `json:"cost"`
}

type noSizes struct{}

func (noSizes) EstimateSize(checker.AstNode) *checker.SizeEstimate { return nil }
func (noSizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

func main() {
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, 36)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			cel.Variable("object", cel.DynType),
			cel.Variable("s", cel.StringType),
			cel.Variable("i", cel.IntType),
			cel.Variable("l", cel.ListType(cel.IntType)),
			cel.Variable("m", cel.MapType(cel.StringType, cel.DynType)),
		},
	})
	if err != nil {
		panic(err)
	}
	env := set.StoredExpressionsEnv()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		if err := out.Encode(evaluate(env, q)); err != nil {
			panic(err)
		}
	}
}

func evaluate(env *cel.Env, q question) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a.Error = fmt.Sprint("panic: ", r)
		}
	}()
	ast, issues := env.Compile(q.Expression)
	if issues != nil {
		a.Compile = issues.String()
		return
	}
	a.Type = ast.OutputType().String()
	estimator := &library.CostEstimator{SizeEstimator: noSizes{}}
	estimate, err := env.EstimateCost(ast, estimator)
	if err != nil {
		a.Error = err.Error()
		return
	}
	a.Min, a.Max = fmt.Sprint(estimate.Min), fmt.Sprint(estimate.Max)
	program, err := env.Program(ast, cel.CostLimit(celconfig.PerCallLimit), cel.CostTracking(estimator))
	if err != nil {
		a.Plan = err.Error()
		return
	}
	value, details, err := program.Eval(integers(q.Variables))
	if details != nil && details.ActualCost() != nil {
		a.Cost = *details.ActualCost()
	}
	if err != nil {
		a.Error = err.Error()
		return
	}
	switch v := value.(type) {
	case types.Int:
		a.Value = fmt.Sprint(int64(v))
	case types.String:
		a.Value = string(v)
	case types.Bool:
		a.Value = bool(v)
	}
	return
}

// integers makes whole numbers what Kubernetes' decoder makes of them.
func integers(v any) any {
	switch t := v.(type) {
	case float64:
		if t == float64(int64(t)) {
			return int64(t)
		}
	case map[string]any:
		for k, e := range t {
			t[k] = integers(e)
		}
	case []any:
		for k, e := range t {
			t[k] = integers(e)
		}
	}
	return v
}
