import type { Authorization } from '../authorization/authorization.ts';
import { yamlValue } from '../decoding/yaml-work.ts';
import type { HookCallObserver } from '../metrics/admission-metrics.ts';
import type { AdmissionSteps } from '../metrics/admission-steps.ts';
import type { PodSecurityObserver } from '../metrics/pod-security-metrics.ts';
import type { ServerContext } from '../server-context.ts';
import { hookIdentitiesOf } from '../webhook/admission/hook-identities.ts';
import { WebhookAdmission } from '../webhook/admission/webhook-admission.ts';
import { type Admission, type AdmissionPlugin, admissionChain, type NamedPlugin } from './admission.ts';
import { type AdmissionConfiguration, loadAdmissionConfiguration } from './admission-configuration.ts';
import { alwaysDeny } from './always-deny.ts';
import { alwaysPullImages, onlyPulledImages } from './always-pull-images.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates/certificate-plugins.ts';
import { claimResize } from './claim-resize.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-tolerations.ts';
import { denyServiceExternalIps } from './deny-external-ips.ts';
import { deviceAccess } from './device-access.ts';
import { eventLimitsOf } from './event-rate-limit/event-limits.ts';
import { eventRateLimit } from './event-rate-limit/event-rate-limit.ts';
import { extendedResourceToleration } from './extended-resource-toleration.ts';
import { limitPodHardAntiAffinityTopology } from './limit-anti-affinity.ts';
import { limitChecks, limitDefaults } from './limits/limit-ranger.ts';
import { limitedResourcesOf } from './limits/quota-configuration.ts';
import { resourceQuota } from './limits/resource-quota.ts';
import { AdmissionLookup } from './lookup.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { namespaceAutoProvision } from './namespaces/namespace-auto-provision.ts';
import { namespaceExists } from './namespaces/namespace-exists.ts';
import { podNodeSelector } from './namespaces/pod-node-selector.ts';
import { podTolerationRestriction } from './namespaces/pod-toleration-restriction.ts';
import { nodeRestriction } from './node-restriction/node-restriction.ts';
import { ownerReferencesPermissionEnforcement } from './owner-permissions.ts';
import { type AdmissionPluginName, admissionPlugins, isOn, operationsOf, type PluginChoice } from './plugin-names.ts';
import { podResizeValidator } from './pod-resize.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { securityConfigurationOf } from './pod-security/security-configuration.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { PolicyAdmission } from './policies/policy-admission.ts';
import { oneDefaultPriority, priority } from './priority.ts';
import { runtimeClassChecks, runtimeClassDefaults } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import type { ServiceAllocation } from './service-allocation.ts';
import { storageObjectInUseProtection } from './storage-protection.ts';
import { taintNewNodes } from './taint-new-nodes.ts';

export interface BuiltInParts {
  readonly services: ServiceAllocation;
  /** Asked at each request: it is made after admission. */
  readonly authorization: () => Authorization;
  readonly plugins: PluginChoice;
  /** The same. Absent: nothing is counted. */
  readonly metrics?: () => HookCallObserver;
  readonly podMetrics?: () => PodSecurityObserver;
  readonly steps?: () => AdmissionSteps | undefined;
}

interface Phases {
  readonly mutate?: AdmissionPlugin;
  /** What it has to say of deletions, of which nothing is changed. */
  readonly delete?: AdmissionPlugin;
  readonly validate?: AdmissionPlugin;
}

/** The plugins that are on, in upstream's order, and the rules that are no plugins upstream and always hold. */
export function builtInAdmission(context: ServerContext, parts: BuiltInParts): Admission {
  const { services, authorization, plugins, metrics, podMetrics } = parts;
  const told = configurationOf(plugins);
  const webhooks = new WebhookAdmission(context, {
    authorizer: () => authorization().authorizer,
    metrics,
    identities: {
      mutating: hookIdentitiesOf('MutatingAdmissionWebhook', told.get('MutatingAdmissionWebhook')),
      validating: hookIdentitiesOf('ValidatingAdmissionWebhook', told.get('ValidatingAdmissionWebhook')),
    },
  });
  const policies = new PolicyAdmission(
    context,
    () => authorization().authorizer,
    () => parts.steps?.()?.policies,
  );
  const table = pluginTable(context, { authorization, webhooks, policies, plugins, podMetrics, told });
  const names = (Object.keys(admissionPlugins) as AdmissionPluginName[]).filter((name) => isOn(name, plugins));
  const inOrder = (phase: keyof Phases): NamedPlugin[] =>
    names.flatMap((name) => {
      const run = table[name][phase];
      return run ? [{ name, run, operations: operationsOf(name) }] : [];
    });
  return admissionChain({
    mutating: inOrder('mutate'),
    // Upstream's storages look at what is to be written (registry/rbac), and give addresses to it.
    finishing: [(request) => authorization().admit(request), services.admit],
    fieldErrors: deviceAccess(context, () => authorization().authorizer),
    deleting: inOrder('delete'),
    validating: inOrder('validate'),
    removed: (definition, object) => services.removed(definition, object),
    callsOut: (about) => webhooks.callsOut(about),
    steps: () => parts.steps?.(),
    start: async (signal) => {
      await Promise.all([webhooks.start(context.log, signal), policies.start(context.log, signal)]);
    },
  });
}

