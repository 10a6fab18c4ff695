import {
  mutatingBindingRules,
  mutatingPolicyRules,
  validatingBindingRules,
  validatingPolicyRules,
} from './admission/policies.ts';
import { mutatingWebhookRules, validatingWebhookRules } from './admission/webhooks.ts';
import { daemonSetRules } from './apps/daemon-set.ts';
import { deploymentRules } from './apps/deployment.ts';
import { replicaSetRules, replicationControllerRules } from './apps/replica-set.ts';
import { controllerRevisionRules, podTemplateRules } from './apps/small-kinds.ts';
import { statefulSetRules } from './apps/stateful-set.ts';
import { autoscalerRules } from './autoscaling/horizontal-pod-autoscaler.ts';
import { cronJobRules } from './batch/cron-job.ts';
import { jobRules } from './batch/job.ts';
import { signingRequestRules } from './certificates/rules.ts';
import { leaseCandidateRules, leaseRules } from './coordination/lease.ts';
import { componentStatusRules } from './core/component-status.ts';
import { configMapRules } from './core/config-map.ts';
import { endpointSliceRules } from './core/endpoint-slice.ts';
import { endpointsRules } from './core/endpoints.ts';
import { eventRules, newEventRules } from './core/event.ts';
import { limitRangeRules } from './core/limit-range.ts';
import { namespaceRules } from './core/namespace.ts';
import { nodeRules } from './core/node.ts';
import { volumeRules } from './core/persistent-volume.ts';
import { claimRules } from './core/persistent-volume-claim.ts';
import { podRules } from './core/pod/rules.ts';
import { resourceQuotaRules } from './core/resource-quota.ts';
import { secretRules } from './core/secret.ts';
import { serviceRules } from './core/service.ts';
import { serviceAccountRules } from './core/service-account.ts';
import { apiServiceRules } from './extensions/api-service.ts';
import { customResourceRules } from './extensions/custom-resource-definition.ts';
import { flowSchemaRules, priorityLevelRules } from './flowcontrol/rules.ts';
import { ingressRules } from './networking/ingress.ts';
import { networkPolicyRules } from './networking/network-policy.ts';
import { ingressClassRules, ipAddressRules, serviceCidrRules } from './networking/small-kinds.ts';
import { runtimeClassRules } from './node/runtime-class.ts';
import { podDisruptionBudgetRules } from './policy/pod-disruption-budget.ts';
import { clusterRoleBindingRules, clusterRoleRules, roleBindingRules, roleRules } from './rbac/rules.ts';
import { deviceRules } from './resource/devices.ts';
import type { KindRules } from './rules.ts';
import { priorityClassRules } from './scheduling/priority-class.ts';
import { csiDriverRules } from './storage/csi-driver.ts';
import { csiNodeRules } from './storage/csi-node.ts';
import { csiStorageCapacityRules } from './storage/csi-storage-capacity.ts';
import { attributesClassRules, storageClassRules } from './storage/storage-class.ts';
import { volumeAttachmentRules } from './storage/volume-attachment.ts';

/** Hand-written rules by `group/plural`; kinds without an entry have what every kind has. */
export const kindRules: Readonly<Record<string, KindRules>> = {
  '/componentstatuses': componentStatusRules,
  '/configmaps': configMapRules,
  '/endpoints': endpointsRules,
  '/events': eventRules,
  '/limitranges': limitRangeRules,
  '/namespaces': namespaceRules,
  '/nodes': nodeRules,
  '/persistentvolumeclaims': claimRules,
  '/persistentvolumes': volumeRules,
  '/pods': podRules,
  '/podtemplates': podTemplateRules,
  '/replicationcontrollers': replicationControllerRules,
  '/resourcequotas': resourceQuotaRules,
  '/secrets': secretRules,
  '/serviceaccounts': serviceAccountRules,
  '/services': serviceRules,
  'admissionregistration.k8s.io/mutatingadmissionpolicies': mutatingPolicyRules,
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': mutatingBindingRules,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': mutatingWebhookRules,
  'admissionregistration.k8s.io/validatingadmissionpolicies': validatingPolicyRules,
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': validatingBindingRules,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': validatingWebhookRules,
  'apiextensions.k8s.io/customresourcedefinitions': customResourceRules,
  'apiregistration.k8s.io/apiservices': apiServiceRules,
  'apps/controllerrevisions': controllerRevisionRules,
  'apps/daemonsets': daemonSetRules,
  'apps/deployments': deploymentRules,
  'apps/replicasets': replicaSetRules,
  'apps/statefulsets': statefulSetRules,
  'autoscaling/horizontalpodautoscalers': autoscalerRules,
  'batch/cronjobs': cronJobRules,
  'batch/jobs': jobRules,
  'certificates.k8s.io/certificatesigningrequests': signingRequestRules,
  'coordination.k8s.io/leasecandidates': leaseCandidateRules,
  'coordination.k8s.io/leases': leaseRules,
  'discovery.k8s.io/endpointslices': endpointSliceRules,
  'events.k8s.io/events': newEventRules,
  'flowcontrol.apiserver.k8s.io/flowschemas': flowSchemaRules,
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations': priorityLevelRules,
  'networking.k8s.io/ingressclasses': ingressClassRules,
  'networking.k8s.io/ingresses': ingressRules,
  'networking.k8s.io/ipaddresses': ipAddressRules,
  'networking.k8s.io/networkpolicies': networkPolicyRules,
  'networking.k8s.io/servicecidrs': serviceCidrRules,
  'node.k8s.io/runtimeclasses': runtimeClassRules,
  'policy/poddisruptionbudgets': podDisruptionBudgetRules,
  'rbac.authorization.k8s.io/clusterrolebindings': clusterRoleBindingRules,
  'rbac.authorization.k8s.io/clusterroles': clusterRoleRules,
  'rbac.authorization.k8s.io/rolebindings': roleBindingRules,
  'rbac.authorization.k8s.io/roles': roleRules,
  ...deviceRules,
  'scheduling.k8s.io/priorityclasses': priorityClassRules,
  'storage.k8s.io/csidrivers': csiDriverRules,
  'storage.k8s.io/csinodes': csiNodeRules,
  'storage.k8s.io/csistoragecapacities': csiStorageCapacityRules,
  'storage.k8s.io/storageclasses': storageClassRules,
  'storage.k8s.io/volumeattachments': volumeAttachmentRules,
  'storage.k8s.io/volumeattributesclasses': attributesClassRules,
};
