import { createPrivateKey, webcrypto } from 'node:crypto';

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** An authority's key in PEM, of whatever kind and form, and how it signs: it may have been brought by the user. */
export async function signingKey(
  pem: string,
): Promise<{ readonly key: webcrypto.CryptoKey; readonly algorithm: webcrypto.EcdsaParams }> {
  const key = createPrivateKey(pem);
  const { namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const algorithm =
    key.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: curves[namedCurve] ?? namedCurve, hash: 'SHA-256' };
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
}
