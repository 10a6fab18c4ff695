import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../../resources/core/tls-pair.ts';

/** Why no authority can be read from a bundle (base64 of PEM), as upstream says it (client-go transport rootCertPool). None is fine. */
export function bundleProblem(bundle: string | undefined): string | undefined {
  if (!bundle) return undefined;
  const bytes = Buffer.from(bundle, 'base64');
  const certificates = pemBlocks(bytes).filter(({ type }) => type === 'CERTIFICATE');
  if (certificates.some(({ der }) => isCertificate(der))) return undefined;
  const why = certificates.length > 0 ? 'failed to parse certificate: x509: malformed certificate' : undefined;
  return `unable to load root certificates: ${why ?? 'unable to parse bytes as PEM block'}`;
}

function isCertificate(der: Buffer): boolean {
  try {
    new X509Certificate(der);
    return true;
  } catch {
    return false;
  }
}
