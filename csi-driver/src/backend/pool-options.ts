import { isAbsolute } from 'node:path';
import { bytesOfQuantity } from '../rules/quantity.ts';
import { StartError } from '../start-error.ts';

/** One pool of a driver, as its flag says. */
export interface PoolOptions {
  readonly name: string;
  /** Whether nodes and volumes carry a topology segment of this pool: where it was given a name. */
  readonly named: boolean;
  readonly path: string;
  /** Which backends the pool offers; absent for all its filesystem can. */
  readonly backends?: readonly string[];
  /** What all volumes of the pool may have together. */
  readonly limitBytes?: number;
  /** How many times its room thin volumes may be promised together. */
  readonly overcommit: number;
  /** What has to be a mount point for the pool to be used: `required`, the directory itself; or one that it is in. */
  readonly mount?: string;
}

/** The name of a pool that is only a directory. */
export const unnamedPool = 'default';

/** Twice: most volumes stay half empty, and a pool that fills is still seen in time. */
export const defaultOvercommit = 2;

/** The name is part of a topology key, `pool-NAME`, which has 63 characters at most (a label's key). */
const namePattern = /^[a-z0-9]([-a-z0-9]{0,56}[a-z0-9])?$/;

/**
 * Reads one `--pool`: `[NAME=]DIR[,backend=A|B][,limit=SIZE][,overcommit=RATIO][,mount=required|DIR]`.
 * @throws StartError Usage
 */
export function parsePool(text: string): PoolOptions {
  const [, name = '', rest = ''] = /^([^/=]*)=(.*)$/s.exec(text) ?? [];
  if (rest === '' && name === '') {
    if (text === '' || text.startsWith('=')) refuse(text, 'give a directory, or NAME=DIR');
    // A directory may have a comma in its name: only what can be nothing else is a setting.
    const [, path = '', settings = ''] = /^(.*?)((?:,(?:backend|limit|overcommit|mount)=[^,]*)*)$/s.exec(text) ?? [];
    const pool = { name: unnamedPool, named: false, path, overcommit: defaultOvercommit };
    return withSettings(text, pool, settings === '' ? [] : settings.slice(1).split(','));
  }
  if (!namePattern.test(name)) {
    refuse(
      text,
      `the name "${name}" must be 1 to 58 small letters, digits or "-", with a letter or digit at both ends`,
    );
  }
  const [path = '', ...settings] = rest.split(',');
  return withSettings(text, { name, named: true, path, overcommit: defaultOvercommit }, settings);
}

function withSettings(text: string, pool: PoolOptions, settings: readonly string[]): PoolOptions {
  if (pool.path === '') refuse(text, 'the directory is missing');
  let whole = pool;
  for (const setting of settings) whole = { ...whole, ...parseSetting(text, setting, whole) };
  return whole;
}

/** @throws StartError Usage – none, two with one name, or several of which one has none. */
export function parsePools(texts: readonly string[]): readonly PoolOptions[] {
  const pools = texts.map(parsePool);
  if (pools.length === 0) throw new StartError('Usage', '--pool is required');
  const unnamed = pools.find(({ named }) => !named);
  if (pools.length > 1 && unnamed) {
    throw new StartError(
      'Usage',
      `--pool ${unnamed.path}: each of several pools needs a name, as in fast=${unnamed.path}`,
    );
  }
  const twice = pools.find(({ name }, index) => pools.findIndex((other) => other.name === name) !== index);
  if (twice) throw new StartError('Usage', `--pool: two pools have the name "${twice.name}"`);
  return pools;
}

function parseSetting(text: string, setting: string, pool: PoolOptions): Partial<PoolOptions> {
  const [key = '', value = ''] = setting.split(/=(.*)/s);
  if (value === '') refuse(text, `"${setting}" is no setting; give backend=, limit=, overcommit= or mount=`);
  if (key === 'backend' && !pool.backends) return { backends: [...new Set(value.split('|'))] };
  if (key === 'limit' && pool.limitBytes === undefined) return { limitBytes: sizeOf(text, value) };
  if (key === 'overcommit') return { overcommit: ratioOf(text, value) };
  if (key === 'mount') return { mount: mountOf(text, value) };
  const why =
    key === 'backend' || key === 'limit' ? 'given twice' : 'unknown; settings are backend, limit, overcommit, mount';
  return refuse(text, `"${key}" is ${why}`);
}

function sizeOf(text: string, value: string): number {
  return bytesOfQuantity(value) ?? refuse(text, `limit "${value}" must be bytes or a quantity such as 10Gi`);
}

function ratioOf(text: string, value: string): number {
  const ratio = /^\d{1,4}(\.\d{1,3})?$/.test(value) ? Number(value) : Number.NaN;
  if (ratio >= 1 && ratio <= 1000) return ratio;
  return refuse(text, `overcommit "${value}" must be a number from 1 (none) to 1000, such as 2.0`);
}

function mountOf(text: string, value: string): string {
  if (value === 'required' || isAbsolute(value)) return value;
  return refuse(text, `mount "${value}" must be required, or the mount point that the directory is in`);
}

function refuse(text: string, why: string): never {
  throw new StartError('Usage', `--pool ${text}: ${why}`);
}

/** Whether one of two pool directories is, or is in, the other. Both are real paths. */
export function overlap(a: string, b: string): boolean {
  const within = (inner: string, outer: string) => `${inner}/`.startsWith(outer === '/' ? '/' : `${outer}/`);
  return isAbsolute(a) && (within(a, b) || within(b, a));
}
