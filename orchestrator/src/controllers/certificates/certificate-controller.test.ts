import 'reflect-metadata';
import { createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { seededRng, silentLogger } from '@berth/kit';
import { type CertificateSigningRequest, KubeClient, resources, startInformers } from '@berth/kube';
import * as x509 from '@peculiar/x509';
import { expect, test } from 'vitest';
import { aServer } from '../../api-server/server.test-harness.ts';
import type { User } from '../../api-server/user.ts';
import { makePki } from '../../berth/make-pki.ts';
import { untilSo } from '../controller.test-harness.ts';
import { startCertificateController } from './start-certificate-controller.ts';

type Keys = Parameters<typeof webcrypto.subtle.generateKey>[0];
const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
};
const ec = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function aRequest(subject: string, algorithm: Keys = ec, names: x509.JsonGeneralNames = []): Promise<string> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys: keys as webcrypto.CryptoKeyPair,
    signingAlgorithm: algorithm as webcrypto.EcdsaParams,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
  return Buffer.from(`${request.toString('pem')}\n`).toString('base64');
}

async function scene() {
  const server = await aServer({ authorizationModes: ['RBAC'] });
  const { clock } = server;
  const files = await makePki({ addresses: [], now: clock.now(), validDays: 3650 });
  const authority = { cert: files['ca.crt'] as string, key: files['ca.key'] as string };
  const client = new KubeClient(server.server.transport());
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const recorder = () => ({ event: () => undefined });
  const deps = { client, informers, clock, rng: seededRng(1), log: silentLogger, recorder };
  const controller = startCertificateController(deps, { authority: async () => authority }, stop.signal);
  const type = resources.certificatesigningrequests;
  const get = (name: string) => client.find<CertificateSigningRequest>(type, { name });
  return {
    clock,
    authority,
    get,
    client,
    as: (user: User) => new KubeClient(server.server.transport(user)),
    async make(name: string, spec: object, by = client): Promise<CertificateSigningRequest> {
      return by.create<CertificateSigningRequest>(type, {
        metadata: { name },
        spec: { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], ...spec },
      } as CertificateSigningRequest);
    },
    async decide(request: CertificateSigningRequest, decision: 'Approved' | 'Denied'): Promise<void> {
      const condition = { type: decision, status: 'True', reason: 'Trial' };
      await client.update(type, { ...request, status: { conditions: [condition] } } as never, {
        subresource: 'approval',
      });
    },
    until: <T>(look: () => Promise<T | undefined>) => untilSo(clock, look),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const certificateOf = (request?: CertificateSigningRequest) =>
  request?.status?.certificate === undefined
    ? undefined
    : new X509Certificate(Buffer.from(request.status.certificate, 'base64'));

test.each<[string, Keys]>([
  ['EC', ec],
  ['RSA', rsa],
])('an approved request with an %s key gets its certificate, as long as was asked for', async (_, algorithm) => {
  await using s = await scene();
  const request = await aRequest('CN=ann, O=devs, O=ops', algorithm);
  const made = await s.make('ann', { request, expirationSeconds: 3600, usages: ['client auth', 'digital signature'] });
  await s.decide(made, 'Approved');
  const certificate = await s.until(async () => certificateOf(await s.get('ann')));
  expect(certificate.verify(createPublicKey(s.authority.cert))).toBe(true);
  expect(certificate.subject.split('\n')).toEqual(['CN=ann', 'O=devs', 'O=ops']);
  expect([certificate.ca, certificate.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.2']]);
  const seconds = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 1000;
  // It begins five minutes ago, and ends in an hour.
  expect(seconds).toBe(3900);
});

test('a request that its signer does not give fails and says why; others are let be', async () => {
  await using s = await scene();
  const request = await aRequest('CN=ann');
  const wrong = await s.make('wrong', { request, usages: ['server auth', 'client auth'] });
  await s.decide(wrong, 'Approved');
  const failed = await s.until(async () =>
    (await s.get('wrong'))?.status?.conditions?.find(({ type }) => type === 'Failed'),
  );
  expect(failed).toMatchObject({
    reason: 'SignerValidationFailure',
    message: 'invalid usage for client certificate: server auth',
  });
  const serving = { signerName: 'kubernetes.io/kubelet-serving', usages: ['server auth', 'digital signature'] };
  const names: x509.JsonGeneralNames = [
    { type: 'dns', value: 'n1' },
    { type: 'ip', value: '10.0.0.1' },
  ];
  const node = await s.make('node', {
    ...serving,
    request: await aRequest('CN=system:node:n1, O=system:nodes', ec, names),
  });
  const other = await s.make('other', { signerName: 'example.com/signer', request });
  for (const each of [other, node]) await s.decide(each, 'Approved');
  const certificate = await s.until(async () => certificateOf(await s.get('node')));
  expect(certificate.subjectAltName).toBe('DNS:n1, IP Address:10.0.0.1');
  expect(certificateOf(await s.get('other'))).toBeUndefined();
});

/** sarapprove.go: who may ask for any node's certificate, or for their own. */
test("a kubelet's certificate is approved as soon as who asks for it may have it", async () => {
  await using s = await scene();
  const kubelet = { signerName: 'kubernetes.io/kube-apiserver-client-kubelet' };
  const usages = ['client auth', 'digital signature', 'key encipherment'];
  const request = await aRequest('CN=system:node:n1, O=system:nodes');
  const as = (name: string) => s.as({ name, groups: ['system:authenticated'] });
  const grant = async (user: string, subresource: string) => {
    const [name, apiGroup] = [`${user}${subresource.replace('/', '.')}`, 'rbac.authorization.k8s.io'];
    const rule = { apiGroups: ['certificates.k8s.io'], resources: [`certificatesigningrequests${subresource}`] };
    await s.client.create(resources.clusterroles, { metadata: { name }, rules: [{ ...rule, verbs: ['create'] }] });
    await s.client.create(resources.clusterrolebindings, {
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: [{ apiGroup, kind: 'User', name: user }],
    });
  };
  for (const user of ['joins', 'system:node:n1', 'nobody']) await grant(user, '');
  await grant('joins', '/nodeclient');
  await grant('system:node:n1', '/selfnodeclient');
  for (const [name, user] of [
    ['first', 'joins'],
    ['own', 'system:node:n1'],
    ['later', 'nobody'],
  ] as const)
    await s.make(name, { ...kubelet, usages, request }, as(user));
  await s.make('masters', { ...kubelet, usages: ['client auth'], request });
  const approval = async (name: string) => (await s.get(name))?.status?.conditions?.[0];
  const told = (whose: string) => ({
    ...{ type: 'Approved', status: 'True', reason: 'AutoApproved' },
    message: `Auto approving ${whose} client certificate after SubjectAccessReview.`,
  });
  expect(await s.until(() => approval('first'))).toMatchObject(told('kubelet'));
  expect(await s.until(() => approval('own'))).toMatchObject(told('self kubelet'));
  await s.until(async () => certificateOf(await s.get('first')));
  expect([await approval('later'), await approval('masters')]).toEqual([undefined, undefined]);
  await grant('nobody', '/nodeclient');
  expect(await s.until(() => approval('later'))).toMatchObject(told('kubelet'));
});

test('requests that were answered go after an hour, others after a day', async () => {
  await using s = await scene();
  const request = await aRequest('CN=ann');
  await s.make('open', { request });
  await s.decide(await s.make('denied', { request }), 'Denied');
  await s.until(async () => (await s.get('denied'))?.status?.conditions);
  await s.clock.advance(3_600_000);
  await s.until(async () => ((await s.get('denied')) ? undefined : true));
  expect(await s.get('open')).toBeDefined();
  await s.clock.advance(23 * 3_600_000);
  await s.until(async () => ((await s.get('open')) ? undefined : true));
});
