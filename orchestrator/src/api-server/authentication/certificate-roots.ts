import { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';

/** The certificates of a PEM file. @throws Error – there is none, or one that cannot be read. */
export function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate');
  return blocks.map((block) => new X509Certificate(block));
}

/** A chain has no more. */
const maxDepth = 10;

/**
 * Whether a peer's certificate comes down from one of these authorities. Several are trusted on one port, each for what it
 * is there for, and which of them it was TLS does not tell; names alone do not, either.
 */
export function isIssuedBy(socket: TLSSocket, roots: readonly X509Certificate[]): boolean {
  let peer: PeerCertificate | undefined = socket.getPeerCertificate(true);
  for (let depth = 0; depth < maxDepth && peer?.raw; depth++) {
    const certificate = new X509Certificate(peer.raw);
    if (roots.some((root) => isBelow(certificate, root))) return true;
    const issuer: PeerCertificate | undefined = (peer as { issuerCertificate?: PeerCertificate }).issuerCertificate;
    if (!issuer?.raw || issuer === peer || !isBelow(certificate, new X509Certificate(issuer.raw))) return false;
    peer = issuer;
  }
  return false;
}

function isBelow(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
