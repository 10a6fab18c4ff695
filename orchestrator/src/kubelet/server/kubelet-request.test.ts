import { expect, test } from 'vitest';
import { logOptionsOf } from '../../api-server/subresources/log-options.ts';
import { kubeletRequest, logPath, streamPath } from './kubelet-request.ts';

const names = { namespace: 'ns', pod: 'p', container: 'c' };
/** What the API server lets through of names is checked there; here none may become another path. */
const hostile = { namespace: 'a/b', pod: '../x', container: 'c?follow=true#' };

const steps = { namespace: '..', pod: '.', container: '..' };

test.each([names, hostile, steps])('a log is asked for at %j as the kubelet reads it', (target) => {
  const options = { follow: true, timestamps: true, tailLines: 3, sinceTime: '2026-01-01T00:00:00+01:00' };
  for (const each of [options, {}]) {
    const read = kubeletRequest(logPath(target, each));
    expect(read).toMatchObject({ type: 'logs', target });
    if (read?.type === 'logs') expect(logOptionsOf(read.query)).toEqual(each);
  }
});

test.each(['exec', 'attach', 'portforward'] as const)('%s is asked for as the kubelet reads it', (subresource) => {
  for (const each of [names, hostile]) {
    const container = subresource === 'portforward' ? '' : each.container;
    const query = new URLSearchParams('container=c&stdin=true&stdout=1&tty=false&command=sh&command=-c%20%26&ports=80');
    const path = streamPath({ ...each, container, subresource, uid: 'u', query });
    const read = kubeletRequest(path);
    expect(read).toMatchObject({ type: 'stream', target: { ...each, container, subresource, uid: 'u' } });
    if (read?.type === 'stream')
      expect(`${read.target.query}`).toBe('stdin=1&stdout=1&command=sh&command=-c+%26&ports=80');
  }
});

test.each([
  ['/exec/ns/p/c?command=ls&output=1', { subresource: 'exec', uid: '', container: 'c' }],
  ['/portForward/ns/p', { subresource: 'portforward', uid: '', container: '' }],
])('%s needs no uid', (path, target) => {
  expect(kubeletRequest(path)).toMatchObject({ type: 'stream', target });
});

test.each([
  '',
  '/',
  '/pods',
  '/healthz',
  '/run/ns/p',
  '/exec/ns/p',
  '/exec/ns//c',
  '/exec/ns/p/u/c/more',
  '/portForward/ns/p/u/more',
  '/containerLogs/ns/p',
  '/containerLogs/ns/p/c/more',
  '/containerLogs/%ff/p/c',
  '/constructor/ns/p/c',
  '//evil.example/exec/ns/p/c',
])('there is nothing at %s', (path) => {
  expect(kubeletRequest(path)).toBeUndefined();
});
