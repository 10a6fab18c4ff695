import { type ApiError, decodeObject, type OpenApiSchema, openApiMergeType, schemas } from '@berth/kube';
import { applyObject } from '../../orchestrator/src/api-server/apply/apply-object.ts';
import { type FieldScope, fieldScopeOf } from '../../orchestrator/src/api-server/apply/field-scope.ts';
import { trackUpdate } from '../../orchestrator/src/api-server/apply/track-update.ts';
import type { AnyObject, ResourceDefinition } from '../../orchestrator/src/api-server/resource-definition.ts';
import { ResourceRegistry } from '../../orchestrator/src/api-server/resource-registry.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { toWireForm } from '../../orchestrator/src/api-server/resources/wire-form.ts';
import type { OracleAnswer, OracleStep } from './apply-oracle.ts';

const registry = new ResourceRegistry(definitions);
const fixedTime = '2026-01-01T00:00:00Z';
const now = Date.parse('2026-06-01T00:00:00Z');

export interface StepWorld {
  readonly scope: (subresource: string) => FieldScope;
  readonly decode: (value: unknown) => AnyObject;
}

export function builtInWorld(plural: string, group: string): StepWorld {
  const definition = registry.ofResource(group, plural) as ResourceDefinition;
  return {
    scope: (subresource) => fieldScopeOf(registry, definition, subresource),
    decode: (value) => {
      const object = decodeObject(schemas.get(definition.schema), value).object as AnyObject;
      const { managedFields } = object.metadata;
      toWireForm(object, definition.schema);
      return managedFields ? { ...object, metadata: { ...object.metadata, managedFields } } : object;
    },
  };
}

/** A custom resource's, of the definition that `definition` would be but for its schema. */
export function customWorld(schema: OpenApiSchema, preserve: boolean): StepWorld {
  const base = registry.ofResource('', 'configmaps') as ResourceDefinition;
  const definition: ResourceDefinition = {
    ...base,
    group: 'example.com',
    version: 'v1',
    kind: 'Thing',
    plural: 'things',
    schema: '',
    merge: openApiMergeType(schema, preserve),
    rules: {},
  };
  return {
    scope: (subresource) => fieldScopeOf(registry, definition, subresource),
    decode: (value) => structuredClone(value) as AnyObject,
  };
}

/** What our server makes of a history of writes, as the oracle answers it. */
export function takeSteps({ scope, decode }: StepWorld, steps: readonly OracleStep[]): OracleAnswer[] {
  let live: AnyObject | undefined;
  return steps.map((step) => {
    try {
      live = settled(take({ scope: scope(step.subresource ?? ''), decode }, live, step));
      return { object: live };
    } catch (error) {
      return { error: (error as ApiError).message };
    }
  });
}

function take(
  { scope, decode }: { readonly scope: FieldScope; readonly decode: StepWorld['decode'] },
  live: AnyObject | undefined,
  { op, manager, force = false, object }: OracleStep,
): AnyObject {
  if (op === 'apply')
    return applyObject({ scope, live, config: object as Record<string, unknown>, manager, force, now, decode });
  const next = decode(object);
  const { managedFields: sent } = next.metadata;
  delete next.metadata.managedFields;
  const fields = trackUpdate({ scope, live, next, sent, manager, now });
  if (fields) next.metadata.managedFields = fields;
  return next;
}

/** With what the server gives an object, and one time for all writes. */
function settled(object: AnyObject): AnyObject {
  const { managedFields, ...metadata } = object.metadata;
  const fields = managedFields?.map((entry) => (entry.time === undefined ? entry : { ...entry, time: fixedTime }));
  return { ...object, metadata: { ...metadata, uid: 'u', ...(fields ? { managedFields: fields } : {}) } };
}
