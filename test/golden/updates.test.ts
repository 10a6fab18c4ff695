import { expect, test } from 'vitest';
import type { AnyObject } from '../../orchestrator/src/api-server/resource-definition.ts';
import { comparable, created, type GoldenCase, goldenFile, statusOf, targetOf, updated } from './resource-rules.ts';

interface Setup {
  readonly path: string;
  readonly body: AnyObject;
}

const { setup, cases } = goldenFile<{ setup: readonly Setup[]; cases: readonly GoldenCase[] }>('updates.json');

/** Answered by the patch handler and the scale subresource: a whole server has them in server-answers.test.ts. */
const elsewhere = ['update/meta-name', 'update/scale-get'];

test('what else answers is in the recording', () => {
  expect(cases.map(({ id }) => id)).toEqual(expect.arrayContaining(elsewhere));
});

/** The stored object a case starts from: made by rules, with what admission, allocators and controllers had added. */
function stored(path: string): AnyObject {
  const { definition, name } = targetOf(path);
  const made = setup.find(
    (entry) => targetOf(entry.path).definition === definition && entry.body.metadata.name === name,
  );
  if (!made) throw new Error(`no set-up for ${path}`);
  const object = created(targetOf(made.path), made.body);
  object.metadata.resourceVersion = '1';
  if (definition.kind === 'Service') Object.assign(object['spec'], { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'] });
  if (definition.kind === 'PersistentVolume') object['status'].phase = 'Available';
  if (definition.kind === 'Pod') Object.assign(object['spec'], recordedPod());
  if (definition.kind === 'Pod') object['status'].conditions = recorded('update/pod-image-allowed')['status'].conditions;
  if (definition.kind === 'Pod') object['spec'].containers[0].volumeMounts = recorded('update/pod-image-allowed')['spec'].containers[0].volumeMounts;
  if (definition.kind === 'StatefulSet') object['status'] = recorded('update/sts-retention')['status'];
  return object;
}

function recorded(id: string): AnyObject {
  return structuredClone((cases.find((entry) => entry.id === id) as GoldenCase).response);
}

function recordedPod(): AnyObject['spec'] {
  const { containers: _, ...spec } = recorded('update/pod-image-allowed')['spec'];
  return spec;
}

/** Merges as both patch types do for these bodies: containers and volumes by name, new volumes first. */
function patched(object: AnyObject, patch: AnyObject): AnyObject {
  const merge = (target: unknown, change: unknown): unknown => {
    if (Array.isArray(change) && Array.isArray(target) && change.every((item) => item?.name)) {
      const kept = target.map((item) => {
        const same = change.find(({ name }) => name === item.name);
        return same ? merge(item, same) : item;
      });
      return [...change.filter(({ name }) => !target.some((item) => item.name === name)), ...kept];
    }
    if (typeof change !== 'object' || change === null || Array.isArray(change)) return change;
    const result: Record<string, unknown> = { ...(target as Record<string, unknown>) };
    for (const [key, value] of Object.entries(change)) result[key] = merge(result[key], value);
    return result;
  };
  return merge(object, patch) as AnyObject;
}

for (const { id, request, status, response } of cases.filter(({ id }) => !elsewhere.includes(id)))
  test(`${id} answers ${status} in upstream's words`, () => {
    const old = stored(request.path);
    // The recording's uid was another one, its creation time the stored one.
    const body = structuredClone(request.body);
    if (body.metadata?.creationTimestamp) delete body.metadata.creationTimestamp;
    const answer = statusOf(() => updated(targetOf(request.path), patched(old, body), old));
    if (status === 200) expect(comparable(answer as AnyObject)).toEqual(comparable(response));
    else expect(answer).toEqual(response);
  });

/** Whose updates upstream checks like new objects, recorded of one object of each kind. */
const checkedAgain = [
  ...['ConfigMap', 'ControllerRevision', 'EndpointSlice', 'Endpoints', 'Ingress', 'IngressClass', 'LimitRange'],
  ...['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding', 'Namespace', 'Node', 'PersistentVolumeClaim', 'Pod'],
  ...['PriorityLevelConfiguration', 'ResourceClaim', 'ResourceClaimTemplate', 'RuntimeClass', 'Secret', 'ServiceAccount'],
  ...['VolumeAttachment', 'VolumeAttributesClass'],
];

test('a generateName that makes no names is refused in updates of the kinds of which upstream refuses it', () => {
  const all = goldenFile<{ path: string; object: AnyObject }[]>('one-of-each-kind.json');
  // One is refused to begin with.
  const made = all.filter(({ object }) => object.kind !== 'CertificateSigningRequest');
  const refused = made.flatMap(({ path, object }) => {
    const target = targetOf(path);
    const old = created(target, object);
    old.metadata.resourceVersion = '1';
    const next = { ...old, metadata: { ...old.metadata, generateName: '!_A' } };
    const answer = statusOf(() => updated(target, next, old)) as { message?: string };
    return answer.message?.includes('metadata.generateName') ? [object.kind as string] : [];
  });
  expect([...new Set(refused)].toSorted()).toEqual(checkedAgain);
});
