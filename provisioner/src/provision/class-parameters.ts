/** The part of a StorageClass's parameters that Kubernetes' sidecars keep for themselves. */
const reservedPrefix = 'csi.storage.k8s.io/';

/** The two parameters that name one secret; the older spelling without a prefix still works. */
export interface SecretKeys {
  readonly label: string;
  readonly name: string;
  readonly namespace: string;
  readonly oldName?: string;
  readonly oldNamespace?: string;
}

function secretKeys(label: string, old?: string): SecretKeys {
  const stem = label === 'Default' ? '' : `${label.replaceAll(/(?<=.)(?=[A-Z])/g, '-').toLowerCase()}-`;
  const keys = {
    label,
    name: `${reservedPrefix}${stem}secret-name`,
    namespace: `${reservedPrefix}${stem}secret-namespace`,
  };
  return old === undefined ? keys : { ...keys, oldName: `${old}SecretName`, oldNamespace: `${old}SecretNamespace` };
}

/** Every secret a class can name, and the one that stands in for those it does not (external-provisioner controller.go). */
export const secretsOfClass = {
  fallback: secretKeys('Default'),
  provisioner: secretKeys('Provisioner', 'csiProvisioner'),
  controllerPublish: secretKeys('ControllerPublish', 'csiControllerPublish'),
  nodeStage: secretKeys('NodeStage', 'csiNodeStage'),
  nodePublish: secretKeys('NodePublish', 'csiNodePublish'),
  controllerExpand: secretKeys('ControllerExpand'),
  nodeExpand: secretKeys('NodeExpand'),
  controllerModify: secretKeys('ControllerModify'),
} as const satisfies Record<string, SecretKeys>;

const fsTypeKey = `${reservedPrefix}fstype`;
const known = new Set<string>([
  fsTypeKey,
  ...Object.values(secretsOfClass).flatMap(({ name, namespace }) => [name, namespace]),
]);
const oldKeys = new Set<string>(
  Object.values(secretsOfClass).flatMap((keys: SecretKeys) => [keys.oldName ?? [], keys.oldNamespace ?? []].flat()),
);

/**
 * What of a class's parameters the driver gets.
 * @throws Error – a key with the reserved prefix is not one of those known: a typo there must not go unnoticed.
 */
export function driverParameters(parameters: Readonly<Record<string, string>> = {}): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(parameters)) {
    if (key.startsWith(reservedPrefix)) {
      if (known.has(key)) continue;
      throw new Error(
        `failed to strip CSI Parameters of prefixed keys: found unknown parameter key "${key}" with reserved namespace ${reservedPrefix}`,
      );
    }
    if (key.toLowerCase() !== 'fstype' && !oldKeys.has(key)) result[key] = value;
  }
  return result;
}

/** The filesystem a class asks for, or the default. @throws Error – it asks twice. */
export function fsTypeOf(parameters: Readonly<Record<string, string>> = {}, fallback: string): string {
  const given = Object.entries(parameters).filter(([key]) => key === fsTypeKey || key.toLowerCase() === 'fstype');
  if (given.length > 1) {
    throw new Error(`fstype specified in parameters with both "fstype" and "${fsTypeKey}" keys`);
  }
  return given[0]?.[1] || fallback;
}
