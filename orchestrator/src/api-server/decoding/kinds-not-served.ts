import { groupVersionOf, schemaFor } from '@berth/kube';

/**
 * Kinds that upstream's scheme knows and no server of this version serves, by version (k8s.io/api register.go): who sends
 * one is told that it is not what is expected, instead of that there is none.
 */
const notServed: Readonly<Record<string, string>> = {
  v1: 'List NodeProxyOptions PodAttachOptions PodExecOptions PodLogOptions PodPortForwardOptions PodProxyOptions PodStatusResult RangeAllocation SerializedReference ServiceProxyOptions',
  'admission.k8s.io/v1': 'AdmissionReview',
  'admission.k8s.io/v1beta1': 'AdmissionReview',
  'admissionregistration.k8s.io/v1alpha1': 'ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/v1beta1':
    'MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration',
  'apps/v1beta1': 'ControllerRevision Deployment DeploymentRollback Scale StatefulSet',
  'apps/v1beta2': 'ControllerRevision DaemonSet Deployment ReplicaSet Scale StatefulSet',
  'authentication.k8s.io/v1alpha1': 'SelfSubjectReview',
  'authentication.k8s.io/v1beta1': 'SelfSubjectReview TokenReview',
  'authorization.k8s.io/v1beta1':
    'LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview',
  'batch/v1beta1': 'CronJob',
  'certificates.k8s.io/v1beta1': 'CertificateSigningRequest',
  'coordination.k8s.io/v1beta1': 'Lease',
  'discovery.k8s.io/v1beta1': 'EndpointSlice',
  'events.k8s.io/v1beta1': 'Event',
  'extensions/v1beta1': 'DaemonSet Deployment DeploymentRollback Ingress NetworkPolicy ReplicaSet Scale',
  'flowcontrol.apiserver.k8s.io/v1beta1': 'FlowSchema PriorityLevelConfiguration',
  'flowcontrol.apiserver.k8s.io/v1beta2': 'FlowSchema PriorityLevelConfiguration',
  'flowcontrol.apiserver.k8s.io/v1beta3': 'FlowSchema PriorityLevelConfiguration',
  'imagepolicy.k8s.io/v1alpha1': 'ImageReview',
  'networking.k8s.io/v1beta1': 'Ingress IngressClass',
  'node.k8s.io/v1alpha1': 'RuntimeClass',
  'node.k8s.io/v1beta1': 'RuntimeClass',
  'policy/v1beta1': 'Eviction PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1alpha1': 'ClusterRole ClusterRoleBinding Role RoleBinding',
  'rbac.authorization.k8s.io/v1beta1': 'ClusterRole ClusterRoleBinding Role RoleBinding',
  'scheduling.k8s.io/v1beta1': 'PriorityClass',
  'storage.k8s.io/v1alpha1': 'CSIStorageCapacity VolumeAttachment VolumeAttributesClass',
  'storage.k8s.io/v1beta1': 'CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment',
};

/** Kinds that every version has (apimachinery AddToGroupVersion), DeleteOptions beside: the schemas know it of each version. */
const ofEveryVersion = /^(List|Get|Create|Update|Patch)Options$/;
/** Kinds that have none: they are known whatever is said (the same function, AddUnversionedTypes). */
const unversioned = /^(Status|APIVersions|APIGroup|APIGroupList|APIResourceList)$/;

/** Whether a kind is one of apimachinery's own, whose Go types are all of its package v1. */
export function isMetaKind(kind: string): boolean {
  return unversioned.test(kind) || ofEveryVersion.test(kind) || kind === 'DeleteOptions' || kind === 'WatchEvent';
}

/** Whether upstream's scheme knows a kind, or the list of it, which is not served. */
export function isKnownThoughNotServed({
  kind,
  apiVersion,
}: {
  readonly kind: string;
  readonly apiVersion: string;
}): boolean {
  if (unversioned.test(kind)) return true;
  const { group, version } = groupVersionOf(apiVersion);
  if (ofEveryVersion.test(kind)) return schemaFor(group, version, 'DeleteOptions') !== undefined;
  const kinds = Object.hasOwn(notServed, apiVersion) ? notServed[apiVersion]?.split(' ') : undefined;
  return kinds?.includes(kind.replace(/(?<=.)List$/, '')) === true;
}

/** Of those, the kinds whose fields are others than in the version that is served. */
const formedOtherwise = new Set(
  [
    'discovery.k8s.io/v1beta1 EndpointSlice',
    'extensions/v1beta1 Ingress',
    'flowcontrol.apiserver.k8s.io/v1beta1 PriorityLevelConfiguration',
    'flowcontrol.apiserver.k8s.io/v1beta2 PriorityLevelConfiguration',
    'networking.k8s.io/v1beta1 Ingress',
    'node.k8s.io/v1alpha1 RuntimeClass',
    'policy/v1beta1 Eviction',
    'rbac.authorization.k8s.io/v1alpha1 ClusterRoleBinding',
    'rbac.authorization.k8s.io/v1alpha1 RoleBinding',
  ].concat(['apps/v1beta1', 'apps/v1beta2', 'extensions/v1beta1'].map((version) => `${version} Scale`)),
);

/**
 * Whether what upstream's scheme knows of a version that is not served is read as the group's kind is that is: the fields are
 * the same. Groups of before have their kinds in others now.
 */
export function isOlderForm(
  { kind, apiVersion }: { readonly kind: string; readonly apiVersion: string },
  expected: { readonly group: string; readonly kind: string },
): boolean {
  const { group } = groupVersionOf(apiVersion);
  if (kind !== expected.kind || !isKnownThoughNotServed({ kind, apiVersion })) return false;
  const isOfGroup = group === expected.group || (group === 'extensions' && /^(apps|networking)/.test(expected.group));
  return isOfGroup && group !== '' && !formedOtherwise.has(`${apiVersion} ${kind}`);
}
