import type { Rng } from '@berth/kit';
import { type FieldSchema, type ObjectSchema, schemas } from '@berth/kube';

/** Texts that mean something somewhere, and some that mean nothing anywhere. */
const texts = [
  '',
  'a',
  'x',
  'A!',
  '-',
  '.',
  '..',
  '/',
  '/a',
  'a/b',
  'a:b',
  '*',
  '0',
  '1',
  '-1',
  '99999999999999999999',
  'true',
  'null',
  ' ',
  '\n',
  '10.0.0.1',
  '10.0.0.0/8',
  '::1',
  '::/0',
  '300.1.1.1',
  'a.b',
  'a.b/c',
  'kubernetes.io/x',
  'é',
  '\u{1f4a9}',
  '\ud800',
  '__proto__',
  'constructor',
  'TCP',
  'UDP',
  'Always',
  'Never',
  'None',
  'ClusterIP',
  'ExternalName',
  'Exists',
  'In',
  'NotIn',
  'Equal',
  'NoSchedule',
  'Delete',
  'Retain',
  'Filesystem',
  'Block',
  'ReadWriteOnce',
  'RollingUpdate',
  'Recreate',
  'Service',
  'ServiceAccount',
  'User',
  'Group',
  'Role',
  'ClusterRole',
  'rbac.authorization.k8s.io',
  'v1',
  'Pod',
  'pods',
  'get',
  '100m',
  '1Gi',
  '50%',
  '101%',
  '-5%',
  '5m',
  '* * * * *',
  'TZ=UTC * * * * *',
  '2026-01-01T00:00:00Z',
  'self',
  'true && has(object.x)',
  '(',
  '[',
  '$(A)',
  'IPv4',
  'IPv6',
  'Local',
  'Cluster',
  'a'.repeat(64),
  'a.'.repeat(150),
  'YQ==',
  '!',
  'https://a',
  'http://[',
  'kubernetes.io/kube-apiserver-client',
  'Utilization',
  'Resource',
  'cpu',
  'memory',
  'storage',
] as const;
const numbers = [0, 1, -1, 2, 3, 80, 443, 65535, 65536, 30000, 2 ** 31 - 1, -(2 ** 31), 1e6] as const;
/** Beyond what a JavaScript number holds. */
const largeNumbers = [...numbers, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)] as const;
const quantities = ['0', '1', '-1', '1Gi', '1e3', '1m', '100Ei', '0.5', '1n'] as const;
const times = ['2026-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'] as const;

/** Makes objects up: of the right types but for a few, and of little sense. */
export class ObjectMaker {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** With fields of the schema, not necessarily those it requires. */
  object(schema: string): Record<string, unknown> {
    return this.#struct(schemas.get(schema), 0);
  }

  below(count: number): number {
    return Math.floor(this.#rng.next() * count);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  #struct({ fields, required }: ObjectSchema, depth: number): Record<string, unknown> {
    const names = [...fields.keys()];
    if (names.length === 0) return {};
    const most = depth > 6 ? 1 : depth < 3 ? 6 : 4;
    const chosen = new Set(Array.from({ length: this.below(most + 1) }, () => this.one(names)));
    for (const name of required) if (this.below(8) > 0) chosen.add(name);
    // What most rules are about.
    if (depth === 0)
      for (const name of ['spec', 'rules', 'webhooks', 'subjects'])
        if (fields.has(name) && this.below(10) > 0) chosen.add(name);
    const entries = [...chosen].map((name) => [name, this.#value(fields.get(name) as FieldSchema, depth)]);
    return Object.fromEntries(entries);
  }

  #value(field: FieldSchema, depth: number): unknown {
    // Rarely: most of it would be refused for that alone.
    if (this.below(400) === 0) return this.one([null, 1, '', [], {}, true]);
    switch (field.type) {
      case 'struct':
        return depth > 9 ? {} : this.#struct(field.struct as ObjectSchema, depth + 1);
      case 'list':
        return depth > 9 ? [] : this.#several(() => this.#value(field.element as FieldSchema, depth + 1));
      case 'map':
        return Object.fromEntries(
          this.#several(() => [this.one(texts), this.#value(field.element as FieldSchema, depth + 1)] as const),
        );
      default:
        return this.#scalar(field.type);
    }
  }

  #several<T>(make: () => T): T[] {
    return Array.from({ length: this.one([0, 1, 1, 1, 2, 3]) }, make);
  }

  #scalar(type: FieldSchema['type']): unknown {
    switch (type) {
      case 'boolean':
        return this.below(2) === 1;
      case 'int32':
        return this.one(numbers);
      case 'int64':
        return this.one(largeNumbers);
      case 'double':
        return this.one([0, 0.5, -1]);
      case 'quantity':
        return this.one(quantities);
      case 'intOrString':
        return this.below(2) ? this.one(numbers) : this.one(texts);
      case 'time':
        return this.one(times);
      case 'microTime':
        return this.one(times).replace('Z', '.000001Z');
      case 'bytes':
        return this.one(['', 'YQ==', 'e30=']);
      case 'any':
        return this.one([{}, { a: 1 }, [], 'x', 1, { apiVersion: 'v1', kind: 'Pod' }]);
      default:
        return this.one(texts);
    }
  }
}
