import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { authenticate } from './authenticate.ts';

// apiserver x509 AuthenticateRequest verifies the certificate with each request.
test('a certificate whose time ends while its connection lives is nobody from then on', async () => {
  const peer = { subject: { CN: 'jane' }, fingerprint256: 'AB', valid_to: 'Jan  1 00:00:10 1970 GMT' };
  const socket = { authorized: true, getPeerCertificate: () => peer } as unknown as TLSSocket;
  const observer = { certificate: () => undefined };
  const at = (now: number) =>
    authenticate(
      { headers: {}, rawHeaders: [] },
      socket,
      { tokens: [], anonymous: () => true },
      {
        clock: { now: () => now },
        observer,
      },
    );
  expect(await at(9_000)).toMatchObject({ name: 'jane' });
  expect(await at(10_000)).toMatchObject({ name: 'jane' });
  await expect(at(11_000)).rejects.toMatchObject({ code: 'Unauthorized' });
  expect(await at(9_000)).toMatchObject({ name: 'jane' });
});
