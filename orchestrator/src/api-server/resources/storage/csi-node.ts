import type { CSINode, CSINodeDriver } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { duplicate, invalid, required } from '../field.ts';
import { immutable, nonNegative } from '../metadata.ts';
import { qualifiedName } from '../names.ts';
import type { KindRules } from '../rules.ts';

/** The longest node id a driver may report (CSI spec §NodeGetInfo, raised by Kubernetes). */
const longestNodeId = 256;

export const csiNodeRules: KindRules = {
  cells: { Drivers: ({ spec }) => spec?.drivers?.length ?? 0 },
  rules: {
    validate: (object) => {
      const names = new Set<string>();
      return ((object as CSINode).spec?.drivers ?? []).flatMap((driver, index) => {
        const repeated = names.has(driver.name);
        names.add(driver.name);
        return driverErrors(driver, `spec.drivers[${index}]`, repeated);
      });
    },
    // A driver's entry stays as it is until it is removed; only its limit of volumes may change.
    validateUpdate: (next, old) =>
      ((old as CSINode).spec?.drivers ?? []).flatMap((before) =>
        ((next as CSINode).spec?.drivers ?? [])
          .filter(({ name }) => name === before.name)
          .flatMap((driver) => immutable(shownDriver(driver), shownDriver(before), 'spec.drivers')),
      ),
  },
};

function shownDriver({ name, nodeID, topologyKeys }: CSINodeDriver): object {
  return { Name: name, NodeID: nodeID, TopologyKeys: topologyKeys ?? null, Allocatable: null };
}

function driverErrors(driver: CSINodeDriver, field: string, repeated: boolean): FieldError[] {
  const { name, nodeID, topologyKeys, allocatable } = driver;
  const keys = topologyKeys ?? [];
  return [
    ...validateDriverName(name ?? '', `${field}.name`),
    ...(nodeID ? [] : [required(`${field}.nodeID`)]),
    ...(Buffer.byteLength(nodeID ?? '') > longestNodeId
      ? [invalid(`${field}.nodeID`, nodeID, `must be ${longestNodeId} characters or less`)]
      : []),
    ...nonNegative(allocatable?.count ?? 0, `${field}.allocatable.count`),
    ...(repeated ? [duplicate(`${field}.name`, name)] : []),
    ...keys.flatMap((key, index) => [
      ...(key ? [] : [required(field)]),
      ...(keys.indexOf(key) < index ? [duplicate(field, key)] : []),
      ...qualifiedName(key).map((text) => invalid(field, key, text)),
    ]),
  ];
}
