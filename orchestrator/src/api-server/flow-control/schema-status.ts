import { rfc3339 } from '@berth/kit';
import { decodeObject, type FlowSchema, type FlowSchemaCondition, isConflict, isNotFound, schemas } from '@berth/kube';
import { applyObject } from '../apply/apply-object.ts';
import { changeOwn } from '../boot/change-own.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { flowControlGroup } from './ensure-configuration.ts';

/** How upstream signs it. */
const manager = 'api-priority-and-fairness-config-consumer-v1';

/** Says on a schema whether its level exists, where that is not said yet. */
export async function writeDangling(context: ServerContext, schema: FlowSchema, dangling: boolean): Promise<void> {
  const definition = context.registry.ofResource(flowControlGroup, 'flowschemas');
  const wanted = conditionOf(schema, dangling);
  if (!definition || isSaid(schema, wanted)) return;
  const { group, version, kind } = definition;
  const change = (live: AnyObject): AnyObject => {
    const condition = { ...wanted, lastTransitionTime: rfc3339(context.clock.now()) };
    const metadata = { name: live.metadata.name };
    return applyObject({
      scope: context.fields.of(definition, 'status'),
      live,
      config: { apiVersion: `${group}/${version}`, kind, metadata, status: { conditions: [condition] } },
      manager,
      force: true,
      now: context.clock.now(),
      decode: (merged) => decodeObject(schemas.get(definition.schema), merged, 'map').object as AnyObject,
    });
  };
  const name = schema.metadata.name ?? '';
  const place = { definition, namespace: '', name, subresource: 'status', endpoint: 'status' } as const;
  try {
    await changeOwn(context, { ...place, tracked: true, change });
  } catch (error) {
    // Its next event, or its deletion, is on its way.
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

function conditionOf({ spec }: FlowSchema, dangling: boolean): FlowSchemaCondition {
  const level = JSON.stringify(spec?.priorityLevelConfiguration.name ?? '');
  const references = `This FlowSchema references the PriorityLevelConfiguration object named ${level}`;
  return dangling
    ? { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${references} but there is no such object` }
    : { type: 'Dangling', status: 'False', reason: 'Found', message: `${references} and it exists` };
}

function isSaid({ status }: FlowSchema, wanted: FlowSchemaCondition): boolean {
  const said = status?.conditions?.find(({ type }) => type === 'Dangling');
  return said?.status === wanted.status && said?.reason === wanted.reason && said?.message === wanted.message;
}
