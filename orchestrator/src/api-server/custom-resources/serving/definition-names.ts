import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '@berth/kube';
import { type Condition, findCondition } from '../definition/conditions.ts';

export interface NamesVerdict {
  readonly names: CustomResourceDefinitionNames;
  readonly accepted: Condition;
  readonly established: Condition;
}

/** Which of the names a definition asks for it gets: those no other of its group has (apiextensions naming controller). */
export function acceptNames(crd: CustomResourceDefinition, others: readonly CustomResourceDefinition[]): NamesVerdict {
  const asked = crd.spec.names;
  const had = crd.status?.acceptedNames ?? { plural: '', kind: '' };
  const used = usedNames(others);
  const names: Names = { ...had };
  let conflict: Pick<Condition, 'reason' | 'message'> | undefined;
  const claim = (name: 'plural' | 'singular' | 'kind' | 'listKind', taken: ReadonlySet<string>, reason: string) => {
    const wanted = asked[name] ?? '';
    if (wanted !== (had[name] ?? '') && taken.has(wanted)) conflict = { reason, message: inUse(wanted) };
    else if (asked[name] !== undefined) names[name] = asked[name];
    else delete names[name];
  };
  claim('plural', used.resources, 'PluralConflict');
  claim('singular', used.resources, 'SingularConflict');
  const taken = (asked.shortNames ?? []).filter((name) => !had.shortNames?.includes(name) && used.resources.has(name));
  if (taken.length > 0) conflict = { reason: 'ShortNamesConflict', message: aggregated(taken.map(inUse)) };
  else setList(names, 'shortNames', asked.shortNames);
  claim('kind', used.kinds, 'KindConflict');
  claim('listKind', used.kinds, 'ListKindConflict');
  setList(names, 'categories', asked.categories);
  const accepted: Condition = conflict
    ? { type: 'NamesAccepted', status: 'False', ...conflict }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
  return { names: names as CustomResourceDefinitionNames, accepted, established: establishedAfter(crd, accepted) };
}

type Names = { -readonly [Name in keyof CustomResourceDefinitionNames]?: CustomResourceDefinitionNames[Name] };

function setList(
  names: Names,
  name: 'shortNames' | 'categories',
  list: CustomResourceDefinitionNames['shortNames'],
): void {
  if (list === undefined) delete names[name];
  else names[name] = list;
}

function usedNames(others: readonly CustomResourceDefinition[]) {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const { plural = '', singular = '', shortNames = [], kind = '', listKind = '' } = status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) resources.add(name);
    for (const name of [kind, listKind]) kinds.add(name);
  }
  return { resources, kinds };
}

function inUse(name: string): string {
  return `${JSON.stringify(name)} is already in use`;
}

function aggregated(messages: readonly string[]): string {
  return messages.length === 1 ? (messages[0] as string) : `[${messages.join(', ')}]`;
}

function establishedAfter(crd: CustomResourceDefinition, accepted: Condition): Condition {
  const type = 'Established';
  const old = findCondition(crd, type);
  if (old?.status !== 'True' && accepted.status === 'True')
    return { type, status: 'False', reason: 'Installing', message: 'the initial names have been accepted' };
  if (old)
    return { type, status: old.status as Condition['status'], reason: old.reason ?? '', message: old.message ?? '' };
  return { type, status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
}
