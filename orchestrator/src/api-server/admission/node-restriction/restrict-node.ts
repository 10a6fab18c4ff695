import { semanticEqual } from '../../resources/equality.ts';
import type { NodeRequest } from './node-restriction.ts';

type Labels = Readonly<Record<string, string>>;

const restricted = 'node-restriction.kubernetes.io';
/** What a kubelet says of itself (k8s.io/kubelet well_known_labels). */
const kubeletLabels = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const kubeletNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

export function restrictNode({ node, request, refused }: NodeRequest): void {
  const { operation, object, old } = request;
  const name = request.name || (object.metadata?.name ?? '');
  const self = `node ${JSON.stringify(node)}`;
  if (name !== node) throw refused(`${self} is not allowed to modify node ${JSON.stringify(name)}`);
  if (operation === 'create') {
    if (object.spec?.configSource) throw refused(`${self} is not allowed to create pods with a non-nil configSource`);
    const wrong = forbiddenLabels(object.metadata.labels, {});
    if (wrong.length > 0) throw refused(`${self} is not allowed to set the following labels: ${wrong.join(', ')}`);
  }
  if (operation !== 'update') return;
  const { configSource } = object.spec ?? {};
  if (configSource && !semanticEqual(configSource, old?.spec?.configSource))
    throw refused(`${self} is not allowed to update configSource to a new non-nil configSource`);
  if (!semanticEqual(object.spec?.taints, old?.spec?.taints)) throw refused(`${self} is not allowed to modify taints`);
  if (!semanticEqual(object.metadata.ownerReferences, old?.metadata.ownerReferences))
    throw refused(`${self} is not allowed to modify ownerReferences`);
  const wrong = forbiddenLabels(object.metadata.labels, old?.metadata.labels);
  if (wrong.length > 0) throw refused(`is not allowed to modify labels: ${wrong.join(', ')}`);
}

/** Changed labels that steer pods, or that are Kubernetes' own and none of a kubelet's. */
function forbiddenLabels(next: Labels = {}, old: Labels = {}): string[] {
  const keys = new Set([...Object.keys(next), ...Object.keys(old)]);
  return [...keys].filter((key) => next[key] !== old[key] && isForbidden(key)).sort();
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/');
  const namespace = slash < 0 ? '' : key.slice(0, slash);
  const within = (domain: string) => namespace === domain || namespace.endsWith(`.${domain}`);
  if (within(restricted)) return true;
  const isKubernetes = within('kubernetes.io') || within('k8s.io');
  return isKubernetes && !kubeletLabels.has(key) && !kubeletNamespaces.some(within);
}
