import { apiVersionOf, type OwnerReference, type ResourceType, resources } from '@berth/kube';

/** Kinds that are answered and not stored, and events, which expire by themselves and own nothing. */
const excluded = new Set([
  'bindings',
  'events',
  'tokenreviews',
  'selfsubjectreviews',
  'localsubjectaccessreviews',
  'selfsubjectaccessreviews',
  'selfsubjectrulesreviews',
  'subjectaccessreviews',
]);

const core = [
  '',
  'apps',
  'batch',
  'storage.k8s.io',
  'rbac.authorization.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'policy',
  'networking.k8s.io',
];

const all: readonly ResourceType[] = Object.values(resources);

/** Kinds whose objects have owners or own something, each once, at its stable version. */
export const collectableTypes: readonly ResourceType[] = all.filter(
  (type) => core.includes(type.group) && type.version === 'v1' && !excluded.has(type.plural),
);

const builtIn = new Set(all);

export function isBuiltIn(type: ResourceType): boolean {
  return builtIn.has(type);
}

const byKind = new Map(all.map((type) => [`${apiVersionOf(type)}/${type.kind}`, type]));

export function typeOfKind({
  apiVersion,
  kind,
}: Pick<OwnerReference, 'apiVersion' | 'kind'>): ResourceType | undefined {
  return byKind.get(`${apiVersion}/${kind}`);
}
