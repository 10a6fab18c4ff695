package clientgo

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	applyappsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	applyautoscalingv1 "k8s.io/client-go/applyconfigurations/autoscaling/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/utils/ptr"

	"berth.local/clients/cluster"
)

func deployment(namespace string, replicas *int32, containers ...*applycorev1.ContainerApplyConfiguration) *applyappsv1.DeploymentApplyConfiguration {
	labels := map[string]string{"app": "web"}
	spec := applyappsv1.DeploymentSpec().
		WithSelector(applymetav1.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycorev1.PodTemplateSpec().WithLabels(labels).WithSpec(applycorev1.PodSpec().WithContainers(containers...)))
	spec.Replicas = replicas
	return applyappsv1.Deployment("web", namespace).WithSpec(spec)
}

func by(manager string, force bool) metav1.ApplyOptions {
	return metav1.ApplyOptions{FieldManager: manager, Force: force}
}

// What each manager applied can be extracted, changed and applied again; conflicts are told, and forced.
func TestApplyConfigurations(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	deployments := cluster.Client(t).AppsV1().Deployments(namespace)
	web := applycorev1.Container().WithName("web").WithImage("web:1").
		WithPorts(applycorev1.ContainerPort().WithContainerPort(80), applycorev1.ContainerPort().WithContainerPort(80).WithProtocol(corev1.ProtocolUDP)).
		WithResources(applycorev1.ResourceRequirements())
	_, err := deployments.Apply(ctx, deployment(namespace, ptr.To[int32](2), web), by("one", false))
	cluster.NoError(t, err)

	_, err = deployments.Apply(ctx, deployment(namespace, ptr.To[int32](5), applycorev1.Container().WithName("web").WithImage("web:2")), by("two", false))
	cluster.Fails(t, err, apierrors.IsConflict, `Apply failed with 2 conflicts: conflicts with "one"`,
		`.spec.replicas`, `.spec.template.spec.containers[name="web"].image`)
	causes := err.(apierrors.APIStatus).Status().Details.Causes
	cluster.Equal(t, "the type of the causes", causes[0].Type, metav1.CauseTypeFieldManagerConflict)
	two, err := deployments.Apply(ctx, deployment(namespace, ptr.To[int32](5), applycorev1.Container().WithName("web").WithImage("web:2"),
		applycorev1.Container().WithName("side").WithImage("side:1")), by("two", true))
	cluster.NoError(t, err)

	mine, err := applyappsv1.ExtractDeployment(two, "one")
	cluster.NoError(t, err)
	cluster.Equal(t, "what it lost", []bool{mine.Spec.Replicas == nil, mine.Spec.Template.Spec.Containers[0].Image == nil}, []bool{true, true})
	ports := mine.Spec.Template.Spec.Containers[0].Ports
	cluster.Equal(t, "its ports", []int{len(ports), int(*ports[0].ContainerPort), int(*ports[1].ContainerPort)}, []int{2, 80, 80})
	cluster.Equal(t, "containers of its own", len(mine.Spec.Template.Spec.Containers), 1)

	// Changed in place and applied: what is no more in it goes.
	mine.Spec.Template.Spec.Containers[0].Ports = ports[1:]
	mine.WithAnnotations(map[string]string{"by": "one"})
	after, err := deployments.Apply(ctx, mine, by("one", false))
	cluster.NoError(t, err)
	containers := after.Spec.Template.Spec.Containers
	cluster.Equal(t, "containers", []string{containers[0].Name, containers[0].Image, containers[1].Name}, []string{"web", "web:2", "side"})
	cluster.Equal(t, "ports", containers[0].Ports, []corev1.ContainerPort{{ContainerPort: 80, Protocol: corev1.ProtocolUDP}})
	cluster.Equal(t, "annotation", after.Annotations["by"], "one")
	cluster.Equal(t, "replicas", *after.Spec.Replicas, int32(5))

	again, err := deployments.Apply(ctx, mine, by("one", false))
	cluster.NoError(t, err)
	cluster.Equal(t, "a repeated apply", again.ResourceVersion, after.ResourceVersion)
	_, err = deployments.Apply(ctx, applyappsv1.Deployment("web", namespace).WithUID("some-other"), by("one", true))
	cluster.Fails(t, err, apierrors.IsInvalid, `metadata.uid: Invalid value: "some-other": field is immutable`)
	_, err = deployments.Apply(ctx, applyappsv1.Deployment("none", namespace).WithUID("some-other"), by("one", true))
	cluster.Fails(t, err, apierrors.IsConflict, "uid mismatch: the provided object specified uid some-other, and no existing object was found")
}

