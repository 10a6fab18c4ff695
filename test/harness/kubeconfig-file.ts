import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file that is there until disposed. */
export function aFile(text: string, name = 'file') {
  const folder = mkdtempSync(join(tmpdir(), 'berth-file-'));
  const path = join(folder, name);
  writeFileSync(path, text);
  return {
    path,
    /** At once: nobody reads half of it. */
    replace(by: string): void {
      writeFileSync(`${path}.new`, by);
      renameSync(`${path}.new`, path);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** How a server of reviews is named to the API server. */
export function aKubeconfig({ url, caBundle }: { url: string; caBundle: string }) {
  const cluster = { server: url, 'certificate-authority-data': caBundle };
  return aFile(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'webhook',
      clusters: [{ name: 'remote', cluster }],
      users: [{ name: 'api-server', user: { token: 'from-the-api-server' } }],
      contexts: [{ name: 'webhook', context: { cluster: 'remote', user: 'api-server' } }],
    }),
  );
}
