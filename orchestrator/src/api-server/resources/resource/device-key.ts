import type { DeviceRequestAllocationResult } from '@berth/kube';

/** What names one device, or one share of it. */
export type DeviceRef = Pick<DeviceRequestAllocationResult, 'driver' | 'pool' | 'device' | 'shareID'>;

/** As structured.SharedDeviceID prints itself. */
export function deviceKey({ driver = '', pool = '', device = '', shareID = '' }: DeviceRef) {
  return { Driver: driver, Pool: pool, Device: device, ShareID: shareID };
}

export function keyText(device: DeviceRef): string {
  return JSON.stringify(deviceKey(device));
}

export function deviceKeys(devices: readonly DeviceRef[] = []): Set<string> {
  return new Set(devices.map(keyText));
}
