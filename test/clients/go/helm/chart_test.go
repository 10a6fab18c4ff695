package helm

import (
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// Its hooks are pods that run to their end; its workload keeps what it writes.
var files = map[string]string{
	"crds/teas.yaml": `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: teas.helm.berth.test }
spec:
  group: helm.berth.test
  scope: Namespaced
  names: { plural: teas, kind: Tea }
  versions:
  - name: v1
    served: true
    storage: true
    schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { cups: { type: integer } } } } } }
`,
	"templates/hooks.yaml": `
{{- range $event := list "pre-install" "post-upgrade" }}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ $.Release.Name }}-{{ $event }}
  annotations: { "helm.sh/hook": {{ $event }}, "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded" }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers: [{ name: c, image: "berth.local/web:1", command: [sh, -c, "echo {{ $event }} of {{ $.Release.Revision }}"] }]
{{- end }}
`,
	"templates/settings.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }}-settings }
data:
  color: {{ .Values.color }}
  revision: "{{ .Release.Revision }}"
  {{- if .Values.extra }}
  extra: {{ .Values.extra }}
  {{- end }}
  version: {{ .Capabilities.KubeVersion.Minor | quote }}
  has-teas: "{{ .Capabilities.APIVersions.Has "helm.berth.test/v1/Tea" }}"
  account: {{ (lookup "v1" "ServiceAccount" .Release.Namespace "default").metadata.name | quote }}
`,
	"templates/tea.yaml": `
apiVersion: helm.berth.test/v1
kind: Tea
metadata: { name: {{ .Release.Name }} }
spec: { cups: {{ .Values.replicas }} }
`,
	"templates/web.yaml": `
apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }} }
spec: { clusterIP: None, selector: { app: {{ .Release.Name }} }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: {{ .Release.Name }} }
spec:
  serviceName: {{ .Values.serviceName | default .Release.Name }}
  replicas: {{ .Values.replicas }}
  podManagementPolicy: Parallel
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: berth.local/web:1
        ports: [{ name: http, containerPort: 80 }]
        env: [{ name: COLOR, value: {{ .Values.color }} }]
        volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
  - metadata: { name: data }
    spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
`,
	"templates/NOTES.txt": `{{ .Release.Name }} has {{ .Values.replicas }}`,
}

// tea is the chart; the group of its definition is its own.
func tea(prefix string) *chart.Chart {
	made := &chart.Chart{
		Metadata: &chart.Metadata{APIVersion: chart.APIVersionV2, Name: "tea", Version: "1.2.3", KubeVersion: ">= 1.30.0-0"},
		Values:   map[string]any{"replicas": 1, "color": "green"},
	}
	for name, text := range files {
		file := &common.File{Name: name, Data: []byte(strings.ReplaceAll(text, "helm.berth.test", prefix+".helm.berth.test"))}
		made.Raw = append(made.Raw, file)
		if name[:4] == "crds" {
			made.Files = append(made.Files, file)
		} else {
			made.Templates = append(made.Templates, file)
		}
	}
	return made
}
