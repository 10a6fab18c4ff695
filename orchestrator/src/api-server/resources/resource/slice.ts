import {
  type CounterSet,
  type Device,
  type NodeSelectorTerm,
  type ResourcePool,
  type ResourceSlice,
  type ResourceSliceSpec,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateNodeSelector } from '../core/node-selector.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { invalid, required } from '../field.ts';
import { immutable } from '../metadata.ts';
import { boundedSet } from './bounded.ts';
import { validateCounters, validateDevice } from './device.ts';
import { validateLabel, validatePoolName, validateSubdomain } from './device-names.ts';

const mostDevices = 128;
/** Where devices have taints or share counters. */
const mostAdvancedDevices = 64;
const mostCounterSets = 8;

const nowhere: ResourceSliceSpec = { driver: '', pool: { name: '', generation: 0, resourceSliceCount: 0 } };

/** A slice in v1's form (apis/resource/validation validateResourceSliceSpec). */
export function validateSlice({ spec = nowhere }: ResourceSlice, old?: ResourceSlice): FieldError[] {
  return [
    ...validateDriverName(spec.driver ?? '', 'spec.driver'),
    ...poolErrors(spec.pool ?? nowhere.pool, 'spec.pool'),
    ...(old ? fixedErrors(spec, old.spec ?? nowhere) : []),
    ...placeErrors(spec),
    ...(withSentEmpty(spec, 'sharedCounters') && withSentEmpty(spec, 'devices')
      ? [invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed')]
      : []),
    ...deviceErrors(spec, old?.spec),
    ...boundedSet(
      spec.sharedCounters,
      { max: mostCounterSets, check: counterSetErrors, keyOf: ({ name }) => name },
      'spec.sharedCounters',
    ),
  ];
}

function poolErrors({ name = '', generation = 0, resourceSliceCount = 0 }: ResourcePool, field: string): FieldError[] {
  return [
    ...validatePoolName(name, `${field}.name`),
    ...(resourceSliceCount > 0
      ? []
      : [invalid(`${field}.resourceSliceCount`, resourceSliceCount, 'must be greater than zero')]),
    ...(generation < 0 ? [invalid(`${field}.generation`, generation, 'must be greater than or equal to zero')] : []),
  ];
}

function fixedErrors(next: ResourceSliceSpec, old: ResourceSliceSpec): FieldError[] {
  return [
    ...immutable(next.pool?.name, old.pool?.name, 'spec.pool.name'),
    ...immutable(next.driver, old.driver, 'spec.driver'),
    ...immutable(next.nodeName, old.nodeName, 'spec.nodeName'),
  ];
}

/** Whose devices these are: one node's, some nodes', everybody's, or each its own. */
function placeErrors({ nodeName, nodeSelector, allNodes, perDeviceNodeSelection }: ResourceSliceSpec): FieldError[] {
  const given = Object.entries({ nodeName, nodeSelector, allNodes, perDeviceNodeSelection }).flatMap(([name, value]) =>
    value ? [`\`${name}\``] : [],
  );
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  const unset = (name: string, value: boolean | undefined) =>
    value === false ? [invalid(`spec.${name}`, value, 'must be either unset or set to true')] : [];
  const terms = nodeSelector?.nodeSelectorTerms ?? [];
  return [
    ...(nodeName ? validateSubdomain(nodeName, 'spec.nodeName') : []),
    ...(nodeName === ''
      ? [invalid('spec.nodeName', nodeName, 'must be either unset or set to a non-empty string')]
      : []),
    ...(nodeSelector ? validateNodeSelector(nodeSelector, 'spec.nodeSelector') : []),
    ...(nodeSelector && terms.length !== 1
      ? [
          invalid(
            'spec.nodeSelector.nodeSelectorTerms',
            nodeSelector.nodeSelectorTerms ? goTerms(terms) : null,
            'must have exactly one node selector term',
          ),
        ]
      : []),
    ...unset('allNodes', allNodes),
    ...unset('perDeviceNodeSelection', perDeviceNodeSelection),
    ...(given.length === 0 ? [required('spec', one)] : []),
    ...(given.length > 1 ? [invalid('spec', `{${given.join(', ')}}`, `${one}, but multiple fields are set`)] : []),
  ];
}

/** As Go prints the unversioned form. */
function goTerms(terms: readonly NodeSelectorTerm[]) {
  const requirements = (list: NodeSelectorTerm['matchFields']) =>
    list?.map(({ key, operator, values }) => ({ Key: key, Operator: operator, Values: values ?? null })) ?? null;
  return terms.map(({ matchExpressions, matchFields }) => ({
    MatchExpressions: requirements(matchExpressions),
    MatchFields: requirements(matchFields),
  }));
}

function deviceErrors(
  { devices = [], perDeviceNodeSelection }: ResourceSliceSpec,
  old?: ResourceSliceSpec,
): FieldError[] {
  const isAdvanced = devices.some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);
  // Of several of a name the first counts.
  const before = new Map((old?.devices ?? []).toReversed().map((device) => [device.name, device]));
  const check = (device: Device, field: string) =>
    validateDevice(device, field, { old: before.get(device.name), perDevice: perDeviceNodeSelection === true });
  const max = isAdvanced ? mostAdvancedDevices : mostDevices;
  return boundedSet(devices, { max, check, keyOf: ({ name }) => name }, 'spec.devices');
}

function counterSetErrors({ name = '', counters }: CounterSet, field: string): FieldError[] {
  return [
    ...(name === '' ? [required(`${field}.name`)] : validateLabel(name, `${field}.name`)),
    ...validateCounters(counters, `${field}.counters`),
  ];
}
