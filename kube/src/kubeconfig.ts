import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CodedError } from '@berth/kit';
import type { HttpTransportOptions } from './http-transport.ts';
import { isRecord } from './json-value.ts';

export interface ClusterAccess {
  readonly transport: HttpTransportOptions;
  /** Where to work unless told otherwise. */
  readonly namespace: string;
}

/** A kubeconfig or service account folder that cannot be used, and why. */
export class KubeconfigError extends CodedError<'Kubeconfig'> {
  constructor(message: string, cause?: unknown) {
    super('Kubeconfig', message, cause === undefined ? {} : { cause });
  }
}

type Entry = Readonly<Record<string, unknown>>;

/** Reads a kubeconfig file; `context` is its current one unless named. @throws KubeconfigError */
export async function loadKubeconfig(path: string, context?: string): Promise<ClusterAccess> {
  const { parse } = await import('yaml');
  let config: unknown;
  try {
    config = parse(await readFile(path, 'utf8'));
  } catch (error) {
    // Of YAML the place follows on lines of its own.
    throw new KubeconfigError(`kubeconfig ${path}: ${(error as Error).message.split(/:?\n/, 1)[0]}`, error);
  }
  if (!isRecord(config)) throw new KubeconfigError(`kubeconfig ${path}: is no mapping`);
  const name = context ?? text(config, 'current-context');
  if (!name) throw new KubeconfigError(`kubeconfig ${path}: has no current-context; name one`);
  const chosen = find(config, { list: 'contexts', item: 'context', name, path });
  const cluster = find(config, { list: 'clusters', item: 'cluster', name: text(chosen, 'cluster') ?? '', path });
  const userName = text(chosen, 'user');
  const user = userName ? find(config, { list: 'users', item: 'user', name: userName, path }) : {};
  return {
    transport: { ...(await clusterOptions(cluster, path)), ...(await userOptions(user, path)) },
    namespace: text(chosen, 'namespace') ?? 'default',
  };
}

/** What a pod's service account gives; the token is read again as kubelet rotates it. @throws KubeconfigError – not in a pod */
export async function inClusterConfig(
  env: Readonly<Record<string, string | undefined>>,
  folder = '/var/run/secrets/kubernetes.io/serviceaccount',
): Promise<ClusterAccess> {
  const [host, port] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  if (!host || !port) {
    throw new KubeconfigError('not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set');
  }
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  try {
    const ca = await readFile(`${folder}/ca.crt`);
    const namespace = (await readFile(`${folder}/namespace`, 'utf8')).trim();
    return { transport: { server, ca, tokenFile: `${folder}/token` }, namespace };
  } catch (error) {
    throw new KubeconfigError(`service account in ${folder}: ${(error as Error).message}`, error);
  }
}

/** The entry of that name; one that says nothing is empty, as client-go reads it. */
function find(
  config: Entry,
  { list, item, name, path }: { list: string; item: string; name: string; path: string },
): Entry {
  const entries = config[list];
  const entry = Array.isArray(entries) ? entries.find((each) => isRecord(each) && each['name'] === name) : undefined;
  const value: unknown = entry?.[item] ?? (entry && {});
  if (isRecord(value)) return value;
  throw new KubeconfigError(`kubeconfig ${path}: ${list} has no ${JSON.stringify(name)}`);
}

function text(entry: Entry, key: string): string | undefined {
  const value = entry[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `<key>-data` in base64, or the file that `<key>` names, relative to the kubeconfig. */
async function dataOrFile(entry: Entry, key: string, path: string): Promise<Buffer | undefined> {
  const data = text(entry, `${key}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64');
  const file = text(entry, key);
  if (file === undefined) return undefined;
  try {
    return await readFile(resolve(dirname(path), file));
  } catch (error) {
    throw new KubeconfigError(`kubeconfig ${path}: ${key}: ${(error as Error).message}`, error);
  }
}

async function clusterOptions(cluster: Entry, path: string): Promise<HttpTransportOptions> {
  const server = text(cluster, 'server');
  if (!server || !/^https?:\/\//.test(server)) {
    throw new KubeconfigError(`kubeconfig ${path}: the cluster's server must be an http or https URL`);
  }
  if (text(cluster, 'proxy-url')) throw new KubeconfigError(`kubeconfig ${path}: proxy-url is not supported`);
  const ca = await dataOrFile(cluster, 'certificate-authority', path);
  const tlsServerName = text(cluster, 'tls-server-name');
  return {
    server,
    ...(ca ? { ca } : {}),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecureSkipTlsVerify: true } : {}),
    ...(tlsServerName ? { tlsServerName } : {}),
  };
}

async function userOptions(user: Entry, path: string): Promise<Partial<HttpTransportOptions>> {
  for (const plugin of ['exec', 'auth-provider']) {
    if (!(plugin in user)) continue;
    throw new KubeconfigError(
      `kubeconfig ${path}: users with an ${plugin} plugin are not supported; use a token or a client certificate`,
    );
  }
  const [cert, key] = [await dataOrFile(user, 'client-certificate', path), await dataOrFile(user, 'client-key', path)];
  if ((cert === undefined) !== (key === undefined)) {
    throw new KubeconfigError(`kubeconfig ${path}: client-certificate and client-key go together`);
  }
  const [token, tokenFile] = [text(user, 'token'), text(user, 'tokenFile')];
  const [username, password] = [text(user, 'username'), text(user, 'password')];
  return {
    ...(cert && key ? { cert, key } : {}),
    ...(token ? { token } : {}),
    ...(tokenFile ? { tokenFile: resolve(dirname(path), tokenFile) } : {}),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
  };
}
