import { type ApiError, apiError, groupVersionOf } from '@berth/kube';
import { listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import type { Answer } from '../server-request.ts';
import { StoredObject } from '../stored-object.ts';
import { type Representation, refusedForm } from './negotiate.ts';

/** Metadata of an object asked for as a list's, or the other way round (handlers/response.go). @throws ApiError NotAcceptable */
export function checkMetadataForm(
  answer: Extract<Answer, { type: 'object' | 'list' }>,
  { as, ofList }: Representation,
): void {
  if (as !== 'PartialObjectMetadata' || (answer.type === 'list') === (ofList === true)) return;
  if (answer.type === 'list') throw refused('PartialObjectMetadata', 'a list', listTypeOf(answer.definition));
  const type = objectTypeOf(answer);
  // Which is told of as a list, until its items are asked for.
  if (type === custom) throw apiError('Unknown', 'content is not a list', { code: 500 });
  if (type !== undefined) throw refused('PartialObjectMetadataList', 'not a list', type);
}

function refused(form: string, what: string, type: string): ApiError {
  return refusedForm(`you requested ${form}, but the requested object is ${what} (${type})`);
}

function listTypeOf(definition: ResourceDefinition): string {
  if (definition.custom) return '*unstructured.UnstructuredList';
  return `*${packageOf(definition.group)}.${listKindOf(definition)}`;
}

/** Undefined: a Status, which is always itself. */
function objectTypeOf({ definition, object }: Extract<Answer, { type: 'object' }>): string | undefined {
  if (object instanceof StoredObject)
    return definition?.custom ? custom : internalType(definition?.group, definition?.kind);
  if (object.kind === 'Status') return undefined;
  if (definition?.custom && object.kind === definition.kind) return custom;
  return internalType(groupVersionOf(object.apiVersion ?? '').group, object.kind);
}

const custom = '*unstructured.Unstructured';

function internalType(group = '', kind = ''): string {
  return `*${packageOf(group)}.${kind}`;
}

/** Of upstream's internal types, which its words show: called as the group begins, but for these. */
const packages: Readonly<Record<string, string>> = {
  '': 'core',
  'events.k8s.io': 'core',
  'internal.apiserver.k8s.io': 'apiserverinternal',
};

function packageOf(group: string): string {
  return packages[group] ?? (group.split('.')[0] as string);
}
