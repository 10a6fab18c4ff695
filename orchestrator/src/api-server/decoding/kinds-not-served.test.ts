import { expect, test } from 'vitest';
import { unknownConversion, unregisteredKind } from '../body-decoder.ts';
import { isOlderForm } from './kinds-not-served.ts';

// What kube-apiserver 1.36.3 says of them where something else is expected.
test.each([
  ['apps/v1beta1', 'Deployment', true],
  ['extensions/v1beta1', 'ScaleList', true],
  ['v1', 'PodExecOptions', true],
  ['v1', 'List', true],
  ['apps/v1', 'List', false],
  ['apps/v1', 'ListOptions', true],
  ['apps/v1beta1', 'PatchOptions', true],
  ['nope/v1', 'PatchOptions', false],
  ['nope/v1', 'Status', true],
  ['apps/v1', 'InternalEvent', false],
  ['apps/v1', 'Deployment', true],
  ['apps/v1beta1', 'DaemonSet', false],
  ['policy/v1beta1', 'PodSecurityPolicy', false],
  ['constructor', 'Pod', false],
])('whether %s has a %s, served or not: %s', (apiVersion, kind, isKnown) => {
  const words = `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/runtime/scheme.go:111"`;
  expect(unregisteredKind({ apiVersion, kind })).toBe(isKnown ? undefined : words);
});

test.each([
  ['autoscaling/v2', 'ListOptions', 'v1.ListOptions'],
  ['autoscaling/v2', 'Status', 'v1.Status'],
  ['apps/v1beta1', 'WatchEvent', 'v1.WatchEvent'],
  ['autoscaling/v2', 'HorizontalPodAutoscaler', 'v2.HorizontalPodAutoscaler'],
])('%s %s is a %s of Go', (apiVersion, kind, type) => {
  const words = `converting (${type}) to (core.ConfigMap): unknown conversion`;
  expect(unknownConversion({ apiVersion, kind }, { group: '', kind: 'ConfigMap' })).toBe(words);
});

test.each([
  ['apps/v1beta1', 'Deployment', 'apps', true],
  ['extensions/v1beta1', 'NetworkPolicy', 'networking.k8s.io', true],
  ['batch/v1beta1', 'CronJob', 'batch', true],
  ['extensions/v1beta1', 'Ingress', 'networking.k8s.io', false],
  ['apps/v1', 'Deployment', 'apps', false],
  ['apps/v2', 'Deployment', 'apps', false],
  ['events.k8s.io/v1beta1', 'Event', '', false],
])('whether a %s %s has the fields of its kind in %j: %s', (apiVersion, kind, group, isSame) => {
  expect(isOlderForm({ apiVersion, kind }, { group, kind })).toBe(isSame);
});
