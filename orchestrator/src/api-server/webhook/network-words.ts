interface NetworkError {
  readonly code?: string;
  readonly message?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  /** Of a connection tried at several addresses. */
  readonly errors?: readonly unknown[];
}

const connectWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
};

const unknownAuthority = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

/** A failed connection in the words of Go's net, tls and x509 packages, which people look for. */
export function networkWords(error: unknown): string {
  const { code = '', message = String(error), address, port, hostname, errors } = error as NetworkError;
  if (errors?.length) return networkWords(errors.at(-1));
  const refused = connectWords[code];
  if (refused !== undefined)
    return address === undefined ? refused : `dial tcp ${joinAddress(address, port)}: connect: ${refused}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: no such host`;
  if (code === 'ECONNRESET') {
    // Node tells so of an answer that ends before its length.
    if (message === 'aborted') return 'unexpected EOF';
    return /hang up|disconnected before/.test(message) ? 'EOF' : 'read: connection reset by peer';
  }
  if (code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR')
    return code === 'Z_DATA_ERROR' ? 'gzip: invalid header' : 'unexpected EOF';
  if (code === 'EPIPE') return 'write: broken pipe';
  if (unknownAuthority.has(code)) return unverified('certificate signed by unknown authority');
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return unverified('certificate has expired or is not yet valid');
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return /wrong version number|packet length/i.test(message)
      ? 'http: server gave HTTP response to HTTPS client'
      : `remote error: tls: ${message.split(':').at(-2) ?? message}`;
  if (code.startsWith('HPE_')) return `net/http: HTTP/1.x transport connection broken: ${message}`;
  return message;
}

/** What a certificate's verification is answered with, where it failed. */
export function unverified(why: string): string {
  return `tls: failed to verify certificate: x509: ${why}`;
}

export function joinAddress(host: string, port: number | undefined): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port ?? 0}`;
}
