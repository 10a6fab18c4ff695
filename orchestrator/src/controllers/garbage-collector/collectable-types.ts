import { apiVersionOf, type OwnerReference, type ResourceType, resources } from '@berth/kube';
import { compareVersions } from '../../api-server/custom-resources/version-order.ts';

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

const all: readonly ResourceType[] = Object.values(resources);

/** Kinds whose objects have owners, or own something, or are in namespaces: all that are stored, each once, at its most stable version. */
export const collectableTypes: readonly ResourceType[] = mostStable(all.filter(({ plural }) => !excluded.has(plural)));

function mostStable(types: readonly ResourceType[]): ResourceType[] {
  const found = new Map<string, ResourceType>();
  for (const type of types.toSorted((a, b) => compareVersions(b.version, a.version)))
    found.set(`${type.group}/${type.plural}`, type);
  return [...found.values()];
}

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
