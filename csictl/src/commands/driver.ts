import { askEach } from '../connect/ask-each.ts';
import { type OpenDriver, openDrivers } from '../connect/open-drivers.ts';
import { CsictlError } from '../csictl-error.ts';
import { type Column, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';

interface InfoRow {
  readonly name: string;
  readonly version: string;
  readonly node: string;
  readonly endpoint: string;
  readonly topology: Readonly<Record<string, string>>;
  readonly maxVolumes: string;
  readonly manifest: Readonly<Record<string, string>>;
}

const infoColumns: readonly Column<InfoRow>[] = [
  { name: 'NAME', value: (row) => row.name },
  { name: 'VERSION', value: (row) => row.version },
  { name: 'NODE', value: (row) => row.node },
  { name: 'TOPOLOGY', value: (row) => pairs(row.topology) },
  { name: 'MAX VOLUMES', value: (row) => (row.maxVolumes === '0' ? 'unlimited' : row.maxVolumes), wide: true },
  { name: 'ENDPOINT', value: (row) => row.endpoint },
];

/** `csictl driver info` */
export async function driverInfo(session: Session): Promise<void> {
  using open = openDrivers(session);
  const { rows, finish } = await askEach(open.drivers, infoOf);
  await printRows(session.printer, rows, infoColumns);
  finish();
}

async function infoOf({ node, driver }: OpenDriver): Promise<InfoRow[]> {
  const [{ name, vendorVersion, manifest }, nodeInfo] = await Promise.all([driver.info(), driver.nodeInfo()]);
  const row = {
    name,
    version: vendorVersion,
    node: nodeInfo?.nodeId ?? node,
    endpoint: driver.endpoint,
    topology: nodeInfo?.accessibleTopology?.segments ?? {},
    maxVolumes: nodeInfo?.maxVolumesPerNode ?? '',
    manifest,
  };
  return [row];
}

interface CapabilityRow {
  readonly driver: string;
  readonly node: string;
  readonly service: 'plugin' | 'controller' | 'group' | 'node';
  readonly capability: string;
}

const capabilityColumns: readonly Column<CapabilityRow>[] = [
  { name: 'DRIVER', value: (row) => row.driver },
  { name: 'NODE', value: (row) => row.node, wide: true },
  { name: 'SERVICE', value: (row) => row.service },
  { name: 'CAPABILITY', value: (row) => row.capability },
];

/** `csictl driver capabilities` */
export async function driverCapabilities(session: Session): Promise<void> {
  using open = openDrivers(session);
  const { rows, finish } = await askEach(open.drivers, capabilitiesOf);
  await printRows(session.printer, rows, capabilityColumns);
  finish();
}

async function capabilitiesOf({ node, driver }: OpenDriver): Promise<CapabilityRow[]> {
  const [{ name }, capabilities] = await Promise.all([driver.info(), driver.capabilities()]);
  return (['plugin', 'controller', 'group', 'node'] as const).flatMap((service) =>
    capabilities[service].map((capability) => ({ driver: name, node, service, capability })),
  );
}

interface ProbeRow {
  readonly endpoint: string;
  readonly node: string;
  readonly ready: boolean;
  readonly ms: number;
}

const probeColumns: readonly Column<ProbeRow>[] = [
  { name: 'ENDPOINT', value: (row) => row.endpoint },
  { name: 'NODE', value: (row) => row.node, wide: true },
  { name: 'READY', value: (row) => (row.ready ? 'yes' : 'no'), good: (row) => row.ready },
  { name: 'TIME', value: (row) => `${row.ms.toFixed(1)} ms` },
];

/** `csictl driver probe`: fails where a driver says it is not ready. */
export async function driverProbe(session: Session): Promise<void> {
  using open = openDrivers(session);
  const { rows, finish } = await askEach(open.drivers, async ({ node, driver }) => {
    const started = session.now();
    return [{ endpoint: driver.endpoint, node, ready: await driver.ready(), ms: session.now() - started }];
  });
  await printRows(session.printer, rows, probeColumns);
  finish();
  const unready = rows.find((row) => !row.ready);
  if (unready)
    throw new CsictlError('FAILED', `driver at ${unready.endpoint} is not ready`, { hint: 'its log says why' });
}

function pairs(map: Readonly<Record<string, string>>): string {
  return Object.entries(map)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
