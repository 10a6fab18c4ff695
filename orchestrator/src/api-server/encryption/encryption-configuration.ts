import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { aesCbc, aesGcm } from './aes-transformers.ts';
import { secretbox } from './secretbox.ts';
import { byPrefix, identity, type PrefixedTransformer, type Transformer } from './transformer.ts';

/** How a resource's objects are stored; undefined: as they are. */
export type ResourceTransformers = (group: string, plural: string) => Transformer | undefined;

type Fields = Readonly<Record<string, unknown>>;

const flag = '--encryption-provider-config';
const aesKeys = { name: 'AES', keyBytes: [16, 24, 32] } as const;
const makers = {
  aesgcm: { make: aesGcm, ...aesKeys },
  aescbc: { make: aesCbc, ...aesKeys },
  secretbox: { make: secretbox, name: 'Secretbox', keyBytes: [32] },
} as const;
const notStored = new Set(['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations']);

/**
 * Reads a file of EncryptionConfiguration (apiserver.config.k8s.io/v1).
 * @throws RangeError – it cannot be read, or is wrong, in upstream's words; a secret is never said.
 */
export async function readEncryptionConfiguration(path: string): Promise<ResourceTransformers> {
  const where = `${flag} ${path}`;
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`${where} cannot be read: ${error.code}`);
  });
  try {
    return transformersOf(parsed(text));
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`${where}: ${error.message}`);
    throw error;
  }
}

function parsed(text: string): Fields {
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 10 });
  } catch {
    // The parser's words quote the file, which has secrets in it.
    throw new RangeError('is neither YAML nor JSON');
  }
  const fields = recordOf(value, '');
  const { kind, apiVersion } = fields;
  if (kind !== 'EncryptionConfiguration' || apiVersion !== 'apiserver.config.k8s.io/v1')
    throw new RangeError('is no EncryptionConfiguration of apiserver.config.k8s.io/v1');
  return fields;
}

function transformersOf({ resources }: Fields): ResourceTransformers {
  const byResource = new Map<string, PrefixedTransformer[]>();
  for (const [index, value] of listOf(resources, 'resources').entries()) {
    const at = `resources[${index}]`;
    const fields = recordOf(value, at);
    const names = listOf(fields['resources'], `${at}.resources`).map(String);
    checkNames(names, `${at}.resources`);
    const providers = listOf(fields['providers'], `${at}.providers`).map((provider, number) =>
      providerOf(recordOf(provider, `${at}.providers[${number}]`), `${at}.providers[${number}]`),
    );
    for (const name of names) {
      const [plural, group] = splitName(name);
      for (const earlier of [`*.${group}`, '*.*'])
        if (byResource.has(earlier))
          throw new RangeError(`resource ${JSON.stringify(name)} is masked by earlier rule ${JSON.stringify(earlier)}`);
      const key = `${plural}.${group}`;
      byResource.set(key, [...(byResource.get(key) ?? []), ...providers]);
    }
  }
  const made = new Map(
    [...byResource].map(([name, providers]) => [name, byPrefix(providers, 'no matching prefix found')]),
  );
  return (group, plural) => made.get(`${plural}.${group}`) ?? made.get(`*.${group}`) ?? made.get('*.*');
}

/** `secrets`, `deployments.apps`, `*.`, `*.apps`, `*.*`. */
function splitName(name: string): readonly [string, string] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

function checkNames(names: readonly string[], at: string): void {
  for (const [index, name] of names.entries()) {
    const wrong = (why: string) => new RangeError(`${at}[${index}]: Invalid value: ${JSON.stringify(name)}: ${why}`);
    const [plural, group] = splitName(name);
    if (name !== name.toLowerCase()) throw wrong('resource name should not contain capital letters');
    if (name === '*')
      throw wrong("use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources");
    if (notStored.has(name)) throw wrong('resources which do not have REST API/s cannot be encrypted');
    if (group === 'events.k8s.io')
      throw wrong(
        "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file",
      );
    if (group === '*' && plural !== '*') throw wrong('encrypting the same resource across groups is not supported');
  }
  if (new Set(names.map((name) => splitName(name).join('.'))).size < names.length)
    throw new RangeError(`${at}: the same resource cannot be specified multiple times`);
  const overlaps = names.some((name) => {
    const [plural, group] = splitName(name);
    return (
      names.length > 1 &&
      plural === '*' &&
      names.some((one) => one !== name && (group === '*' || splitName(one)[1] === group))
    );
  });
  if (overlaps)
    throw new RangeError(
      `${at}: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked`,
    );
}

function providerOf(provider: Fields, at: string): PrefixedTransformer {
  const kinds = Object.keys(provider).filter((kind) => provider[kind] !== undefined && provider[kind] !== null);
  const [kind = '', ...more] = kinds;
  if (more.length > 0)
    throw new RangeError(
      `${at}: more than one provider specified in a single element, should split into different list elements`,
    );
  if (kind === 'identity') return { prefix: '', transformer: identity };
  if (kind === 'kms') throw new RangeError(`${at}.${kind}: is not supported`);
  if (kind !== 'aesgcm' && kind !== 'aescbc' && kind !== 'secretbox')
    throw new RangeError(
      `${at}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity`,
    );
  const { make, name: family, keyBytes } = makers[kind];
  const keys = listOf(recordOf(provider[kind], `${at}.${kind}`)['keys'], `${at}.${kind}.keys`);
  const transformers = keys.map((value, index) => {
    const { name, secret } = keyOf(recordOf(value, ''), `${at}.${kind}.keys[${index}]`, keyBytes);
    return { prefix: `${name}:`, transformer: make(secret) };
  });
  const transformer = byPrefix(transformers, `no matching key was found for the provided ${family} transformer`);
  return { prefix: `k8s:enc:${kind}:v1:`, transformer };
}

function keyOf(
  { name, secret }: Fields,
  at: string,
  keyBytes: readonly number[],
): { readonly name: string; readonly secret: Buffer } {
  if (typeof name !== 'string' || name === '')
    throw new RangeError(`${at}.name: Required value: name is a mandatory field for a key`);
  if (typeof secret !== 'string' || secret === '')
    throw new RangeError(`${at}.secret: Required value: secret is a mandatory field for a key`);
  const redacted = (why: string) => new RangeError(`${at}.secret: Invalid value: "REDACTED": ${why}`);
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret))
    throw redacted('secrets must be base64 encoded');
  const bytes = Buffer.from(secret, 'base64');
  if (!keyBytes.includes(bytes.length))
    throw redacted(
      `secret is not of the expected length, got ${bytes.length}, expected one of [${keyBytes.join(' ')}]`,
    );
  return { name, secret: bytes };
}

function recordOf(value: unknown, at: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new RangeError(`${at === '' ? '' : `${at}: `}is no object`);
}

function listOf(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  const short = at.slice(at.lastIndexOf('.') + 1);
  throw new RangeError(`${at}: Required value: at least one ${short === 'keys' ? 'keys' : at} is required`);
}
