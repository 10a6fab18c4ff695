import { expect, test } from 'vitest';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { ResourceRegistry } from '../resource-registry.ts';
import { definitions } from '../resources/definitions.ts';
import { applyObject } from './apply-object.ts';
import { fieldScopeOf } from './field-scope.ts';
import { trackUpdate } from './track-update.ts';

const registry = new ResourceRegistry(definitions);
const group = 'autoscaling';
const now = Date.parse('2026-01-01T00:00:00Z');

function scaler(version: string) {
  const definition = registry.find(group, version, 'horizontalpodautoscalers') as ResourceDefinition;
  const scope = fieldScopeOf(registry, definition, '');
  const complete = (object: AnyObject) => {
    definition.rules.default?.(object);
    return object;
  };
  return {
    scope,
    complete,
    apply: (live: AnyObject | undefined, config: Record<string, unknown>, manager = 'alice') =>
      complete(
        applyObject({ scope, live, config, manager, force: false, now, decode: (merged) => merged as AnyObject }),
      ),
    /** The object as this version shows it. */
    show: (object: AnyObject) =>
      scope.versions.convert({ value: object, type: scope.type }, scope.apiVersion)?.value as AnyObject,
  };
}

const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
const metadata = { name: 'h', namespace: 'default', uid: 'u' };
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

test('what one version applied, another one takes away field by field', () => {
  const [v1, v2] = [scaler('v1'), scaler('v2')];
  const spec = { scaleTargetRef: target, maxReplicas: 3, metrics: [cpu(50)] };
  const made = v2.apply(undefined, { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, spec });
  const { managedFields = [] } = made.metadata;
  expect(managedFields).toMatchObject([
    { manager: 'alice', apiVersion: 'autoscaling/v2', fieldsV1: { 'f:spec': { 'f:metrics': {} } } },
  ]);
  const live: AnyObject = { ...v1.show(made), metadata: made.metadata };
  const next = structuredClone(live);
  delete next.metadata.managedFields;
  next['spec'].targetCPUUtilizationPercentage = 70;
  const update = { scope: v1.scope, live, next: v1.complete(next), sent: undefined, manager: 'bob', now };
  expect(trackUpdate(update)).toMatchObject([
    { manager: 'alice', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:maxReplicas': {} } } },
    {
      manager: 'bob',
      operation: 'Update',
      apiVersion: 'autoscaling/v1',
      fieldsV1: { 'f:spec': { 'f:targetCPUUtilizationPercentage': {} } },
    },
  ]);
  expect(JSON.stringify(trackUpdate(update)?.[0])).not.toContain('metrics');
});

test('a conflict is found across versions, and what is applied no more goes in both', () => {
  const [v1, v2] = [scaler('v1'), scaler('v2')];
  const config = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: { scaleTargetRef: target, maxReplicas: 3, minReplicas: 2 },
  };
  const made = v2.apply(undefined, config);
  const live: AnyObject = { ...v1.show(made), metadata: made.metadata };
  const old = { ...config, apiVersion: 'autoscaling/v1' };
  expect(() => v1.apply(live, { ...old, spec: { ...old.spec, minReplicas: 3 } }, 'bob')).toThrow(
    'Apply failed with 1 conflict: conflict with "alice": .spec.minReplicas',
  );
  const again = v1.apply(live, { ...old, spec: { scaleTargetRef: target, maxReplicas: 3 } });
  // Its default is there again.
  expect(again['spec'].minReplicas).toBe(1);
  expect(again.metadata.managedFields).toMatchObject([{ manager: 'alice', apiVersion: 'autoscaling/v1' }]);
  expect(again.metadata.managedFields).toHaveLength(1);
});

test('sets of versions that are not served are forgotten', () => {
  const { scope, complete } = scaler('v2');
  const entry = {
    manager: 'old',
    operation: 'Update',
    apiVersion: 'autoscaling/v2beta2',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:maxReplicas': {} } },
  };
  const own = { ...entry, manager: 'own', apiVersion: 'autoscaling/v2' };
  const object = () =>
    complete({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { ...metadata },
      spec: { scaleTargetRef: target, maxReplicas: 3 },
    });
  const live = { ...object(), metadata: { ...metadata, managedFields: [entry, own] } };
  expect(trackUpdate({ scope, live, next: object(), sent: undefined, manager: 'm', now })).toEqual([own]);
});
