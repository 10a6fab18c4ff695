import { lstat, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, removeHalfWritten, writeFileDurably } from '@berth/kit';
import { BerthError } from './berth-error.ts';
import type { DataDir } from './data-dir.ts';
import type { Pki } from './pki.ts';
import { prepareFile } from './prepare-file.ts';

/** It has the administrator's key. */
const mode = 0o600;

/** Makes the kubeconfig's folder. @throws BerthError Usage – no file can be there. */
export async function prepareKubeconfig(file: string): Promise<void> {
  const path = resolve(file);
  try {
    await prepareFile(path);
  } catch (error) {
    throw cannotWrite('Usage', path, error);
  }
}

/**
 * Writes the data directory's own kubeconfig, by which other commands find this server, and the one that was asked for.
 * @returns the path of the latter. @throws BerthError Failed – one cannot be written.
 */
export async function writeKubeconfigs(
  { data, kubeconfig = data.kubeconfig }: { readonly data: DataDir; readonly kubeconfig?: string },
  server: string,
  pki: Pki,
): Promise<string> {
  for (const file of new Set([data.kubeconfig, kubeconfig])) await writeKubeconfig(file, server, pki);
  return resolve(kubeconfig);
}

/**
 * Writes the administrator's kubeconfig, readable by its owner alone.
 * @throws BerthError Failed – the file cannot be written.
 */
async function writeKubeconfig(file: string, server: string, pki: Pki): Promise<void> {
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
  // JSON is YAML; kubectl reads both and nothing has to be escaped by hand.
  const text = `${JSON.stringify(config, null, 2)}\n`;
  try {
    await removeHalfWritten(path);
    // A start that changes nothing needs no room: the disk may be full.
    if (!(await hasText(path, text))) await writeFileDurably(path, text, mode);
  } catch (error) {
    throw cannotWrite('Failed', path, error);
  }
}

async function hasText(path: string, text: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isFile() || (found.mode & 0o777) !== mode) return false;
  return (await readFile(path, 'utf8').catch(() => undefined)) === text;
}

function cannotWrite(code: 'Usage' | 'Failed', path: string, cause: unknown): BerthError {
  return new BerthError(code, `cannot write the kubeconfig ${path}: ${messageOf(cause)}`, {
    hint: 'name another file: berth up --kubeconfig FILE',
    cause,
  });
}
