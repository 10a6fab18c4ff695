import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { removeHalfWritten, writeFileDurably } from '@berth/kit';
import type { Pki } from './pki.ts';

/** Writes the administrator's kubeconfig, readable by its owner alone. @returns its absolute path. */
export async function writeKubeconfig(file: string, server: string, pki: Pki): Promise<string> {
  const path = resolve(file);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'berth', cluster: { server, 'certificate-authority-data': base64(pki.ca) } }],
    users: [
      {
        name: 'admin',
        user: { 'client-certificate-data': base64(pki.admin.cert), 'client-key-data': base64(pki.admin.key) },
      },
    ],
    contexts: [{ name: 'berth', context: { cluster: 'berth', user: 'admin' } }],
    'current-context': 'berth',
  };
  await mkdir(dirname(path), { recursive: true });
  await removeHalfWritten(path);
  // JSON is YAML; kubectl reads both and nothing has to be escaped by hand.
  await writeFileDurably(path, `${JSON.stringify(config, null, 2)}\n`, 0o600);
  return path;
}
