import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { buildImage, manifestOf, webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';
import { list, pod } from '../harness/manifests.ts';
import { TestRegistry } from '../harness/registry.ts';

const credentials = { scheme: 'bearer', username: 'me', password: 'secret' } as const;

let berth: Berth;
let open: TestRegistry;
let closed: TestRegistry;

beforeAll(async () => {
  [berth, open, closed] = await Promise.all([
    Berth.start(),
    TestRegistry.start(),
    TestRegistry.start({ auth: credentials }),
  ]);
  const image = await buildImage(webServerRecipe('web'));
  const manifest = JSON.parse(manifestOf(image).toString()) as { mediaType: string };
  for (const registry of [open, closed]) {
    for (const blob of [image.config, ...image.layers]) registry.putBlob(blob);
    for (const tag of ['1', '2', '3', 'latest']) registry.putManifest('team/app', tag, manifest, manifest.mediaType);
  }
});

afterAll(async () => {
  await berth?.[Symbol.asyncDispose]();
  await Promise.all([open, closed].map((registry) => registry?.[Symbol.asyncDispose]()));
});

interface Status {
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly image: string;
      readonly imageID: string;
      readonly state: { readonly waiting?: { readonly reason: string; readonly message?: string } };
    }[];
  };
}

interface EventList {
  readonly items: readonly { readonly reason: string; readonly message: string }[];
}

function start(name: string, image: string, more: { policy?: string; spec?: Readonly<Record<string, unknown>> } = {}) {
  const container = more.policy ? { imagePullPolicy: more.policy } : { imagePullPolicy: undefined };
  return berth.apply(
    list(pod(name, { volumes: [], mounts: [], image, container, ...(more.spec && { spec: more.spec }) })),
  );
}

const ready = (name: string) => berth.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s']);

/** Of the events about a pod, once there are so many: they come behind its status. */
const messages = (name: string, reason: string, count = 1) =>
  eventually(
    async () => {
      const { items } = await berth.get<EventList>('events', '--field-selector', `involvedObject.name=${name}`);
      const told = items.filter((item) => item.reason === reason).map(({ message }) => message);
      return told.length >= count && told;
    },
    { what: `${count} events ${reason} of ${name}` },
  );

const waiting = (name: string, reason: string) =>
  eventually(
    async () => {
      const { status } = await berth.get<Status>('pod', name);
      const why = status.containerStatuses?.[0]?.state.waiting;
      return why?.reason === reason && why;
    },
    { what: `${name} waiting for ${reason}` },
  );

test.concurrent('a pod runs an image of a registry, and its status names the image by repository digest', async () => {
  const name = `${open.host}/team/app:1`;
  await start('pulled', name);
  await ready('pulled');
  const { status } = await berth.get<Status>('pod', 'pulled');
  expect(status.containerStatuses?.[0]).toMatchObject({
    image: name,
    imageID: expect.stringMatching(/^127\.0\.0\.1:\d+\/team\/app@sha256:[0-9a-f]{64}$/),
  });
  expect(await messages('pulled', 'Pulling')).toEqual([`Pulling image "${name}"`]);
  expect((await messages('pulled', 'Pulled'))[0]).toMatch(
    /^Successfully pulled image ".*" in \d+(\.\d+)?m?s \(.* including waiting\)\. Image size: \d+ bytes\.$/,
  );
  const listed = await berth.command('berth', ['image', 'list', '-o', 'json', '--data-dir', berth.dataDir]);
  const images = JSON.parse(listed.stdout) as { id: string; names: string[] }[];
  const id = images.find(({ names }) => names.includes(name))?.id as string;
  // Present now: IfNotPresent asks the registry nothing more, Always asks for the manifest.
  const asked = open.count('/team/app/manifests/1');
  await start('present', name, { policy: 'IfNotPresent' });
  await ready('present');
  expect(open.count('/team/app/manifests/1')).toBe(asked);
  expect((await messages('present', 'Pulled'))[0]).toBe(
    `Container image "${name}" already present on machine and can be accessed by the pod`,
  );
  await start('always', name, { policy: 'Always' });
  await ready('always');
  expect(open.count('/team/app/manifests/1')).toBe(asked + 1);
  const refused = await berth.command('berth', ['image', 'remove', id, '--data-dir', berth.dataDir]);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is used by a container; delete its pod first'),
  });
});

test.concurrent('an image without tag is pulled always, and one that may not be pulled is not', async () => {
  await start('latest', `${open.host}/team/app`);
  await ready('latest');
  expect(await messages('latest', 'Pulling')).toHaveLength(1);
  const never = `${open.host}/team/app:3`;
  await start('never', never, { policy: 'Never' });
  const text = `Container image "${never}" is not present with pull policy of Never`;
  expect(await waiting('never', 'ErrImageNeverPull')).toEqual({ reason: 'ErrImageNeverPull', message: text });
  expect(await messages('never', 'ErrImageNeverPull')).toEqual([text]);
  expect(open.count('/team/app/manifests/3')).toBe(0);
});

