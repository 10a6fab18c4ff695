import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { execute, findKubectl } from '../harness/berth.ts';

const versions = ['1.27', '1.33'];
const folder = mkdtempSync(join(tmpdir(), 'berth-apply-'));
let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
  const { cert, key } = await server.authority.issue('CN=admin, O=system:masters', 'client');
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [
      {
        name: 'c',
        cluster: {
          server: `https://127.0.0.1:${server.port}`,
          'certificate-authority-data': base64(server.authority.cert),
        },
      },
    ],
    users: [{ name: 'u', user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } }],
  };
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Owner {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly fieldsV1: object;
}

/** kubectl of one version in a namespace of its own. */
class Client {
  readonly #program: string;
  readonly #args: readonly string[];

  constructor(version: string, namespace: string) {
    this.#program = findKubectl(version);
    this.#args = ['--kubeconfig', join(folder, 'kubeconfig'), '--cache-dir', join(folder, version), '-n', namespace];
  }

  static async in(version: string, topic: string): Promise<Client> {
    const namespace = `${topic}-${version.replace('.', '-')}`;
    const client = new Client(version, namespace);
    await client.run(['create', 'namespace', namespace]);
    return client;
  }

  try(args: readonly string[], input = '') {
    return execute(this.#program, [...this.#args, ...args], { timeoutMs: 60_000, input });
  }

  async run(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  apply(object: object, ...args: string[]): Promise<string> {
    return this.run(['apply', '--server-side', '-f', '-', ...args], JSON.stringify(object));
  }

  async owners(...what: string[]): Promise<Owner[]> {
    const text = await this.run(['get', ...what, '-o', 'json', '--show-managed-fields']);
    return (JSON.parse(text).metadata.managedFields ?? []) as Owner[];
  }
}

const configMap = (data: Record<string, string>, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cm', ...metadata },
  data,
});

const deployment = (replicas: number | undefined, image: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'dep' },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image }] } },
  },
});

for (const version of versions) {
  test(`kubectl ${version} applies on the server's side, meets another manager and takes over by force`, async () => {
    const client = await Client.in(version, 'force');
    expect(await client.apply(configMap({ a: '1', b: '2' }))).toBe('configmap/cm serverside-applied\n');
    expect(await client.run(['get', 'cm', 'cm', '-o', 'yaml'])).not.toContain('managedFields');
    const refused = await client.try(
      ['apply', '--server-side', '--field-manager=other', '-f', '-'],
      JSON.stringify(configMap({ a: '9' })),
    );
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Apply failed with 1 conflict: conflict with "kubectl": .data.a');
    expect(refused.stderr).toContain('--force-conflicts');
    await client.apply(configMap({ a: '9' }), '--field-manager=other', '--force-conflicts');
    expect(await client.owners('cm', 'cm')).toMatchObject([
      { manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:data': { 'f:b': {} } } },
      { manager: 'other', operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ]);
    await client.apply(configMap({ a: '9' }));
    expect(await client.run(['get', 'cm', 'cm', '-o', 'jsonpath={.data}'])).toBe('{"a":"9"}');
  });

  test(`kubectl ${version} shows by a dry run what an apply would change, and changes nothing`, async () => {
    const client = await Client.in(version, 'diff');
    await client.apply(configMap({ a: '1' }));
    const before = await client.run(['get', 'cm', 'cm', '-o', 'json', '--show-managed-fields']);
    const difference = await client.try(['diff', '--server-side', '-f', '-'], JSON.stringify(configMap({ a: '2' })));
    expect(difference.code).toBe(1);
    expect(difference.stdout).toMatch(/^-\s+a: "1"$/m);
    expect(difference.stdout).toMatch(/^\+\s+a: "2"$/m);
    expect((await client.try(['diff', '--server-side', '-f', '-'], JSON.stringify(configMap({ a: '1' })))).code).toBe(
      0,
    );
    expect(await client.apply(configMap({ a: '3' }), '--dry-run=server')).toContain('(server dry run)');
    // What is already so is written by nobody.
    await client.apply(configMap({ a: '1' }));
    expect(await client.run(['get', 'cm', 'cm', '-o', 'json', '--show-managed-fields'])).toBe(before);
  });

  test(`kubectl ${version} goes over from the client's side to the server's`, async () => {
    const client = await Client.in(version, 'upgrade');
    const old = configMap({ a: '1', b: '2' });
    await client.run(['apply', '-f', '-'], JSON.stringify(old));
    expect(JSON.parse(await client.run(['apply', 'view-last-applied', 'cm', 'cm', '-o', 'json']))).toMatchObject(old);
    expect((await client.owners('cm', 'cm')).map(({ manager }) => manager)).toEqual(['kubectl-client-side-apply']);
    await client.apply(configMap({ a: '2' }));
    const owners = await client.owners('cm', 'cm');
    expect(owners.filter(({ fieldsV1 }) => 'f:data' in fieldsV1)).toMatchObject([
      { manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ]);
    // What client-side apply had set and the server's does not is gone.
    expect(await client.run(['get', 'cm', 'cm', '-o', 'jsonpath={.data}'])).toBe('{"a":"2"}');
    expect(JSON.parse(await client.run(['apply', 'view-last-applied', 'cm', 'cm', '-o', 'json']))).toMatchObject(
      configMap({ a: '2' }),
    );
  });

  test(`kubectl ${version} leaves replicas to who scales`, async () => {
    const client = await Client.in(version, 'scale');
    await client.apply(deployment(1, 'a'));
    await client.run(['scale', 'deployment', 'dep', '--replicas=3']);
    expect(await client.owners('deployment', 'dep')).toMatchObject([
      { manager: 'kubectl', operation: 'Apply' },
      {
        manager: expect.stringMatching(/^kubectl/),
        operation: 'Update',
        subresource: 'scale',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      },
    ]);
    const refused = await client.try(['apply', '--server-side', '-f', '-'], JSON.stringify(deployment(1, 'a')));
    expect(refused.stderr).toContain('with subresource "scale" using apps/v1: .spec.replicas');
    await client.apply(deployment(undefined, 'b'));
    expect(await client.run(['get', 'deployment', 'dep', '-o', 'jsonpath={.spec.replicas}'])).toBe('3');
  });

  test(`kubectl ${version} is told of wrong configurations`, async () => {
    const client = await Client.in(version, 'wrong');
    const unknown = await client.try(
      ['apply', '--server-side', '--validate=false', '-f', '-'],
      JSON.stringify({ ...configMap({}), dat: {} }),
    );
    expect(unknown.stderr).toContain('.dat: field not declared in schema');
    expect((await client.try(['get', 'cm', 'cm'])).stderr).toContain('not found');
  });
}
