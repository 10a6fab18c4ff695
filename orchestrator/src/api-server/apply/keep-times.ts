import { equalValues } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';

/**
 * Takes back new times in managedFields where the write changed nothing else, so that nothing is written
 * (fieldmanager IgnoreManagedFieldsTimestampsTransformer).
 */
export function keepTimes(next: AnyObject, old: AnyObject): void {
  const [fields, before] = [next.metadata.managedFields, old.metadata.managedFields];
  if (!fields || !before || fields.length !== before.length) return;
  if (fields.every(({ time }, i) => time === before[i]?.time)) return;
  const timeless = fields.map((entry, i) => withTime(entry, before[i]?.time));
  if (!equalValues(timeless, before)) return;
  const metadata = { ...next.metadata, managedFields: before, resourceVersion: old.metadata.resourceVersion };
  if (semanticEqual({ ...next, metadata }, old)) next.metadata.managedFields = before;
}

function withTime<T extends { time?: string }>({ time: _, ...entry }: T, time: string | undefined): object {
  return time === undefined ? entry : { ...entry, time };
}
