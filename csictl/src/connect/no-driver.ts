import { CsictlError } from '../csictl-error.ts';

/** What is said where no driver is named, and none runs below the data directory. */
export function noDriver(dataDir: string): CsictlError {
  return new CsictlError('NOT_FOUND', `no CSI driver runs below ${dataDir}`, {
    hint: 'start berth up; or name its directory with --data-dir DIR, or a driver with --endpoint unix:///run/csi.sock',
  });
}
