import { rfc3339 } from '@berth/kit';
import { type FlowSchema, type FlowSchemaCondition, isConflict, isNotFound } from '@berth/kube';
import { changeOwn } from '../boot/change-own.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { flowControlGroup } from './ensure-configuration.ts';

/** Says on a schema whether its level exists, where that is not said yet. */
export async function writeDangling(context: ServerContext, schema: FlowSchema, dangling: boolean): Promise<void> {
  const definition = context.registry.ofResource(flowControlGroup, 'flowschemas');
  const wanted = conditionOf(schema, dangling);
  if (!definition || isSaid(schema, wanted)) return;
  const change = (next: AnyObject): AnyObject => {
    const { status = {} } = next as FlowSchema;
    const others = (status.conditions ?? []).filter(({ type }) => type !== 'Dangling');
    status.conditions = [...others, { ...wanted, lastTransitionTime: rfc3339(context.clock.now()) }];
    return { ...next, status };
  };
  const name = schema.metadata.name ?? '';
  const place = { definition, namespace: '', name, subresource: 'status', endpoint: 'status' } as const;
  try {
    await changeOwn(context, { ...place, change });
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
