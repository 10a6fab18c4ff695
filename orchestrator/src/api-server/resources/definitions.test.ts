import { decodeObject, isReason, schemas } from '@berth/kube';
import { describe, expect, test } from 'vitest';
import type { AnyObject, RequestContext, ResourceDefinition } from '../resource-definition.ts';
import { definitions } from './definitions.ts';

const context: RequestContext = {
  now: Date.parse('2026-01-01T00:00:00Z'),
  user: 'admin',
  groups: [],
  newUid: () => '5e0c4f2a-6f0e-4f6e-9a4e-2b8d7a4f1c11',
};

/** What the server makes of an object that says nothing but its name. */
function bare({ group, version, kind, namespaced, rules }: ResourceDefinition): AnyObject {
  const object: AnyObject = {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    metadata: { name: 'x', ...(namespaced && { namespace: 'default' }), uid: context.newUid() },
  };
  try {
    rules.prepareForCreate?.(object, context);
    rules.default?.(object);
  } catch (error) {
    if (!isReason(error, 'BadRequest')) throw error;
  }
  return object;
}

const titled = definitions.map((definition) => {
  const { plural, group, version } = definition;
  return [`${plural}.${version}${group && `.${group}`}`, definition] as const;
});

describe.each(titled)('%s', (_, definition) => {
  test('judges an object with nothing but a name', () => {
    for (const error of definition.rules.validate?.(bare(definition)) ?? []) expect(error.field).not.toBe('');
  });

  test('judges updates of it', () => {
    const { rules } = definition;
    const next = structuredClone(bare(definition));
    const old = bare(definition);
    rules.prepareForUpdate?.(next, old, context);
    rules.default?.(next);
    expect(rules.validateUpdate?.(next, old) ?? []).toBeInstanceOf(Array);
    rules.prepareForStatusUpdate?.(next, old, context);
    expect(rules.validateStatusUpdate?.(next, old) ?? []).toBeInstanceOf(Array);
  });

  test('has cells for it', () => {
    for (const { cell } of definition.columns) expect(() => cell(bare(definition), context.now)).not.toThrow();
  });

  test('gives the same answer to its own defaults', () => {
    const once = bare(definition);
    const twice = structuredClone(once);
    definition.rules.default?.(twice);
    expect(twice).toEqual(once);
  });
});

/** The strategies of some kinds compare with reflect.DeepEqual, those of the others with equality.Semantic; slices before they drop fields. */
test.each([
  ['networkpolicies', { spec: { podSelector: {} } }, { spec: { podSelector: {}, egress: [] } }, 2],
  ['networkpolicies', { spec: { podSelector: {} } }, { spec: { podSelector: {} } }, 1],
  ['validatingwebhookconfigurations', {}, { webhooks: [] }, 2],
  ['mutatingwebhookconfigurations', {}, {}, 1],
  ['ingresses', { spec: {} }, { spec: { rules: [] } }, 1],
  [
    'resourceslices',
    { spec: { devices: [{ name: 'd', attributes: { a: { int: 1 } } }] } },
    { spec: { devices: [{ name: 'd', attributes: { a: { int: 1 }, b: { ints: [1] } } }] } },
    2,
  ],
])('%s that are %j and become %j are of generation %i', (plural, stored, sent, generation) => {
  const definition = definitions.find((each) => each.plural === plural) as ResourceDefinition;
  const old = { ...bare(definition), ...stored };
  const next = decodeObject(schemas.get(definition.schema), { ...old, ...sent }).object as AnyObject;
  definition.rules.default?.(old);
  definition.rules.prepareForUpdate?.(next, old, context);
  expect(next.metadata.generation).toBe(generation);
});

test.each([
  // Upstream tells of it in the registry and in the kind's own update, or in the registry alone.
  ['', 'configmaps', 2],
  ['', 'persistentvolumes', 1],
  ['storage.k8s.io', 'volumeattachments', 1],
  ['policy', 'poddisruptionbudgets', 1],
  ['', 'events', 1],
])('a changed uid of %s/%s is told %i times', (group, plural, times) => {
  const definition = definitions.find((each) => each.group === group && each.plural === plural);
  const rules = definition?.rules;
  const spec = { source: { persistentVolumeName: 'v' }, attacher: 'a.b', nodeName: 'n', hostPath: { path: '/x' } };
  const old = { metadata: { name: 'x', namespace: definition?.namespaced ? 'default' : undefined, uid: 'u' }, spec };
  const next = { ...old, metadata: { ...old.metadata, uid: 'v', resourceVersion: '1' } };
  const changed = rules?.validateChanged ?? rules?.validate;
  const checks = [rules?.validateMetadataUpdate, rules?.validateChangeFirst, changed, rules?.validateUpdate];
  const errors = checks.flatMap((check) => check?.(structuredClone(next) as never, old as never) ?? []);
  expect(errors.filter(({ field }) => field === 'metadata.uid')).toHaveLength(times);
});
