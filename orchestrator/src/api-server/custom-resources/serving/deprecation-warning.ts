import type { CustomResourceDefinitionSpec } from '@berth/kube';
import { versionsOf } from '../definition/internal-spec.ts';
import { compareVersions } from '../version-order.ts';

/** What users of a deprecated version are told, where its definition has no words of its own. */
export function deprecationWarning(spec: CustomResourceDefinitionSpec, version: string): string {
  const { group, names } = spec;
  const newer = versionsOf(spec)
    .filter(({ served, deprecated, name }) => served && !deprecated && compareVersions(name, version) < 0)
    .map(({ name }) => name)
    .sort(compareVersions);
  const advice = newer.length > 0 ? `; use ${group}/${newer[0]} ${names.kind}` : '';
  return `${group}/${version} ${names.kind} is deprecated${advice}`;
}
