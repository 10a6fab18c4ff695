import type { Event, ObjectReference } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { age } from '../columns.ts';
import { semanticEqual } from '../equality.ts';
import { invalid, required } from '../field.ts';
import { shownForm } from '../internal-form.ts';
import { immutable } from '../metadata.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { fromCoreEvent, toCoreEvent } from './event-conversion.ts';

/** Unless `--event-ttl` says otherwise. */
const ttlSeconds = 3600;

type Selectable = readonly (readonly [string, (event: Event) => string | undefined])[];

/** What both groups select by, under names of their own for whom it is about. */
const selectableAs = (about: string, reporter: string): Selectable => [
  ...(['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const).map(
    (name) => [`${about}.${name}`, (event: Event) => event.involvedObject?.[name]] as const,
  ),
  ['reason', ({ reason }) => reason],
  [reporter, ({ reportingComponent }) => reportingComponent],
  ['type', ({ type }) => type],
];

const cells: NonNullable<KindRules['cells']> = {
  'Last Seen': (object, now) => lastSeen(object as Event, now),
  Type: ({ type }) => type ?? '',
  Reason: ({ reason }) => reason ?? '',
  Object: (object) => {
    const { kind = '', name } = (object as Event).involvedObject ?? {};
    return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
  },
  Subobject: (object) => (object as Event).involvedObject?.fieldPath ?? '',
  Source: (object) => sourceOf(object as Event),
  Message: ({ message }) => (message ?? '').trim(),
  'First Seen': (object, now) => firstSeen(object as Event, now),
  Count: (object) => (object as Event).series?.count ?? ((object as Event).count || 1),
};

/** Core Events; they stand in the store in this form for both groups. */
export const eventRules: KindRules = {
  cells,
  rules: {
    ttlSeconds,
    nameRule: 'pathSegment',
    validate: (object) => legacyErrors(object as Event, 'reportingComponent'),
    selectableFields: {
      ...selectableFields(selectableAs('involvedObject', 'reportingComponent'), (object) => object as Event),
      source: (object) => (object as Event).source?.component || (object as Event).reportingComponent || '',
    },
  },
};

function selectableFields(selectable: Selectable, toEvent: (object: AnyObject) => Event) {
  return Object.fromEntries(
    selectable.map(([name, read]) => [name, (object: AnyObject) => read(toEvent(object)) ?? '']),
  );
}

/** events.k8s.io Events: the same objects under newer names and stricter rules. */
export const newEventRules: KindRules = {
  cells: Object.fromEntries(
    Object.entries(cells).map(([name, cell]) => [name, (object, now) => cell(toCoreEvent(object), now)]),
  ),
  rules: {
    ttlSeconds,
    validate: (object, old) => {
      const event = toCoreEvent(object) as Event;
      return [...legacyErrors(event, 'reportingController'), ...(old ? [] : creationErrors(event))];
    },
    validateUpdate,
    // apis/events/v1/conversion.go: AddFieldLabelConversionsForEvent.
    selectableFields: selectableFields(
      selectableAs('regarding', 'reportingController'),
      (object) => toCoreEvent(object) as Event,
    ),
  },
  versions: {
    v1: { storedAs: { group: '', plural: 'events', toStored: toCoreEvent, fromStored: fromCoreEvent } },
  },
};

function firstSeen(event: Event, now: number): string {
  return age(event.firstTimestamp ?? event.eventTime, now);
}

function lastSeen(event: Event, now: number): string {
  if (event.series) return age(event.series.lastObservedTime, now);
  return event.lastTimestamp ? age(event.lastTimestamp, now) : firstSeen(event, now);
}

function sourceOf({ source, reportingComponent = '', reportingInstance = '' }: Event): string {
  const component = source?.component || reportingComponent;
  const instance = source?.host || reportingInstance;
  return instance ? `${component}, ${instance}` : component;
}

/** Rules both groups share (legacyValidateEvent). */
function legacyErrors(event: Event, controllerField: string): FieldError[] {
  const namespace = event.metadata.namespace ?? '';
  const about = event.involvedObject?.namespace ?? '';
  const elsewhere = event.eventTime
    ? about === '' && namespace !== 'default' && namespace !== 'kube-system'
    : about === ''
      ? namespace !== '' && namespace !== 'default'
      : namespace !== about;
  return [
    ...(elsewhere ? [invalid('involvedObject.namespace', about, 'does not match event.namespace')] : []),
    ...(event.eventTime ? reportErrors(event, controllerField) : []),
    ...dns1123Subdomain(namespace).map((text) => invalid('namespace', namespace, text)),
  ];
}

function reportErrors(event: Event, controllerField: string): FieldError[] {
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  const limited = (field: string, value: string): FieldError[] => [
    ...(value === '' ? [required(field)] : []),
    ...(value.length > 128 ? [invalid(field, '', 'can have at most 128 characters')] : []),
  ];
  return [
    ...(reportingComponent === '' ? [required(controllerField)] : []),
    ...qualifiedName(reportingComponent).map((text) => invalid(controllerField, reportingComponent, text)),
    ...limited('reportingInstance', reportingInstance),
    ...limited('action', action),
    ...limited('reason', reason),
    ...(message.length > 1024 ? [invalid('message', '', 'can have at most 1024 characters')] : []),
  ];
}

function creationErrors(event: Event): FieldError[] {
  const unset = (field: string, value: unknown) => (value ? [invalid(field, '', 'needs to be unset')] : []);
  return [
    ...seriesErrors(event),
    ...(event.eventTime ? [] : [required('eventTime')]),
    ...(event.type === 'Normal' || event.type === 'Warning'
      ? []
      : [invalid('type', '', `has invalid value: ${event.type ?? ''}`)]),
    ...unset('firstTimestamp', event.firstTimestamp),
    ...unset('lastTimestamp', event.lastTimestamp),
    ...unset('count', event.count),
    ...unset('source', event.source?.component || event.source?.host),
  ];
}

function seriesErrors({ series }: Event): FieldError[] {
  if (!series) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ];
}

/** What may not change, in upstream's order, in which the reason comes twice, and as the unversioned form shows it. */
const fixed: readonly (readonly [string, (event: Event) => unknown])[] = [
  ['involvedObject', ({ involvedObject = {} }) => shownReference(involvedObject)],
  ['reason', ({ reason = '' }) => reason],
  ['message', ({ message = '' }) => message],
  ['source', ({ source: { component = '', host = '' } = {} }) => ({ Component: component, Host: host })],
  ['firstTimestamp', ({ firstTimestamp }) => firstTimestamp],
  ['lastTimestamp', ({ lastTimestamp }) => lastTimestamp],
  ['count', ({ count = 0 }) => count],
  ['reason', ({ reason = '' }) => reason],
  ['type', ({ type = '' }) => type],
  ['eventTime', ({ eventTime }) => eventTime],
  ['action', ({ action = '' }) => action],
  ['related', ({ related }) => related && shownReference(related)],
  ['reportingController', ({ reportingComponent = '' }) => reportingComponent],
  ['reportingInstance', ({ reportingInstance = '' }) => reportingInstance],
];

function shownReference(reference: ObjectReference): object {
  return shownForm('ObjectReference', reference);
}

function validateUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const event = toCoreEvent(next) as Event;
  const before = toCoreEvent(old) as Event;
  return [
    ...(semanticEqual(event.series, before.series) ? [] : seriesErrors(event)),
    ...fixed.flatMap(([name, read]) => immutable(read(event), read(before), name)),
  ];
}
