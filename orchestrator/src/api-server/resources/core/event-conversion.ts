import type { Event, EventsV1Event } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';

/** Names that differ between the two groups' Events; all others are the same (apis/events/v1/conversion.go). */
const renamed: Readonly<Partial<Record<keyof EventsV1Event, keyof Event>>> = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
};
const back = Object.fromEntries(Object.entries(renamed).map(([name, core]) => [core, name]));

export function toCoreEvent(event: AnyObject): AnyObject {
  return rename(event, renamed, 'v1');
}

export function fromCoreEvent(event: AnyObject): AnyObject {
  const own = rename(event, back, 'events.k8s.io/v1');
  // Here Go leaves them out where they are empty.
  for (const name of ['reportingController', 'reportingInstance']) if (own[name] === '') delete own[name];
  return own;
}

function rename(event: AnyObject, names: Readonly<Record<string, string>>, apiVersion: string): AnyObject {
  const entries = Object.entries(event).map(([key, value]) => [names[key] ?? key, value]);
  return { ...Object.fromEntries(entries), apiVersion } as AnyObject;
}
