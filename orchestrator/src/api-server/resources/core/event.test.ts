import { expect, test } from 'vitest';
import { selectionOf } from '../../selection.ts';
import { definitions } from '../definitions.ts';

const core = {
  metadata: { name: 'e', namespace: 'ns' },
  involvedObject: { kind: 'Pod', name: 'web-0', uid: 'u-1', fieldPath: 'spec' },
  reason: 'Started',
  reportingComponent: 'kubelet',
  source: { component: 'kubelet' },
  type: 'Normal',
};
const { involvedObject, reportingComponent, source, ...same } = core;
const newer = { ...same, regarding: involvedObject, reportingController: reportingComponent, deprecatedSource: source };

/** pkg/apis/core/v1 and pkg/apis/events/v1, AddFieldLabelConversionsForEvent. */
test.each([
  ['', core, 'involvedObject.name=web-0,involvedObject.kind=Pod,involvedObject.uid=u-1,involvedObject.fieldPath=spec'],
  ['', core, 'reason=Started,reportingComponent=kubelet,source=kubelet,type=Normal,metadata.namespace=ns'],
  ['events.k8s.io', newer, 'regarding.name=web-0,regarding.kind=Pod,regarding.uid=u-1,regarding.fieldPath=spec'],
  ['events.k8s.io', newer, 'reason=Started,reportingController=kubelet,type=Normal,metadata.name=e'],
])('Events of "%s" are selected by %#', (group, event, fieldSelector) => {
  const definition = definitions.find((each) => each.group === group && each.kind === 'Event');
  if (!definition) throw new Error('no such kind');
  expect(selectionOf(definition, { labelSelector: '', fieldSelector }).matches(event as never)).toBe(true);
  const other = fieldSelector.replace(/=[^,]+/, '=other');
  expect(selectionOf(definition, { labelSelector: '', fieldSelector: other }).matches(event as never)).toBe(false);
});

test.each([
  ['', 'regarding.name'],
  ['events.k8s.io', 'involvedObject.name'],
  ['events.k8s.io', 'source'],
  ['events.k8s.io', 'reportingComponent'],
])('Events of "%s" know no field %s', (group, field) => {
  const definition = definitions.find((each) => each.group === group && each.kind === 'Event');
  if (!definition) throw new Error('no such kind');
  expect(() => selectionOf(definition, { labelSelector: '', fieldSelector: `${field}=x` })).toThrow(
    `field label not supported: ${field}`,
  );
});
