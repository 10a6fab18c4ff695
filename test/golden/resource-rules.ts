import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isReason } from '@berth/kube';
import { invalid } from '../../orchestrator/src/api-server/invalid.ts';
import type { AnyObject, RequestContext, ResourceDefinition } from '../../orchestrator/src/api-server/resource-definition.ts';
import { initFamilies } from '../../orchestrator/src/api-server/resources/core/service-families.ts';
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

/** What the recording shows as `<uid>`; labels take part in rules, so that it must look like one. */
const uid = '5e0c4f2a-6f0e-4f6e-9a4e-2b8d7a4f1c11';

/** Whatever the recording replaced or the server's other parts add. */
export const context: RequestContext = {
  now: Date.parse('2026-01-01T00:00:00Z'),
  user: 'admin',
  groups: ['system:masters'],
  newUid: () => uid,
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
  Object.assign(object.metadata, { uid, creationTimestamp: '<time>' });
  // Admission comes before validation.
  if (definition.kind === 'Pod') object['spec'].serviceAccountName ??= 'default';
  rules.prepareForCreate?.(object, context);
  rules.default?.(object);
  if (definition.kind === 'Service' && object['spec']) refuse(definition, object, initFamilies(object['spec'], undefined, ['IPv4']));
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
  const { validateMetadataUpdate, validateChangeFirst, validateChanged = rules.validate, validateUpdate } = rules;
  const checks = [validateMetadataUpdate, validateChangeFirst, validateChanged, validateUpdate];
  refuse(definition, object, checks.flatMap((check) => check?.(object, before) ?? []));
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

/** Without what only admission, allocation and the server's own bookkeeping add; times and uids as the recording has them. */
export function comparable(object: AnyObject): AnyObject {
  const text = JSON.stringify(object).replaceAll(uid, '<uid>').replaceAll('2026-01-01T00:00:00Z', '<time>');
  const copy = JSON.parse(text) as AnyObject;
  if (copy.metadata) {
    delete copy.metadata.managedFields;
    delete copy.metadata.resourceVersion;
    const protection = ['pvc', 'pv', 'vac'].map((kind) => `kubernetes.io/${kind}-protection`);
    if (copy.metadata.finalizers?.every((name) => protection.includes(name))) delete copy.metadata.finalizers;
  }
  if (copy.kind === 'Pod') withoutPodAdmission(copy);
  if (copy.kind === 'Service') for (const name of ['clusterIP', 'clusterIPs']) delete copy['spec'][name];
  if (copy.kind === 'Node') delete copy['spec'].taints;
  return copy;
}

const token = /^kube-api-access-/;

/** Service account, tolerations and priority come from admission. */
function withoutPodAdmission(pod: AnyObject): void {
  const spec = pod['spec'];
  const added = ['serviceAccount', 'serviceAccountName', 'tolerations', 'priority', 'preemptionPolicy'];
  for (const name of added) delete spec[name];
  const own = ({ name }: { name: string }) => !token.test(name);
  spec.volumes = (spec.volumes ?? []).filter(own);
  if (spec.volumes.length === 0) delete spec.volumes;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    container.volumeMounts = (container.volumeMounts ?? []).filter(own);
    if (container.volumeMounts.length === 0) delete container.volumeMounts;
  }
}
