import { readFileSync } from 'node:fs';

/** kubelet's record of a staged or published volume (pkg/volume/csi/csi_plugin.go); any field may be missing. */
export interface VolData {
  readonly driverName?: string;
  readonly volumeHandle?: string;
  readonly specVolID?: string;
  readonly volumeLifecycleMode?: string;
}

/** Of a volume that a pod itself describes: no PV stands behind it, and `specVolID` is its name in the pod. */
export function isInline(data: VolData | undefined): boolean {
  return data?.volumeLifecycleMode === 'Ephemeral';
}

/** More than any record has; what is larger is no record. */
const maxBytes = 64 * 1024;

/** @returns undefined where there is none, or none that can be read. */
export function readVolData(directory: string): VolData | undefined {
  try {
    const text = readFileSync(`${directory}/vol_data.json`, 'utf8');
    const data: unknown = text.length > maxBytes ? undefined : JSON.parse(text);
    if (typeof data !== 'object' || data === null) return undefined;
    return Object.fromEntries(Object.entries(data).filter(([, value]) => typeof value === 'string'));
  } catch {
    return undefined;
  }
}
