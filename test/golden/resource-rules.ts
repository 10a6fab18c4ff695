import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isReason } from '@berth/kube';
import { invalid } from '../../orchestrator/src/api-server/invalid.ts';
import type { AnyObject, RequestContext, ResourceDefinition } from '../../orchestrator/src/api-server/resource-definition.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';

/** One recorded request and its answer (test/golden/*.json). */
export interface GoldenCase {
  readonly id: string;
  readonly request: { readonly method: string; readonly path: string; readonly contentType: string; readonly body: AnyObject };
  readonly status: number;
  readonly response: AnyObject;
}

export function goldenFile<T>(name: string): T {
  return JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as T;
}

/** Whatever the recording replaced or the server's other parts add. */
export const context: RequestContext = {
  now: Date.parse('2026-01-01T00:00:00Z'),
  user: 'admin',
  groups: ['system:masters'],
  newUid: () => '<uid>',
};

export interface Target {
  readonly definition: ResourceDefinition;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** The definition and object a path is about. */
export function targetOf(path: string): Target {
  const [root, ...segments] = (path.split('?')[0] as string).slice(1).split('/');
  const group = root === 'api' ? '' : (segments.shift() as string);
  const version = segments.shift() as string;
  const namespace = segments[0] === 'namespaces' && segments.length > 2 ? segments[1] : undefined;
  const [plural, name, subresource] = namespace === undefined ? segments : segments.slice(2);
  const definition = definitions.find((d) => d.group === group && d.version === version && d.plural === plural);
  if (!definition) throw new Error(`no definition for ${path}`);
  return { definition, namespace, name, subresource };
}

/** What a create stores, by rules alone: no admission, no allocation. @throws ApiError – what the client would get. */
export function created({ definition, namespace }: Target, body: AnyObject): AnyObject {
  const object: AnyObject = structuredClone(body);
  const { rules } = definition;
  object.metadata ??= {};
  if (namespace !== undefined) object.metadata.namespace = namespace;
  Object.assign(object.metadata, { uid: '<uid>', creationTimestamp: '<time>' });
  rules.prepareForCreate?.(object, context);
  rules.default?.(object);
  refuse(definition, object, rules.validate?.(object) ?? []);
  return object;
}

/** What an update stores, by rules alone. @throws ApiError – what the client would get. */
export function updated({ definition, subresource }: Target, next: AnyObject, old: AnyObject): AnyObject {
  const { rules } = definition;
  const object = structuredClone(next);
  const before = structuredClone(old);
  if (subresource === 'status') {
    rules.prepareForStatusUpdate?.(object, before, context);
    rules.default?.(object);
    refuse(definition, object, rules.validateStatusUpdate?.(object, before) ?? []);
    return object;
  }
  rules.prepareForUpdate?.(object, before, context);
  rules.default?.(object);
  refuse(definition, object, [...(rules.validate?.(object) ?? []), ...(rules.validateUpdate?.(object, before) ?? [])]);
  return object;
}

function refuse(definition: ResourceDefinition, object: AnyObject, errors: Parameters<typeof invalid>[2]): void {
  if (errors.length > 0) throw invalid(definition, object.metadata.name ?? '', errors);
}

/** The Status of a refusal; anything else goes on. */
export function statusOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (isReason(error, 'Invalid', 'BadRequest', 'Forbidden')) return error.status;
    throw error;
  }
}

/** Without managedFields, which the server keeps, and what is one server's own. */
export function comparable(object: AnyObject): AnyObject {
  const copy = structuredClone(object);
  if (copy.metadata) delete copy.metadata.managedFields;
  return copy;
}
