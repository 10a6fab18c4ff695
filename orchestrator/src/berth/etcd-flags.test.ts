import { expect, test } from 'vitest';
import { type EtcdFlags, etcdOf } from './etcd-flags.ts';

/** As the command line tells what was given. */
const chosen = (more: Partial<EtcdFlags>) => etcdOf(flags(more), (flag) => flag in more);

const servers = { etcdServers: 'http://a:1' };

const flags = (more: Partial<EtcdFlags>): EtcdFlags => ({
  etcdPrefix: '/registry',
  etcdCompactionInterval: '5m0s',
  etcdHealthcheckTimeout: '2s',
  etcdReadycheckTimeout: '2s',
  ...more,
});

test('without --etcd-servers the store is a file', () => {
  expect(chosen({})).toBeUndefined();
});

test('what is said about etcd is taken over', () => {
  const said = { etcdServers: 'https://a:1,https://b:2', etcdCafile: 'ca', etcdCertfile: 'cert', etcdKeyfile: 'key' };
  expect(chosen({ ...said, etcdPrefix: '/x/y', etcdCompactionInterval: '0' })).toMatchObject({
    endpoints: [{ address: 'a:1' }, { address: 'b:2' }],
    caFile: 'ca',
    certFile: 'cert',
    keyFile: 'key',
    prefix: '/x/y',
    compactionMs: 0,
  });
});

test('how long health checks wait for etcd is told, and none is the usual time', () => {
  expect(chosen(servers)?.checks).toEqual({ healthMs: 2000, readyMs: 2000 });
  const said = { ...servers, etcdHealthcheckTimeout: '500ms', etcdReadycheckTimeout: '0s' };
  expect(chosen(said)?.checks).toEqual({ healthMs: 500, readyMs: 2000 });
});

test.each<[string, Partial<EtcdFlags>]>([
  ['--etcd-cafile: only of use with --etcd-servers', { etcdCafile: 'ca' }],
  ['--etcd-certfile and --etcd-keyfile: only', { etcdCertfile: 'cert', etcdKeyfile: 'key' }],
  ['--etcd-prefix: only', { etcdPrefix: '/registry' }],
  ['--etcd-compaction-interval: only', { etcdCompactionInterval: '5m0s' }],
  ['give both', { ...servers, etcdCertfile: 'cert' }],
  ['give both', { ...servers, etcdKeyfile: 'key' }],
  ['--etcd-servers takes URLs', { etcdServers: 'a:1' }],
  ['--etcd-servers takes URLs', { etcdServers: '' }],
  ['--etcd-compaction-interval takes a duration', { ...servers, etcdCompactionInterval: '5' }],
  ['--etcd-compaction-interval takes a duration', { ...servers, etcdCompactionInterval: '-1s' }],
  ['--etcd-healthcheck-timeout: only', { etcdHealthcheckTimeout: '2s' }],
  ['--etcd-readycheck-timeout takes a duration', { ...servers, etcdReadycheckTimeout: '-1s' }],
  ['--etcd-prefix takes a path', { ...servers, etcdPrefix: '' }],
  ['--etcd-prefix takes a path', { ...servers, etcdPrefix: '/' }],
  ['--etcd-prefix takes a path', { ...servers, etcdPrefix: '/a//b' }],
])('"%s" is said where flags do not fit: %j', (words, more) => {
  expect(() => chosen(more)).toThrow(words);
});
