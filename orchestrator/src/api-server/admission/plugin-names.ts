/**
 * Upstream's names and order; which are on unless the command line says otherwise. They are those that are on upstream, but for
 * TaintNodesByCondition: no controller here takes the taint away again.
 */
export const admissionPlugins = {
  AlwaysAdmit: false,
  NamespaceAutoProvision: false,
  NamespaceLifecycle: true,
  NamespaceExists: false,
  LimitPodHardAntiAffinityTopology: false,
  LimitRanger: true,
  ServiceAccount: true,
  NodeRestriction: true,
  TaintNodesByCondition: false,
  AlwaysPullImages: false,
  ImagePolicyWebhook: false,
  PodSecurity: true,
  PodNodeSelector: false,
  Priority: true,
  DefaultTolerationSeconds: true,
  PodTolerationRestriction: false,
  EventRateLimit: false,
  ExtendedResourceToleration: false,
  DefaultStorageClass: true,
  StorageObjectInUseProtection: true,
  PodGroupProtection: true,
  OwnerReferencesPermissionEnforcement: false,
  PersistentVolumeClaimResize: true,
  RuntimeClass: true,
  CertificateApproval: true,
  CertificateSigning: true,
  ClusterTrustBundleAttest: true,
  CertificateSubjectRestriction: true,
  DefaultIngressClass: true,
  DenyServiceExternalIPs: false,
  PodTopologyLabels: true,
  PodGroupWorkloadExists: true,
  NodeDeclaredFeatureValidator: true,
  JobValidation: true,
  PodResizeValidator: true,
  MutatingAdmissionPolicy: true,
  MutatingAdmissionWebhook: true,
  ValidatingAdmissionPolicy: true,
  ValidatingAdmissionWebhook: true,
  ResourceQuota: true,
  AlwaysDeny: false,
} as const satisfies Record<string, boolean>;

export type AdmissionPluginName = keyof typeof admissionPlugins;

export interface PluginChoice {
  /** Beside those that are on by themselves. */
  readonly enable: readonly AdmissionPluginName[];
  readonly disable: readonly AdmissionPluginName[];
  /** What plugins are told beside their names. */
  readonly configFile?: string;
}

/** Those that cannot be switched on, and why. */
export const missingPlugins: Readonly<Partial<Record<AdmissionPluginName, string>>> = {
  ImagePolicyWebhook: 'it is not there; a ValidatingWebhookConfiguration for pods asks a server about images, too',
};

export function isAdmissionPlugin(name: string): name is AdmissionPluginName {
  return Object.hasOwn(admissionPlugins, name);
}

export function isOn(name: AdmissionPluginName, { enable, disable }: PluginChoice): boolean {
  return !disable.includes(name) && (admissionPlugins[name] || enable.includes(name));
}

type Operation = 'create' | 'update' | 'delete' | 'connect';
const all: readonly Operation[] = ['create', 'update', 'delete', 'connect'];

/** What upstream asks each about (admission.NewHandler), where it is not about creations and changes. */
const handled: Readonly<Partial<Record<AdmissionPluginName, readonly Operation[]>>> = {
  AlwaysAdmit: all,
  AlwaysDeny: all,
  NamespaceAutoProvision: ['create'],
  NamespaceLifecycle: ['create', 'update', 'delete'],
  NamespaceExists: ['create', 'update', 'delete'],
  TaintNodesByCondition: ['create'],
  PodNodeSelector: ['create'],
  PodResizeValidator: ['update'],
  NodeRestriction: ['create', 'update', 'delete'],
  Priority: ['create', 'update', 'delete'],
  DefaultStorageClass: ['create'],
  StorageObjectInUseProtection: ['create'],
  PersistentVolumeClaimResize: ['update'],
  RuntimeClass: ['create'],
  CertificateApproval: ['update'],
  CertificateSigning: ['update'],
  CertificateSubjectRestriction: ['create'],
  DefaultIngressClass: ['create'],
  PodTopologyLabels: ['create', 'connect'],
  MutatingAdmissionPolicy: ['create', 'update', 'connect'],
  MutatingAdmissionWebhook: all,
  ValidatingAdmissionPolicy: all,
  ValidatingAdmissionWebhook: all,
};

export function operationsOf(name: AdmissionPluginName): ReadonlySet<string> {
  return new Set(handled[name] ?? ['create', 'update']);
}
