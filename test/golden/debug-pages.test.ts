import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

// As kube-apiserver 1.36.3 answers, but for the profiles, which are V8's.
let server: Awaited<ReturnType<typeof anApiServer>>;
const set: number[] = [];
beforeAll(async () => {
  const debug = { profiling: true, flags: { port: '6443', address: '127.0.0.1' }, setVerbosity: (level: number) => void set.push(level) };
  server = await anApiServer({ more: { debug } });
});
afterAll(() => server[Symbol.asyncDispose]());

const get = (path: string, accept?: string) => server.send({ method: 'GET', path, accept });
const structured = (format: string, version: string, as: string) => `application/${format};g=config.k8s.io;v=${version};as=${as}`;

test('/flagz tells the flags in words, or as config.k8s.io has them', async () => {
  const words = await get('/flagz', 'text/plain');
  expect([words.status, words.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
  expect(words.text).toMatch(/^\napiserver flagz\nWarning: .*\naddress:127\.0\.0\.1\nport:6443\n$/);
  const own = await get('/flagz', structured('json', 'v1beta1', 'Flagz'));
  expect([own.headers['content-type'], own.headers['warning']]).toEqual([structured('json', 'v1beta1', 'Flagz'), undefined]);
  expect(JSON.parse(own.text)).toEqual({ kind: 'Flagz', apiVersion: 'config.k8s.io/v1beta1', metadata: { name: 'apiserver' }, flags: { address: '127.0.0.1', port: '6443' } });
});

test('/statusz tells versions and age, in YAML as well, and warns of the old version', async () => {
  expect((await get('/statusz')).text).toMatch(/^\napiserver statusz\nWarning: .*\n\nStarted: .*\nUp: \d+ hr \d\d min \d\d sec\n.*\nBinary version: 1\.36\n/);
  const own = await get('/statusz', structured('yaml', 'v1alpha1', 'Statusz'));
  expect(own.headers['warning']).toBe('299 - "This version of the statusz endpoint is deprecated. Please use a newer version."');
  expect(own.text).toMatch(/^apiVersion: config\.k8s\.io\/v1alpha1\nbinaryVersion: "1\.36"\nemulationVersion: "1\.36"\n/);
});

test.each([
  ['/flagz', 'application/json'],
  ['/flagz', structured('json', 'v1beta1', 'Statusz')],
  ['/statusz', structured('json', 'v2', 'Statusz')],
  ['/statusz', 'application/yaml'],
])('%s as %s is refused', async (path, accept) => {
  const { status, text } = await get(path, accept);
  expect(status).toBe(406);
  expect(text).toContain('only the following media types are accepted: application/json, application/yaml, text/plain');
});

test.each([
  ['PUT', '4', 200, 'successfully set klog.logging.verbosity to 4\n'],
  ['PUT', 'abc', 400, 'strconv.ParseUint: parsing "abc": invalid syntax\n'],
  ['PUT', '2147483648', 400, 'failed set klog.logging.verbosity 2147483648: strconv.ParseInt: parsing "2147483648": value out of range\n'],
  ['PUT', '', 400, 'strconv.ParseUint: parsing "": invalid syntax\n'],
  ['GET', undefined, 406, 'unsupported http method\n'],
  ['POST', '4', 406, 'unsupported http method\n'],
])('%s %j to /debug/flags/v', async (method, raw, status, text) => {
  const answer = await server.send({ method, path: '/debug/flags/v', raw });
  expect([answer.status, answer.text, answer.headers['x-content-type-options']]).toEqual([status, text, 'nosniff']);
  expect(set).toEqual(set.filter((level) => level === 4));
  if (status === 200) expect(set).toHaveLength(1);
});

test('profiles are taken one at a time, and are listed', async () => {
  expect(await get('/debug/pprof')).toMatchObject({ status: 302, headers: { location: '/debug/pprof/' } });
  const { text } = await get('/debug/pprof/');
  const names = [...text.matchAll(/href='(\w+)'/g)].map(([, name]) => name as string);
  expect(names).toEqual(['profile', 'heap', 'allocs']);
  for (const name of names) {
    const answers = await Promise.all([1, 2].map(() => get(`/debug/pprof/${name}?seconds=0.2`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 500]);
    expect(answers[0]?.headers).toMatchObject({ 'content-type': 'application/octet-stream', 'content-disposition': `attachment; filename="${name}"` });
    expect(answers[1]?.text).toBe(`Could not enable ${name} profiling: a profile is being taken already\n`);
  }
  expect(await get('/debug/pprof/nothing')).toMatchObject({ status: 404, text: 'Unknown profile\n', headers: { 'x-go-pprof': '1' } });
});

test('where profiling is off, there is nothing; and who has no right to it is refused', async () => {
  await using quiet = await anApiServer({ more: { debug: { profiling: false, flags: {} } } });
  for (const path of ['/debug/pprof', '/debug/pprof/', '/debug/pprof/heap', '/debug/flags', '/debug/flags/v'])
    expect(await quiet.send({ method: 'GET', path })).toMatchObject({ status: 404, text: '404 page not found\n' });
  const nobody = await server.authority.issue('CN=nobody', 'client');
  for (const path of ['/flagz', '/statusz', '/debug/pprof/profile', '/debug/flags/v'])
    expect(await server.send({ method: 'GET', path, certificate: nobody })).toMatchObject({ status: 403 });
});
