import { Turns } from '@berth/kit';
import { type KubeObject, Quantity, type ResourceQuota, type ResourceType } from '@berth/kube';
import { type Amounts, only, plus } from '../../quota/amounts.ts';
import { isInScope } from '../../quota/scopes.ts';
import { usageOf } from '../../quota/usage.ts';

/** In a turn of the event loop: a pod takes ten microseconds. */
const objectsATurn = 500;
const turns = new Turns(objectsATurn);

/** The objects of a kind in a quota's namespace, as they are when they are asked for. */
export interface CountedKind {
  readonly type: ResourceType<KubeObject>;
  readonly objects: () => Iterable<KubeObject>;
}

/** What objects use of what `quota` limits; what is made meanwhile changes the quota's own status, what goes is counted again. */
export async function countUsage(
  { spec = {} }: ResourceQuota,
  limited: Iterable<string>,
  kinds: readonly CountedKind[],
): Promise<Amounts> {
  const names = [...limited];
  let used: Amounts = new Map(names.map((name) => [name, Quantity.zero]));
  for (const { type, objects } of kinds)
    for (const object of objects()) {
      const pause = turns.goOn(1);
      if (pause) await pause;
      if (isInScope(spec, type.plural, object)) used = plus(used, only(usageOf(type, object), names));
    }
  return used;
}