function pluginTable(
  context: ServerContext,
  {
    authorization,
    webhooks,
    policies,
    plugins,
    podMetrics,
    told,
  }: Pick<BuiltInParts, 'authorization' | 'plugins'> & {
    readonly podMetrics: BuiltInParts['podMetrics'] | undefined;
    readonly told: AdmissionConfiguration;
    readonly webhooks: WebhookAdmission;
    readonly policies: PolicyAdmission;
  },
): Readonly<Record<AdmissionPluginName, Phases>> {
  const lookup = new AdmissionLookup(context);
  const lifecycle = namespaceLifecycle(lookup);
  const authorizer = () => authorization().authorizer;
  const restriction = nodeRestriction(lookup, authorizer);
  const toldOf = (name: AdmissionPluginName) => {
    const text = told.get(name);
    return text === undefined ? undefined : yamlValue(text);
  };
  return {
    AlwaysAdmit: {},
    NamespaceAutoProvision: { mutate: namespaceAutoProvision(lookup, context) },
    NamespaceLifecycle: {
      mutate: lifecycle,
      delete: lifecycle,
    },
    NamespaceExists: { validate: namespaceExists(lookup) },
    LimitPodHardAntiAffinityTopology: { validate: limitPodHardAntiAffinityTopology },
    LimitRanger: { mutate: limitDefaults(lookup), validate: limitChecks(lookup) },
    ServiceAccount: serviceAccount(lookup, context),
    NodeRestriction: {
      mutate: restriction,
      delete: restriction,
    },
    TaintNodesByCondition: { mutate: taintNewNodes },
    AlwaysPullImages: { mutate: alwaysPullImages, validate: onlyPulledImages },
    ImagePolicyWebhook: {},
    PodSecurity: {
      validate: podSecurity(lookup, {
        clock: context.clock,
        configuration: securityConfigurationOf(told.get('PodSecurity')),
        metrics: podMetrics,
      }),
    },
    PodNodeSelector: podNodeSelector(lookup, toldOf('PodNodeSelector')),
    Priority: { mutate: priority(lookup), validate: oneDefaultPriority(lookup) },
    DefaultTolerationSeconds: { mutate: defaultTolerationSeconds },
    PodTolerationRestriction: podTolerationRestriction(lookup, told.get('PodTolerationRestriction')),
    EventRateLimit: isOn('EventRateLimit', plugins)
      ? { validate: eventRateLimit(context.clock, eventLimitsOf(told.get('EventRateLimit'))) }
      : {},
    ExtendedResourceToleration: { mutate: extendedResourceToleration },
    DefaultStorageClass: { mutate: defaultStorageClass(lookup) },
    StorageObjectInUseProtection: { mutate: storageObjectInUseProtection },
    // Of kinds and fields that are not here, nearly all of them off by default upstream; nodes declare no features either.
    PodGroupProtection: {},
    OwnerReferencesPermissionEnforcement: { validate: ownerReferencesPermissionEnforcement(context, authorizer) },
    PersistentVolumeClaimResize: { validate: claimResize(lookup) },
    RuntimeClass: { mutate: runtimeClassDefaults(lookup), validate: runtimeClassChecks(lookup) },
    CertificateApproval: { validate: certificateApproval(authorizer) },
    CertificateSigning: { validate: certificateSigning(authorizer) },
    ClusterTrustBundleAttest: {},
    CertificateSubjectRestriction: { validate: certificateSubjectRestriction },
    DefaultIngressClass: { mutate: defaultIngressClass(lookup) },
    DenyServiceExternalIPs: { validate: denyServiceExternalIps },
    PodTopologyLabels: { mutate: podTopologyLabels(lookup) },
    PodGroupWorkloadExists: {},
    NodeDeclaredFeatureValidator: {},
    JobValidation: {},
    PodResizeValidator: { validate: podResizeValidator(lookup) },
    MutatingAdmissionPolicy: { mutate: policies.mutate },
    MutatingAdmissionWebhook: {
      mutate: webhooks.mutate,
      delete: webhooks.mutate,
    },
    ValidatingAdmissionPolicy: { validate: policies.validate },
    ValidatingAdmissionWebhook: { validate: webhooks.validate },
    // Last, as upstream has it: what another rule refuses is not counted.
    ResourceQuota: { validate: resourceQuota(context, limitedResourcesOf(told.get('ResourceQuota'))) },
    AlwaysDeny: { mutate: alwaysDeny, delete: alwaysDeny, validate: alwaysDeny },
  };
}

const configurable: readonly string[] = [
  'EventRateLimit',
  'MutatingAdmissionWebhook',
  'PodNodeSelector',
  'PodSecurity',
  'PodTolerationRestriction',
  'ResourceQuota',
  'ValidatingAdmissionWebhook',
];

/** @throws RangeError – a plugin is told what it would not heed. */
function configurationOf({ configFile }: PluginChoice): AdmissionConfiguration {
  const configuration = configFile === undefined ? new Map<string, string>() : loadAdmissionConfiguration(configFile);
  for (const name of configuration.keys())
    if (!configurable.includes(name))
      throw new RangeError(`--admission-control-config-file: ${name} has no configuration here`);
  return configuration;
}