test.concurrent('imagePullSecrets open a registry that is closed to others', async () => {
  const name = `${closed.host}/team/app:1`;
  await start('outside', name);
  await waiting('outside', 'ImagePullBackOff');
  expect((await messages('outside', 'Failed'))[0]).toMatch(
    /^Failed to pull image ".*": rpc error: code = PermissionDenied desc = failed to pull and unpack image ".*": failed to resolve reference ".*": failed to authorize: failed to fetch anonymous token/,
  );
  const pulled = await berth.command('berth', ['image', 'pull', name, '--data-dir', berth.dataDir]);
  expect(pulled).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^berth: failed to resolve .*\n {2}log in with/),
  });
  const { username, password } = credentials;
  const login = ['--docker-server', closed.host, '--docker-username', username, '--docker-password', password];
  await berth.kubectl(['create', 'secret', 'docker-registry', 'login', ...login]);
  await start('inside', name, { spec: { imagePullSecrets: [{ name: 'login' }] } });
  await ready('inside');
});

test.concurrent('an image that does not exist is told in upstream’s words, and tried again later', async () => {
  const name = `${open.host}/team/absent:1`;
  await start('absent', name);
  const failure = `rpc error: code = NotFound desc = failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${name}: not found`;
  const { message } = await waiting('absent', 'ImagePullBackOff');
  expect(message).toBe(`Back-off pulling image "${name}": ErrImagePull: ${failure}`);
  expect(await messages('absent', 'Failed', 3)).toEqual([
    `Failed to pull image "${name}": ${failure}`,
    'Error: ErrImagePull',
    'Error: ImagePullBackOff',
  ]);
  expect(await messages('absent', 'BackOff')).toEqual([`Back-off pulling image "${name}"`]);
});

test.concurrent('berth image pull logs in as docker did, shows progress beside the data, and has exit codes', async () => {
  const run = (...args: string[]) => berth.command('berth', ['image', ...args, '--data-dir', berth.dataDir]);
  const pulled = await run('pull', `${open.host}/team/app:2`, '-o', 'yaml');
  expect(pulled).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^pulled:\n {2}id: sha256:/),
    stderr: expect.stringMatching(/^[0-9a-f]{12}: (pulling|already here)/),
  });
  expect(await run('pull', `${open.host}/team/absent`)).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringMatching(/^berth: failed to resolve reference .*not found\n$/),
  });
  expect(await run('pull', 'Not A Name')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('invalid reference format'),
  });
  expect(await run('pull')).toMatchObject({ code: 2 });
  expect(await run('list', '-o', 'xml')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are table, json, yaml'),
  });
  expect(await run('load', '/no/such.tar')).toMatchObject({ code: 3, stderr: 'berth: no such file: /no/such.tar\n' });
  expect(await run('load', import.meta.filename)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`${import.meta.filename}: not a sound tar archive`),
  });
  expect(await run('load', '/tmp')).toMatchObject({ code: 1, stderr: expect.stringContaining('that is a directory') });
  expect(await run('remove', 'no/such:1')).toMatchObject({ code: 3 });
  expect(await run('tag', `${open.host}/team/app:2`, 'mine:1')).toMatchObject({
    code: 0,
    stdout: `tagged ${open.host}/team/app:2 as mine:1\n`,
  });
  expect(await run('remove', 'mine:1', '-o', 'json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('docker.io/library/mine:1'),
  });
  for (const verb of ['load', 'pull', 'list', 'tag', 'remove'])
    expect((await run(verb, '--help')).stdout).toMatch(/Examples:\n {2}berth image/);
});

test.concurrent('the image of this machine’s tools runs, is made again after it was removed, and is never asked of a registry', async () => {
  const name = 'berth.local/tools';
  await start('tools', name, { policy: 'Always' });
  await ready('tools');
  const script = 'node -p "6*7"; ls /usr/bin/sh; ps | grep -c sleep; ip -o -4 addr show eth0 | wc -l; id -u';
  expect(await berth.kubectl(['exec', 'tools', '--', 'sh', '-c', script])).toBe('42\n/usr/bin/sh\n1\n1\n0\n');
  await berth.kubectl(['delete', 'pod', 'tools']);
  const removed = await eventually(
    async () => {
      const result = await berth.command('berth', ['image', 'remove', name, '--data-dir', berth.dataDir]);
      return result.code === 0 && result;
    },
    { what: 'the image unused' },
  );
  expect(removed.stdout).toBe('removed berth.local/tools:latest\n');
  await start('tools-again', name);
  await ready('tools-again');
});

test.concurrent('images that were loaded where no berth ever ran go with down --purge', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-e2e-images-'));
  const archive = join(berth.dataDir, 'web.tar');
  await writeDockerArchive(archive, webServerRecipe('web:1'));
  const run = (...args: string[]) => berth.command('berth', [...args, '--data-dir', directory]);
  for (const _ of [1, 2])
    expect(await run('image', 'load', archive)).toMatchObject({ code: 0, stdout: expect.stringContaining('web:1') });
  expect(await run('down', '--purge')).toMatchObject({ code: 0 });
  expect(existsSync(directory)).toBe(false);
});
