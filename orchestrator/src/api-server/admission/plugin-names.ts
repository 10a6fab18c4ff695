/** Upstream's names and order, of those Berth has; which are on unless the command line says otherwise. */
export const admissionPlugins = {
  NamespaceLifecycle: true,
  LimitRanger: true,
  ServiceAccount: true,
  NodeRestriction: true,
  AlwaysPullImages: false,
  PodSecurity: true,
  Priority: true,
  DefaultTolerationSeconds: true,
  EventRateLimit: false,
  ExtendedResourceToleration: false,
  DefaultStorageClass: true,
  StorageObjectInUseProtection: true,
  PersistentVolumeClaimResize: true,
  RuntimeClass: true,
  CertificateApproval: true,
  CertificateSigning: true,
  CertificateSubjectRestriction: true,
  DefaultIngressClass: true,
  PodTopologyLabels: true,
  MutatingAdmissionPolicy: true,
  MutatingAdmissionWebhook: true,
  ValidatingAdmissionPolicy: true,
  ValidatingAdmissionWebhook: true,
  ResourceQuota: true,
} as const satisfies Record<string, boolean>;

export type AdmissionPluginName = keyof typeof admissionPlugins;

export interface PluginChoice {
  /** Beside those that are on by themselves. */
  readonly enable: readonly AdmissionPluginName[];
  readonly disable: readonly AdmissionPluginName[];
  /** What plugins are told beside their names. */
  readonly configFile?: string;
}

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
  NamespaceLifecycle: ['create', 'update', 'delete'],
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
