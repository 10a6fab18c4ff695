import { existsSync } from 'node:fs';
import { CsictlError } from '../csictl-error.ts';

/** `unix:///path`, from that or from a bare path. @throws CsictlError USAGE – not a Unix socket; NOT_FOUND – nothing is there. */
export function socketEndpoint(endpoint: string): string {
  const path = socketPath(endpoint);
  if (!existsSync(path)) {
    throw new CsictlError('NOT_FOUND', `driver at unix://${path}: no such socket`, {
      hint: 'is the driver running? berth up starts it; --endpoint names another',
    });
  }
  return `unix://${path}`;
}

/** The path of a Unix socket's URL. @throws CsictlError USAGE */
export function socketPath(endpoint: string): string {
  const path = endpoint.replace(/^unix:(\/\/)?/, '');
  if (path.startsWith('/')) return path;
  throw new CsictlError('USAGE', `endpoint "${endpoint}" is not a Unix socket`, {
    hint: 'write it as unix:///run/csi.sock',
  });
}