// Status and scale are applied at their own endpoints, and extracted from there.
func TestApplySubresources(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	deployments := cluster.Client(t).AppsV1().Deployments(namespace)
	container := applycorev1.Container().WithName("web").WithImage("web:1")
	_, err := deployments.Apply(ctx, deployment(namespace, ptr.To[int32](1), container), by("owner", false))
	cluster.NoError(t, err)
	scale := applyautoscalingv1.Scale().WithName("web").WithNamespace(namespace).WithSpec(applyautoscalingv1.ScaleSpec().WithReplicas(3))
	_, err = deployments.ApplyScale(ctx, "web", scale, by("scaler", false))
	cluster.Fails(t, err, apierrors.IsConflict, `conflict with "owner"`, ".spec.replicas")
	scaled, err := deployments.ApplyScale(ctx, "web", scale, by("scaler", true))
	cluster.NoError(t, err)
	cluster.Equal(t, "its scale", []any{scaled.Spec.Replicas, scaled.Status.Selector}, []any{int32(3), "app=web"})
	// Without the replicas, it no longer is the owner's to say how many there are.
	_, err = deployments.Apply(ctx, deployment(namespace, nil, container), by("owner", false))
	cluster.NoError(t, err)

	condition := applyappsv1.DeploymentCondition().WithType(appsv1.DeploymentAvailable).WithStatus(corev1.ConditionTrue).WithReason("Looked")
	status := applyappsv1.Deployment("web", namespace).WithStatus(applyappsv1.DeploymentStatus().WithReplicas(3).WithConditions(condition))
	after, err := deployments.ApplyStatus(ctx, status, by("checker", false))
	cluster.NoError(t, err)
	cluster.Equal(t, "replicas", []int32{*after.Spec.Replicas, after.Status.Replicas}, []int32{3, 3})

	extracted, err := applyappsv1.ExtractDeploymentStatus(after, "checker")
	cluster.NoError(t, err)
	cluster.Equal(t, "what was extracted", *extracted.Status.Conditions[0].Reason, "Looked")
	cluster.Equal(t, "and no spec", extracted.Spec == nil, true)
	fromObject, err := applyappsv1.ExtractDeployment(after, "checker")
	cluster.NoError(t, err)
	cluster.Equal(t, "nothing by the object's own endpoint", fromObject.Status == nil, true)
	fromScale, err := applyappsv1.ExtractDeploymentScale(after, "scaler")
	cluster.NoError(t, err)
	cluster.Equal(t, "replicas by scale", *fromScale.Spec.Replicas, int32(3))
}

// Unstructured objects are extracted by the types of the server's OpenAPI.
func TestExtractUnstructured(t *testing.T) {
	t.Parallel()
	ctx, namespace, client := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	service := applycorev1.Service("web", namespace).WithSpec(applycorev1.ServiceSpec().WithSelector(map[string]string{"app": "web"}).
		WithPorts(applycorev1.ServicePort().WithName("http").WithPort(80).WithTargetPort(intstr.FromString("http"))))
	applied, err := client.CoreV1().Services(namespace).Apply(ctx, service, by("one", false))
	cluster.NoError(t, err)
	applied.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(applied)
	cluster.NoError(t, err)
	extractor, err := applymetav1.NewUnstructuredExtractor(client.Discovery())
	cluster.NoError(t, err)
	mine, err := extractor.Extract(&unstructured.Unstructured{Object: object}, "one")
	cluster.NoError(t, err)
	cluster.Equal(t, "what was extracted", mine.Object["spec"], any(map[string]any{
		"selector": map[string]any{"app": "web"},
		"ports":    []any{map[string]any{"name": "http", "port": int64(80), "targetPort": "http"}},
	}))
}

// What kubectl applied in the client is taken over by server-side apply, and can be pruned then.
func TestUpgradeOfManagedFields(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	maps := cluster.Client(t).CoreV1().ConfigMaps(namespace)
	const before = "kubectl-client-side-apply"
	made, err := maps.Create(ctx, cluster.ConfigMap("c", nil, map[string]string{"keep": "1", "drop": "1"}), metav1.CreateOptions{FieldManager: before})
	cluster.NoError(t, err)
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(made, sets.New(before), "kubectl")
	cluster.NoError(t, err)
	upgraded, err := maps.Patch(ctx, "c", types.JSONPatchType, patch, metav1.PatchOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "managers", len(upgraded.ManagedFields), 1)
	cluster.Equal(t, "its operation", upgraded.ManagedFields[0].Operation, metav1.ManagedFieldsOperationApply)
	applied, err := maps.Apply(ctx, applycorev1.ConfigMap("c", namespace).WithData(map[string]string{"keep": "2"}), by("kubectl", false))
	cluster.NoError(t, err)
	cluster.Equal(t, "the data", applied.Data, map[string]string{"keep": "2"})
}

// What is wrong is said of its fields, and nothing is made.
func TestApplyRefusals(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	client := cluster.Client(t)
	_, err := client.AppsV1().Deployments(namespace).Apply(ctx, applyappsv1.Deployment("web", namespace), by("one", false))
	cluster.Fails(t, err, apierrors.IsInvalid, "spec.selector: Required value", "spec.template.metadata.labels: Invalid value")
	_, err = client.AppsV1().Deployments(namespace).Apply(ctx, deployment(namespace, nil), metav1.ApplyOptions{})
	cluster.Fails(t, err, apierrors.IsInvalid, "fieldManager: Required value: is required for apply patch")
	_, err = client.AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
	cluster.Fails(t, err, apierrors.IsNotFound, `deployments.apps "web" not found`)
}
